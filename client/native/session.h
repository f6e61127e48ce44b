/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_SESSION_H
#define CLIENT_SESSION_H

/*
 * session: a person at one desktop of one pool, across any number of streams.
 *
 * Asks for a ticket, opens the stream, and after a loss does so again by itself until the desktop
 * is back, the server says that it is over, or the person stops it. The last picture stays. Any
 * callback may free the session.
 */

#include "client/native/api.h"
#include "client/native/apireply.h"
#include "client/native/states.h"
#include "client/native/stream.h"

struct client_session;

struct client_session_status {
    enum client_state state;
    enum client_end end;
    unsigned position;   /* WAITING: 1 is next; 0 unknown */
    const char *text;    /* what the server said to it, or ""; borrowed */
    const char *session; /* id, or "" */
    const char *desktop; /* id, or "" */
    unsigned attempt;
    bool fresh; /* this is another desktop than before the loss */
};

/* Milliseconds; -1 for what has not happened since the last start. */
struct client_session_times {
    int64_t connect;     /* from the start to the ticket */
    int64_t first_frame; /* from the ticket to the first picture */
    int64_t settled;     /* from the ticket to the last settled frame */
};

struct client_session_events {
    void (*changed)(void *user_data);
    void (*surface)(void *user_data); /* the size of the picture */
    void (*layout)(void *user_data);  /* see client_stream_events. May be NULL */
    void (*frame)(const struct client_frame *frame, void *user_data);
    void (*cursor)(void *user_data);
    /* Something for the user to read. */
    void (*notice)(const struct vdp_notice *notice, void *user_data);
};

struct client_session_options {
    const struct client_address *address; /* copied */
    const char *ca_pem;                   /* copied */
    const char *pool;                     /* copied */
    uint16_t width, height, scale;        /* see client_stream_options */
    uint8_t monitors;                     /* the same */
};

/* api and events are borrowed. Does nothing yet; never NULL. */
struct client_session *client_session_new(struct client_api *api,
                                          const struct client_session_options *options,
                                          const struct client_session_events *events,
                                          void *user_data);
void client_session_free(struct client_session *session); /* accepts NULL */

/* Connects, or connects again after an end. */
void client_session_start(struct client_session *session);
/* Stops without ending the desktop. */
void client_session_disconnect(struct client_session *session);
/* Ends the session at the server; changed() reports the end. */
void client_session_logoff(struct client_session *session);

struct client_session_status client_session_status(const struct client_session *session);
struct client_session_times client_session_times(const struct client_session *session);
/* The sum over all streams. */
struct client_stream_stats client_session_stats(const struct client_session *session);
const char *client_session_pool(const struct client_session *session);

/* The picture, zero-sized before the first surface. */
const struct client_cells *client_session_cells(const struct client_session *session);
/* The same picture as it is decoded: lives as long as the session. */
struct client_canvas *client_session_canvas(const struct client_session *session);
const struct client_cursor *client_session_cursor(const struct client_session *session);
/* The stream for input and client_stream_presented(); NULL when there is none. */
struct client_stream *client_session_stream(const struct client_session *session);
/* The wanted size of the desktop; remembered for later streams. */
void client_session_set_size(struct client_session *session, uint16_t width, uint16_t height,
                             uint16_t scale);
/* The same for several monitors; false when they cannot be, see client_stream_set_monitors(). */
bool client_session_set_monitors(struct client_session *session,
                                 const struct vdp_monitors *monitors);

#endif
