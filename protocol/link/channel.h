/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_CHANNEL_H
#define VDP_CHANNEL_H

/*
 * channel: JSON messages in VDP records over a local stream socket, on a GLib context.
 *
 * Used between gateway and broker (the broker's side), vedettectl and broker, hostd and streamer.
 * One record of type JSON is one object with a string member "type". A record above max_body,
 * another record type, or text that is not one JSON object closes the channel. Descriptors may ride
 * along with a message (SCM_RIGHTS).
 */

#include <gio/gio.h>
#include <jansson.h>

struct vdp_channel_conn;

struct vdp_channel_events {
    /* message is borrowed. fd is -1 or a descriptor that the callee now owns. May free the channel.
     */
    void (*message)(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data);
    /* Called once at most and last; may free the channel. */
    void (*closed)(struct vdp_channel_conn *conn, const char *text, void *user_data);
};

#define VDP_CHANNEL_MAX_BODY   (1024u * 1024u)
#define VDP_CHANNEL_MAX_QUEUED (8u * 1024u * 1024u) /* a peer that reads nothing is closed */

/* Takes ownership of the connected socket fd. events is borrowed. Never NULL. */
struct vdp_channel_conn *vdp_channel_new(int fd, GMainContext *context,
                                         const struct vdp_channel_events *events, void *user_data);
void vdp_channel_free(struct vdp_channel_conn *conn); /* accepts NULL */

/* Queues message (reference stolen) and, when fd is not -1, a duplicate of fd. */
void vdp_channel_send(struct vdp_channel_conn *conn, json_t *message, int fd);

/* uid of the peer from SO_PEERCRED, or (uid_t)-1. */
uid_t vdp_channel_peer_uid(struct vdp_channel_conn *conn);

/* Connects to the unix socket at path: a descriptor or a negative errno. Blocking, no GLib. */
int vdp_channel_connect(const char *path);
/* Binds and listens at path with mode (an old socket file is replaced): a descriptor or -errno. */
int vdp_channel_listen(const char *path, mode_t mode);

typedef void (*vdp_channel_accepted_fn)(int fd, void *user_data);
/* Accepts on listen_fd (ownership taken) until the returned source is destroyed. */
GSource *vdp_channel_accept_source(int listen_fd, GMainContext *context,
                                   vdp_channel_accepted_fn accepted, void *user_data);

/* Blocking request for small tools: sends message (stolen), waits for one reply. NULL and *error.
 */
json_t *vdp_channel_call(int fd, json_t *message, unsigned timeout_ms, GError **error);

#endif
