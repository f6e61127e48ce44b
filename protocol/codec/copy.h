/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_COPY_H
#define VDP_COPY_H

/*
 * copy: rectangles of the old picture that stand elsewhere in the new one: scrolled pages and moved
 * windows. Not used outside protocol/codec.
 *
 * The search is a guess that is verified pixel by pixel, and its work is bounded by a count, never
 * by a clock, so that the same pictures give the same bytes everywhere. After searches in vain it
 * pauses for some frames.
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/codec/codec.h"
#include "protocol/codec/tiles.h"
#include "protocol/wire/reader.h"

#define VDP_MAX_COPIES     64u
#define VDP_COPY_SIZE      12u /* bytes on the wire: six u16 in the order of the struct */
#define VDP_COPY_MIN_TILES 8u  /* changed tiles below which a search does not pay */

struct vdp_copy {
    uint16_t from_x, from_y;
    uint16_t x, y;
    uint16_t width, height;
};

/* Within one picture without gaps between rows; as if the source were read before it is written. */
void vdp_copy_apply(uint8_t *pixels, uint16_t picture_width, const struct vdp_copy *copy);

/* Reads one of a COPY; VDP_ERR_RANGE when it does not lie within the surface. */
int vdp_copy_get(struct vdp_reader *reader, const struct vdp_grid *grid, struct vdp_copy *ret_copy);

/* Zero-initialised is fresh. */
struct vdp_copy_finder {
    uint64_t *rows; /* owned; hash table of row hashes */
    uint16_t *places;
    uint16_t *votes;
    uint16_t height;        /* of the surface that these are for */
    int32_t last_x, last_y; /* offset that was found last */
    unsigned failures;
    unsigned pause; /* frames that are not searched */
    uint32_t work;  /* pixels that this search may still look at */
};

void vdp_copy_finder_clear(struct vdp_copy_finder *finder);

struct vdp_copy_scene {
    const struct vdp_grid *grid;
    const struct vdp_image *fresh;
    const uint8_t *old;     /* without gaps between rows */
    const uint8_t *changed; /* per tile: 1 when fresh differs from old */
    uint32_t changed_count;
};

/*
 * Writes up to VDP_MAX_COPIES copies that bring old nearer to fresh, in the order in which they are
 * to be applied. Returns how many; 0 when nothing moved or memory is short.
 */
uint32_t vdp_copy_find(struct vdp_copy_finder *finder, const struct vdp_copy_scene *scene,
                       struct vdp_copy ret_copies[VDP_MAX_COPIES]);

/* True when no copy reads what an earlier one has written: then each brings just what it found. */
bool vdp_copies_are_apart(const struct vdp_copy *copies, uint32_t count);

#endif
