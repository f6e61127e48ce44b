/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/paint.h"

#include <pango/pangocairo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t
paint_random(uint32_t *state)
{
    uint32_t x = *state ? *state : 0x9e3779b9u;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

struct sheet *
sheet_new(int width, int height, int level)
{
    struct sheet *sheet = g_new0(struct sheet, 1);
    size_t bytes = (size_t)width * (size_t)height * 4;

    sheet->width = width;
    sheet->height = height;
    sheet->pixels = g_malloc(bytes);
    memset(sheet->pixels, level, bytes);
    sheet->surface = cairo_image_surface_create_for_data(
        (unsigned char *)sheet->pixels, CAIRO_FORMAT_RGB24, width, height, width * 4);
    sheet->cr = cairo_create(sheet->surface);
    return sheet;
}

void
sheet_free(struct sheet *sheet)
{
    if (!sheet)
        return;
    cairo_destroy(sheet->cr);
    cairo_surface_destroy(sheet->surface);
    g_free(sheet->pixels);
    g_free(sheet);
}

void
sheet_copy(struct sheet *sheet, int x, int y, const struct sheet *source, int sx, int sy, int width,
           int height)
{
    for (int row = 0; row < height; row++)
        memcpy(sheet->pixels + (size_t)(y + row) * (size_t)sheet->width + x,
               source->pixels + (size_t)(sy + row) * (size_t)source->width + sx, (size_t)width * 4);
}

static void
use_colour(cairo_t *cr, uint32_t colour)
{
    cairo_set_source_rgb(cr, (colour >> 16 & 0xff) / 255.0, (colour >> 8 & 0xff) / 255.0,
                         (colour & 0xff) / 255.0);
}

void
sheet_rect(struct sheet *sheet, int x, int y, int width, int height, uint32_t colour)
{
    use_colour(sheet->cr, colour);
    cairo_rectangle(sheet->cr, x, y, width, height);
    cairo_fill(sheet->cr);
}

void
sheet_text(struct sheet *sheet, int x, int y, int size, bool mono, const char *text,
           uint32_t colour)
{
    PangoLayout *layout = pango_cairo_create_layout(sheet->cr);
    PangoFontDescription *font =
        pango_font_description_from_string(mono ? "DejaVu Sans Mono" : "DejaVu Sans");
    cairo_font_options_t *options = cairo_font_options_create();

    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
    pango_cairo_context_set_font_options(pango_layout_get_context(layout), options);
    pango_font_description_set_absolute_size(font, size * PANGO_SCALE);
    pango_layout_set_font_description(layout, font);
    pango_layout_set_text(layout, text, -1);
    use_colour(sheet->cr, colour);
    cairo_move_to(sheet->cr, x, y);
    pango_cairo_show_layout(sheet->cr, layout);
    cairo_font_options_destroy(options);
    pango_font_description_free(font);
    g_object_unref(layout);
}

void
sheet_gradient(struct sheet *sheet, int x, int y, int width, int height, uint32_t from, uint32_t to)
{
    cairo_pattern_t *pattern = cairo_pattern_create_linear(x, y, x + width, y + height);

    cairo_pattern_add_color_stop_rgb(pattern, 0, (from >> 16 & 0xff) / 255.0,
                                     (from >> 8 & 0xff) / 255.0, (from & 0xff) / 255.0);
    cairo_pattern_add_color_stop_rgb(pattern, 1, (to >> 16 & 0xff) / 255.0,
                                     (to >> 8 & 0xff) / 255.0, (to & 0xff) / 255.0);
    cairo_set_source(sheet->cr, pattern);
    cairo_rectangle(sheet->cr, x, y, width, height);
    cairo_fill(sheet->cr);
    cairo_pattern_destroy(pattern);
}

/* A value between 0 and 255 for a lattice point. */
static int
lattice(uint32_t x, uint32_t y, uint32_t seed)
{
    uint32_t h = x * 0x8da6b343u ^ y * 0xd8163841u ^ seed * 0xcb1ab31fu;

    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    return (int)(h >> 24);
}

/* Value noise with cells of 1 << shift pixels. */
static int
noise(int x, int y, int shift, uint32_t seed)
{
    uint32_t cx = (uint32_t)x >> shift, cy = (uint32_t)y >> shift;
    int size = 1 << shift, fx = x & (size - 1), fy = y & (size - 1);
    int top = lattice(cx, cy, seed) * (size - fx) + lattice(cx + 1, cy, seed) * fx;
    int bottom = lattice(cx, cy + 1, seed) * (size - fx) + lattice(cx + 1, cy + 1, seed) * fx;

    return (top * (size - fy) + bottom * fy) >> (2 * shift);
}

static uint32_t
byte_of(int value)
{
    return value < 0 ? 0 : value > 255 ? 255 : (uint32_t)value;
}

static uint32_t
photo_pixel(int x, int y, uint32_t seed, uint32_t *grain)
{
    int light = (noise(x, y, 8, seed) * 4 + noise(x, y, 6, seed + 1) * 2 +
                 noise(x, y, 4, seed + 2) + noise(x, y, 2, seed + 3) / 2) *
                2 / 15;
    int warm = noise(x, y, 7, seed + 4) - 128;
    int edge = noise(x, y, 7, seed + 5) > 140 ? 40 : 0;
    int g = (int)(paint_random(grain) >> 29) - 3;

    return byte_of(light + edge + warm / 3 + g) << 16 | byte_of(light + edge + g) << 8 |
           byte_of(light + edge - warm / 2 + g);
}

void
sheet_photo(struct sheet *sheet, int x, int y, int width, int height, uint32_t seed)
{
    uint32_t grain = seed * 2654435761u + 1;

    cairo_surface_flush(sheet->surface);
    for (int row = 0; row < height; row++)
        for (int column = 0; column < width; column++)
            sheet->pixels[(size_t)(y + row) * (size_t)sheet->width + (size_t)(x + column)] =
                photo_pixel(column, row, seed, &grain);
    cairo_surface_mark_dirty(sheet->surface);
}

void
paint_line(char *line, size_t size, unsigned int n, bool code)
{
    static const char *const words[] = {"frame", "desktop", "of",   "the",    "a",      "window",
                                        "count", "size",    "when", "stream", "is",     "and",
                                        "reads", "value",   "from", "bytes",  "client", "to"};
    static const char *const signs[] = {" = ", "(", ");", " -> ", "->", " + ", ", ", " ", " == "};
    uint32_t state = n * 747796405u + 2891336453u;
    size_t indent = code ? paint_random(&state) % 4 * 4 : 0, used = indent;
    size_t pieces = 5 + paint_random(&state) % 9;

    memset(line, ' ', indent);
    line[used] = '\0';
    for (size_t i = 0; i < pieces && used + 16 < size; i++) {
        const char *word = words[paint_random(&state) % G_N_ELEMENTS(words)];
        const char *sign = code ? signs[paint_random(&state) % G_N_ELEMENTS(signs)] : " ";

        used += (size_t)snprintf(line + used, size - used, "%s%s", word, sign);
    }
}
