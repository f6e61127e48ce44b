/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BENCH_TIGHT_H
#define VEDETTE_BENCH_TIGHT_H

/*
 * tight: a model of a lossless Tight encoder (RFB encoding 7) as the codec bench's rival.
 *
 * Changed 64x64 blocks, joined to rectangles of at most 65,536 pixels; fill, two colours, palette
 * or 24 bit, each with its own long-lived zlib stream at level 1. It counts bytes and sends none.
 */

#include <stddef.h>

#include "protocol/codec/codec.h"

struct tight;

struct tight *tight_new(uint16_t width, uint16_t height);
void tight_free(struct tight *tight);
/* Returns the bytes that an update to image would take. */
size_t tight_update(struct tight *tight, const struct vdp_image *image, struct vdp_rect damage);

#endif
