/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/motion.h"

#include <glib.h>

void
streamer_motion_add(struct streamer_motion *motion, int dx, int dy)
{
    motion->dx = CLAMP(motion->dx + dx, -STREAMER_MAX_MOTION, STREAMER_MAX_MOTION);
    motion->dy = CLAMP(motion->dy + dy, -STREAMER_MAX_MOTION, STREAMER_MAX_MOTION);
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

void
streamer_motion_done(struct streamer_motion *motion)
{
    motion->under_way = false;
}

void
streamer_motion_drop(struct streamer_motion *motion)
{
    motion->dx = motion->dy = 0;
}
