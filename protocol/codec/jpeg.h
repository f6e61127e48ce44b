/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_JPEG_H
#define VDP_JPEG_H

/*
 * jpeg: photographic content in few bytes, until the exact pixels follow. Baseline JPEG only: its
 * decoding takes one pass. Not used outside protocol/codec but by codec-wasm.c, which has its own
 * vdp_jpeg_decode(), because a browser decodes JPEG itself.
 */

#include "protocol/codec/codec.h"

struct vdp_jpeg_writer;

/* NULL when memory is short. */
struct vdp_jpeg_writer *vdp_jpeg_writer_new(void);
void vdp_jpeg_writer_free(struct vdp_jpeg_writer *writer); /* accepts NULL */
/* Appends rect of image. quality: 1 to 100; below 85 colours at half the resolution. 0 or an error.
 */
int vdp_jpeg_encode(struct vdp_jpeg_writer *writer, const struct vdp_image *image,
                    const struct vdp_rect *rect, unsigned quality, struct vdp_buffer *out);

/* Whether data is a baseline JPEG of that size in colour; VDP_ERR_CORRUPT when not. */
int vdp_jpeg_check(const uint8_t *data, size_t size, uint16_t width, uint16_t height);

/* Writes what was checked to rect of a picture of stride bytes a row; X becomes 255. */
int vdp_jpeg_decode(const uint8_t *data, size_t size, const struct vdp_rect *rect, uint8_t *pixels,
                    size_t stride);

#endif
