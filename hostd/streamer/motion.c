/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/motion.h"

#include <glib.h>

void
streamer_motion_add(struct streamer_motion *motion, int dx, int dy)
{
    motion->dx = CLAMP(motion->dx + dx, -STREAMER_MAX_MOTION, STREAMER_MAX_MOTION);
    motion->dy = CLAMP(motion->dy + dy, -STREAMER_MAX_MOTION, STREAMER_MAX_MOTION);
}

void
streamer_motion_point(struct streamer_motion *motion, uint16_t x, uint16_t y)
{
    motion->point_waits = true;
    motion->x = x;
    motion->y = y;
}

bool
streamer_motion_take_point(struct streamer_motion *motion, uint16_t *ret_x, uint16_t *ret_y)
{
    if (motion->under_way || !motion->point_waits) {
        return false;
    }
    *ret_x = motion->x;
    *ret_y = motion->y;
    motion->point_waits = false;
    motion->under_way = true;
    motion->pointing = true;
    return true;
}

bool
streamer_motion_take(struct streamer_motion *motion, int *ret_dx, int *ret_dy)
{
    if (motion->under_way || (motion->dx == 0 && motion->dy == 0)) {
        return false;
    }
    *ret_dx = motion->dx;
    *ret_dy = motion->dy;
    streamer_motion_drop(motion);
    motion->under_way = true;
    return true;
}

bool
streamer_motion_done(struct streamer_motion *motion)
{
    bool pointing = motion->pointing;

    motion->under_way = false;
    motion->pointing = false;
    return pointing;
}

void
streamer_motion_drop(struct streamer_motion *motion)
{
    motion->dx = motion->dy = 0;
}
