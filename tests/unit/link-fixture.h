/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LINK_FIXTURE_H
#define LINK_FIXTURE_H

/* link-fixture: a server with an authority of its own, and ends of links that remember what came.
 */

#include <glib.h>

#include "protocol/link/link.h"
#include "protocol/link/pki.h"

#define DEADLINE_MS 30000

struct end {
    struct vdp_link *link;
    GByteArray *received;
    bool opened;
    bool closed;
    bool drained;
    bool keep;         /* collect what arrives */
    bool free_on_open; /* these free the link inside the callback */
    bool free_on_data;
    bool free_on_closed;
    enum vdp_link_close reason;
    char *text;
    size_t total;
};

struct fixture {
    struct vdp_pair ca;
    struct vdp_pair other_ca;
    struct vdp_pair server_pair;
    struct vdp_link_server *server;
    GPtrArray *ends; /* of struct end: the server's links */
    char *url;
    bool refuse;       /* free links instead of accepting them */
    bool free_on_data; /* for the next accepted */
};

gboolean link_on_deadline(gpointer user_data);

/* Turns the loop until the condition holds; a hang ends the test. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        guint deadline = g_timeout_add(DEADLINE_MS, link_on_deadline, (gpointer) #condition);      \
        while (!(condition)) {                                                                     \
            g_main_context_iteration(NULL, TRUE);                                                  \
        }                                                                                          \
        g_source_remove(deadline);                                                                 \
    } while (0)

/* What the ends hear of their links; user_data is a struct end. */
extern const struct vdp_link_events link_events;

struct end *end_new(void);
void end_free(gpointer data);
void end_drop(struct end *end);

typedef struct end End;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(End, end_free)

void fixture_init(struct fixture *fixture);
/* A server for that many links; fixture_init() starts one for 100. */
void fixture_start(struct fixture *fixture, unsigned max_links);
void fixture_clear(struct fixture *fixture);

struct end *dial(struct fixture *fixture, const char *ca_pem);
/* The server's end of the link with that number; waits until it is there. */
struct end *server_end(struct fixture *fixture, guint index);
void send_text(struct vdp_link *link, const char *text, uint8_t channel);
bool has(struct end *end, const char *text);

#endif
