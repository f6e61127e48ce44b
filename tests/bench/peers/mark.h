/* SPDX-License-Identifier: Apache-2.0 */
/* The marker that says which frame a picture shows: 8 x 4 cells of 4 pixels, black or white, 16
 * bits of number and 16 of proof. Lossy codecs leave its inner pixels on the right side of grey. */
#ifndef BENCH_PEERS_MARK_H
#define BENCH_PEERS_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MARK_CELL   4
#define MARK_WIDTH  (8 * MARK_CELL)
#define MARK_HEIGHT (4 * MARK_CELL)

/* Draws number at pixels, the first of MARK_HEIGHT rows of xRGB that are stride pixels apart. */
void mark_draw(uint32_t *pixels, size_t stride, uint16_t number);

/* The number at pixels, or false where no whole marker stands. */
bool mark_read(const uint32_t *pixels, size_t stride, uint16_t *number);

#endif
