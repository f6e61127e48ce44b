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

void
vdp_pixels_pack(uint8_t *ret_bgr, const uint8_t *bgrx, size_t pixels)
{
    /* Four pixels at a time: sixteen bytes in, twelve out. */
    for (; pixels >= 4; pixels -= 4) {
        uint32_t a = vdp_load_u32(bgrx);
        uint32_t b = vdp_load_u32(bgrx + 4);
        uint32_t c = vdp_load_u32(bgrx + 8);
        uint32_t d = vdp_load_u32(bgrx + 12);

        vdp_store_u32(ret_bgr, (a & 0xffffff) | b << 24);
        vdp_store_u32(ret_bgr + 4, (b >> 8 & 0xffff) | c << 16);
        vdp_store_u32(ret_bgr + 8, (c >> 16 & 0xff) | d << 8);
        bgrx += 16;
        ret_bgr += 12;
    }
    for (; pixels > 0; pixels--) {
        memcpy(ret_bgr, bgrx, 3);
        bgrx += 4;
        ret_bgr += 3;
    }
}

void
vdp_pixels_unpack(uint8_t *ret_bgrx, const uint8_t *bgr, size_t pixels)
{
    for (; pixels >= 4; pixels -= 4) {
        uint32_t a = vdp_load_u32(bgr);
        uint32_t b = vdp_load_u32(bgr + 4);
        uint32_t c = vdp_load_u32(bgr + 8);

        vdp_store_u32(ret_bgrx, a | 0xff000000u);
        vdp_store_u32(ret_bgrx + 4, a >> 24 | b << 8 | 0xff000000u);
        vdp_store_u32(ret_bgrx + 8, b >> 16 | c << 16 | 0xff000000u);
        vdp_store_u32(ret_bgrx + 12, c >> 8 | 0xff000000u);
        bgr += 12;
        ret_bgrx += 16;
    }
    for (; pixels > 0; pixels--) {
        memcpy(ret_bgrx, bgr, 3);
        ret_bgrx[3] = 255;
        bgr += 3;
        ret_bgrx += 4;
    }
}

void
vdp_pixels_copy(uint8_t *ret_bgrx, const uint8_t *bgrx, size_t pixels)
{
    size_t i;

    for (i = 0; i < pixels; i++) {
        vdp_store_u32(ret_bgrx + i * 4, vdp_load_u32(bgrx + i * 4) | 0xff000000u);
    }
}

bool
vdp_pixels_equal(const uint8_t *a, const uint8_t *b, size_t pixels)
{
    uint32_t differ = 0;
    size_t i;

    if (memcmp(a, b, pixels * 4) == 0) {
        return true;
    }
    for (i = 0; i < pixels; i++) {
        differ |= vdp_load_u32(a + i * 4) ^ vdp_load_u32(b + i * 4);
    }
    return (differ & 0xffffff) == 0;
}
