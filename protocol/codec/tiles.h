/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_TILES_H
#define VDP_TILES_H

/*
 * tiles: what encoder and decoder share: the grid, the operations' numbers and
 * limits. Not used outside protocol/codec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/codec/bytes.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/pixels.h"
#include "protocol/wire/messages.h"

enum vdp_op {
    VDP_OP_ZTILES = 1,
    VDP_OP_RESET = 2,
    VDP_OP_COPY = 3,
    VDP_OP_HIT = 4,
    VDP_OP_JPEG = 5,
    VDP_OP_DIGEST = 6,
    VDP_OP_PAD = 7,
    VDP_OP_VIDEO = 8,
    VDP_OP_PATCH = 9,
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

/* The bounding box of these tiles; no pixels when there are none. */
struct vdp_rect vdp_grid_box(const struct vdp_grid *grid, const uint32_t *tiles, size_t count);

/* Sets marks[tile] |= bits for every tile that rect, which lies inside, touches. */
void vdp_grid_mark(const struct vdp_grid *grid, const struct vdp_rect *rect, uint8_t bits,
                   uint8_t *marks);

#endif
