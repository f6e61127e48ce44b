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

uint32_t
streamer_cursors_find(struct streamer_cursors *cursors, struct streamer_cursor *shape,
                      bool *ret_is_new)
{
    uint32_t i;

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
