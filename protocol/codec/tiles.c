/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/tiles.h"

#include <string.h>

#include "protocol/wire/messages.h"

int
vdp_grid_set(struct vdp_grid *grid, uint16_t width, uint16_t height)
{
    if (width == 0 || width > VDP_MAX_SIDE || height == 0 || height > VDP_MAX_SIDE ||
        (uint32_t)width * height > VDP_MAX_PIXELS) {
        return VDP_ERR_RANGE;
    }
    grid->width = width;
    grid->height = height;
    grid->across = (width + VDP_TILE - 1u) / VDP_TILE;
    grid->down = (height + VDP_TILE - 1u) / VDP_TILE;
    grid->count = grid->across * grid->down;
    return 0;
}

struct vdp_rect
vdp_grid_rect(const struct vdp_grid *grid, uint32_t tile)
{
    uint32_t x = tile % grid->across * VDP_TILE;
    uint32_t y = tile / grid->across * VDP_TILE;
    uint32_t width = grid->width - x;
    uint32_t height = grid->height - y;
    struct vdp_rect rect = {
        .x = (uint16_t)x,
        .y = (uint16_t)y,
        .width = (uint16_t)(width < VDP_TILE ? width : VDP_TILE),
        .height = (uint16_t)(height < VDP_TILE ? height : VDP_TILE),
    };

    return rect;
}

void
vdp_grid_mark(const struct vdp_grid *grid, const struct vdp_rect *rect, uint8_t bits,
              uint8_t *marks)
{
    uint32_t x;
    uint32_t y;

    for (y = rect->y / VDP_TILE; y <= (rect->y + rect->height - 1u) / VDP_TILE; y++) {
        for (x = rect->x / VDP_TILE; x <= (rect->x + rect->width - 1u) / VDP_TILE; x++) {
            marks[y * grid->across + x] |= bits;
        }
    }
}
