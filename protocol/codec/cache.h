/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_CACHE_H
#define VDP_CACHE_H

/*
 * cache: tiles that were sent before, held in step by both ends without a byte about it.
 *
 * Every tile of a ZTILES takes a slot, in the order of the operations; every HIT marks its slot as
 * used. Which slot is taken next is the same on both sides because both run the same clock: slots
 * in rising order until all are taken, then a hand that goes round, spares a marked slot once and
 * takes the first that is not marked. The sender keeps hashes, the receiver pixels. Not used
 * outside protocol/codec.
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/codec/codec.h"

#define VDP_CACHE_SLOTS 4096u
#define VDP_SLOT_SIZE   (VDP_TILE * VDP_TILE * 3u) /* bytes; 48 MiB in all slots */
#define VDP_SLAB_SLOTS  64u                        /* that memory is taken for at once */

struct vdp_clock {
    uint32_t taken; /* slots that hold something: 0 to taken - 1 */
    uint32_t hand;
    uint8_t marked[VDP_CACHE_SLOTS];
};

/* The slot for a new tile; what it held is gone. */
uint32_t vdp_clock_take(struct vdp_clock *clock);

/* The sender's side. Zero-initialised is empty. */
struct vdp_sent {
    struct vdp_clock clock;
    uint64_t hash[VDP_CACHE_SLOTS];
    uint16_t first[VDP_CACHE_SLOTS]; /* by low bits of the hash: slot + 1 of a chain, 0 none */
    uint16_t next[VDP_CACHE_SLOTS];
};

void vdp_sent_clear(struct vdp_sent *sent);
/* The slot of a tile, or -1. Does not mark it. */
int vdp_sent_find(const struct vdp_sent *sent, uint64_t hash);
void vdp_sent_insert(struct vdp_sent *sent, uint64_t hash);

/* The receiver's side. Zero-initialised is empty. */
struct vdp_received {
    struct vdp_clock clock;
    /* Owned; B G R without gaps, a slot after the other; NULL until one of them is taken. */
    uint8_t *slabs[VDP_CACHE_SLOTS / VDP_SLAB_SLOTS];
    uint8_t width[VDP_CACHE_SLOTS];
    uint8_t height[VDP_CACHE_SLOTS];
};

/* Forgets the tiles and keeps the memory. */
void vdp_received_clear(struct vdp_received *received);
void vdp_received_free_all(struct vdp_received *received);
/* Where the pixels of a new tile are to be written, or NULL when memory is short. */
uint8_t *vdp_received_insert(struct vdp_received *received, uint32_t width, uint32_t height);
/* Marks a slot and returns its pixels; NULL when it holds no tile of that size. */
const uint8_t *vdp_received_hit(struct vdp_received *received, uint32_t slot, uint32_t width,
                                uint32_t height);

#endif
