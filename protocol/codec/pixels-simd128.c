/* SPDX-License-Identifier: Apache-2.0 */
/* The same as pixels.c gives, 128 bits at a time, for WebAssembly. */
#include "protocol/codec/pixels.h"

#if defined(__wasm_simd128__)

#include <string.h>

#include "protocol/codec/codec.h"

#define SKEW 3u /* pixels that the last of four rows is behind the first */

typedef uint8_t bytes_t __attribute__((vector_size(16)));
typedef uint32_t words_t __attribute__((vector_size(16)));

static inline bytes_t
load(const uint8_t *from)
{
    bytes_t bytes;

    memcpy(&bytes, from, sizeof(bytes));
    return bytes;
}

static void
pack_pixels(uint8_t *ret_bgr, const uint8_t *bgrx, size_t pixels)
{
    /* Sixteen bytes are stored for twelve: the last pixels go the other way. */
    for (; pixels >= 6; pixels -= 4) {
        bytes_t four = load(bgrx);

        four = __builtin_shufflevector(four, four, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15,
                                       15, 15);
        memcpy(ret_bgr, &four, sizeof(four));
        bgrx += 16;
        ret_bgr += 12;
    }
    vdp_pixel_ops_plain.pack(ret_bgr, bgrx, pixels);
}

static void
unpack_pixels(uint8_t *ret_bgrx, const uint8_t *bgr, size_t pixels)
{
    const bytes_t opaque = {255};

    for (; pixels >= 6; pixels -= 4) {
        bytes_t four = load(bgr);

        four = __builtin_shufflevector(four, opaque, 0, 1, 2, 16, 3, 4, 5, 16, 6, 7, 8, 16, 9, 10,
                                       11, 16);
        memcpy(ret_bgrx, &four, sizeof(four));
        bgr += 12;
        ret_bgrx += 16;
    }
    vdp_pixel_ops_plain.unpack(ret_bgrx, bgr, pixels);
}

static void
copy_opaque(uint8_t *ret_bgrx, const uint32_t *pixels, uint32_t count)
{
    uint32_t x;

    for (x = 0; x < count; x++) {
        uint32_t pixel = pixels[x] | 0xff000000u;

        memcpy(ret_bgrx + (size_t)x * 4, &pixel, sizeof(pixel));
    }
}

/* Three planes' bytes become pixels. */
static void
join_planes(uint32_t *ret_pixels, const uint8_t *const planes[3], size_t offset, uint32_t width)
{
    uint32_t x = 0;

    for (; x + 16 <= width; x += 16) {
        const bytes_t none = {0};
        bytes_t blue = load(planes[0] + offset + x);
        bytes_t green = load(planes[1] + offset + x);
        bytes_t red = load(planes[2] + offset + x);
        bytes_t out[4];
        bytes_t low = __builtin_shufflevector(blue, green, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21,
                                              6, 22, 7, 23);
        bytes_t high = __builtin_shufflevector(blue, green, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28,
                                               13, 29, 14, 30, 15, 31);
        bytes_t reds = __builtin_shufflevector(red, none, 0, 16, 1, 16, 2, 16, 3, 16, 4, 16, 5, 16,
                                               6, 16, 7, 16);

        out[0] = __builtin_shufflevector(low, reds, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7,
                                         22, 23);
        out[1] = __builtin_shufflevector(low, reds, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29,
                                         14, 15, 30, 31);
        reds = __builtin_shufflevector(red, none, 8, 16, 9, 16, 10, 16, 11, 16, 12, 16, 13, 16, 14,
                                       16, 15, 16);
        out[2] = __builtin_shufflevector(high, reds, 0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7,
                                         22, 23);
        out[3] = __builtin_shufflevector(high, reds, 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29,
                                         14, 15, 30, 31);
        memcpy(ret_pixels + x, out, sizeof(out));
    }
    for (; x < width; x++) {
        ret_pixels[x] = planes[0][offset + x] | (uint32_t)planes[1][offset + x] << 8 |
                        (uint32_t)planes[2][offset + x] << 16;
    }
}

/*
 * Each row is a pixel behind the one above it, so that what a pixel needs was made one step ago:
 * its left neighbour in the same lane, its upper one in the lane before. What lanes make beyond
 * their row's ends goes nowhere.
 */
static void
unpredict_four(uint8_t *ret_bgrx, size_t stride, const uint8_t *const planes[3], uint32_t *above,
               uint32_t width, bool first)
{
    uint32_t rest[4][VDP_TILE + 2 * SKEW]; /* each row begins at SKEW */
    uint32_t made[4][VDP_TILE + 2 * SKEW];
    words_t values = {0, 0, 0, 0};
    uint32_t row;
    uint32_t step;

    memset(rest, 0, sizeof(rest));
    for (row = 0; row < 4; row++) {
        join_planes(rest[row] + SKEW, planes, (size_t)row * width, width);
    }
    for (step = 0; step < width + SKEW; step++) {
        uint32_t top = first ? values[0] : step < width ? above[step] : 0;
        words_t upper = {top, values[0], values[1], values[2]};
        words_t differ = {rest[0][SKEW + step], rest[1][SKEW + step - 1], rest[2][SKEW + step - 2],
                          rest[3][SKEW + step - 3]};
        bytes_t shown;

        if (step < 4) {
            values[step] = upper[step]; /* a row begins: only the one above counts */
        }
        values = (words_t)((bytes_t)differ +
                           __builtin_wasm_avgr_u_i8x16((bytes_t)values, (bytes_t)upper));
        values &= 0xffffff;
        shown = (bytes_t)values;
        shown += (bytes_t)((words_t)__builtin_shufflevector(shown, shown, 1, 1, 1, 1, 5, 5, 5, 5, 9,
                                                            9, 9, 9, 13, 13, 13, 13) &
                           0xff00ff);
        made[0][SKEW + step] = ((words_t)shown)[0];
        made[1][SKEW + step - 1] = ((words_t)shown)[1];
        made[2][SKEW + step - 2] = ((words_t)shown)[2];
        made[3][SKEW + step - 3] = ((words_t)shown)[3];
        if (step >= SKEW) {
            above[step - SKEW] = values[3];
        }
    }
    for (row = 0; row < 4; row++) {
        copy_opaque(ret_bgrx + row * stride, made[row] + SKEW, width);
    }
}

/* What a decoder does not need is left as it is. */
const struct vdp_pixel_ops *
vdp_pixel_ops_simd128(void)
{
    static struct vdp_pixel_ops ops;

    if (ops.pack == NULL) {
        ops = vdp_pixel_ops_plain;
        ops.pack = pack_pixels;
        ops.unpack = unpack_pixels;
        ops.unpredict_four = unpredict_four;
    }
    return &ops;
}

#else

const struct vdp_pixel_ops *
vdp_pixel_ops_simd128(void)
{
    return NULL;
}

#endif
