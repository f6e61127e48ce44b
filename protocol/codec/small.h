/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_SMALL_H
#define VDP_SMALL_H

/*
 * small: a small picture of a screen, as launchers show it: the average of the pixels that each of
 * its own stands for, as a baseline JPEG.
 *
 * It is made beside a guest and shown in a browser, so that everybody on its way checks it.
 */

#include "protocol/codec/codec.h"

#define VDP_SMALL_SIDE      320u          /* pixels; neither side is longer */
#define VDP_SMALL_MAX_BYTES (24u * 1024u) /* of JPEG */

struct vdp_small {
    uint16_t width, height;
    uint8_t *pixels; /* owned; B G R X, width * 4 bytes a row */
};

/*
 * Averages image; one that is no larger than VDP_SMALL_SIDE keeps its size. 0, VDP_ERR_RANGE for
 * an image without pixels or VDP_ERR_NOMEM.
 */
int vdp_small_scale(const struct vdp_image *image, struct vdp_small *ret_small);
void vdp_small_clear(struct vdp_small *small);

/*
 * Scales image and appends the JPEG to out; *ret_width and *ret_height are its size. Quality is
 * fixed; a screen of noise that does not fit is tried once more in a lower one, then
 * VDP_ERR_TOO_BIG.
 */
int vdp_small_make(const struct vdp_image *image, struct vdp_buffer *out, uint16_t *ret_width,
                   uint16_t *ret_height);

/* 0 for what vdp_small_make() may have made, else VDP_ERR_CORRUPT. Takes no memory. */
int vdp_small_check(const uint8_t *data, size_t size, unsigned width, unsigned height);

#endif
