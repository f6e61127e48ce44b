/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_PACING_H
#define STREAMER_PACING_H

/*
 * pacing: when the next frame may be encoded. Pure; every function is told the time.
 *
 * Damage is gathered for 4 ms, or 2 ms within 200 ms after a key, a button or the wheel. A frame
 * may be encoded while fewer than `slots` frames are unacknowledged and the line holds little that
 * is not sent; so the newest picture wins before encoding and nothing encoded is ever dropped.
 * slots follows the smallest round trip of the last seconds, not the mean: a queue somewhere on the
 * way must not earn more frames. Times are monotonic microseconds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAMER_FPS            60u
#define STREAMER_MIN_SLOTS      2u
#define STREAMER_MAX_SLOTS      STREAMER_FPS
#define STREAMER_HOT_US         200000
#define STREAMER_GATHER_US      4000
#define STREAMER_GATHER_HOT_US  2000
#define STREAMER_INTERVAL_US    16000 /* between two frames, however fast the client is */
#define STREAMER_RTT_WINDOW_US  5000000
#define STREAMER_UNSENT_LIMIT   (64u * 1024u) /* bytes; one encoded frame may be larger than that */
#define STREAMER_UNSENT_POLL_US 3000
#define STREAMER_WAIT_FOR_EVENT (-1)

struct streamer_pacing {
    int64_t hot_until_us;
    int64_t last_sent_us;
    uint32_t next;   /* id of the next frame */
    uint32_t oldest; /* id of the oldest unacknowledged frame; next when there is none */
    int64_t sent_us[STREAMER_MAX_SLOTS]; /* by id */
    int64_t rtt_us[2];                   /* smallest of this window and of the one before; 0 none */
    int64_t window_us;                   /* start of this window */
};

/* Frame ids of a connection start at 1; two years of frames fit before they end. */
void streamer_pacing_init(struct streamer_pacing *pacing);
/* A key, button or wheel event came in. */
void streamer_pacing_input(struct streamer_pacing *pacing, int64_t now_us);
/* A frame goes out now; returns its id. Only when streamer_pacing_next() returned 0. */
uint32_t streamer_pacing_sent(struct streamer_pacing *pacing, int64_t now_us);
/*
 * Frames up to id were presented. VDP_ERR_RANGE for a frame that was never sent; one that was
 * acknowledged before is no error.
 */
int streamer_pacing_ack(struct streamer_pacing *pacing, uint32_t id, int64_t now_us);
/*
 * Microseconds until the picture, damaged since since_us, may be encoded, 0 for now, or
 * STREAMER_WAIT_FOR_EVENT when only an acknowledgement can help.
 */
int64_t streamer_pacing_next(const struct streamer_pacing *pacing, int64_t since_us, size_t unsent,
                             int64_t now_us);

uint32_t streamer_pacing_unacked(const struct streamer_pacing *pacing);
uint32_t streamer_pacing_slots(const struct streamer_pacing *pacing);
int64_t streamer_pacing_rtt_us(const struct streamer_pacing *pacing); /* 0: not known yet */

#endif
