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
