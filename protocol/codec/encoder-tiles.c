/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#define XXH_INLINE_ALL /* the decoder for wasm32 has no library to link with */
#include <xxhash.h>

#include "protocol/codec/encoder-state.h"
#include "protocol/codec/predict.h"
#include "protocol/codec/varint.h"

/* Tiles of one ZTILES, so that even noise fits its 24 bit size. */
#define MAX_BATCH 1024u

size_t
vdp_op_begin(struct vdp_buffer *out, enum vdp_op kind)
{
    size_t start = out->size;

    vdp_buffer_put_u32(out, kind);
    return start;
}

int
vdp_op_end(struct vdp_buffer *out, size_t start)
{
    size_t body = out->size - start - VDP_OP_HEADER_SIZE;

    if (out->error != 0 || body > VDP_OP_MAX_SIZE) {
        return VDP_ERR_NOMEM;
    }
    out->data[start + 1] = (uint8_t)body;
    out->data[start + 2] = (uint8_t)(body >> 8);
    out->data[start + 3] = (uint8_t)(body >> 16);
    return 0;
}

static uint8_t *
shadow_at(struct vdp_encoder *encoder, const struct vdp_rect *rect)
{
    return encoder->shadow + ((size_t)rect->y * encoder->grid.width + rect->x) * 4;
}

/* Whether what is sent of encoder->tile, which has no gaps, is better predicted. */
static bool
part_is_smooth(const struct vdp_encoder *encoder, uint32_t tile, uint32_t width, uint32_t height)
{
    const struct vdp_patch *patch = &encoder->patches[tile];
    uint32_t repeats = 0;
    uint32_t row;

    if (patch->height == 0) {
        return vdp_is_smooth(encoder->tile, width, height);
    }
    for (row = 0; row < patch->height; row++) {
        repeats += vdp_pixel_ops()->count_repeats(
            encoder->tile + ((size_t)(patch->y + row) * width + patch->x) * 4, patch->width);
    }
    return patch->width > 1 && repeats * 8 < (uint32_t)patch->width * patch->height;
}

/* Brings a tile into the shadow, classifies it and returns its hash, which its width is part of. */
static uint64_t
take_tile(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t tile)
{
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
    const uint8_t *fresh = image->pixels + rect.y * image->stride + rect.x * 4u;
    uint8_t *old = shadow_at(encoder, &rect);
    uint8_t *to = encoder->tile;
    uint32_t row;

    for (row = 0; row < rect.height; row++) {
        vdp_pixel_ops()->copy(to, fresh, rect.width);
        memcpy(old, to, rect.width * 4u);
        to += rect.width * 4u;
        fresh += image->stride;
        old += (size_t)encoder->grid.width * 4;
    }
    encoder->smooth[tile] = part_is_smooth(encoder, tile, rect.width, rect.height);
    return XXH3_64bits_withSeed(encoder->tile, (size_t)(to - encoder->tile),
                                encoder->seed + rect.width);
}

/* Fetches pixels from the shadow and makes them ready for zstd. */
static size_t
stage(struct vdp_encoder *encoder, const struct vdp_rect *rect, bool predicted)
{
    const uint8_t *from = shadow_at(encoder, rect);
    uint32_t row;

    for (row = 0; row < rect->height; row++) {
        memcpy(encoder->tile + (size_t)row * rect->width * 4, from, rect->width * 4u);
        from += (size_t)encoder->grid.width * 4;
    }
    if (predicted) {
        vdp_predict(encoder->staging, encoder->tile, rect->width, rect->height);
    } else {
        vdp_pixel_ops()->pack(encoder->staging, encoder->tile, (size_t)rect->width * rect->height);
    }
    return (size_t)rect->width * rect->height * 3;
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

/* Names the tiles that the peer has in its cache. Returns how many are left, or an error. */
static int
put_hits(struct vdp_encoder *encoder, uint32_t count, struct vdp_buffer *out)
{
    size_t start = out->size;
    uint32_t left = 0;
    uint32_t tile_before = UINT32_MAX;
    uint32_t slot_before = UINT32_MAX;
    uint32_t i;

    for (i = 0; i < count; i++) {
        uint16_t tile = encoder->changed[i];
        int slot = vdp_sent_find(&encoder->sent, encoder->hashes[i]);

        if (slot < 0) {
            encoder->changed[left] = tile;
            encoder->hashes[left++] = encoder->hashes[i];
            continue;
        }
        if (out->size == start) {
            (void)vdp_op_begin(out, VDP_OP_HIT);
        }
        encoder->sent.clock.marked[slot] = 1;
        vdp_varint_put(out, tile - tile_before - 1);
        vdp_varint_put(out, vdp_varint_fold((int32_t)((uint32_t)slot - slot_before - 1)));
        tile_before = tile;
        slot_before = (uint32_t)slot;
        encoder->known[tile] = 1;
        encoder->lossy[tile] = 0;
    }
    if (out->size > start) {
        int error = vdp_op_end(out, start);

        return error != 0 ? error : (int)left;
    }
    return (int)left;
}

/*
 * Moves up to MAX_BATCH tiles that differ from each other to batch, either patches or whole ones,
 * and enters them in the cache.
 */
static uint32_t
gather_batch(struct vdp_encoder *encoder, uint32_t *count, bool patches, uint16_t batch[MAX_BATCH])
{
    uint32_t gathered = 0;
    uint32_t left = 0;
    uint32_t i;

    for (i = 0; i < *count; i++) {
        bool is_patch = encoder->patches[encoder->changed[i]].height > 0;

        if (gathered < MAX_BATCH && is_patch == patches &&
            vdp_sent_find(&encoder->sent, encoder->hashes[i]) < 0) {
            vdp_sent_insert(&encoder->sent, encoder->hashes[i]);
            batch[gathered++] = encoder->changed[i];
        } else {
            encoder->changed[left] = encoder->changed[i];
            encoder->hashes[left++] = encoder->hashes[i];
        }
    }
    *count = left;
    return gathered;
}

/* What of a tile is sent, in the picture. */
static struct vdp_rect
sent_rect(const struct vdp_encoder *encoder, uint32_t tile)
{
    const struct vdp_patch *patch = &encoder->patches[tile];
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);

    if (patch->height > 0) {
        rect.x = (uint16_t)(rect.x + patch->x);
        rect.y = (uint16_t)(rect.y + patch->y);
        rect.width = patch->width;
        rect.height = patch->height;
    }
    return rect;
}

static void
put_patch(struct vdp_buffer *out, const struct vdp_patch *patch)
{
    if (patch->height > 0) {
        vdp_buffer_put_u8(out, patch->x);
        vdp_buffer_put_u8(out, patch->y);
        vdp_buffer_put_u8(out, (uint8_t)(patch->width - 1));
        vdp_buffer_put_u8(out, (uint8_t)(patch->height - 1));
    }
}

static int
put_batch(struct vdp_encoder *encoder, const uint16_t *tiles, uint32_t count, enum vdp_op kind,
          struct vdp_buffer *out)
{
    size_t start = vdp_op_begin(out, kind);
    uint32_t before = UINT32_MAX;
    uint32_t i;
    int error;

    vdp_varint_put(out, count);
    for (i = 0; i < count; i++) {
        vdp_varint_put(out, (tiles[i] - before - 1) << 1 | encoder->smooth[tiles[i]]);
        put_patch(out, &encoder->patches[tiles[i]]);
        before = tiles[i];
    }
    for (i = 0; i < count; i++) {
        struct vdp_rect rect = sent_rect(encoder, tiles[i]);
        size_t size = stage(encoder, &rect, encoder->smooth[tiles[i]]);

        error = compress(encoder, encoder->staging, size, ZSTD_e_continue, out);
        if (error != 0) {
            return error;
        }
        encoder->known[tiles[i]] = 1;
        encoder->lossy[tiles[i]] = 0;
    }
    error = compress(encoder, NULL, 0, ZSTD_e_flush, out);
    return error != 0 ? error : vdp_op_end(out, start);
}

int
vdp_encoder_put_tiles(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t count,
                      struct vdp_buffer *out, size_t start, uint32_t *ret_hits)
{
    uint16_t batch[MAX_BATCH];
    uint32_t i;

    for (i = 0; i < count; i++) {
        encoder->hashes[i] = take_tile(encoder, image, encoder->changed[i]);
    }
    while (count > 0 && out->size - start <= VDP_MAX_FRAME) {
        int left = put_hits(encoder, count, out);
        int error = 0;

        if (left < 0) {
            return left;
        }
        *ret_hits += count - (uint32_t)left;
        count = (uint32_t)left;
        if (count > 0) {
            /* Tiles that equal one of the batch stay back and become hits of the next round. */
            uint32_t size = gather_batch(encoder, &count, true, batch);
            enum vdp_op kind = size > 0 ? VDP_OP_PATCH : VDP_OP_ZTILES;

            if (size == 0) {
                size = gather_batch(encoder, &count, false, batch);
            }
            error = put_batch(encoder, batch, size, kind, out);
        }
        if (error != 0) {
            return error;
        }
    }
    return (int)count;
}
