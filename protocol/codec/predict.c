/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/predict.h"

#include "protocol/codec/codec.h"
#include "protocol/codec/tiles.h"

void
vdp_predict(uint8_t *ret_planes, const uint8_t *bgrx, uint32_t width, uint32_t height)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t above[VDP_TILE + 8] = {0}; /* the row above, green subtracted, and room to overrun */
    uint8_t *blue = ret_planes;
    uint8_t *green = blue + width * height;
    uint8_t *red = green + width * height;
    uint32_t left = 0;
    uint32_t x;
    uint32_t y;

    for (x = 0; x < width; x++) {
        uint32_t pixel = vdp_load_u32(bgrx + x * 4);
        uint32_t value = vdp_sub_bytes(pixel, vdp_green_of(pixel));
        uint32_t rest = vdp_sub_bytes(value, left);

        blue[x] = (uint8_t)rest;
        green[x] = (uint8_t)(rest >> 8);
        red[x] = (uint8_t)(rest >> 16);
        above[x] = value;
        left = value;
    }
    for (y = 1; y < height; y++) {
        size_t at = (size_t)y * width;

        ops->predict_row(blue + at, green + at, red + at, bgrx + at * 4, above, width);
    }
}

static void
unpredict_row(uint8_t *ret_bgrx, const uint8_t *const planes[3], uint32_t *above, uint32_t width,
              bool first)
{
    uint32_t left = 0;
    uint32_t x;

    for (x = 0; x < width; x++) {
        uint32_t rest = planes[0][x] | (uint32_t)planes[1][x] << 8 | (uint32_t)planes[2][x] << 16;
        uint32_t guess = first ? left : x == 0 ? above[x] : vdp_mean_bytes(left, above[x]);

        left = vdp_add_bytes(rest, guess) & 0xffffff;
        above[x] = left;
        vdp_store_u32(ret_bgrx + x * 4, vdp_add_bytes(left, vdp_green_of(left)) | 0xff000000u);
    }
}

void
vdp_unpredict(uint8_t *ret_bgrx, size_t stride, const uint8_t *planes, uint32_t width,
              uint32_t height)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t above[VDP_TILE] = {0};
    size_t area = (size_t)width * height;
    uint32_t y = 0;

    while (y < height) {
        const uint8_t *row = planes + (size_t)y * width;
        const uint8_t *const rows[3] = {row, row + area, row + area * 2};

        if (ops->unpredict_four != NULL && height - y >= 4) {
            ops->unpredict_four(ret_bgrx + y * stride, stride, rows, above, width, y == 0);
            y += 4;
        } else {
            unpredict_row(ret_bgrx + y * stride, rows, above, width, y == 0);
            y++;
        }
    }
}

bool
vdp_is_smooth(const uint8_t *bgrx, uint32_t width, uint32_t height)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t equal = 0;
    uint32_t y;

    for (y = 0; y < height; y++) {
        equal += ops->count_repeats(bgrx + (size_t)y * width * 4, width);
    }
    return equal * 8 < width * height;
}
