/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_SHADOW_H
#define STREAMER_SHADOW_H

/*
 * shadow: the guest's screen as last seen, shared by the thread that captures and the one that
 * encodes.
 *
 * Every function may be called from any thread; the lock is held for one copy at most. Writers
 * never wait for readers beyond that, so a slow client cannot slow its guest. Pixels are B G R X.
 * Reference counted: an encoder job keeps its shadow alive when the capture is replaced.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostd/streamer/damage.h"
#include "protocol/wire/messages.h"

/* Updates of a tile that follow each other more closely count as one. */
#define STREAMER_TICK_US 10000

#define STREAMER_MAX_SHADOW_PIXELS                                                                 \
    (4096u * 4096u) /* of one screen: 64 MiB; also what fits in one D-Bus message                  \
                     */
#define STREAMER_MAX_WALL_PIXELS VDP_MAX_PIXELS /* of several beside each other */

struct streamer_shadow;

/* What the encoder works on: its own copy, so that the lock is not held while encoding. */
struct streamer_picture {
    uint8_t *pixels; /* owned; stride is width * 4 */
    uint16_t width, height;
    uint8_t *ticks; /* owned; per tile: how many updates touched it before this was taken */
    struct vdp_layout layout; /* which part is which monitor; surface is 0 */
};

struct streamer_cursor {
    uint16_t width, height, hot_x, hot_y; /* 0x0 before the first shape */
    uint8_t *rgba;                        /* owned, not premultiplied; NULL before the first */
    bool visible;
};

/*
 * changed is called from the writing thread, without the lock, when something to take appeared
 * where there was nothing before.
 */
struct streamer_shadow *streamer_shadow_new(void (*changed)(void *user_data), void *user_data);
struct streamer_shadow *streamer_shadow_ref(struct streamer_shadow *shadow);
void streamer_shadow_unref(struct streamer_shadow *shadow); /* accepts NULL */
/* After this returned changed() is not called any more. */
void streamer_shadow_mute(struct streamer_shadow *shadow);

/*
 * New size; old pixels stay where both overlap, the rest is black, all of it is damaged. False when
 * the size is zero or beyond a limit or memory is short.
 */
bool streamer_shadow_resize(struct streamer_shadow *shadow, uint32_t width, uint32_t height);
/* New size and all of its pixels at once: nobody sees the one without the other. False as above. */
bool streamer_shadow_replace(struct streamer_shadow *shadow, uint32_t width, uint32_t height,
                             const uint8_t *pixels, size_t stride);
/* Copies rows of width * 4 bytes; false when the rectangle is not inside the surface. */
bool streamer_shadow_write(struct streamer_shadow *shadow, uint32_t x, uint32_t y, uint32_t width,
                           uint32_t height, const uint8_t *pixels, size_t stride);
struct streamer_part {
    uint32_t x, y, width, height;
    const uint8_t *pixels; /* borrowed */
    size_t stride;         /* bytes from row to row */
};
/*
 * What was drawn together: nobody sees some of the parts without the others. False when one of them
 * is not inside the surface; it is left out.
 */
bool streamer_shadow_write_all(struct streamer_shadow *shadow, const struct streamer_part *parts,
                               size_t count);
void streamer_shadow_blank(struct streamer_shadow *shadow, struct vdp_rect rect); /* inside */

struct streamer_move {
    struct vdp_rect from; /* inside the surface as it was */
    uint16_t x, y;        /* where it goes, inside the new one */
};
struct streamer_arrangement {
    uint32_t width, height;
    struct vdp_layout layout;
    struct streamer_move moves[VDP_MAX_MONITORS];
    size_t move_count;
    const struct streamer_part *fresh; /* or NULL; inside the new surface */
};
/*
 * A surface of several parts: those that move keep their pixels, fresh has its own, the rest is
 * black, all of it is damaged. Nobody sees one without the other. False when the size is zero or
 * beyond a limit or memory is short.
 */
bool streamer_shadow_arrange(struct streamer_shadow *shadow,
                             const struct streamer_arrangement *arrangement);
/* rgba is copied. Sizes from 1 to VDP_MAX_CURSOR, hot spot inside; else false. */
bool streamer_shadow_set_cursor(struct streamer_shadow *shadow, uint32_t width, uint32_t height,
                                uint32_t hot_x, uint32_t hot_y, const uint8_t *rgba);
void streamer_shadow_show_cursor(struct streamer_shadow *shadow, bool visible);

/* False before the first mode. */
bool streamer_shadow_size(struct streamer_shadow *shadow, uint16_t *ret_width,
                          uint16_t *ret_height);
/* Monotonic time of the oldest damage that was not taken, or 0 when there is none. */
int64_t streamer_shadow_damaged_since(struct streamer_shadow *shadow);
/* How many tiles the encoder would look at now. */
size_t streamer_shadow_damaged_tiles(struct streamer_shadow *shadow);
/*
 * Brings picture up to date and moves the damage into *ret_damage (all of the surface after a
 * change of size, or when picture is of another size). *ret_since_us as above, 0 without damage.
 * False when there is no mode or memory is short.
 */
bool streamer_shadow_take(struct streamer_shadow *shadow, struct streamer_picture *picture,
                          struct streamer_damage *ret_damage, int64_t *ret_since_us);
/*
 * Copies all of the surface into picture, which is cleared by the caller, and leaves the damage to
 * whoever takes it. False as above.
 */
bool streamer_shadow_copy(struct streamer_shadow *shadow, struct streamer_picture *picture);
/* True when the cursor changed since *seen; then fills *ret_cursor (caller clears) and *seen. */
bool streamer_shadow_take_cursor(struct streamer_shadow *shadow, uint32_t *seen,
                                 struct streamer_cursor *ret_cursor);

void streamer_picture_clear(struct streamer_picture *picture);
void streamer_cursor_clear(struct streamer_cursor *cursor);

#endif
