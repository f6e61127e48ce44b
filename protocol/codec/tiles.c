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

struct vdp_rect
vdp_grid_box(const struct vdp_grid *grid, const uint32_t *tiles, size_t count)
{
    uint32_t left = UINT32_MAX;
    uint32_t top = UINT32_MAX;
    uint32_t right = 0;
    uint32_t bottom = 0;
    size_t i;

    for (i = 0; i < count; i++) {
        struct vdp_rect rect = vdp_grid_rect(grid, tiles[i]);
        uint32_t end_x = (uint32_t)rect.x + rect.width;
        uint32_t end_y = (uint32_t)rect.y + rect.height;

        left = rect.x < left ? rect.x : left;
        top = rect.y < top ? rect.y : top;
        right = end_x > right ? end_x : right;
        bottom = end_y > bottom ? end_y : bottom;
    }
    if (count == 0) {
        return (struct vdp_rect){0};
    }
    return (struct vdp_rect){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                             (uint16_t)(bottom - top)};
}
