/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_PREDICT_H
#define VDP_PREDICT_H

/*
 * predict: a tile of smooth content as differences from its neighbours.
 *
 * Green is subtracted from blue and red; each value then gives way to its difference from the mean,
 * rounded up, of the ones to its left and above (in the first row the left one alone, in the first
 * column the upper one, nothing in the corner). All arithmetic is modulo 256. The differences are
 * written plane by plane: blue, green, red. Not used outside protocol/codec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bgrx: width * height pixels without gaps; planes: width * height * 3 bytes. */
void vdp_predict(uint8_t *ret_planes, const uint8_t *bgrx, uint32_t width, uint32_t height);
/* The reverse, into a picture whose rows are stride bytes apart; X becomes 255. */
void vdp_unpredict(uint8_t *ret_bgrx, size_t stride, const uint8_t *planes, uint32_t width,
                   uint32_t height);
/* Whether fewer than an eighth of the pixels equal their left neighbour: no text, no surface. */
bool vdp_is_smooth(const uint8_t *bgrx, uint32_t width, uint32_t height);

#endif
