/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_STREAM_H
#define STREAMER_STREAM_H

/*
 * stream: one uplink to the gateway, from the dial to the close.
 *
 *   DIALLING --opened, UPLINK sent--> WAITING --client's HELLO--> LIVE --> CLOSING --> closed()
 *
 * It answers PING, sends PING every 2 s while live and gives a client up that is silent for 6 s.
 * GOAWAY goes out before every close of ours. Belongs to the thread that made it and its
 * thread-default main context.
 */

#include <gio/gio.h>
#include <stdbool.h>

#include "hostd/streamer/inbound.h"

struct streamer_stream;

enum streamer_stream_state {
    STREAMER_DIALLING,
    STREAMER_WAITING,
    STREAMER_LIVE,
    STREAMER_CLOSING, /* GOAWAY is on its way out, nothing else is taken or sent */
};

#define STREAMER_MAX_STREAM_ID 64u           /* characters */
#define STREAMER_MAX_URL       512u          /* bytes */
#define STREAMER_MAX_CA        (64u * 1024u) /* bytes */

#define STREAMER_PING_MS  3000 /* of silence */
#define STREAMER_DEAD_MS  6000
#define STREAMER_JOIN_MS  20000 /* for the gateway to join the client: it gives up after 15 s */
#define STREAMER_FLUSH_MS 1000  /* for a GOAWAY to leave */

/* All are called from the main loop; none may call streamer_stream_free(). Only a live stream
 * calls those after `live`. */
struct streamer_stream_events {
    void (*changed)(struct streamer_stream *stream, void *user_data); /* state */
    void (*live)(struct streamer_stream *stream, void *user_data);
    void (*key)(struct streamer_stream *stream, const struct vdp_key *key, void *user_data);
    void (*pointer)(struct streamer_stream *stream, const struct vdp_pointer *pointer,
                    void *user_data);
    void (*button)(struct streamer_stream *stream, const struct vdp_button *button,
                   void *user_data);
    void (*wheel)(struct streamer_stream *stream, const struct vdp_wheel *wheel, void *user_data);
    void (*motion)(struct streamer_stream *stream, const struct vdp_motion *motion,
                   void *user_data);
    void (*release_all)(struct streamer_stream *stream, void *user_data);
    void (*locks)(struct streamer_stream *stream, const struct vdp_locks *locks, void *user_data);
    void (*text)(struct streamer_stream *stream, const struct vdp_text *text, void *user_data);
    void (*set_size)(struct streamer_stream *stream, const struct vdp_set_size *size,
                     void *user_data);
    void (*monitors)(struct streamer_stream *stream, const struct vdp_monitors *monitors,
                     void *user_data);
    /* How many the desktop can have, for HELLO; asked before `live`. NULL: one. */
    uint8_t (*most_monitors)(void *user_data);
    int (*ack)(struct streamer_stream *stream, const struct vdp_ack *ack, void *user_data);
    void (*refresh)(struct streamer_stream *stream, void *user_data);
    void (*have)(struct streamer_stream *stream, const struct vdp_have *have, void *user_data);
    /* The client has everything up to a PING of streamer_stream_fence(). */
    void (*fence)(struct streamer_stream *stream, uint32_t number, void *user_data);
    void (*drained)(struct streamer_stream *stream, void *user_data);
    /* Once and last. The owner frees the stream, here or later. text is borrowed. */
    void (*closed)(struct streamer_stream *stream, const char *text, void *user_data);
};

struct streamer_dial {
    const char *stream; /* id */
    const char *url;    /* wss://... */
    const char *token;
    const char *ca; /* PEM */
};

/* Checks lengths and the token's form; a text for the log when something is wrong, or NULL. */
const char *streamer_dial_check(const struct streamer_dial *dial);

/* Everything is copied; events is borrowed. Never NULL. */
struct streamer_stream *streamer_stream_new(const struct streamer_dial *dial,
                                            const struct streamer_stream_events *events,
                                            void *user_data);
/* Accepts NULL. May be called from closed() only, of all events. */
void streamer_stream_free(struct streamer_stream *stream);

const char *streamer_stream_id(const struct streamer_stream *stream);
enum streamer_stream_state streamer_stream_state(const struct streamer_stream *stream);

void streamer_stream_send(struct streamer_stream *stream, GBytes *bytes, uint8_t channel);
size_t streamer_stream_unsent(struct streamer_stream *stream);
/* Queues a PING behind what was sent on channel; fence() comes when it was answered. */
void streamer_stream_fence(struct streamer_stream *stream, uint32_t number, uint8_t channel);
uint64_t streamer_stream_capabilities(const struct streamer_stream *stream);

/* Something for the user to read, while the stream is live. */
void streamer_stream_notice(struct streamer_stream *stream, const struct vdp_notice *notice);
/* Says GOAWAY and closes; closed() comes later. Does nothing when it is closing already. */
void streamer_stream_goaway(struct streamer_stream *stream, enum vdp_goaway_reason reason,
                            uint32_t retry_ms, const char *text);

#endif
