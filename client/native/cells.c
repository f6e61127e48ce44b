/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/cells.h"

#include <string.h>

/* As many tiles as this in one cell are cheaper as one piece: a texture each costs more. */
#define MANY_PARTS (CLIENT_CELL_PARTS / 2)

static struct vdp_rect
part_rect(uint16_t width, uint16_t height, unsigned cell, unsigned part)
{
    unsigned across = (width + CLIENT_CELL - 1) / CLIENT_CELL;
    unsigned x = cell % across * CLIENT_CELL;
    unsigned y = cell / across * CLIENT_CELL;
    unsigned side = CLIENT_CELL;

    if (part != CLIENT_CELL_WHOLE) {
        side = VDP_TILE;
        x += part % CLIENT_CELL_TILES * VDP_TILE;
        y += part / CLIENT_CELL_TILES * VDP_TILE;
    }
    return (struct vdp_rect){
        .x = (uint16_t)x,
        .y = (uint16_t)y,
        .width = (uint16_t)MIN(side, width - x),
        .height = (uint16_t)MIN(side, height - y),
    };
}

static void
rows_copy(uint8_t *to, size_t to_stride, const uint8_t *from, size_t from_stride, size_t row_size,
          unsigned rows)
{
    unsigned row;

    for (row = 0; row < rows; row++)
        memcpy(to + row * to_stride, from + row * from_stride, row_size);
}

static void
piece_clear(void *data)
{
    struct client_piece *piece = data;

    g_bytes_unref(piece->bytes);
}

static void
pieces_add(GArray *pieces, const struct vdp_image *image, unsigned cell, unsigned part)
{
    struct vdp_rect rect = part_rect(image->width, image->height, cell, part);
    size_t stride = (size_t)rect.width * 4;
    uint8_t *pixels = g_malloc(stride * rect.height);
    struct client_piece piece = {.cell = cell, .part = part};

    rows_copy(pixels, stride, image->pixels + rect.y * image->stride + rect.x * 4u, image->stride,
              stride, rect.height);
    piece.bytes = g_bytes_new_take(pixels, stride * rect.height);
    g_array_append_val(pieces, piece);
}

static void
cell_of_tile(uint16_t width, uint32_t tile, unsigned *ret_cell, unsigned *ret_part)
{
    unsigned tiles_across = (width + VDP_TILE - 1) / VDP_TILE;
    unsigned cells_across = (width + CLIENT_CELL - 1) / CLIENT_CELL;
    unsigned x = tile % tiles_across;
    unsigned y = tile / tiles_across;

    *ret_cell = y / CLIENT_CELL_TILES * cells_across + x / CLIENT_CELL_TILES;
    *ret_part = y % CLIENT_CELL_TILES * CLIENT_CELL_TILES + x % CLIENT_CELL_TILES;
}

static void
pieces_add_tiles(GArray *pieces, const struct vdp_image *image, const uint32_t *tiles, size_t count,
                 unsigned cells)
{
    g_autofree uint8_t *changed = g_malloc0(cells);
    unsigned cell, part;
    size_t i;

    for (i = 0; i < count; i++) {
        cell_of_tile(image->width, tiles[i], &cell, &part);
        if (++changed[cell] == MANY_PARTS)
            pieces_add(pieces, image, cell, CLIENT_CELL_WHOLE);
    }
    for (i = 0; i < count; i++) {
        cell_of_tile(image->width, tiles[i], &cell, &part);
        if (changed[cell] < MANY_PARTS)
            pieces_add(pieces, image, cell, part);
    }
}

GArray *
client_pieces_cut(const struct vdp_image *image, const uint32_t *tiles, size_t count)
{
    GArray *pieces = g_array_new(FALSE, FALSE, sizeof(struct client_piece));
    unsigned cells = (unsigned)((image->width + CLIENT_CELL - 1) / CLIENT_CELL) *
                     ((image->height + CLIENT_CELL - 1) / CLIENT_CELL);
    unsigned i;

    g_array_set_clear_func(pieces, piece_clear);
    if (tiles) {
        pieces_add_tiles(pieces, image, tiles, count, cells);
        return pieces;
    }
    for (i = 0; i < cells; i++)
        pieces_add(pieces, image, i, CLIENT_CELL_WHOLE);
    return pieces;
}

static void
cell_clear(struct client_cell *cell)
{
    unsigned i;

    g_clear_pointer(&cell->whole, g_bytes_unref);
    for (i = 0; i < CLIENT_CELL_PARTS; i++)
        g_clear_pointer(&cell->parts[i], g_bytes_unref);
}

void
client_cells_resize(struct client_cells *cells, uint16_t width, uint16_t height)
{
    unsigned i;

    for (i = 0; i < cells->across * cells->down; i++)
        cell_clear(&cells->cells[i]);
    g_free(cells->cells);
    cells->width = width;
    cells->height = height;
    cells->across = (width + CLIENT_CELL - 1) / CLIENT_CELL;
    cells->down = (height + CLIENT_CELL - 1) / CLIENT_CELL;
    cells->cells = g_new0(struct client_cell, cells->across * cells->down);
}

void
client_cells_take(struct client_cells *cells, const GArray *pieces)
{
    unsigned i;

    for (i = 0; i < pieces->len; i++) {
        const struct client_piece *piece = &g_array_index(pieces, struct client_piece, i);
        struct client_cell *cell = &cells->cells[piece->cell];
        GBytes **place = &cell->whole;

        if (piece->part == CLIENT_CELL_WHOLE)
            cell_clear(cell);
        else
            place = &cell->parts[piece->part];
        g_clear_pointer(place, g_bytes_unref);
        *place = g_bytes_ref(piece->bytes);
        cell->version++;
    }
}

struct vdp_rect
client_cells_rect(const struct client_cells *cells, unsigned cell, unsigned part)
{
    return part_rect(cells->width, cells->height, cell, part);
}

/* Puts the cell where it belongs in pixels of the given stride, which begin at left, top. */
static void
cell_put(const struct client_cells *cells, unsigned index, uint8_t *pixels, size_t stride,
         unsigned left, unsigned top)
{
    const struct client_cell *cell = &cells->cells[index];
    unsigned part = CLIENT_CELL_WHOLE;

    do {
        GBytes *bytes = part == CLIENT_CELL_WHOLE ? cell->whole : cell->parts[part];
        struct vdp_rect rect;

        if (bytes) {
            rect = client_cells_rect(cells, index, part);
            rows_copy(pixels + (rect.y - top) * stride + (rect.x - left) * 4u, stride,
                      g_bytes_get_data(bytes, NULL), rect.width * 4u, rect.width * 4u, rect.height);
        }
        part = part == CLIENT_CELL_WHOLE ? 0 : part + 1;
    } while (part < CLIENT_CELL_PARTS);
}

GBytes *
client_cells_whole(const struct client_cells *cells, unsigned index)
{
    const struct client_cell *cell = &cells->cells[index];
    struct vdp_rect rect = client_cells_rect(cells, index, CLIENT_CELL_WHOLE);
    size_t stride = rect.width * (size_t)4;
    uint8_t *pixels;
    unsigned i;

    if (!cell->whole)
        return NULL;
    for (i = 0; i < CLIENT_CELL_PARTS && !cell->parts[i]; i++)
        ;
    if (i == CLIENT_CELL_PARTS)
        return g_bytes_ref(cell->whole);
    pixels = g_malloc(stride * rect.height);
    cell_put(cells, index, pixels, stride, rect.x, rect.y);
    return g_bytes_new_take(pixels, stride * rect.height);
}

uint8_t *
client_cells_copy(const struct client_cells *cells, struct vdp_image *ret_image)
{
    size_t stride = cells->width * (size_t)4;
    uint8_t *pixels;
    unsigned i;

    *ret_image = (struct vdp_image){0};
    if (cells->width == 0)
        return NULL;
    pixels = g_malloc0(stride * cells->height);
    for (i = 0; i < cells->across * cells->down; i++)
        cell_put(cells, i, pixels, stride, 0, 0);
    *ret_image = (struct vdp_image){
        .pixels = pixels, .stride = stride, .width = cells->width, .height = cells->height};
    return pixels;
}
