/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_PACING_H
#define STREAMER_PACING_H

/*
 * pacing: when the next frame may be encoded. Pure; every function is told the time.
 *
 * Damage after a pause goes out at once: whoever draws now and then waits for nobody. Damage that
 * follows on a frame is gathered for 4 ms, or 2 ms within 200 ms after a key, a button or the
 * wheel. Frames are paid for at one an interval and may be three ahead, so that what is drawn in
 * two or three steps is whole soon, while no guest gets more than 60 a second for long. A frame may
 * be encoded while fewer than `slots` frames are unacknowledged and the line holds little that is
 * not sent, and while its bytes fit into the window (congestion.h); so the newest picture wins
 * before encoding and nothing encoded is ever dropped. slots follows the smallest round trip of the
 * last seconds, not the mean: a queue somewhere on the way must not earn more frames. Times are
 * monotonic microseconds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostd/streamer/congestion.h"

#define STREAMER_FPS            60u
#define STREAMER_MIN_SLOTS      2u
#define STREAMER_MAX_SLOTS      STREAMER_FPS
#define STREAMER_HOT_US         200000
#define STREAMER_GATHER_US      4000
#define STREAMER_GATHER_HOT_US  2000
#define STREAMER_INTERVAL_US    16000 /* a frame, in the long run, however fast the client is */
#define STREAMER_BURST          3     /* frames that may follow each other faster */
#define STREAMER_RTT_WINDOW_US  5000000
#define STREAMER_UNSENT_MIN     (16u * 1024u) /* bytes */
#define STREAMER_UNSENT_FIRST   (64u * 1024u) /* while the rate is not known */
#define STREAMER_UNSENT_US      10000 /* the line's rate for this long may wait in our kernel */
#define STREAMER_FRAGMENT_MIN   2048u /* bytes */
#define STREAMER_FRAGMENT_US    4000  /* a fragment takes no longer on the line, if it can */
#define STREAMER_FENCE_MIN      8192u /* bytes from one fence to the next */
#define STREAMER_UNSENT_POLL_US 3000
#define STREAMER_WAIT_FOR_EVENT (-1)

struct streamer_pacing {
    int64_t hot_until_us;
    int64_t last_sent_us;
    int64_t paid_until_us; /* of the frames that went, at one an interval */
    uint32_t next;         /* id of the next frame */
    uint32_t oldest;       /* id of the oldest unacknowledged frame; next when there is none */
    bool partial;          /* the newest frame is not handed to the line completely */
    size_t unfenced;       /* bytes since the last mark */
    int64_t sent_us[STREAMER_MAX_SLOTS]; /* by id */
    uint32_t marks[STREAMER_MAX_SLOTS];  /* by id; 0: none */
    struct streamer_congestion congestion;
    int64_t rtt_us[2]; /* smallest of this window and of the one before; 0 none */
    int64_t window_us; /* start of this window */
};

/* Frame ids of a connection start at 1; two years of frames fit before they end. */
void streamer_pacing_init(struct streamer_pacing *pacing);
/* A key, button or wheel event came in. */
void streamer_pacing_input(struct streamer_pacing *pacing, int64_t now_us);
/* A frame begins to go out now; returns its id. Only when streamer_pacing_next() returned 0. */
uint32_t streamer_pacing_begin(struct streamer_pacing *pacing, int64_t now_us);
/* bytes of it, or of something before it on its channel, were handed to the line. */
void streamer_pacing_handed(struct streamer_pacing *pacing, size_t bytes, int64_t now_us);
/* The last byte of the newest frame was handed to the line. */
void streamer_pacing_end(struct streamer_pacing *pacing, int64_t now_us);
/* Bytes that may be handed to the line at once: the next fragment's largest size, 0 for not now. */
size_t streamer_pacing_fragment(const struct streamer_pacing *pacing);
/*
 * The number that a PING is to carry behind what was handed last, or 0 when none is needed. Call it
 * after each fragment, and with `full` when there is no room for the next one.
 */
uint32_t streamer_pacing_fence(struct streamer_pacing *pacing, bool full, int64_t now_us);
/* PONG brought the number back. Numbers that were never given out are left alone. */
void streamer_pacing_pong(struct streamer_pacing *pacing, uint32_t fence, int64_t now_us);
/*
 * Frames up to id were presented; the client needed client_us from the last byte on. VDP_ERR_RANGE
 * for a frame that was never sent; one that was acknowledged before is no error.
 */
int streamer_pacing_ack(struct streamer_pacing *pacing, uint32_t id, int64_t client_us,
                        int64_t now_us);
/*
 * Microseconds until the picture, damaged since since_us, may be encoded, 0 for now, or
 * STREAMER_WAIT_FOR_EVENT when only an acknowledgement can help.
 */
int64_t streamer_pacing_next(const struct streamer_pacing *pacing, int64_t since_us, size_t unsent,
                             int64_t now_us);
/*
 * The same for a frame that can wait, and may not begin before due_us: one an interval, so that
 * what is drawn next finds its burst.
 */
int64_t streamer_pacing_spare(const struct streamer_pacing *pacing, int64_t due_us, size_t unsent,
                              int64_t now_us);

uint32_t streamer_pacing_unacked(const struct streamer_pacing *pacing);
uint32_t streamer_pacing_slots(const struct streamer_pacing *pacing);
size_t streamer_pacing_unsent_limit(const struct streamer_pacing *pacing); /* bytes */
int64_t streamer_pacing_rtt_us(const struct streamer_pacing *pacing);      /* 0: not known yet */

#endif
