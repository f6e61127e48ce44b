/* SPDX-License-Identifier: Apache-2.0 */
/* What changed within a tile: a letter is some hundred pixels of four thousand. */
#include "protocol/codec/encoder-state.h"

static bool
pixel_differs(const uint8_t *fresh, const uint8_t *old, uint32_t x)
{
    return ((vdp_load_u32(fresh + (size_t)x * 4) ^ vdp_load_u32(old + (size_t)x * 4)) & 0xffffff) !=
           0;
}

/* Widens the columns left to right, exclusive, to what differs in a row. */
static void
widen_columns(const uint8_t *fresh, const uint8_t *old, uint32_t width, uint32_t *left,
              uint32_t *right)
{
    uint32_t x = 0;

    while (x < *left && !pixel_differs(fresh, old, x)) {
        x++;
    }
    *left = x < *left ? x : *left;
    x = width;
    while (x > *right && !pixel_differs(fresh, old, x - 1)) {
        x--;
    }
    *right = x > *right ? x : *right;
}

static struct vdp_patch
find_patch(const struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t tile)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
    const uint8_t *fresh = image->pixels + rect.y * image->stride + rect.x * 4u;
    const uint8_t *old = encoder->shadow + ((size_t)rect.y * encoder->grid.width + rect.x) * 4;
    uint32_t top = rect.height;
    uint32_t bottom = 0;
    uint32_t left = rect.width;
    uint32_t right = 0;
    uint32_t row;

    for (row = 0; row < rect.height; row++) {
        if (!ops->equal(fresh, old, rect.width)) {
            top = top < row ? top : row;
            bottom = row + 1;
            widen_columns(fresh, old, rect.width, &left, &right);
        }
        fresh += image->stride;
        old += (size_t)encoder->grid.width * 4;
    }
    /* Nearly all of it: the rest is cheaper than saying where the patch lies. */
    if (bottom == 0 ||
        (right - left) * (bottom - top) * 4 > (uint32_t)rect.width * rect.height * 3) {
        return (struct vdp_patch){0};
    }
    return (struct vdp_patch){(uint8_t)left, (uint8_t)top, (uint8_t)(right - left),
                              (uint8_t)(bottom - top)};
}

void
vdp_encoder_find_patches(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint32_t tile = encoder->changed[i];
        bool shown = encoder->known[tile] && encoder->lossy[tile] == 0 && !encoder->strict;

        encoder->patches[tile] = shown ? find_patch(encoder, image, tile) : (struct vdp_patch){0};
    }
}
