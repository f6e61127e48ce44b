/* SPDX-License-Identifier: Apache-2.0 */
/* The part of copy that the decoder needs too. */
#include <string.h>

#include "protocol/codec/copy.h"

void
vdp_copy_apply(uint8_t *pixels, uint16_t picture_width, const struct vdp_copy *copy)
{
    size_t stride = (size_t)picture_width * 4;
    const uint8_t *from = pixels + copy->from_y * stride + copy->from_x * 4u;
    uint8_t *to = pixels + copy->y * stride + copy->x * 4u;
    uint32_t row;

    for (row = 0; row < copy->height; row++) {
        /* Downwards the last row goes first, so that none is overwritten before it is read. */
        size_t at = (copy->y > copy->from_y ? copy->height - 1u - row : row) * stride;

        memmove(to + at, from + at, copy->width * 4u);
    }
}

/* Whether a rectangle has pixels and lies within the surface. */
static bool
is_inside(const struct vdp_grid *grid, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    return width > 0 && height > 0 && x + width <= grid->width && y + height <= grid->height;
}

int
vdp_copy_get(struct vdp_reader *reader, const struct vdp_grid *grid, struct vdp_copy *ret_copy)
{
    struct vdp_copy copy;

    copy.from_x = vdp_reader_u16(reader);
    copy.from_y = vdp_reader_u16(reader);
    copy.x = vdp_reader_u16(reader);
    copy.y = vdp_reader_u16(reader);
    copy.width = vdp_reader_u16(reader);
    copy.height = vdp_reader_u16(reader);
    if (reader->error != 0) {
        return reader->error;
    }
    if (!is_inside(grid, copy.x, copy.y, copy.width, copy.height) ||
        !is_inside(grid, copy.from_x, copy.from_y, copy.width, copy.height)) {
        return VDP_ERR_RANGE;
    }
    *ret_copy = copy;
    return 0;
}
