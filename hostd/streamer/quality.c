/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/quality.h"

#define REFINE_US 16000 /* of the line's time */

static const struct {
    uint64_t capacity; /* bytes per second that the level needs */
    struct streamer_lossy lossy;
} levels[] = {
    {8000000, {90, true}},
    {4000000, {85, false}},
    {1500000, {75, false}},
    {0, {60, false}},
};

struct streamer_lossy
streamer_quality_next(struct streamer_quality *quality, uint64_t capacity, int64_t now_us)
{
    while (capacity < levels[quality->level].capacity) {
        quality->level++;
        quality->faster_us = 0;
    }
    /* A quarter more than needed, so that a line at the limit does not swing. */
    if (quality->level == 0 || capacity / 5 * 4 < levels[quality->level - 1].capacity) {
        quality->faster_us = 0;
    } else if (quality->faster_us == 0) {
        quality->faster_us = now_us;
    } else if (now_us - quality->faster_us >= STREAMER_QUALITY_HOLD_US) {
        quality->level--;
        quality->faster_us = 0;
    }
    return levels[quality->level].lossy;
}

uint64_t
streamer_quality_capacity(const struct streamer_congestion *congestion)
{
    uint64_t rate = streamer_congestion_rate(congestion);
    int64_t rtt_us = streamer_congestion_rtt_us(congestion);
    uint64_t bound;

    if (rate == 0 || rtt_us <= 0) {
        return UINT64_MAX;
    }
    bound = (uint64_t)congestion->window * 1000000u / (uint64_t)rtt_us;
    return !streamer_congestion_is_limited(congestion) && bound > rate ? bound : rate;
}

size_t
streamer_quality_refine_bytes(uint64_t capacity)
{
    uint64_t bytes = capacity / 1000000u * REFINE_US;

    if (bytes > STREAMER_REFINE_BYTES_MAX) {
        return STREAMER_REFINE_BYTES_MAX;
    }
    return bytes > STREAMER_REFINE_BYTES_MIN ? (size_t)bytes : STREAMER_REFINE_BYTES_MIN;
}
