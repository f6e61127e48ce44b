/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/pixels.h"

#include <string.h>

#include "protocol/codec/bytes.h"

static void
pack_pixels(uint8_t *ret_bgr, const uint8_t *bgrx, size_t pixels)
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

static void
unpack_pixels(uint8_t *ret_bgrx, const uint8_t *bgr, size_t pixels)
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

static void
copy_pixels(uint8_t *ret_bgrx, const uint8_t *bgrx, size_t pixels)
{
    size_t i;

    for (i = 0; i < pixels; i++) {
        vdp_store_u32(ret_bgrx + i * 4, vdp_load_u32(bgrx + i * 4) | 0xff000000u);
    }
}

static bool
equal_pixels(const uint8_t *a, const uint8_t *b, size_t pixels)
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

static uint32_t
count_repeats(const uint8_t *bgrx, uint32_t pixels)
{
    uint32_t equal = 0;
    uint32_t x;

    for (x = 1; x < pixels; x++) {
        equal += ((vdp_load_u32(bgrx + x * 4) ^ vdp_load_u32(bgrx + x * 4 - 4)) & 0xffffff) == 0;
    }
    return equal;
}

static void
predict_row(uint8_t *ret_blue, uint8_t *ret_green, uint8_t *ret_red, const uint8_t *bgrx,
            uint32_t *above, uint32_t width)
{
    uint32_t left = above[0];
    uint32_t x;

    for (x = 0; x < width; x++) {
        uint32_t pixel = vdp_load_u32(bgrx + x * 4);
        uint32_t value = vdp_sub_bytes(pixel, vdp_green_of(pixel));
        uint32_t rest = vdp_sub_bytes(value, vdp_mean_bytes(left, above[x]));

        ret_blue[x] = (uint8_t)rest;
        ret_green[x] = (uint8_t)(rest >> 8);
        ret_red[x] = (uint8_t)(rest >> 16);
        above[x] = value;
        left = value;
    }
}

const struct vdp_pixel_ops vdp_pixel_ops_plain = {
    .pack = pack_pixels,
    .unpack = unpack_pixels,
    .copy = copy_pixels,
    .equal = equal_pixels,
    .count_repeats = count_repeats,
    .predict_row = predict_row,
};

const struct vdp_pixel_ops *
vdp_pixel_ops(void)
{
    const struct vdp_pixel_ops *fast = vdp_pixel_ops_avx2();

    if (fast == NULL) {
        fast = vdp_pixel_ops_simd128();
    }
    return fast != NULL ? fast : &vdp_pixel_ops_plain;
}

void
vdp_pixels_unpack_rect(uint8_t *ret_bgrx, size_t stride, const uint8_t *bgr, uint32_t width,
                       uint32_t height)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t y;

    for (y = 0; y < height; y++) {
        ops->unpack(ret_bgrx + y * stride, bgr + (size_t)y * width * 3, width);
    }
}

void
vdp_pixels_pack_rect(uint8_t *ret_bgr, const uint8_t *bgrx, size_t stride, uint32_t width,
                     uint32_t height)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t y;

    for (y = 0; y < height; y++) {
        ops->pack(ret_bgr + (size_t)y * width * 3, bgrx + y * stride, width);
    }
}
