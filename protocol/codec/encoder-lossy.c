/* SPDX-License-Identifier: Apache-2.0 */
/* Photographic tiles: few bytes first, their exact pixels when asked for. */
#include <stdlib.h>
#include <string.h>

#include "protocol/codec/encoder-state.h"

#define MIN_SIDE   2u                    /* tiles of a JPEG in both directions */
#define MAX_SIDE   16u                   /* so that noise at the best quality fits an operation */
#define MAX_JPEGS  (16u * 1024u * 1024u) /* bytes of all in a frame; what is left goes exactly */
#define STEEP      64                    /* a step of green over two pixels: the edge of a letter */
#define LETTERS    64u   /* one such step in so many pixels is text, whatever lies below it */
#define TILE_BYTES 8192u /* what an exact photographic tile costs, at most nearly always */

static const uint8_t *
at_image(const struct vdp_image *image, const struct vdp_rect *rect, uint32_t row)
{
    return image->pixels + (rect->y + row) * image->stride + rect->x * 4u;
}

static uint32_t
count_steep(const uint8_t *bgrx, uint32_t pixels)
{
    uint32_t steep = 0;
    uint32_t x;

    for (x = 2; x < pixels; x++) { /* a smoothed edge has one pixel between its sides */
        int step = bgrx[x * 4 + 1] - bgrx[x * 4 - 7];

        steep += step >= STEEP || step <= -STEEP;
    }
    return steep;
}

/*
 * Smooth or noisy all over, without the edges of letters, and new for the most part. Text on an
 * even ground repeats its ground; text over a gradient or a photograph does not, but its edges are
 * steep.
 */
static bool
is_photo(const struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t tile)
{
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t repeats = 0;
    uint32_t steep = 0;
    uint32_t fresh = 0;
    uint32_t row;

    for (row = 0; row < rect.height; row++) {
        const uint8_t *from = at_image(image, &rect, row);

        repeats += ops->count_repeats(from, rect.width);
        steep += count_steep(from, rect.width);
        fresh += !encoder->known[tile] ||
                 !ops->equal(from,
                             encoder->shadow +
                                 ((size_t)(rect.y + row) * encoder->grid.width + rect.x) * 4,
                             rect.width);
    }
    return repeats * 8 < (uint32_t)rect.width * rect.height &&
           steep * LETTERS < (uint32_t)rect.width * rect.height && fresh * 2 >= rect.height;
}

/* Grows right, then down, over tiles that wanted calls photographic. Sizes in tiles. */
static bool
grow(const struct vdp_encoder *encoder, uint32_t tile, uint32_t *ret_across, uint32_t *ret_down)
{
    const struct vdp_grid *grid = &encoder->grid;
    uint32_t limit = grid->across - tile % grid->across;
    uint32_t across = 1;
    uint32_t down = 1;
    uint32_t x;

    limit = limit < MAX_SIDE ? limit : MAX_SIDE;
    while (across < limit && encoder->photo[tile + across]) {
        across++;
    }
    for (; down < MAX_SIDE && tile + down * grid->across < grid->count; down++) {
        for (x = 0; x < across && encoder->photo[tile + down * grid->across + x]; x++) {
        }
        if (x < across) {
            break;
        }
    }
    *ret_across = across;
    *ret_down = down;
    return across >= MIN_SIDE && down >= MIN_SIDE;
}

static void
keep_exact(struct vdp_encoder *encoder, const struct vdp_image *image, const struct vdp_rect *rect)
{
    uint32_t row;

    for (row = 0; row < rect->height; row++) {
        vdp_pixel_ops()->copy(encoder->shadow +
                                  ((size_t)(rect->y + row) * encoder->grid.width + rect->x) * 4,
                              at_image(image, rect, row), rect->width);
    }
}

static int
put_jpeg(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t tile, uint32_t across,
         uint32_t down, struct vdp_buffer *out)
{
    const struct vdp_grid *grid = &encoder->grid;
    struct vdp_rect rect = vdp_grid_rect(grid, tile);
    struct vdp_rect last = vdp_grid_rect(grid, tile + (down - 1) * grid->across + across - 1);
    size_t start = vdp_op_begin(out, VDP_OP_JPEG);
    uint32_t x;
    uint32_t y;
    int error;

    rect.width = (uint16_t)(last.x + last.width - rect.x);
    rect.height = (uint16_t)(last.y + last.height - rect.y);
    vdp_buffer_put_u16(out, (uint16_t)tile);
    vdp_buffer_put_u8(out, (uint8_t)across);
    vdp_buffer_put_u8(out, (uint8_t)down);
    error = vdp_jpeg_encode(encoder->jpeg, image, &rect, encoder->quality, out);
    if (error == 0) {
        error = vdp_op_end(out, start);
    }
    if (error != 0) {
        return error;
    }
    keep_exact(encoder, image, &rect);
    encoder->lossy_clock++;
    for (y = 0; y < down; y++) {
        for (x = 0; x < across; x++) {
            uint32_t at = tile + y * grid->across + x;

            encoder->photo[at] = 0;
            encoder->known[at] = 1;
            encoder->lossy[at] = encoder->lossy_clock;
            encoder->wanted[at] = 0;
        }
    }
    return 0;
}

int
vdp_encoder_put_lossy(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t count,
                      struct vdp_buffer *out)
{
    size_t start = out->size;
    uint32_t left = 0;
    uint32_t i;

    if (encoder->jpeg == NULL) {
        encoder->jpeg = vdp_jpeg_writer_new();
        if (encoder->jpeg == NULL) {
            return VDP_ERR_NOMEM;
        }
    }
    memset(encoder->photo, 0, encoder->grid.count);
    for (i = 0; i < count; i++) {
        uint32_t tile = encoder->changed[i];

        encoder->photo[tile] =
            (!encoder->restless ||
             vdp_activity_is_restless(&encoder->activity[tile], encoder->now_ms)) &&
            is_photo(encoder, image, tile);
    }
    for (i = 0; i < count && out->size - start < MAX_JPEGS; i++) {
        uint32_t tile = encoder->changed[i];
        uint32_t across;
        uint32_t down;

        if (encoder->photo[tile] && grow(encoder, tile, &across, &down)) {
            int error = put_jpeg(encoder, image, tile, across, down, out);

            if (error != 0) {
                return error;
            }
        }
    }
    for (i = 0; i < count; i++) {
        if (encoder->wanted[encoder->changed[i]]) {
            encoder->changed[left++] = encoder->changed[i];
        }
    }
    return (int)left;
}

/* The mark of the oldest lossy tile that a rectangle touches, 0 when none is. */
static uint32_t
oldest_in(const struct vdp_grid *grid, const uint32_t *lossy, uint32_t left, uint32_t top,
          uint32_t right, uint32_t bottom)
{
    uint32_t oldest = 0;
    uint32_t x;
    uint32_t y;

    for (y = top / VDP_TILE; y <= (bottom - 1) / VDP_TILE; y++) {
        for (x = left / VDP_TILE; x <= (right - 1) / VDP_TILE; x++) {
            uint32_t mark = lossy[y * grid->across + x];

            oldest = mark != 0 && (oldest == 0 || mark < oldest) ? mark : oldest;
        }
    }
    return oldest;
}

static uint32_t
larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static uint32_t
smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void
vdp_encoder_carry_lossy(struct vdp_encoder *encoder, const struct vdp_copy *copy)
{
    const struct vdp_grid *grid = &encoder->grid;
    uint32_t *before = encoder->lossy_before;
    uint32_t x;
    uint32_t y;

    memcpy(before, encoder->lossy, grid->count * sizeof(before[0]));
    for (y = copy->y / VDP_TILE; y <= (copy->y + copy->height - 1u) / VDP_TILE; y++) {
        for (x = copy->x / VDP_TILE; x <= (copy->x + copy->width - 1u) / VDP_TILE; x++) {
            uint32_t left = larger(copy->x, x * VDP_TILE) - copy->x;
            uint32_t top = larger(copy->y, y * VDP_TILE) - copy->y;
            uint32_t right = smaller(copy->width, (x + 1) * VDP_TILE - copy->x);
            uint32_t bottom = smaller(copy->height, (y + 1) * VDP_TILE - copy->y);
            uint32_t mark = oldest_in(grid, before, copy->from_x + left, copy->from_y + top,
                                      copy->from_x + right, copy->from_y + bottom);

            if (encoder->lossy[y * grid->across + x] == 0) {
                encoder->lossy[y * grid->across + x] = mark;
            }
        }
    }
}

static int
compare_marks(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static int
compare_tiles(const void *a, const void *b)
{
    return *(const uint16_t *)a - *(const uint16_t *)b;
}

bool
vdp_encoder_refine_wait(const struct vdp_encoder *encoder, uint32_t quiet_ms, uint32_t *ret_wait_ms)
{
    bool any = false;
    uint32_t tile;

    *ret_wait_ms = quiet_ms;
    for (tile = 0; tile < encoder->grid.count; tile++) {
        if (encoder->lossy[tile] != 0 && !vdp_encoder_in_video(encoder, tile)) {
            *ret_wait_ms = smaller(*ret_wait_ms, vdp_activity_wait(&encoder->activity[tile],
                                                                   quiet_ms, encoder->now_ms));
            any = true;
        }
    }
    return any;
}

int
vdp_encoder_refine(struct vdp_encoder *encoder, size_t budget, uint32_t quiet_ms,
                   struct vdp_buffer *out, bool *ret_digest)
{
    const struct vdp_image image = {encoder->shadow, (size_t)encoder->grid.width * 4,
                                    encoder->grid.width, encoder->grid.height};
    size_t start = out->size;
    uint32_t count = 0;
    uint32_t hits = 0;
    uint32_t limit = (uint32_t)smaller((uint32_t)(budget / TILE_BYTES) + 1, encoder->grid.count);
    uint32_t tile;
    int left;

    *ret_digest = false;
    if (encoder->needs_key || encoder->strict) {
        return 0;
    }
    for (tile = 0; tile < encoder->grid.count; tile++) {
        if (encoder->lossy[tile] != 0 && !vdp_encoder_in_video(encoder, tile) &&
            vdp_activity_wait(&encoder->activity[tile], quiet_ms, encoder->now_ms) == 0) {
            encoder->hashes[count++] = (uint64_t)encoder->lossy[tile] << 16 | tile;
        }
    }
    qsort(encoder->hashes, count, sizeof(encoder->hashes[0]), compare_marks);
    count = smaller(count, limit);
    for (tile = 0; tile < count; tile++) {
        encoder->changed[tile] = (uint16_t)encoder->hashes[tile];
        encoder->patches[encoder->changed[tile]].height = 0; /* all of it is inexact */
    }
    qsort(encoder->changed, count, sizeof(encoder->changed[0]), compare_tiles);
    if (count > 0) {
        (void)vdp_encoder_end_video(encoder, out); /* an error stays in out */
    }
    left = vdp_encoder_put_tiles(encoder, &image, count, out, start, &hits);
    if (left < 0 || out->error != 0) {
        out->size = start;
        encoder->needs_key = true;
        return VDP_ERR_NOMEM;
    }
    if (count > 0) {
        *ret_digest = vdp_encoder_put_digest(encoder, out);
    }
    return (int)count - left;
}
