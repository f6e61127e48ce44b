/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/cursors.h"

#include <stdlib.h>
#include <string.h>

static bool
are_equal(const struct streamer_cursor *a, const struct streamer_cursor *b)
{
    return a->rgba != NULL && a->width == b->width && a->height == b->height &&
           a->hot_x == b->hot_x && a->hot_y == b->hot_y &&
           memcmp(a->rgba, b->rgba, (size_t)a->width * a->height * 4) == 0;
}

static bool
has_visible(const struct streamer_cursor *shape, uint16_t x, uint16_t y, uint16_t step,
            uint16_t count)
{
    const uint8_t *alpha = shape->rgba + ((size_t)y * shape->width + x) * 4 + 3;

    for (; count > 0; count--, alpha += step * (size_t)4) {
        if (*alpha != 0) {
            return true;
        }
    }
    return false;
}

static void
trim(struct streamer_cursor *shape)
{
    uint16_t left = 0;
    uint16_t top = 0;
    uint16_t right = shape->width;
    uint16_t bottom = shape->height;
    uint16_t row;

    while (top < shape->hot_y && !has_visible(shape, 0, top, 1, shape->width)) {
        top++;
    }
    while (bottom > shape->hot_y + 1 &&
           !has_visible(shape, 0, (uint16_t)(bottom - 1), 1, shape->width)) {
        bottom--;
    }
    while (left < shape->hot_x && !has_visible(shape, left, 0, shape->width, shape->height)) {
        left++;
    }
    while (right > shape->hot_x + 1 &&
           !has_visible(shape, (uint16_t)(right - 1), 0, shape->width, shape->height)) {
        right--;
    }
    for (row = top; row < bottom; row++) {
        memmove(shape->rgba + (size_t)(row - top) * (right - left) * 4,
                shape->rgba + ((size_t)row * shape->width + left) * 4, (right - left) * (size_t)4);
    }
    shape->width = (uint16_t)(right - left);
    shape->height = (uint16_t)(bottom - top);
    shape->hot_x = (uint16_t)(shape->hot_x - left);
    shape->hot_y = (uint16_t)(shape->hot_y - top);
}

uint32_t
streamer_cursors_find(struct streamer_cursors *cursors, struct streamer_cursor *shape,
                      bool *ret_is_new)
{
    uint32_t i;

    trim(shape);
    for (i = 0; i < STREAMER_MAX_CURSORS; i++) {
        if (are_equal(&cursors->shapes[i], shape)) {
            free(shape->rgba);
            shape->rgba = cursors->shapes[i].rgba;
            *ret_is_new = false;
            return i + 1;
        }
    }
    i = cursors->next;
    cursors->next = (i + 1) % STREAMER_MAX_CURSORS;
    streamer_cursor_clear(&cursors->shapes[i]);
    cursors->shapes[i] = *shape;
    *ret_is_new = true;
    return i + 1;
}

void
streamer_cursors_clear(struct streamer_cursors *cursors)
{
    uint32_t i;

    for (i = 0; i < STREAMER_MAX_CURSORS; i++) {
        streamer_cursor_clear(&cursors->shapes[i]);
    }
    cursors->next = 0;
}
