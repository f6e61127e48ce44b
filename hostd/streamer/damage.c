/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/damage.h"

#include <stdbool.h>
#include <stdint.h>

static uint64_t
area(struct vdp_rect r)
{
    return (uint64_t)r.width * r.height;
}

static struct vdp_rect
unite(struct vdp_rect a, struct vdp_rect b)
{
    uint32_t left = a.x < b.x ? a.x : b.x;
    uint32_t top = a.y < b.y ? a.y : b.y;
    uint32_t a_right = (uint32_t)a.x + a.width;
    uint32_t b_right = (uint32_t)b.x + b.width;
    uint32_t a_bottom = (uint32_t)a.y + a.height;
    uint32_t b_bottom = (uint32_t)b.y + b.height;
    struct vdp_rect r;

    r.x = (uint16_t)left;
    r.y = (uint16_t)top;
    r.width = (uint16_t)((a_right > b_right ? a_right : b_right) - left);
    r.height = (uint16_t)((a_bottom > b_bottom ? a_bottom : b_bottom) - top);
    return r;
}

/* A union is cheap when it covers at most an eighth more than its parts. */
static bool
is_worth_merging(struct vdp_rect a, struct vdp_rect b)
{
    uint64_t parts = area(a) + area(b);

    return area(unite(a, b)) <= parts + parts / 8;
}

void
streamer_damage_clear(struct streamer_damage *damage)
{
    damage->count = 0;
}

void
streamer_damage_add(struct streamer_damage *damage, struct vdp_rect rect)
{
    size_t i = 0;

    /* Whatever rect swallows leaves the list, and the larger rect looks at the rest again. */
    while (i < damage->count) {
        if (is_worth_merging(damage->rects[i], rect)) {
            rect = unite(damage->rects[i], rect);
            damage->rects[i] = damage->rects[--damage->count];
            i = 0;
        } else {
            i++;
        }
    }
    if (damage->count == STREAMER_MAX_RECTS) {
        for (i = 0; i < damage->count; i++) {
            rect = unite(damage->rects[i], rect);
        }
        damage->count = 0;
    }
    damage->rects[damage->count++] = rect;
}

size_t
streamer_damage_tiles(const struct streamer_damage *damage)
{
    size_t tiles = 0;
    size_t i;

    for (i = 0; i < damage->count; i++) {
        const struct vdp_rect *r = &damage->rects[i];

        tiles += ((r->x + r->width - 1u) / VDP_TILE - r->x / VDP_TILE + 1) *
                 ((r->y + r->height - 1u) / VDP_TILE - r->y / VDP_TILE + 1);
    }
    return tiles;
}
