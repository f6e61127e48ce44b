/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/congestion.h"

#include <string.h>

#define STEP           (4u * 1024u) /* bytes a round */
#define QUIET_ROUNDS   6u           /* then it grows by a quarter: the line got faster */
#define TARGET_US      ((STREAMER_QUEUE_LOW_US + STREAMER_QUEUE_HIGH_US) / 2)
#define ROUND_SAMPLES  4u
#define DRAIN_US       1000000
#define MIN_SAMPLE_US  1000 /* a rate over less time says nothing */
#define RATE_WINDOW_US 2000000

void
streamer_congestion_init(struct streamer_congestion *congestion, int64_t now_us)
{
    memset(congestion, 0, sizeof(*congestion));
    congestion->next_mark = 1;
    congestion->oldest_mark = 1;
    congestion->window = STREAMER_WINDOW_FIRST;
    congestion->slow_start = true;
    congestion->delivered_us = now_us;
    congestion->base_start_us = now_us;
    congestion->rate_start_us = now_us;
}

size_t
streamer_congestion_in_flight(const struct streamer_congestion *congestion)
{
    return (size_t)(congestion->sent - congestion->delivered);
}

static size_t
window_now(const struct streamer_congestion *congestion)
{
    if (congestion->draining) {
        return congestion->drained || congestion->sent == congestion->delivered
                   ? STREAMER_WINDOW_MIN
                   : 0;
    }
    return congestion->window;
}

size_t
streamer_congestion_room(const struct streamer_congestion *congestion)
{
    size_t window = window_now(congestion);
    size_t used = streamer_congestion_in_flight(congestion);

    return used < window ? window - used : 0;
}

/* The line ran empty. */
static void
set_drained(struct streamer_congestion *congestion)
{
    congestion->drained = true;
    congestion->base_us[0] = 0; /* only what comes from now on shows the empty line */
}

void
streamer_congestion_sent(struct streamer_congestion *congestion, size_t bytes, int64_t now_us)
{
    if (congestion->sent == congestion->delivered) {
        /* The line was empty: the time until now is not the line's. */
        if (now_us - congestion->delivered_us > STREAMER_IDLE_US &&
            congestion->window > STREAMER_WINDOW_FIRST) {
            congestion->window = STREAMER_WINDOW_FIRST;
            congestion->slow_start = true;
        }
        congestion->delivered_us = now_us;
        if (congestion->draining && !congestion->drained) {
            set_drained(congestion);
        }
    }
    congestion->sent += bytes;
}

uint32_t
streamer_congestion_mark(struct streamer_congestion *congestion, int64_t now_us)
{
    struct streamer_mark *mark;

    if (congestion->next_mark - congestion->oldest_mark >= STREAMER_MARKS) {
        return 0;
    }
    mark = &congestion->marks[congestion->next_mark % STREAMER_MARKS];
    mark->sent_us = now_us;
    mark->end = congestion->sent;
    mark->delivered = congestion->delivered;
    mark->delivered_us = congestion->delivered_us;
    mark->limited = streamer_congestion_in_flight(congestion) >= congestion->window / 4 * 3;
    if (congestion->draining && congestion->drained && congestion->drain_mark == 0) {
        congestion->drain_mark = congestion->next_mark;
    }
    return congestion->next_mark++;
}

int64_t
streamer_congestion_base_us(const struct streamer_congestion *congestion)
{
    int64_t now = congestion->base_us[0];
    int64_t before = congestion->base_us[1];

    if (now == 0 || before == 0) {
        return now + before;
    }
    return now < before ? now : before;
}

static void
start_drain(struct streamer_congestion *congestion, int64_t now_us)
{
    congestion->draining = true;
    congestion->drained = false;
    congestion->drain_mark = 0;
    congestion->drain_until_us = now_us + DRAIN_US;
}

/* Adds a round trip to the windows of the base. */
static void
add_base(struct streamer_congestion *congestion, int64_t rtt_us, int64_t now_us)
{
    int64_t *base_us = congestion->base_us;

    if (now_us - congestion->base_start_us > STREAMER_BASE_US && !congestion->draining) {
        if (base_us[1] != 0 && base_us[0] > base_us[1] + STREAMER_QUEUE_LOW_US / 2 &&
            congestion->base_limited) {
            /* base_us[1] stands until the line has been empty for once. */
            start_drain(congestion, now_us);
        } else if (base_us[0] != 0) {
            base_us[1] = base_us[0];
        }
        congestion->base_limited = false;
        base_us[0] = 0;
        congestion->base_start_us = now_us;
    }
    if (base_us[0] == 0 || rtt_us < base_us[0]) {
        base_us[0] = rtt_us;
    }
}

static void
check_drain(struct streamer_congestion *congestion, uint32_t mark, int64_t now_us)
{
    if (!congestion->draining) {
        return;
    }
    if (!congestion->drained && congestion->sent == congestion->delivered) {
        set_drained(congestion);
    }
    if ((congestion->drain_mark != 0 && mark >= congestion->drain_mark) ||
        now_us > congestion->drain_until_us) {
        congestion->draining = false;
        congestion->base_us[1] = congestion->base_us[0];
        congestion->round_end = congestion->sent;
        congestion->round_best_us = 0;
        congestion->round_samples = 0;
    }
}

static void
add_rate(struct streamer_congestion *congestion, const struct streamer_mark *mark, int64_t now_us)
{
    int64_t took_us = now_us - mark->delivered_us;
    uint64_t rate;

    if (now_us - congestion->rate_start_us > RATE_WINDOW_US && mark->limited) {
        /* Only a line that was full can tell that it has become slower. */
        congestion->rate_best[1] = congestion->rate_best[0];
        congestion->rate_best[0] = 0;
        congestion->rate_start_us = now_us;
    }
    if (took_us < MIN_SAMPLE_US) {
        return;
    }
    rate = (congestion->delivered - mark->delivered) * 1000000u / (uint64_t)took_us;
    if (rate > congestion->rate_best[0]) {
        congestion->rate_best[0] = rate;
    }
}

static size_t
limit_window(uint64_t window)
{
    if (window < STREAMER_WINDOW_MIN) {
        return STREAMER_WINDOW_MIN;
    }
    return window < STREAMER_WINDOW_MAX ? (size_t)window : STREAMER_WINDOW_MAX;
}

static void
shrink(struct streamer_congestion *congestion, int64_t base_us, int64_t rtt_us, int64_t now_us)
{
    uint64_t window =
        (uint64_t)congestion->window * (uint64_t)(base_us + TARGET_US) / (uint64_t)rtt_us;

    /* A line that stood still looks like a long queue: halving is enough for one round. */
    if (window < congestion->window / 2) {
        window = congestion->window / 2;
    }
    congestion->window = limit_window(window);
    congestion->slow_start = false;
    congestion->quiet_rounds = 0;
    congestion->shrunk_us = now_us;
}

static void
start_round(struct streamer_congestion *congestion)
{
    congestion->round_end = congestion->sent;
    congestion->round_best_us = 0;
    congestion->round_limited = false;
    congestion->round_samples = 0;
}

static void
end_round(struct streamer_congestion *congestion, int64_t now_us)
{
    int64_t base_us = streamer_congestion_base_us(congestion);
    int64_t best_us = congestion->round_best_us;
    uint64_t step = congestion->window / 16 > STEP ? congestion->window / 16 : STEP;

    if (best_us == 0 || !congestion->round_limited) {
        /* Nothing to learn: neither was the window too small nor is the queue ours. */
        congestion->quiet_rounds = 0;
    } else if (best_us - base_us > STREAMER_QUEUE_HIGH_US) {
        shrink(congestion, base_us, best_us, now_us);
    } else if (best_us - base_us > STREAMER_QUEUE_LOW_US) {
        congestion->quiet_rounds = 0;
    } else {
        if (++congestion->quiet_rounds > QUIET_ROUNDS) {
            step = congestion->window / 4;
        }
        congestion->window = limit_window(congestion->window + step);
    }
    start_round(congestion);
}

static void
add_to_round(struct streamer_congestion *congestion, const struct streamer_mark *mark,
             int64_t rtt_us)
{
    congestion->round_limited = congestion->round_limited || mark->limited;
    congestion->base_limited = congestion->base_limited || mark->limited;
    congestion->round_samples++;
    if (congestion->round_best_us == 0 || rtt_us < congestion->round_best_us) {
        congestion->round_best_us = rtt_us;
    }
}

/* As much more as has arrived, until a few marks in a row have seen a queue. */
static void
grow_slow_start(struct streamer_congestion *congestion, const struct streamer_mark *mark,
                uint64_t arrived, int64_t now_us)
{
    int64_t base_us = streamer_congestion_base_us(congestion);

    if (mark->limited) {
        congestion->window = limit_window(congestion->window + arrived);
    }
    if (congestion->round_samples < ROUND_SAMPLES) {
        return;
    }
    if (congestion->round_limited && congestion->round_best_us - base_us > STREAMER_QUEUE_LOW_US) {
        shrink(congestion, base_us, congestion->round_best_us, now_us);
    }
    start_round(congestion);
}

static void
add_sample(struct streamer_congestion *congestion, int64_t rtt_us, int64_t now_us)
{
    rtt_us = rtt_us > 0 ? rtt_us : 1;
    congestion->rtt_us =
        congestion->rtt_us == 0 ? rtt_us : congestion->rtt_us + (rtt_us - congestion->rtt_us) / 8;
    add_base(congestion, rtt_us, now_us);
}

void
streamer_congestion_sample(struct streamer_congestion *congestion, int64_t rtt_us, int64_t now_us)
{
    add_sample(congestion, rtt_us, now_us);
}

bool
streamer_congestion_arrived(struct streamer_congestion *congestion, uint32_t number,
                            int64_t client_us, int64_t now_us)
{
    const struct streamer_mark *mark = &congestion->marks[number % STREAMER_MARKS];
    int64_t rtt_us = now_us - mark->sent_us - client_us;
    uint64_t arrived;

    if (number == 0 || number >= congestion->next_mark) {
        return false;
    }
    if (number < congestion->oldest_mark) {
        return true;
    }
    rtt_us = rtt_us > 0 ? rtt_us : 1;
    congestion->oldest_mark = number + 1;
    arrived = mark->end - congestion->delivered;
    congestion->delivered = mark->end;
    congestion->delivered_us = now_us;
    add_rate(congestion, mark, now_us);
    check_drain(congestion, number, now_us);
    add_sample(congestion, rtt_us, now_us);
    if (mark->sent_us >= congestion->shrunk_us) {
        add_to_round(congestion, mark, rtt_us);
    }
    if (congestion->draining) {
        return true;
    }
    if (congestion->slow_start) {
        grow_slow_start(congestion, mark, arrived, now_us);
    } else if (congestion->delivered >= congestion->round_end) {
        end_round(congestion, now_us);
    }
    return true;
}

bool
streamer_congestion_needs_mark(const struct streamer_congestion *congestion)
{
    const struct streamer_mark *last =
        &congestion->marks[(congestion->next_mark - 1) % STREAMER_MARKS];
    uint64_t covered =
        congestion->next_mark == congestion->oldest_mark ? congestion->delivered : last->end;

    return congestion->sent > covered &&
           congestion->next_mark - congestion->oldest_mark < STREAMER_MARKS;
}

int64_t
streamer_congestion_rtt_us(const struct streamer_congestion *congestion)
{
    return congestion->rtt_us;
}

uint64_t
streamer_congestion_rate(const struct streamer_congestion *congestion)
{
    uint64_t now = congestion->rate_best[0];
    uint64_t before = congestion->rate_best[1];

    return now > before ? now : before;
}

bool
streamer_congestion_is_limited(const struct streamer_congestion *congestion)
{
    return streamer_congestion_in_flight(congestion) >= window_now(congestion) / 4 * 3;
}
