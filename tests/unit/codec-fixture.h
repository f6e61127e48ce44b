/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CODEC_FIXTURE_H
#define CODEC_FIXTURE_H

/* codec-fixture: an encoder, its decoder and the picture between them. */

#include <glib.h>
#include <stdbool.h>

#include "protocol/codec/codec.h"

struct pair {
    struct vdp_encoder *encoder;
    struct vdp_decoder *decoder;
    struct vdp_buffer ops;
    uint8_t *pixels;
    uint16_t width, height;
    bool key; /* of the last frame */
    struct vdp_encode_stats stats;
    struct vdp_rect dirty;
};

void pair_resize(struct pair *pair, uint16_t width, uint16_t height);
void pair_init(struct pair *pair, uint16_t width, uint16_t height);
void pair_clear(struct pair *pair);
int pair_encode(struct pair *pair, const struct vdp_rect *damage, size_t damage_count);
int pair_decode(struct pair *pair);
void assert_same_picture(const struct pair *pair);
/* Encodes, decodes and compares; returns the number of tiles sent. */
int pair_step(struct pair *pair, const struct vdp_rect *damage, size_t damage_count);
uint8_t *pixel(const struct pair *pair, unsigned x, unsigned y);
void fill_noise(struct pair *pair, struct vdp_rect rect);
struct vdp_rect random_rect(const struct pair *pair);
void fill_flat(struct pair *pair, struct vdp_rect rect);
/* Appends an operation. */
void put_op(struct vdp_buffer *out, uint8_t kind, const struct vdp_buffer *body);

#endif
