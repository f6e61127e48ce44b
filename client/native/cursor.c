/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/cursor.h"

#include <glib.h>
#include <string.h>

void
client_cursors_clear(struct client_cursors *cursors)
{
    unsigned i;

    for (i = 0; i < CLIENT_MAX_CURSORS; i++)
        g_free(cursors->shapes[i].rgba);
    memset(cursors, 0, sizeof(*cursors));
}

static struct client_cursor *
cursors_place(struct client_cursors *cursors, uint32_t id)
{
    struct client_cursor *place;
    unsigned i;

    for (i = 0; i < cursors->count; i++)
        if (cursors->shapes[i].id == id)
            return &cursors->shapes[i];
    place = &cursors->shapes[cursors->next];
    cursors->next = (cursors->next + 1) % CLIENT_MAX_CURSORS;
    if (cursors->count < CLIENT_MAX_CURSORS)
        cursors->count++;
    return place;
}

bool
client_cursors_add(struct client_cursors *cursors, const struct vdp_cursor_shape *shape)
{
    size_t size = (size_t)shape->width * shape->height * 4;
    uint8_t *rgba = g_try_malloc(size);
    struct client_cursor *place;

    if (!rgba)
        return false;
    memcpy(rgba, shape->rgba, size);
    place = cursors_place(cursors, shape->id);
    g_free(place->rgba);
    *place = (struct client_cursor){.id = shape->id,
                                    .width = shape->width,
                                    .height = shape->height,
                                    .hot_x = shape->hot_x,
                                    .hot_y = shape->hot_y,
                                    .rgba = rgba};
    return true;
}

void
client_cursors_use(struct client_cursors *cursors, const struct vdp_cursor_use *use)
{
    cursors->used = use->id;
    cursors->visible = use->visible != 0;
    cursors->told = true;
}

bool
client_cursors_hidden(const struct client_cursors *cursors)
{
    return cursors->told && !cursors->visible;
}

const struct client_cursor *
client_cursors_current(const struct client_cursors *cursors)
{
    unsigned i;

    for (i = 0; cursors->visible && i < cursors->count; i++)
        if (cursors->shapes[i].id == cursors->used)
            return &cursors->shapes[i];
    return NULL;
}
