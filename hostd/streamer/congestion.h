/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CONGESTION_H
#define STREAMER_CONGESTION_H

/*
 * congestion: how many bytes may be on their way to the client. Pure; every function is told the
 * time, in monotonic microseconds.
 *
 * The sender says what it hands to the line and sets marks: a FRAME, which ACK answers, or a fence
 * (a PING behind a fragment), which PONG answers. A mark's round trip less the time that the client
 * spent is the network's. The smallest one of the last 5 to 10 s is the base; what the best mark of
 * a round took beyond it is a queue that stands somewhere on the way, and ours to shorten. As in
 * Vegas the window grows while that queue is under 10 ms and the window is what limits us, and
 * shrinks above 25 ms. It never looks at losses: they are TCP's.
 *
 * When the base has not been seen again for a window's time, the queue may have become the base:
 * the window closes for a round so that the line runs empty and shows the true one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAMER_WINDOW_FIRST  (64u * 1024u) /* bytes */
#define STREAMER_WINDOW_MIN    (16u * 1024u)
#define STREAMER_WINDOW_MAX    (4u * 1024u * 1024u)
#define STREAMER_QUEUE_LOW_US  10000
#define STREAMER_QUEUE_HIGH_US 25000
#define STREAMER_BASE_US       5000000 /* one of the two windows of the base */
#define STREAMER_IDLE_US       10000000
#define STREAMER_MARKS         256u /* unanswered; further bytes count for the next mark */

struct streamer_mark {
    int64_t sent_us;
    uint64_t end;       /* bytes sent up to it */
    uint64_t delivered; /* bytes delivered when it was sent */
    int64_t delivered_us;
    bool limited; /* the window was nearly full */
};

struct streamer_congestion {
    uint64_t sent;      /* bytes handed to the line */
    uint64_t delivered; /* bytes that the client has for certain */
    int64_t delivered_us;
    uint32_t next_mark, oldest_mark;
    struct streamer_mark marks[STREAMER_MARKS];

    int64_t base_us[2]; /* smallest round trip of this window and of the one before; 0: none */
    int64_t base_start_us;
    bool base_limited;     /* the line was full at some time in this window */
    int64_t rtt_us;        /* smoothed, network alone; 0: not known */
    uint64_t rate_best[2]; /* bytes per second, largest of this window and of the one before */
    int64_t rate_start_us;

    size_t window; /* bytes */
    bool slow_start;
    uint64_t round_end;    /* the round is over when this much is delivered */
    int64_t round_best_us; /* smallest round trip in it; 0: none */
    bool round_limited;
    unsigned round_samples;
    int64_t shrunk_us;     /* marks sent before show the queue of the larger window */
    unsigned quiet_rounds; /* in a row, limited, without a queue */

    bool draining;
    bool drained; /* the line ran empty; the next mark sent shows the base */
    uint32_t drain_mark;
    int64_t drain_until_us;
};

void streamer_congestion_init(struct streamer_congestion *congestion, int64_t now_us);
/* Bytes that may be handed to the line now. */
size_t streamer_congestion_room(const struct streamer_congestion *congestion);
/* bytes were handed to the line. */
void streamer_congestion_sent(struct streamer_congestion *congestion, size_t bytes, int64_t now_us);
/* Everything so far will be answered together: the mark's number, or 0 when there are too many. */
uint32_t streamer_congestion_mark(struct streamer_congestion *congestion, int64_t now_us);
/* Bytes were sent that no mark covers: without one nothing would tell of their arrival. */
bool streamer_congestion_needs_mark(const struct streamer_congestion *congestion);
/*
 * The client answered a mark after it had spent client_us on it. False for a mark that was never
 * set; one that is answered already, or was left out by a later one, is fine.
 */
bool streamer_congestion_arrived(struct streamer_congestion *congestion, uint32_t mark,
                                 int64_t client_us, int64_t now_us);
/* A round trip of something that waits for nothing of ours. */
void streamer_congestion_sample(struct streamer_congestion *congestion, int64_t rtt_us,
                                int64_t now_us);

size_t streamer_congestion_in_flight(const struct streamer_congestion *congestion);
/* Smallest and smoothed round trip of the network; 0: not known. */
int64_t streamer_congestion_base_us(const struct streamer_congestion *congestion);
int64_t streamer_congestion_rtt_us(const struct streamer_congestion *congestion);
/* Bytes per second that were seen to arrive, at best, in the last seconds; 0: not known. */
uint64_t streamer_congestion_rate(const struct streamer_congestion *congestion);
/* The line, and not what there is to send, decides how much is sent. */
bool streamer_congestion_is_limited(const struct streamer_congestion *congestion);

#endif
