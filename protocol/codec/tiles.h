/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_TILES_H
#define VDP_TILES_H

/*
 * tiles: what encoder and decoder share: the grid, the operations' numbers and limits, and pixels
 * between the 32 bit of a picture and the 24 bit of the wire. Not used outside protocol/codec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/codec/codec.h"
#include "protocol/wire/messages.h"

enum vdp_op {
    VDP_OP_ZTILES = 1,
    VDP_OP_RESET = 2,
    VDP_OP_COPY = 3,
    VDP_OP_HIT = 4,
    VDP_OP_DIGEST = 6,
};

#define VDP_OP_HEADER_SIZE 4u                         /* u8 kind, u24 size */
#define VDP_OP_MAX_SIZE    0xffffffu                  /* bytes of an operation's body */
#define VDP_TILE_SIZE      (VDP_TILE * VDP_TILE * 3u) /* bytes of a whole tile on the wire */

#define VDP_MAX_TILES_ACROSS (VDP_MAX_SIDE / VDP_TILE)
/* Pixels that the copies of one frame may write. */
#define VDP_MAX_COPY_AREA(grid) ((uint32_t)(grid)->width * (grid)->height * 2)

/* A surface cut into tiles; the ones at the right and lower edge are smaller. */
struct vdp_grid {
    uint16_t width, height; /* pixels */
    uint32_t across, down;  /* tiles */
    uint32_t count;         /* at most 65535 for every surface that is allowed */
};

/* VDP_ERR_RANGE beyond the limits of messages.h. */
int vdp_grid_set(struct vdp_grid *grid, uint16_t width, uint16_t height);
struct vdp_rect vdp_grid_rect(const struct vdp_grid *grid, uint32_t tile);

/* Compilers turn these into one load or store where the machine allows it. */
static inline uint32_t
vdp_load_u32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline void
vdp_store_u32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

/* Sets marks[tile] |= bits for every tile that rect, which lies inside, touches. */
void vdp_grid_mark(const struct vdp_grid *grid, const struct vdp_rect *rect, uint8_t bits,
                   uint8_t *marks);

/* B G R X to B G R and back; X becomes 255. */
void vdp_pixels_pack(uint8_t *ret_bgr, const uint8_t *bgrx, size_t pixels);
void vdp_pixels_unpack(uint8_t *ret_bgrx, const uint8_t *bgr, size_t pixels);
/* Copies; X becomes 255. */
void vdp_pixels_copy(uint8_t *ret_bgrx, const uint8_t *bgrx, size_t pixels);
/* Compares and leaves X out. */
bool vdp_pixels_equal(const uint8_t *a, const uint8_t *b, size_t pixels);

#endif
