/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_MOTION_H
#define STREAMER_MOTION_H

/*
 * motion: relative motion and positions on their way to a machine that answers each one. While one
 * is under way what comes is added up, so that a flood costs the machine no more than it can take.
 */

#include <stdbool.h>
#include <stdint.h>

#define STREAMER_MAX_MOTION 32767 /* of a sum, each way: what a mouse can say at once */

struct streamer_motion {
    int dx, dy; /* that wait */
    bool under_way;
    bool pointing; /* and it is a position */
    bool point_waits;
    uint16_t x, y; /* that waits */
};

/* The newest position that waits is the one that counts. */
void streamer_motion_point(struct streamer_motion *motion, uint16_t x, uint16_t y);
/* As streamer_motion_take(), for a position. */
bool streamer_motion_take_point(struct streamer_motion *motion, uint16_t *ret_x, uint16_t *ret_y);
void streamer_motion_add(struct streamer_motion *motion, int dx, int dy);
/* True when some is to go now: it is under way then and stays so until streamer_motion_done(). */
bool streamer_motion_take(struct streamer_motion *motion, int *ret_dx, int *ret_dy);
/* True when it was a position that was under way. */
bool streamer_motion_done(struct streamer_motion *motion);
/* What waits is nobody's any more; what is under way still is. */
void streamer_motion_drop(struct streamer_motion *motion);

#endif
