/* SPDX-License-Identifier: Apache-2.0 */
/* How alike two pictures are. Pixels are xRGB; the x byte does not count. */
#ifndef BENCH_PEERS_LOOK_H
#define BENCH_PEERS_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool look_equal(const uint32_t *a, const uint32_t *b, size_t pixels);
/* Over the three colours, in dB; 99 for equal pictures. */
double look_psnr(const uint32_t *a, const uint32_t *b, size_t pixels);
/* Mean of the structural similarity of the luma of all 8 x 8 blocks, 4 pixels apart. */
double look_ssim(const uint32_t *a, const uint32_t *b, int width, int height);
/* How well the cells of a marker at (x, y) agree with the edges there: a marker reads alike one
 * pixel beside its place, and this is greatest at it. */
long look_edges(const uint32_t *pixels, int width, int x, int y);
/* Writes a PPM; says so on standard error where it cannot. */
void look_save(const char *path, const uint32_t *pixels, int width, int height);

#endif
