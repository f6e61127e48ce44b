/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/video.h"

/* These loops are simple enough for a compiler that is told to look at them. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif

/* Four bytes of a picture, which others see as bytes. */
typedef uint32_t __attribute__((may_alias)) pixel_t;

struct vdp_yuv
vdp_yuv_block(uint8_t *block, uint32_t width, uint32_t height, bool nv12)
{
    size_t area = (size_t)width * height;
    struct vdp_yuv yuv = {
        .y = block,
        .u = block + area,
        .v = block + area + (nv12 ? 1 : area / 4),
        .y_stride = width,
        .uv_stride = nv12 ? width : width / 2,
        .uv_step = nv12 ? 2 : 1,
    };

    return yuv;
}

static void
luma_row(uint8_t *restrict to, const pixel_t *restrict pixels, uint32_t width)
{
    uint32_t x;

    for (x = 0; x < width; x++) {
        uint32_t pixel = pixels[x];

        to[x] = (uint8_t)(((pixel >> 16 & 0xff) * 66 + (pixel >> 8 & 0xff) * 129 +
                           (pixel & 0xff) * 25 + 4096 + 128) >>
                          8);
    }
}

static inline void
colour_row(uint8_t *restrict u, uint8_t *restrict v, unsigned step, const pixel_t *restrict a,
           const pixel_t *restrict b, uint32_t pairs)
{
    const uint32_t even = 0x00ff00ffu;
    uint32_t x;

    for (x = 0; x < pairs; x++) {
        /* Sums of four pixels fit 16 bits, and 1/4 is part of the shift. */
        uint32_t outer =
            (a[x * 2] & even) + (a[x * 2 + 1] & even) + (b[x * 2] & even) + (b[x * 2 + 1] & even);
        uint32_t inner = (a[x * 2] >> 8 & 0xff) + (a[x * 2 + 1] >> 8 & 0xff) +
                         (b[x * 2] >> 8 & 0xff) + (b[x * 2 + 1] >> 8 & 0xff);
        int blue = (int)(outer & 0xffff);
        int red = (int)(outer >> 16);
        int green = (int)inner;

        u[x * step] = (uint8_t)((-38 * red - 74 * green + 112 * blue + (128 << 10) + 512) >> 10);
        v[x * step] = (uint8_t)((112 * red - 94 * green - 18 * blue + (128 << 10) + 512) >> 10);
    }
}

void
vdp_yuv_from_bgrx(const struct vdp_yuv *to, const uint8_t *bgrx, size_t stride, uint32_t width,
                  uint32_t height)
{
    uint32_t y;

    for (y = 0; y < height; y++) {
        luma_row(to->y + y * to->y_stride, (const pixel_t *)(const void *)(bgrx + y * stride),
                 width);
    }
    for (y = 0; y < height; y += 2) {
        const pixel_t *a = (const pixel_t *)(const void *)(bgrx + y * stride);
        const pixel_t *b = (const pixel_t *)(const void *)(bgrx + (y + 1) * stride);
        uint8_t *u = to->u + y / 2 * to->uv_stride;
        uint8_t *v = to->v + y / 2 * to->uv_stride;

        if (to->uv_step == 1) {
            colour_row(u, v, 1, a, b, width / 2);
        } else {
            colour_row(u, v, 2, a, b, width / 2);
        }
    }
}

static inline int
clamp(int value)
{
    value = value < 0 ? 0 : value;
    return value > 255 ? 255 : value;
}

static inline uint32_t
pixel_of(int luma, int blue, int green, int red)
{
    return (uint32_t)(clamp((luma + blue) >> 8) | clamp((luma + green) >> 8) << 8 |
                      clamp((luma + red) >> 8) << 16) |
           0xff000000u;
}

static inline void
pixel_row(pixel_t *restrict to, const uint8_t *restrict luma, const uint8_t *restrict u,
          const uint8_t *restrict v, unsigned step, uint32_t pairs)
{
    uint32_t x;

    for (x = 0; x < pairs; x++) {
        int d = u[x * step] - 128;
        int e = v[x * step] - 128;
        int blue = 516 * d + 128;
        int green = -100 * d - 208 * e + 128;
        int red = 409 * e + 128;

        to[x * 2] = pixel_of(298 * (luma[x * 2] - 16), blue, green, red);
        to[x * 2 + 1] = pixel_of(298 * (luma[x * 2 + 1] - 16), blue, green, red);
    }
}

void
vdp_yuv_to_bgrx(uint8_t *bgrx, size_t stride, const struct vdp_yuv *from, uint32_t width,
                uint32_t height)
{
    uint32_t y;

    for (y = 0; y < height; y++) {
        const uint8_t *luma = from->y + y * from->y_stride;
        const uint8_t *u = from->u + y / 2 * from->uv_stride;
        const uint8_t *v = from->v + y / 2 * from->uv_stride;
        pixel_t *to = (pixel_t *)(void *)(bgrx + y * stride);

        if (from->uv_step == 1) {
            pixel_row(to, luma, u, v, 1, width / 2);
        } else {
            pixel_row(to, luma, u, v, 2, width / 2);
        }
    }
}
