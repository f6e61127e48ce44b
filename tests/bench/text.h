/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BENCH_TEXT_H
#define VEDETTE_BENCH_TEXT_H

/* text: draws lines of text into a picture; with Pango where it is there, else with made-up glyphs.
 */

#include <stdint.h>

#define TEXT_LINE_HEIGHT 18 /* pixels */

struct text;

/* pixels: B G R X, borrowed, width * 4 bytes a row. */
struct text *text_new(uint8_t *pixels, int width, int height);
void text_free(struct text *text);
/* Draws at the top left corner x, y; what leaves the clip rectangle is cut. */
void text_clip(struct text *text, int x, int y, int width, int height);
void text_draw(struct text *text, int x, int y, const char *line, uint32_t rgb);
/* "pango" or "bitmap", for the report. */
const char *text_backend(void);

#endif
