/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_TINY_CANVAS_H
#define VEDETTE_GUEST_TINY_CANVAS_H

/* canvas: a picture in memory, what of it changed, and the few ways to draw that the test guest
 * needs. */

#include <stdbool.h>
#include <stdint.h>

#define CANVAS_SIZE_MAX 8192 /* pixels, per side */
#define GLYPH_WIDTH     12   /* 5 x 7 dots, doubled, with a gap */
#define GLYPH_HEIGHT    18

struct rect {
    int x, y, width, height;
};

struct canvas {
    int width, height;
    uint32_t *pixels; /* XRGB8888, width a row; owned */
    struct rect damage;
};

/* Makes a black picture; false without memory or with a side outside 1..CANVAS_SIZE_MAX. */
bool canvas_init(struct canvas *canvas, int width, int height);
void canvas_release(struct canvas *canvas);

/* Everything is clipped to the picture and added to its damage. */
void canvas_pixel(struct canvas *canvas, int x, int y, uint32_t color);
void canvas_fill(struct canvas *canvas, struct rect area, uint32_t color);
void canvas_text(struct canvas *canvas, int x, int y, const char *text, uint32_t color);
void canvas_damage(struct canvas *canvas, struct rect area);

struct rect rect_clip(struct rect area, int width, int height);
struct rect rect_union(struct rect a, struct rect b); /* an empty one adds nothing */
bool rect_empty(struct rect area);

/* Seven rows of five dots, the leftmost in bit 4; a box for bytes without a glyph. */
const uint8_t *font_glyph(char c);

#endif
