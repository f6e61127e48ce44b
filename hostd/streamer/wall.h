/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_WALL_H
#define STREAMER_WALL_H

/*
 * wall: the pictures of a machine's heads, put together in its shadow, each where its monitor is
 * wanted. Pixels between them are black.
 *
 * A head is lit when it is wanted and has shown a mode; the others take no room. At first only head
 * 0 is wanted, and with one head the wall is its picture and nothing else. A guest may choose other
 * sizes than it was asked for: where lit heads would overlap, all of them stand in a row.
 *
 * Every function may be called from any thread. Reference counted.
 */

#include "hostd/streamer/shadow.h"
#include "protocol/wire/messages.h"

#define STREAMER_HEADS VDP_MAX_MONITORS

struct streamer_wall;

/* Takes a reference to shadow. Never NULL. */
struct streamer_wall *streamer_wall_new(struct streamer_shadow *shadow);
struct streamer_wall *streamer_wall_ref(struct streamer_wall *wall);
void streamer_wall_unref(struct streamer_wall *wall); /* accepts NULL */

/* Where the heads are wanted, from head 0 on; the ones from count on go dark at once. */
void streamer_wall_want(struct streamer_wall *wall, const struct vdp_area *areas, unsigned count);

/*
 * A mode of this head, with all of its pixels, or with pixels NULL: what it showed stays where both
 * overlap. False when there is no room or no memory for it; a head that is not wanted is left dark.
 */
bool streamer_wall_show(struct streamer_wall *wall, unsigned head, uint32_t width, uint32_t height,
                        const uint8_t *pixels, size_t stride);
/* Copies rows of part, whose place is one of the head; false when that is not inside its mode. */
bool streamer_wall_write(struct streamer_wall *wall, unsigned head, struct streamer_part part);
/* The head shows nothing: head 0 is black, another one dark. */
void streamer_wall_blank(struct streamer_wall *wall, unsigned head);
/* The mode of a lit head; false when it is dark. */
bool streamer_wall_size(struct streamer_wall *wall, unsigned head, uint32_t *ret_width,
                        uint32_t *ret_height);
unsigned streamer_wall_lit(struct streamer_wall *wall); /* how many are */

/* The cursor is shown where any lit head shows it; the newest shape is its shape. */
bool streamer_wall_set_cursor(struct streamer_wall *wall, unsigned head, uint32_t width,
                              uint32_t height, uint32_t hot_x, uint32_t hot_y, const uint8_t *rgba);
void streamer_wall_show_cursor(struct streamer_wall *wall, unsigned head, bool visible);

/*
 * Brings areas beside each other: as they stand where none overlap, else in a row; the least x and
 * y become 0. Areas of width 0 take no room. False when that is larger than a surface may be.
 */
bool streamer_wall_place(struct vdp_area *areas, unsigned count, uint32_t *ret_width,
                         uint32_t *ret_height);

#endif
