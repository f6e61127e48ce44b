/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/text.h"

#include <pango/pangocairo.h>

struct text {
    cairo_surface_t *surface;
    cairo_t *cairo;
    PangoLayout *layout;
};

struct text *
text_new(uint8_t *pixels, int width, int height)
{
    struct text *text = g_new0(struct text, 1);
    PangoFontDescription *font = pango_font_description_from_string("DejaVu Sans 10");

    text->surface =
        cairo_image_surface_create_for_data(pixels, CAIRO_FORMAT_RGB24, width, height, width * 4);
    text->cairo = cairo_create(text->surface);
    text->layout = pango_cairo_create_layout(text->cairo);
    pango_layout_set_font_description(text->layout, font);
    pango_layout_set_single_paragraph_mode(text->layout, TRUE);
    pango_font_description_free(font);
    return text;
}

void
text_free(struct text *text)
{
    g_object_unref(text->layout);
    cairo_destroy(text->cairo);
    cairo_surface_destroy(text->surface);
    g_free(text);
}

void
text_clip(struct text *text, int x, int y, int width, int height)
{
    cairo_reset_clip(text->cairo);
    cairo_rectangle(text->cairo, x, y, width, height);
    cairo_clip(text->cairo);
}

void
text_draw(struct text *text, int x, int y, const char *line, uint32_t rgb)
{
    cairo_surface_mark_dirty(text->surface);
    cairo_set_source_rgb(text->cairo, (rgb >> 16 & 0xff) / 255.0, (rgb >> 8 & 0xff) / 255.0,
                         (rgb & 0xff) / 255.0);
    cairo_move_to(text->cairo, x, y);
    pango_layout_set_text(text->layout, line, -1);
    pango_cairo_show_layout(text->cairo, text->layout);
    cairo_surface_flush(text->surface);
}

const char *
text_backend(void)
{
    return "pango";
}
