/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_MODEL_H
#define BROKER_MODEL_H

/*
 * model: the broker's picture of the world: the rows of the store plus what was observed.
 *
 * Placement and reconciliation read it and nothing else. The rows in it change only after the
 * store committed the change; what was observed lives in memory and comes back with the hosts.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/load.h"
#include "broker/store/store.h"
#include "protocol/base/secret.h"

#define BROKER_TEXT_MAX 256u /* bytes of a peer's explanation that are kept */

enum broker_state {
    BROKER_UNSEEN, /* not yet, or not any more, in a host's report */
    BROKER_STARTING,
    BROKER_READY,
    BROKER_STOPPING,
    BROKER_GONE,
    BROKER_FAILED,
    BROKER_STOPPED, /* switched off, its disk kept */
    BROKER_UNKNOWN, /* the host cannot say: never taken for dead */
    BROKER_PARKING,
    BROKER_PARKED, /* its memory is in a file */
};

struct broker_image {
    char name[STORE_NAME_MAX + 1];
    unsigned revision;
    bool published; /* "latest" is this one */
};

/* A deleted desktop that can be had back. */
struct broker_trash {
    char id[STORE_ID_MAX + 1];
    char pool[STORE_NAME_MAX + 1];
    char user[STORE_NAME_MAX + 1];
    char image[STORE_NAME_MAX + 1];
    unsigned revision, cpu, memory_mb;
    int64_t deleted_ms, expires_ms;
    int64_t bytes;
};

/* Lines that a host has passed, see pressure.h. */
#define BROKER_PRESSED_CPU    1u
#define BROKER_PRESSED_MEMORY 2u

struct broker_host {
    struct store_host row;
    bool connected;  /* its link is open and it has reported */
    int64_t away_ms; /* since when it is not connected */
    char boot_id[STORE_NAME_MAX + 1];
    unsigned cpus;
    unsigned memory_mb;
    unsigned memory_free_mb; /* for further desktops, at its last report */
    bool kvm;                /* a KVM that is fast enough; otherwise TCG */
    unsigned mips;           /* what the probe measured, millions of instructions a second */
    char accel_text[BROKER_TEXT_MAX + 1]; /* the probe's own sentence */
    char text[BROKER_TEXT_MAX + 1];       /* what is wrong with it, in its own words, or "" */
    bool tight;                           /* its disk is nearly full */
    struct broker_load load;              /* at its last report */
    unsigned pressed;                     /* BROKER_PRESSED_... */
    GPtrArray *over;                      /* char *: pools whose OverheadMax it has passed */
    GArray *images;                       /* struct broker_image */
    GArray *trash;                        /* struct broker_trash */
};

/* How a stream does, as its host says: for people. Names: broker_figure_names. */
enum broker_figure {
    BROKER_FIGURE_WIDTH,
    BROKER_FIGURE_HEIGHT,
    BROKER_FIGURE_FPS,
    BROKER_FIGURE_KBIT_S,
    BROKER_FIGURE_HOST_US,
    BROKER_FIGURE_RTT_US,
    BROKER_FIGURE_DECODE_US,
    BROKER_FIGURE_PRESENT_US,
    BROKER_FIGURE_EXACT, /* per cent of the bytes, as are the three below */
    BROKER_FIGURE_REUSED,
    BROKER_FIGURE_PHOTO,
    BROKER_FIGURE_FILM,
    BROKER_FIGURE_IDLE_S, /* since its user last touched anything */
    BROKER_FIGURES,
};
extern const char *const broker_figure_names[BROKER_FIGURES];

struct broker_figures {
    bool known;
    unsigned value[BROKER_FIGURES];
};

struct broker_desktop {
    struct store_desktop row;
    enum broker_state state;
    char text[BROKER_TEXT_MAX + 1];
    int64_t since_ms;
    bool signed_in;                /* its user's own session is on its screen */
    unsigned promise_mb;           /* memory that its host keeps for it; 0: all of row.memory_mb */
    char stream[STORE_ID_MAX + 1]; /* what its streamer says */
    struct broker_figures figures; /* of that stream */
    int64_t idle_since_ms;         /* when its user last touched anything, by those; 0: unknown */
    int64_t absent_ms;             /* since when its connected host does not list it; 0: it does */
};

/* The last screen of a session, as a JPEG. */
struct broker_picture {
    uint8_t *data; /* owned, wiped */
    size_t size;
    int64_t taken_ms;
};

struct broker_session {
    struct store_session row;
    int64_t polled_ms;                /* when its waiting client last asked */
    int64_t queued_ms;                /* its place in line.h; in memory only */
    char notice[BROKER_TEXT_MAX + 1]; /* an administrator's words to its user, or "" */
    int64_t notice_ms;                /* when they were said */
    struct broker_picture *picture;   /* owned, or NULL; lastscreen.h */
};

struct broker_stream {
    struct store_stream row;
    char token[VD_TOKEN_CHARS + 1]; /* for the uplink, in memory only */
    bool replaced;                  /* its gateway was told to close it */
};

/* Failures of a pool's desktops, for Restrain=. In memory: a new start is a new chance. */
struct broker_restraint {
    char pool[STORE_NAME_MAX + 1];
    GArray *times_ms;               /* int64_t, newest last */
    int64_t until_ms;               /* set aside until then; 0: not */
    char text[BROKER_TEXT_MAX + 1]; /* the last failure */
};

struct broker_model {
    GPtrArray *hosts;      /* struct broker_host * */
    GPtrArray *desktops;   /* struct broker_desktop *, oldest first */
    GPtrArray *sessions;   /* struct broker_session *, oldest first */
    GPtrArray *streams;    /* struct broker_stream *, oldest first */
    GPtrArray *restraints; /* struct broker_restraint * */
    GArray *userdisks;     /* struct store_userdisk */
    GArray *rollouts;      /* struct store_rollout */
};

struct broker_model *broker_model_new(void);
void broker_model_free(struct broker_model *model); /* accepts NULL */
/* Everything from the store; hosts are away since now_ms. NULL and *error on failure. */
struct broker_model *broker_model_load(struct store *store, int64_t now_ms, GError **error);

/* Adding copies the row; the result is owned by the model. */
struct broker_host *broker_model_add_host(struct broker_model *model, const struct store_host *row);
struct broker_desktop *broker_model_add_desktop(struct broker_model *model,
                                                const struct store_desktop *row);
struct broker_session *broker_model_add_session(struct broker_model *model,
                                                const struct store_session *row);
struct broker_stream *broker_model_add_stream(struct broker_model *model,
                                              const struct store_stream *row);
void broker_model_remove_desktop(struct broker_model *model, struct broker_desktop *desktop);
void broker_model_remove_stream(struct broker_model *model, struct broker_stream *stream);
/* Takes the streams of the session along. */
void broker_model_remove_session(struct broker_model *model, struct broker_session *session);

/* Copies the picture, in place of the former one; data NULL drops it. */
void broker_model_set_picture(struct broker_session *session, const uint8_t *data, size_t size,
                              int64_t taken_ms);

/* NULL when there is none. */
struct broker_host *broker_model_host(const struct broker_model *model, const char *name);
struct broker_desktop *broker_model_desktop(const struct broker_model *model, const char *id);
struct broker_session *broker_model_session(const struct broker_model *model, const char *id);
struct broker_stream *broker_model_stream(const struct broker_model *model, const char *id);
/* The session on a desktop. */
struct broker_session *broker_model_session_on(const struct broker_model *model,
                                               const char *desktop);
/* The desktop of a pool that is user's for good and that no session is on; NULL: none. */
struct broker_desktop *broker_model_own(const struct broker_model *model, const char *user,
                                        const char *pool);
/* The user's disk of a pool; NULL: she has none yet. */
struct store_userdisk *broker_model_userdisk(const struct broker_model *model, const char *user,
                                             const char *pool);
/* The host that it is on, for good, or NULL. */
const char *broker_model_home(const struct broker_model *model, const char *user, const char *pool);
void broker_model_add_userdisk(struct broker_model *model, const struct store_userdisk *row);
void broker_model_remove_userdisk(struct broker_model *model, const char *user, const char *pool);
/* What was said with the last publication of an image, or NULL; a put replaces it. */
struct store_rollout *broker_model_rollout(const struct broker_model *model, const char *image);
void broker_model_put_rollout(struct broker_model *model, const struct store_rollout *row);
/* Since when the user of a connected session has touched nothing; 0: she has, or nobody knows. */
int64_t broker_model_idle_since(const struct broker_model *model,
                                const struct broker_session *session);
/* Desktops that are not switched off, or not known to be. */
unsigned broker_model_running(const struct broker_model *model);
/* The newest stream of a session: the one that its desktop should serve. */
struct broker_stream *broker_model_stream_of(const struct broker_model *model, const char *session);
struct broker_restraint *broker_model_restraint(const struct broker_model *model, const char *pool);

/* The smallest slot that no desktop of the host has. */
unsigned broker_model_free_slot(const struct broker_model *model, const char *host);
/*
 * The published revision of an image on any connected host, or, where none was ever published, the
 * newest; 0 without one. *ret_published (NULL: of no interest) says which of the two it is.
 */
unsigned broker_model_latest(const struct broker_model *model, const char *image,
                             bool *ret_published);

/* Counts a failure; true when it is the one that sets the pool aside. */
bool broker_model_note_failure(struct broker_model *model, const char *pool, unsigned count,
                               int64_t window_ms, const char *text, int64_t now_ms);
/* True when the pool is set aside at that time. */
bool broker_model_is_aside(const struct broker_model *model, const char *pool, int64_t now_ms);
/* Gives a pool a new chance; false when it has no failures. */
bool broker_model_resume(struct broker_model *model, const char *pool);
/* After a reload every pool gets one. */
void broker_model_forget_failures(struct broker_model *model);

const char *broker_state_name(enum broker_state state);

#endif
