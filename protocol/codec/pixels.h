/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_PIXELS_H
#define VDP_PIXELS_H

/*
 * pixels: the loops that every pixel goes through, in C and for processors that do more at once.
 * Not used outside protocol/codec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdp_pixel_ops {
    /* B G R X to B G R and back; X becomes 255. */
    void (*pack)(uint8_t *ret_bgr, const uint8_t *bgrx, size_t pixels);
    void (*unpack)(uint8_t *ret_bgrx, const uint8_t *bgr, size_t pixels);
    /* Copies; X becomes 255. */
    void (*copy)(uint8_t *ret_bgrx, const uint8_t *bgrx, size_t pixels);
    /* Compares and leaves X out. */
    bool (*equal)(const uint8_t *a, const uint8_t *b, size_t pixels);
    /* How many pixels equal the one to their left. */
    uint32_t (*count_repeats)(const uint8_t *bgrx, uint32_t pixels);
    /*
     * One row of vdp_predict() but the first: above holds the row above with green subtracted, and
     * afterwards this row.
     */
    void (*predict_row)(uint8_t *ret_blue, uint8_t *ret_green, uint8_t *ret_red,
                        const uint8_t *bgrx, uint32_t *above, uint32_t width);
    /*
     * Four rows of vdp_unpredict() from their differences, width at most VDP_TILE; above as for
     * predict_row(), not read when first says that there is no row above. NULL: row by row.
     */
    void (*unpredict_four)(uint8_t *ret_bgrx, size_t stride, const uint8_t *const planes[3],
                           uint32_t *above, uint32_t width, bool first);
};

extern const struct vdp_pixel_ops vdp_pixel_ops_plain;
/* For WebAssembly with 128 bits at a time; NULL elsewhere. */
const struct vdp_pixel_ops *vdp_pixel_ops_simd128(void);
/* For processors with AVX2; NULL where the compiler or this processor has none. */
const struct vdp_pixel_ops *vdp_pixel_ops_avx2(void);
/* The best for this processor. */
const struct vdp_pixel_ops *vdp_pixel_ops(void);

/* A rectangle of a picture, whose rows are stride bytes apart, from and to B G R without gaps. */
void vdp_pixels_unpack_rect(uint8_t *ret_bgrx, size_t stride, const uint8_t *bgr, uint32_t width,
                            uint32_t height);
void vdp_pixels_pack_rect(uint8_t *ret_bgr, const uint8_t *bgrx, size_t stride, uint32_t width,
                          uint32_t height);

#endif
