/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/tiny-canvas.h"

#include <stdlib.h>

bool
canvas_init(struct canvas *canvas, int width, int height)
{
    *canvas = (struct canvas){.width = width, .height = height};
    if (width < 1 || height < 1 || width > CANVAS_SIZE_MAX || height > CANVAS_SIZE_MAX) {
        return false;
    }
    canvas->pixels = calloc((size_t)width * (size_t)height, sizeof(*canvas->pixels));
    return canvas->pixels != NULL;
}

void
canvas_release(struct canvas *canvas)
{
    free(canvas->pixels);
    canvas->pixels = NULL;
}

bool
rect_empty(struct rect area)
{
    return area.width <= 0 || area.height <= 0;
}

struct rect
rect_clip(struct rect area, int width, int height)
{
    int right = area.x + area.width, bottom = area.y + area.height;

    area.x = area.x < 0 ? 0 : area.x;
    area.y = area.y < 0 ? 0 : area.y;
    area.width = (right > width ? width : right) - area.x;
    area.height = (bottom > height ? height : bottom) - area.y;
    return area;
}

struct rect
rect_union(struct rect a, struct rect b)
{
    int right, bottom;
    struct rect all;

    if (rect_empty(a)) {
        return b;
    }
    if (rect_empty(b)) {
        return a;
    }
    all.x = a.x < b.x ? a.x : b.x;
    all.y = a.y < b.y ? a.y : b.y;
    right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;
    all.width = right - all.x;
    all.height = bottom - all.y;
    return all;
}

void
canvas_damage(struct canvas *canvas, struct rect area)
{
    area = rect_clip(area, canvas->width, canvas->height);
    canvas->damage = rect_union(canvas->damage, area);
}

void
canvas_pixel(struct canvas *canvas, int x, int y, uint32_t color)
{
    if (x >= 0 && y >= 0 && x < canvas->width && y < canvas->height) {
        canvas->pixels[(size_t)y * (size_t)canvas->width + (size_t)x] = color;
        canvas_damage(canvas, (struct rect){x, y, 1, 1});
    }
}

void
canvas_fill(struct canvas *canvas, struct rect area, uint32_t color)
{
    area = rect_clip(area, canvas->width, canvas->height);
    if (rect_empty(area)) {
        return;
    }
    for (int y = area.y; y < area.y + area.height; y++) {
        uint32_t *row = canvas->pixels + (size_t)y * (size_t)canvas->width;

        for (int x = area.x; x < area.x + area.width; x++) {
            row[x] = color;
        }
    }
    canvas_damage(canvas, area);
}

void
canvas_text(struct canvas *canvas, int x, int y, const char *text, uint32_t color)
{
    for (; *text != '\0'; text++, x += GLYPH_WIDTH) {
        const uint8_t *rows = font_glyph(*text);

        for (int row = 0; row < 7; row++) {
            for (int dot = 0; dot < 5; dot++) {
                if ((rows[row] & (16u >> dot)) != 0) {
                    canvas_fill(canvas, (struct rect){x + 2 * dot, y + 2 * row, 2, 2}, color);
                }
            }
        }
    }
}
