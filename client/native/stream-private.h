/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_STREAM_PRIVATE_H
#define CLIENT_STREAM_PRIVATE_H

/* stream-private: what stream.c (life), stream-records.c (from the host) and stream-input.c share.
 */

#include "client/native/stream.h"

#define STREAM_MAX_PENDING 64u /* frames handed out and not acknowledged */

struct stream_pending {
    uint32_t frame;
    unsigned decode_us;
    int64_t received_us; /* CLOCK_MONOTONIC */
    int64_t decoded_us;
};

struct client_stream {
    int refs; /* one of the owner, one while records are worked through */
    bool dead;
    bool opened; /* the link */
    bool live;   /* HELLO came */
    struct vdp_link *link;
    struct vdp_framer *framer;
    struct client_canvas *canvas; /* borrowed */
    GMainContext *context;
    GSource *tick;
    GSource *ack_late;
    const struct client_stream_events *events;
    void *user_data;
    char *ticket;               /* wiped when sent */
    struct vdp_monitors wanted; /* count 0: whatever the desktop has */
    uint8_t can_show;           /* monitors, for HELLO; 0: it is not said */
    uint8_t host_has;           /* at most; 0: the host does not know of them */
    struct vdp_surface surface;
    struct vdp_layout layout; /* of the surface; count 0: not told */
    bool has_surface;
    int64_t started_us;
    int64_t heard_us;
    struct vdp_buffer have; /* HAVE, for when the link opens; empty: nothing is shown */
    int64_t pinged_us;
    uint64_t pinged_frames; /* stats.frames at that time */
    uint32_t serial;
    struct stream_pending pending[STREAM_MAX_PENDING];
    unsigned pending_count;
    struct client_cursors cursors;
    struct client_stream_stats stats;
};

/* Queues what buffer holds and clears it. */
void stream_send(struct client_stream *stream, struct vdp_buffer *buffer, uint8_t channel);
/* Ends the stream: calls closed at most once. */
void stream_finish(struct client_stream *stream, const struct client_stream_end *end);
/* Says which monitors are wanted, if any are. */
void stream_send_wanted(struct client_stream *stream);
/* What the canvas says. */
extern const struct client_canvas_events stream_canvas_events;
/* Ends the stream because of what the host sent. */
void stream_nonsense(struct client_stream *stream, int error);
/* Starts the time in which the owner should report the frame as presented. */
void stream_expect_present(struct client_stream *stream);
/* Works on one record of the host: 0 or an enum vdp_error. May end or free the stream. */
int stream_record(struct client_stream *stream, const struct vdp_record *record);

#endif
