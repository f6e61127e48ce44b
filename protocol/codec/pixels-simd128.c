/* SPDX-License-Identifier: Apache-2.0 */
/* The same as pixels.c gives, 128 bits at a time, for WebAssembly. */
#include "protocol/codec/pixels.h"

#if defined(__wasm_simd128__)

#include <string.h>

typedef uint8_t bytes_t __attribute__((vector_size(16)));

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

/* What a decoder does not need is left as it is. */
const struct vdp_pixel_ops *
vdp_pixel_ops_simd128(void)
{
    static struct vdp_pixel_ops ops;

    if (ops.pack == NULL) {
        ops = vdp_pixel_ops_plain;
        ops.pack = pack_pixels;
        ops.unpack = unpack_pixels;
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
