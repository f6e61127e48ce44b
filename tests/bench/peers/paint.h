/* SPDX-License-Identifier: Apache-2.0 */
/* The materials of the scenes: text, photos, gradients. The same on every machine that has the same
 * fonts. */
#ifndef BENCH_PEERS_PAINT_H
#define BENCH_PEERS_PAINT_H

#include <cairo.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A picture of the program's own, xRGB, rows without gaps. */
struct sheet {
    int width, height;
    uint32_t *pixels;
    cairo_surface_t *surface;
    cairo_t *cr;
};

/* Grey of level 0 to 255 to begin with. NULL never: the bench ends when memory does. */
struct sheet *sheet_new(int width, int height, int level);
/* NULL is fine. */
void sheet_free(struct sheet *sheet);
/* Copies width x height from (sx, sy) of source to (x, y). Everything must lie inside both. */
void sheet_copy(struct sheet *sheet, int x, int y, const struct sheet *source, int sx, int sy,
                int width, int height);
void sheet_rect(struct sheet *sheet, int x, int y, int width, int height, uint32_t colour);
/* One line of text; size in pixels. */
void sheet_text(struct sheet *sheet, int x, int y, int size, bool mono, const char *text,
                uint32_t colour);
void sheet_gradient(struct sheet *sheet, int x, int y, int width, int height, uint32_t from,
                    uint32_t to);
/* Something with a photo's statistics: smooth shapes over several octaves, edges and sensor grain.
 */
void sheet_photo(struct sheet *sheet, int x, int y, int width, int height, uint32_t seed);

/* A line of made-up prose or, with code, of made-up source text. Line n is the same everywhere. */
void paint_line(char *line, size_t size, unsigned int n, bool code);
uint32_t paint_random(uint32_t *state);

#endif
