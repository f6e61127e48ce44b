/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/codec.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "protocol/codec/tiles.h"

#define LEVEL 1
/*
 * Level 1 remembers 2^14 places, far too few for an 8 MiB window: text that scrolled or came back
 * was not found again. 2^17 cost 0.4 MiB and no measurable time (docs/PERFORMANCE.md).
 */
#define HASH_LOG 17
/* Tiles of one ZTILES, so that even noise fits its 24 bit size. */
#define MAX_BATCH 1024u
/*
 * Bytes of one frame after which no further operation is begun: with one more batch of noise it
 * still fits a FRAME record. What is left goes with the next frame.
 */
#define MAX_FRAME (48u * 1024u * 1024u)

struct vdp_encoder {
    ZSTD_CCtx *stream; /* owned; one compressed stream from RESET to RESET */
    struct vdp_grid grid;
    uint8_t *shadow;   /* owned; what the peer shows, B G R X without gaps between rows */
    uint8_t *known;    /* owned; per tile: 1 when the peer has it as in shadow */
    uint8_t *wanted;   /* owned; per tile: 1 when this frame must look at it */
    uint16_t *changed; /* owned; tiles to be sent, rising */
    bool needs_key;
    uint8_t staging[VDP_TILE_SIZE]; /* one tile as it goes into zstd; small enough for the cache */
};

struct vdp_encoder *
vdp_encoder_new(void)
{
    struct vdp_encoder *encoder = calloc(1, sizeof(*encoder));

    if (encoder == NULL) {
        return NULL;
    }
    encoder->needs_key = true;
    encoder->stream = ZSTD_createCCtx();
    if (encoder->stream == NULL ||
        ZSTD_isError(ZSTD_CCtx_setParameter(encoder->stream, ZSTD_c_compressionLevel, LEVEL)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(encoder->stream, ZSTD_c_hashLog, HASH_LOG)) ||
        ZSTD_isError(
            ZSTD_CCtx_setParameter(encoder->stream, ZSTD_c_windowLog, VDP_CODEC_WINDOW_LOG))) {
        vdp_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

static void
free_surface(struct vdp_encoder *encoder)
{
    free(encoder->shadow);
    free(encoder->known);
    free(encoder->wanted);
    free(encoder->changed);
    encoder->shadow = NULL;
    encoder->known = NULL;
    encoder->wanted = NULL;
    encoder->changed = NULL;
    memset(&encoder->grid, 0, sizeof(encoder->grid));
}

void
vdp_encoder_free(struct vdp_encoder *encoder)
{
    if (encoder != NULL) {
        free_surface(encoder);
        (void)ZSTD_freeCCtx(encoder->stream);
        free(encoder);
    }
}

int
vdp_encoder_resize(struct vdp_encoder *encoder, uint16_t width, uint16_t height)
{
    struct vdp_grid grid;
    int error = vdp_grid_set(&grid, width, height);

    if (error != 0) {
        return error;
    }
    free_surface(encoder);
    encoder->shadow = malloc((size_t)width * height * 4);
    encoder->known = calloc(grid.count, 1);
    encoder->wanted = calloc(grid.count, 1);
    encoder->changed = calloc(grid.count, sizeof(encoder->changed[0]));
    if (encoder->shadow == NULL || encoder->known == NULL || encoder->wanted == NULL ||
        encoder->changed == NULL) {
        free_surface(encoder);
        return VDP_ERR_NOMEM;
    }
    encoder->grid = grid;
    encoder->needs_key = true;
    return 0;
}

void
vdp_encoder_reset(struct vdp_encoder *encoder)
{
    encoder->needs_key = true;
}

static void
begin_key_frame(struct vdp_encoder *encoder, struct vdp_buffer *out)
{
    memset(encoder->known, 0, encoder->grid.count);
    (void)ZSTD_CCtx_reset(encoder->stream, ZSTD_reset_session_only);
    vdp_buffer_put_u32(out, VDP_OP_RESET);
}

static uint32_t
last_tile(uint32_t start, uint32_t size, uint32_t side)
{
    uint32_t end = start + size < side ? start + size : side;

    return (end - 1) / VDP_TILE;
}

/* Marks the tiles that damage touches and the ones that the peer does not have. */
static void
mark_wanted(struct vdp_encoder *encoder, const struct vdp_rect *damage, size_t damage_count)
{
    const struct vdp_grid *grid = &encoder->grid;
    uint32_t tile;
    size_t i;

    if (damage == NULL) {
        memset(encoder->wanted, 1, grid->count);
        return;
    }
    for (tile = 0; tile < grid->count; tile++) {
        encoder->wanted[tile] = !encoder->known[tile];
    }
    for (i = 0; i < damage_count; i++) {
        const struct vdp_rect *rect = &damage[i];
        uint32_t right;
        uint32_t row;

        if (rect->width == 0 || rect->height == 0 || rect->x >= grid->width ||
            rect->y >= grid->height) {
            continue;
        }
        right = last_tile(rect->x, rect->width, grid->width);
        for (row = rect->y / VDP_TILE; row <= last_tile(rect->y, rect->height, grid->height);
             row++) {
            memset(encoder->wanted + row * grid->across + rect->x / VDP_TILE, 1,
                   right - rect->x / VDP_TILE + 1);
        }
    }
}

static bool
tile_differs(const struct vdp_encoder *encoder, const struct vdp_image *image,
             const struct vdp_rect *rect)
{
    const uint8_t *fresh = image->pixels + rect->y * image->stride + rect->x * 4u;
    const uint8_t *old = encoder->shadow + ((size_t)rect->y * encoder->grid.width + rect->x) * 4;
    uint32_t row;

    for (row = 0; row < rect->height; row++) {
        if (!vdp_pixels_equal(fresh, old, rect->width)) {
            return true;
        }
        fresh += image->stride;
        old += (size_t)encoder->grid.width * 4;
    }
    return false;
}

/* Fills encoder->changed and returns how many there are. */
static uint32_t
find_changed(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t *ret_compared)
{
    uint32_t count = 0;
    uint32_t tile;

    for (tile = 0; tile < encoder->grid.count; tile++) {
        struct vdp_rect rect;

        if (!encoder->wanted[tile]) {
            continue;
        }
        (*ret_compared)++;
        rect = vdp_grid_rect(&encoder->grid, tile);
        if (!encoder->known[tile] || tile_differs(encoder, image, &rect)) {
            encoder->changed[count++] = (uint16_t)tile;
        }
    }
    return count;
}

/* Packs a tile into the staging area and the shadow. Returns its bytes on the wire. */
static size_t
stage_tile(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t tile)
{
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
    const uint8_t *fresh = image->pixels + rect.y * image->stride + rect.x * 4u;
    uint8_t *old = encoder->shadow + ((size_t)rect.y * encoder->grid.width + rect.x) * 4;
    uint8_t *to = encoder->staging;
    uint32_t row;

    for (row = 0; row < rect.height; row++) {
        vdp_pixels_pack(to, fresh, rect.width);
        memcpy(old, fresh, rect.width * 4u);
        to += rect.width * 3u;
        fresh += image->stride;
        old += (size_t)encoder->grid.width * 4;
    }
    return (size_t)(to - encoder->staging);
}

static int
compress(struct vdp_encoder *encoder, const void *data, size_t size, ZSTD_EndDirective mode,
         struct vdp_buffer *out)
{
    ZSTD_inBuffer in = {data, size, 0};
    size_t left;

    do {
        ZSTD_outBuffer room = {NULL, ZSTD_CStreamOutSize(), 0};

        room.dst = vdp_buffer_reserve(out, room.size);
        if (room.dst == NULL) {
            return VDP_ERR_NOMEM;
        }
        left = ZSTD_compressStream2(encoder->stream, &room, &in, mode);
        if (ZSTD_isError(left)) {
            return VDP_ERR_NOMEM;
        }
        out->size += room.pos;
    } while (in.pos < in.size || (mode == ZSTD_e_flush && left > 0));
    return 0;
}

static int
put_tiles(struct vdp_encoder *encoder, const struct vdp_image *image, const uint16_t *tiles,
          uint32_t count, struct vdp_buffer *out)
{
    size_t start = out->size;
    size_t body;
    uint32_t i;
    int error;

    vdp_buffer_put_u32(out, VDP_OP_ZTILES); /* the size is filled in below */
    vdp_buffer_put_u16(out, (uint16_t)count);
    for (i = 0; i < count; i++) {
        vdp_buffer_put_u16(out, tiles[i]);
    }
    for (i = 0; i < count; i++) {
        size_t size = stage_tile(encoder, image, tiles[i]);

        error = compress(encoder, encoder->staging, size, ZSTD_e_continue, out);
        if (error != 0) {
            return error;
        }
    }
    error = compress(encoder, NULL, 0, ZSTD_e_flush, out);
    body = out->size - start - VDP_OP_HEADER_SIZE;
    if (error != 0 || out->error != 0 || body > VDP_OP_MAX_SIZE) {
        return VDP_ERR_NOMEM;
    }
    out->data[start + 1] = (uint8_t)body;
    out->data[start + 2] = (uint8_t)(body >> 8);
    out->data[start + 3] = (uint8_t)(body >> 16);
    for (i = 0; i < count; i++) {
        encoder->known[tiles[i]] = 1;
    }
    return 0;
}

int
vdp_encoder_frame(struct vdp_encoder *encoder, const struct vdp_image *image,
                  const struct vdp_rect *damage, size_t damage_count, struct vdp_buffer *out,
                  bool *ret_key, struct vdp_encode_stats *ret_stats)
{
    struct vdp_encode_stats stats = {0};
    bool key = encoder->needs_key;
    size_t start = out->size;
    uint32_t changed;
    uint32_t sent = 0;

    if (encoder->shadow == NULL || image->width != encoder->grid.width ||
        image->height != encoder->grid.height || image->stride < image->width * 4u) {
        return VDP_ERR_RANGE;
    }
    if (key) {
        begin_key_frame(encoder, out);
    }
    mark_wanted(encoder, damage, damage_count);
    changed = find_changed(encoder, image, &stats.tiles_compared);
    while (sent < changed && out->size - start <= MAX_FRAME) {
        uint32_t batch = changed - sent < MAX_BATCH ? changed - sent : MAX_BATCH;
        int error = put_tiles(encoder, image, encoder->changed + sent, batch, out);

        if (error != 0) {
            out->size = start;
            encoder->needs_key = true; /* the stream holds bytes that the peer will not get */
            return error;
        }
        sent += batch;
    }
    for (stats.tiles_left = 0; sent + stats.tiles_left < changed; stats.tiles_left++) {
        encoder->known[encoder->changed[sent + stats.tiles_left]] = 0;
    }
    encoder->needs_key = false;
    stats.tiles_sent = sent;
    *ret_key = key;
    if (ret_stats != NULL) {
        *ret_stats = stats;
    }
    return (int)sent;
}
