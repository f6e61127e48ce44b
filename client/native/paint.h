/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_PAINT_H
#define CLIENT_PAINT_H

/*
 * paint: puts pixels on an X11 window at once, past the toolkit's frame clock and renderer.
 *
 * The pixels lie in shared memory and go into a child of the toolkit's window, over a connection of
 * our own. The child takes no input: what a person does there reaches the window below. Parts of it
 * may be cut out, so that what the toolkit draws there can be seen.
 *
 * Placing and hiding belong to the user interface's thread, painting may come from any one other
 * thread; a lock inside keeps them apart.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/codec/codec.h"

#define CLIENT_PAINT_HOLES 8u

struct client_paint;

/* All in pixels of the screen. */
struct client_paint_place {
    int x, y;           /* of the child, in its parent */
    int width, height;  /* 0x0: hidden */
    int view_x, view_y; /* the pixel of the picture that its corner shows */
    unsigned holes;     /* parts that are cut out, in the parent's coordinates */
    struct {
        int x, y, width, height;
    } hole[CLIENT_PAINT_HOLES];
};

/*
 * A hidden child of the window parent on that display. NULL where that cannot be: another machine's
 * display, one without shared memory or with pixels other than 32 bit BGRX.
 */
struct client_paint *client_paint_new(const char *display, uint32_t parent);
void client_paint_free(struct client_paint *paint); /* accepts NULL */

/* Moves, shows or hides. What it shows then is old: paint everything. */
void client_paint_place(struct client_paint *paint, const struct client_paint_place *place);

/*
 * Paints these tiles of the picture (as in vdp_decoder_dirty_tiles()), or all when tiles is NULL.
 * Returns true when the server has them on the window, false when the child is hidden or the server
 * gone.
 */
bool client_paint_tiles(struct client_paint *paint, const struct vdp_image *image,
                        const uint32_t *tiles, size_t count);

/* True, once, when a part has to be painted again because something had covered it. */
bool client_paint_exposed(struct client_paint *paint);
/* Readable when client_paint_exposed() should be asked. */
int client_paint_fd(const struct client_paint *paint);

/*
 * Joins tiles, in rising order, to rectangles: neighbours in a row, then equal rows. Writes at most
 * room of them, the last one around all that is left. Returns how many.
 */
size_t client_paint_join(const struct vdp_image *image, const uint32_t *tiles, size_t count,
                         struct vdp_rect *ret_rects, size_t room);

#endif
