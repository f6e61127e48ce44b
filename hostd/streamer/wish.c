/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/wish.h"

#include <glib.h>

#include "hostd/streamer/wall.h"

#define MIN_WIDTH  320
#define MIN_HEIGHT 200
#define MAX_WIDTH  4096
#define MAX_HEIGHT 4096

/* Sizes that were too small overlap their neighbours now: such a row may be too long for a wall. */
static void
place(struct streamer_wish *wish)
{
    uint32_t width, height;

    while (!streamer_wall_place(wish->areas, wish->count, &width, &height)) {
        wish->count--; /* one alone always has room */
    }
    wish->waits = true;
}

void
streamer_wish_for(struct streamer_wish *wish, const struct vdp_monitors *monitors)
{
    unsigned i;

    wish->count = MIN(monitors->count, MAX(wish->most, 1));
    for (i = 0; i < wish->count; i++) {
        const struct vdp_monitor *one = &monitors->at[i];

        wish->areas[i] =
            (struct vdp_area){one->x, one->y, (uint16_t)CLAMP(one->width, MIN_WIDTH, MAX_WIDTH),
                              (uint16_t)CLAMP(one->height, MIN_HEIGHT, MAX_HEIGHT)};
    }
    place(wish);
}

void
streamer_wish_limit(struct streamer_wish *wish, unsigned most)
{
    wish->most = CLAMP(most, 1, VDP_MAX_MONITORS);
    if (wish->count > wish->most) {
        wish->count = wish->most;
        place(wish);
    }
}

void
streamer_wish_drop(struct streamer_wish *wish)
{
    wish->count = 0;
    wish->waits = false;
}

bool
streamer_wish_take(struct streamer_wish *wish, int64_t now_us, int64_t *ret_due_us)
{
    *ret_due_us = wish->waits ? wish->passed_us + STREAMER_WISH_INTERVAL_US : 0;
    if (!wish->waits || now_us < *ret_due_us) {
        return false;
    }
    wish->waits = false;
    wish->passed_us = now_us;
    return true;
}
