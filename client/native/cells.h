/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_CELLS_H
#define CLIENT_CELLS_H

/*
 * cells: a picture as immutable pieces, so that one thread decodes while another one shows.
 *
 * A cell is 256 x 256 pixels. When a frame changes much of it, a new piece holds all of it; when it
 * changes little, pieces of single tiles lie on top. Pieces are cut by the decoding thread and
 * taken by the thread that owns the cells; nobody writes to a piece after that.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/codec/codec.h"

#define CLIENT_CELL 256u
#define CLIENT_CELL_TILES                                                                          \
    (CLIENT_CELL / VDP_TILE) /* from left to right, and from top to bottom                         \
                              */
#define CLIENT_CELL_PARTS (CLIENT_CELL_TILES * CLIENT_CELL_TILES)
#define CLIENT_CELL_WHOLE CLIENT_CELL_PARTS /* the part that is all of it */

/* Pixels are B G R X, X = 255, rows without gaps. A cell at the right or lower edge is cut. */
struct client_cell {
    GBytes *whole;                    /* owned; NULL before the first picture */
    GBytes *parts[CLIENT_CELL_PARTS]; /* owned; newer than whole; NULL where it is up to date */
    uint32_t version;                 /* another one after each change */
};

struct client_cells {
    uint16_t width, height; /* pixels; 0 before the first picture */
    unsigned across, down;
    struct client_cell *cells; /* across * down */
};

/* What one frame changed. */
struct client_piece {
    uint32_t cell;
    uint32_t part;
    GBytes *bytes; /* owned */
};

/* The pieces of image that hold the given tiles; tiles NULL: of all of it. g_array_unref(). */
GArray *client_pieces_cut(const struct vdp_image *image, const uint32_t *tiles, size_t count);

/* Another size, without a picture. 0 x 0 gives everything back. */
void client_cells_resize(struct client_cells *cells, uint16_t width, uint16_t height);
/* The pieces were cut from an image of the same size. */
void client_cells_take(struct client_cells *cells, const GArray *pieces);
/* Where a part lies in the picture. */
struct vdp_rect client_cells_rect(const struct client_cells *cells, unsigned cell, unsigned part);
/* One piece that holds all of the cell, or NULL before the first picture. g_bytes_unref(). */
GBytes *client_cells_whole(const struct client_cells *cells, unsigned cell);
/* The whole picture, for files; NULL before the first one. g_free(). */
uint8_t *client_cells_copy(const struct client_cells *cells, struct vdp_image *ret_image);

#endif
