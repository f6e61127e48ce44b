/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/predict.h"

#include "protocol/codec/codec.h"
#include "protocol/codec/tiles.h"

/* Four bytes at a time in a plain word; none of these carries from byte to byte. */
static inline uint32_t
mean_bytes(uint32_t a, uint32_t b)
{
    return (a | b) - (((a ^ b) >> 1) & 0x7f7f7f7fu);
}

static inline uint32_t
add_bytes(uint32_t a, uint32_t b)
{
    return ((a & 0x7f7f7f7fu) + (b & 0x7f7f7f7fu)) ^ ((a ^ b) & 0x80808080u);
}

static inline uint32_t
sub_bytes(uint32_t a, uint32_t b)
{
    return ((a | 0x80808080u) - (b & 0x7f7f7f7fu)) ^ ((a ^ ~b) & 0x80808080u);
}

static inline uint32_t
green_of(uint32_t pixel)
{
    uint32_t green = pixel >> 8 & 0xff;

    return green | green << 16;
}

void
vdp_predict(uint8_t *ret_planes, const uint8_t *bgrx, uint32_t width, uint32_t height)
{
    uint32_t above[VDP_TILE] = {0}; /* the row above, green subtracted */
    uint8_t *blue = ret_planes;
    uint8_t *green = blue + width * height;
    uint8_t *red = green + width * height;
    uint32_t x;
    uint32_t y;

    for (y = 0; y < height; y++) {
        uint32_t left = 0;

        for (x = 0; x < width; x++) {
            uint32_t pixel = vdp_load_u32(bgrx);
            uint32_t value = sub_bytes(pixel, green_of(pixel));
            uint32_t guess = y == 0 ? left : x == 0 ? above[x] : mean_bytes(left, above[x]);
            uint32_t rest = sub_bytes(value, guess);

            *blue++ = (uint8_t)rest;
            *green++ = (uint8_t)(rest >> 8);
            *red++ = (uint8_t)(rest >> 16);
            above[x] = value;
            left = value;
            bgrx += 4;
        }
    }
}

void
vdp_unpredict(uint8_t *ret_bgrx, const uint8_t *planes, uint32_t width, uint32_t height)
{
    uint32_t above[VDP_TILE] = {0};
    const uint8_t *blue = planes;
    const uint8_t *green = blue + width * height;
    const uint8_t *red = green + width * height;
    uint32_t x;
    uint32_t y;

    for (y = 0; y < height; y++) {
        uint32_t left = 0;

        for (x = 0; x < width; x++) {
            uint32_t rest = *blue++ | (uint32_t)*green++ << 8 | (uint32_t)*red++ << 16;
            uint32_t guess = y == 0 ? left : x == 0 ? above[x] : mean_bytes(left, above[x]);

            left = add_bytes(rest, guess) & 0xffffff;
            above[x] = left;
            vdp_store_u32(ret_bgrx, add_bytes(left, green_of(left)) | 0xff000000u);
            ret_bgrx += 4;
        }
    }
}

bool
vdp_is_smooth(const uint8_t *bgrx, uint32_t width, uint32_t height)
{
    uint32_t equal = 0;
    uint32_t x;
    uint32_t y;

    for (y = 0; y < height; y++) {
        const uint8_t *row = bgrx + (size_t)y * width * 4;

        for (x = 1; x < width; x++) {
            equal += ((vdp_load_u32(row + x * 4) ^ vdp_load_u32(row + x * 4 - 4)) & 0xffffff) == 0;
        }
    }
    return equal * 8 < width * height;
}
