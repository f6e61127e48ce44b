/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_QUALITY_H
#define STREAMER_QUALITY_H

/*
 * quality: how exact photographs are at first, for the line that there is. Pure; every function is
 * told the time, in monotonic microseconds.
 *
 * A line that carries a photograph of a whole screen in some 60 ms gets it exactly at once; there
 * only what changes again and again, as videos do, is worth less. A slower line sees every
 * photograph as JPEG first, the coarser the slower it is. A line that turned slow counts at once,
 * one that turned fast when it has been so for a while: the picture must not flicker between
 * qualities.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostd/streamer/congestion.h"

#define STREAMER_QUALITY_HOLD_US  1000000 /* faster for so long before it counts */
#define STREAMER_QUIET_US         70000 /* a tile is refined when nothing changed it for so long */
#define STREAMER_REFINE_BYTES_MIN 16384u
#define STREAMER_REFINE_BYTES_MAX 262144u /* some 32 tiles, 5 ms of encoding */

struct streamer_quality {
    unsigned level;    /* 0: the fastest kind of line */
    int64_t faster_us; /* since when the line has been good for a better level; 0: it is not */
};

struct streamer_lossy {
    unsigned quality; /* of JPEG, 1 to 100; 0: everything is exact */
    bool restless;    /* only what changes again and again */
};

/* Zeroed is ready for use, and takes the line for a fast one. */
struct streamer_lossy streamer_quality_next(struct streamer_quality *quality, uint64_t capacity,
                                            int64_t now_us);
/*
 * Bytes per second that the line carries, as far as can be told: while we do not fill it, what
 * arrived tells nothing, and the window in a round trip is an upper bound. UINT64_MAX: unknown.
 */
uint64_t streamer_quality_capacity(const struct streamer_congestion *congestion);
/* Bytes of one refining frame, so that what is drawn meanwhile waits for little. */
size_t streamer_quality_refine_bytes(uint64_t capacity);

#endif
