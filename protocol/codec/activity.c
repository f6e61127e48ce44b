/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/activity.h"

void
vdp_activity_changed(struct vdp_activity *tile, uint32_t now_ms)
{
    tile->changed_ms = now_ms;
}

void
vdp_activity_drawn(struct vdp_activity *tile, uint32_t now_ms)
{
    tile->drawn_ms[tile->next] = now_ms;
    tile->next = (uint8_t)((tile->next + 1u) % VDP_RESTLESS_TIMES);
    if (tile->times < VDP_RESTLESS_TIMES) {
        tile->times++;
    }
}

bool
vdp_activity_is_restless(const struct vdp_activity *tile, uint32_t now_ms)
{
    return tile->times == VDP_RESTLESS_TIMES &&
           now_ms - tile->drawn_ms[tile->next] <= VDP_RESTLESS_MS;
}

uint32_t
vdp_activity_wait(const struct vdp_activity *tile, uint32_t quiet_ms, uint32_t now_ms)
{
    uint32_t quiet = now_ms - tile->changed_ms;

    return quiet < quiet_ms ? quiet_ms - quiet : 0;
}
