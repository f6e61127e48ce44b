/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/text.h"

#include <stdlib.h>

#define GLYPH_WIDTH  7
#define GLYPH_HEIGHT 11

struct text {
    uint8_t *pixels;
    int width;
    int left, top, right, bottom;
};

struct text *
text_new(uint8_t *pixels, int width, int height)
{
    struct text *text = calloc(1, sizeof(*text));

    if (text == NULL) {
        abort();
    }
    text->pixels = pixels;
    text->width = width;
    text_clip(text, 0, 0, width, height);
    return text;
}

void
text_free(struct text *text)
{
    free(text);
}

void
text_clip(struct text *text, int x, int y, int width, int height)
{
    text->left = x;
    text->top = y;
    text->right = x + width;
    text->bottom = y + height;
}

/* Shades as an anti-aliased font has them, always the same for a character. */
static void
draw_glyph(struct text *text, int x, int y, unsigned character, uint32_t rgb)
{
    uint32_t bits = character * 2654435761u;
    int i;

    for (i = 0; i < (GLYPH_WIDTH - 1) * GLYPH_HEIGHT; i++) {
        int px = x + i % (GLYPH_WIDTH - 1);
        int py = y + 3 + i / (GLYPH_WIDTH - 1);
        uint32_t cover;
        int channel;

        bits = bits * 1664525u + 1013904223u;
        cover = bits >> 30 == 0 ? 255 : bits >> 30 == 1 ? (bits >> 24 & 0xf0) : 0;
        if (cover == 0 || px < text->left || px >= text->right || py < text->top ||
            py >= text->bottom) {
            continue;
        }
        for (channel = 0; channel < 3; channel++) {
            uint8_t *at = text->pixels + ((long)py * text->width + px) * 4 + channel;

            *at = (uint8_t)((*at * (255 - cover) + (rgb >> (8 * channel) & 0xff) * cover) / 255);
        }
    }
}

void
text_draw(struct text *text, int x, int y, const char *line, uint32_t rgb)
{
    for (; *line != '\0'; line++, x += GLYPH_WIDTH) {
        if (*line != ' ') {
            draw_glyph(text, x, y, (unsigned char)*line, rgb);
        }
    }
}

const char *
text_backend(void)
{
    return "bitmap";
}
