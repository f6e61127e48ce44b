/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/codec.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "protocol/codec/cache.h"
#include "protocol/codec/copy.h"
#include "protocol/codec/digest.h"
#include "protocol/codec/jpeg.h"
#include "protocol/codec/predict.h"
#include "protocol/codec/tiles.h"
#include "protocol/codec/varint.h"
#include "protocol/codec/video-op.h"
#include "protocol/wire/reader.h"

enum mark {
    MARK_DIRTY = 1,
    MARK_TILE = 2, /* named by a tile operation, which may happen once a frame */
};

struct vdp_decoder {
    ZSTD_DCtx *stream; /* owned */
    struct vdp_grid grid;
    uint8_t *pixels; /* owned; B G R X without gaps between rows */
    uint32_t *dirty; /* owned; tiles of the last frame, rising */
    uint32_t dirty_count;
    uint8_t *marks;         /* owned; per tile: enum mark of this frame */
    uint32_t *list;         /* owned; tiles of a ZTILES or PATCH: number << 1 | predicted */
    struct vdp_rect *parts; /* owned; what of these tiles is sent, in the picture */
    struct vdp_received cache;
    bool needs_key;
    enum vdp_verdict verdict;         /* of the last frame */
    vdp_video_decode_fn decode_video; /* or NULL */
    void *video_data;
    struct vdp_video videos[VDP_VIDEO_REGIONS]; /* codec 0: there is none; data is not kept */
    uint8_t staging[VDP_TILE_SIZE];
};

struct vdp_decoder *
vdp_decoder_new(void)
{
    struct vdp_decoder *decoder = calloc(1, sizeof(*decoder));

    if (decoder == NULL) {
        return NULL;
    }
    decoder->needs_key = true;
    decoder->stream = ZSTD_createDCtx();
    if (decoder->stream == NULL ||
        ZSTD_isError(
            ZSTD_DCtx_setParameter(decoder->stream, ZSTD_d_windowLogMax, VDP_CODEC_WINDOW_LOG))) {
        vdp_decoder_free(decoder);
        return NULL;
    }
    return decoder;
}

void
vdp_decoder_free(struct vdp_decoder *decoder)
{
    if (decoder != NULL) {
        free(decoder->pixels);
        free(decoder->dirty);
        free(decoder->marks);
        free(decoder->list);
        free(decoder->parts);
        vdp_received_free_all(&decoder->cache);
        (void)ZSTD_freeDCtx(decoder->stream);
        free(decoder);
    }
}

/* Black, with the old picture where both overlap. */
static void
keep_overlap(uint8_t *to, const struct vdp_grid *grid, const struct vdp_decoder *decoder)
{
    size_t width = grid->width < decoder->grid.width ? grid->width : decoder->grid.width;
    size_t height = grid->height < decoder->grid.height ? grid->height : decoder->grid.height;
    size_t pixel;
    size_t row;

    for (pixel = 0; pixel < (size_t)grid->width * grid->height; pixel++) {
        to[pixel * 4 + 3] = 255;
    }
    for (row = 0; row < height; row++) {
        memcpy(to + row * grid->width * 4, decoder->pixels + row * decoder->grid.width * 4,
               width * 4);
    }
}

int
vdp_decoder_resize(struct vdp_decoder *decoder, uint16_t width, uint16_t height)
{
    struct vdp_grid grid;
    uint8_t *pixels;
    uint32_t *dirty;
    uint32_t *list;
    struct vdp_rect *parts;
    uint8_t *marks;
    int error = vdp_grid_set(&grid, width, height);

    if (error != 0) {
        return error;
    }
    pixels = calloc((size_t)width * height, 4);
    dirty = calloc(grid.count, sizeof(dirty[0]));
    list = calloc(grid.count, sizeof(list[0]));
    parts = calloc(grid.count, sizeof(parts[0]));
    marks = calloc(grid.count, 1);
    if (pixels == NULL || dirty == NULL || list == NULL || parts == NULL || marks == NULL) {
        free(pixels);
        free(dirty);
        free(list);
        free(parts);
        free(marks);
        return VDP_ERR_NOMEM;
    }
    keep_overlap(pixels, &grid, decoder);
    free(decoder->pixels);
    free(decoder->dirty);
    free(decoder->list);
    free(decoder->parts);
    free(decoder->marks);
    decoder->pixels = pixels;
    decoder->dirty = dirty;
    decoder->list = list;
    decoder->parts = parts;
    decoder->marks = marks;
    decoder->dirty_count = 0;
    decoder->grid = grid;
    decoder->needs_key = true;
    memset(decoder->videos, 0, sizeof(decoder->videos));
    return 0;
}

/* Decompresses exactly size bytes. */
static int
decompress_tile(struct vdp_decoder *decoder, ZSTD_inBuffer *in, uint8_t *ret_bytes, size_t size)
{
    ZSTD_outBuffer out = {ret_bytes, size, 0};

    while (out.pos < out.size) {
        size_t before = out.pos + in->pos;
        size_t hint = ZSTD_decompressStream(decoder->stream, &out, in);

        /* The stream never ends within a connection, and a block never ends within its tiles. */
        if (ZSTD_isError(hint) || hint == 0 || out.pos + in->pos == before) {
            return VDP_ERR_CORRUPT;
        }
    }
    return 0;
}

/* After the last tile the block must be used up and give nothing more. */
static int
finish_block(struct vdp_decoder *decoder, ZSTD_inBuffer *in)
{
    ZSTD_outBuffer out = {decoder->staging, 1, 0};
    size_t before;

    do {
        size_t hint;

        before = in->pos;
        hint = ZSTD_decompressStream(decoder->stream, &out, in);
        if (ZSTD_isError(hint) || hint == 0 || out.pos > 0) {
            return VDP_ERR_CORRUPT;
        }
    } while (in->pos > before && in->pos < in->size);
    return in->pos == in->size ? 0 : VDP_ERR_CORRUPT;
}

static void
place_tile(struct vdp_decoder *decoder, const struct vdp_rect *rect, const uint8_t *from)
{
    size_t stride = decoder->grid.width * (size_t)4;
    uint8_t *to = decoder->pixels + rect->y * stride + rect->x * 4u;
    uint32_t row;

    for (row = 0; row < rect->height; row++) {
        memcpy(to, from, rect->width * 4u);
        to += stride;
        from += rect->width * 4u;
    }
}

/* Counts a tile operation's tile in. No tile comes twice: a frame never yields two surfaces. */
static int
mark_tile(struct vdp_decoder *decoder, uint32_t tile)
{
    if (tile >= decoder->grid.count || (decoder->marks[tile] & MARK_TILE) != 0) {
        return VDP_ERR_RANGE;
    }
    decoder->marks[tile] |= MARK_TILE | MARK_DIRTY;
    return 0;
}

/* Cuts rect to the part of it that a patch names. */
static int
read_part(struct vdp_reader *reader, struct vdp_rect *rect)
{
    uint32_t x = vdp_reader_u8(reader);
    uint32_t y = vdp_reader_u8(reader);
    uint32_t width = vdp_reader_u8(reader) + 1u;
    uint32_t height = vdp_reader_u8(reader) + 1u;

    if (reader->error != 0) {
        return reader->error;
    }
    if (x + width > rect->width || y + height > rect->height) {
        return VDP_ERR_RANGE;
    }
    *rect = (struct vdp_rect){(uint16_t)(rect->x + x), (uint16_t)(rect->y + y), (uint16_t)width,
                              (uint16_t)height};
    return 0;
}

/* Reads the tiles of a ZTILES or PATCH into list and parts. */
static int
read_list(struct vdp_decoder *decoder, struct vdp_reader *reader, bool patches, uint32_t *ret_count)
{
    uint32_t count = vdp_varint_get(reader);
    uint32_t tile = UINT32_MAX;
    uint32_t i;

    if (count == 0 || count > decoder->grid.count) {
        return reader->error != 0 ? reader->error : VDP_ERR_RANGE;
    }
    for (i = 0; i < count; i++) {
        uint32_t value = vdp_varint_get(reader);
        int error;

        if (reader->error != 0) {
            return reader->error;
        }
        tile += (value >> 1) + 1;
        error = mark_tile(decoder, tile);
        if (error != 0) {
            return error;
        }
        decoder->list[i] = tile << 1 | (value & 1);
        decoder->parts[i] = vdp_grid_rect(&decoder->grid, tile);
        error = patches ? read_part(reader, &decoder->parts[i]) : 0;
        if (error != 0) {
            return error;
        }
    }
    *ret_count = count;
    return 0;
}

/* Decompresses a tile, or a part of it, into the picture; what it shows then enters the cache. */
static int
decode_tile(struct vdp_decoder *decoder, ZSTD_inBuffer *in, uint32_t tile, bool predicted,
            const struct vdp_rect *part)
{
    struct vdp_rect rect = vdp_grid_rect(&decoder->grid, tile);
    size_t stride = decoder->grid.width * (size_t)4;
    size_t size = (size_t)part->width * part->height * 3;
    uint8_t *to = decoder->pixels + part->y * stride + part->x * 4u;
    bool whole = size == (size_t)rect.width * rect.height * 3;
    uint8_t *slot = vdp_received_insert(&decoder->cache, rect.width, rect.height);
    /* A tile as it comes is what the cache keeps. */
    uint8_t *bytes = whole && !predicted ? slot : decoder->staging;
    int error = slot != NULL ? decompress_tile(decoder, in, bytes, size) : VDP_ERR_NOMEM;

    if (error != 0) {
        return error;
    }
    if (predicted) {
        vdp_unpredict(to, stride, bytes, part->width, part->height);
    } else {
        vdp_pixels_unpack_rect(to, stride, bytes, part->width, part->height);
    }
    if (bytes != slot) {
        vdp_pixels_pack_rect(slot, decoder->pixels + rect.y * stride + rect.x * 4u, stride,
                             rect.width, rect.height);
    }
    return 0;
}

/* Tiles, or parts of them. */
static int
decode_tiles(struct vdp_decoder *decoder, const uint8_t *body, size_t size, bool patches)
{
    uint32_t count = 0;
    uint32_t i;
    struct vdp_reader reader;
    ZSTD_inBuffer in;
    int error;

    vdp_reader_init(&reader, body, size);
    error = read_list(decoder, &reader, patches, &count);
    if (error != 0) {
        return error;
    }
    in = (ZSTD_inBuffer){reader.at, reader.left, 0};
    for (i = 0; i < count; i++) {
        error = decode_tile(decoder, &in, decoder->list[i] >> 1, (decoder->list[i] & 1) != 0,
                            &decoder->parts[i]);
        if (error != 0) {
            return error;
        }
    }
    return finish_block(decoder, &in);
}

static int
decode_hits(struct vdp_decoder *decoder, const uint8_t *body, size_t size)
{
    size_t stride = decoder->grid.width * (size_t)4;
    struct vdp_reader reader;
    uint32_t tile = UINT32_MAX;
    uint32_t slot = UINT32_MAX;

    vdp_reader_init(&reader, body, size);
    do {
        uint32_t skip = vdp_varint_get(&reader);
        int32_t step = vdp_varint_unfold(vdp_varint_get(&reader));
        struct vdp_rect rect;
        const uint8_t *pixels;
        int error;

        if (reader.error != 0) {
            return reader.error;
        }
        tile += skip + 1;
        slot += (uint32_t)step + 1;
        error = mark_tile(decoder, tile);
        if (error != 0) {
            return error;
        }
        rect = vdp_grid_rect(&decoder->grid, tile);
        pixels = vdp_received_hit(&decoder->cache, slot, rect.width, rect.height);
        if (pixels == NULL) {
            return VDP_ERR_RANGE;
        }
        vdp_pixels_unpack_rect(decoder->pixels + rect.y * stride + rect.x * 4u, stride, pixels,
                               rect.width, rect.height);
    } while (reader.left > 0);
    return 0;
}

static int
decode_copies(struct vdp_decoder *decoder, const uint8_t *body, size_t size)
{
    const struct vdp_grid *grid = &decoder->grid;
    uint32_t room = VDP_MAX_COPY_AREA(grid);
    struct vdp_reader reader;

    vdp_reader_init(&reader, body, size);
    do {
        struct vdp_copy copy;
        struct vdp_rect to;
        uint32_t area;

        int error = vdp_copy_get(&reader, grid, &copy);

        if (error != 0) {
            return error;
        }
        area = (uint32_t)copy.width * copy.height;
        if (area > room) {
            return VDP_ERR_RANGE;
        }
        room -= area;
        vdp_copy_apply(decoder->pixels, grid->width, &copy);
        to = (struct vdp_rect){copy.x, copy.y, copy.width, copy.height};
        vdp_grid_mark(grid, &to, MARK_DIRTY, decoder->marks);
    } while (reader.left > 0);
    return 0;
}

static int
decode_jpeg(struct vdp_decoder *decoder, const uint8_t *body, size_t size)
{
    const struct vdp_grid *grid = &decoder->grid;
    struct vdp_reader reader;
    struct vdp_rect rect;
    uint32_t corners[2];
    uint32_t tile;
    uint32_t across;
    uint32_t down;
    uint32_t i;
    int error;

    vdp_reader_init(&reader, body, size);
    tile = vdp_reader_u16(&reader);
    across = vdp_reader_u8(&reader);
    down = vdp_reader_u8(&reader);
    if (reader.error != 0) {
        return reader.error;
    }
    if (tile >= grid->count || across == 0 || down == 0 ||
        tile % grid->across + across > grid->across || tile / grid->across + down > grid->down) {
        return VDP_ERR_RANGE;
    }
    for (i = 0; i < across * down; i++) {
        error = mark_tile(decoder, tile + i / across * grid->across + i % across);
        if (error != 0) {
            return error;
        }
    }
    corners[0] = tile;
    corners[1] = tile + (down - 1) * grid->across + across - 1;
    rect = vdp_grid_box(grid, corners, 2);
    error = vdp_jpeg_check(reader.at, reader.left, rect.width, rect.height);
    if (error != 0) {
        return error;
    }
    return vdp_jpeg_decode(reader.at, reader.left, &rect, decoder->pixels, grid->width * (size_t)4);
}

static int
decode_video(struct vdp_decoder *decoder, const uint8_t *body, size_t size)
{
    struct vdp_video video;
    int error = vdp_video_get(&decoder->grid, body, size, &video);

    if (error == 0) {
        error = decoder->decode_video != NULL ? vdp_video_follow(decoder->videos, &video)
                                              : VDP_ERR_STATE;
    }
    if (error != 0) {
        return error;
    }
    if (video.flags != VDP_VIDEO_END) {
        vdp_grid_mark(&decoder->grid, &video.rect, MARK_DIRTY, decoder->marks);
    }
    return decoder->decode_video(&video, decoder->video_data);
}

static int
decode_digest(struct vdp_decoder *decoder, const uint8_t *body, size_t size)
{
    struct vdp_reader reader;
    uint64_t digest;

    vdp_reader_init(&reader, body, size);
    digest = vdp_reader_u64(&reader);
    if (vdp_reader_end(&reader) != 0) {
        return vdp_reader_end(&reader);
    }
    decoder->verdict = digest == vdp_digest_picture(decoder->pixels, (size_t)decoder->grid.width *
                                                                         decoder->grid.height * 4)
                           ? VDP_VERDICT_RIGHT
                           : VDP_VERDICT_WRONG;
    return 0;
}

static int
decode_ops(struct vdp_decoder *decoder, const uint8_t *ops, size_t size, bool key)
{
    struct vdp_reader reader;
    bool first = true;
    bool tiles = false; /* a tile operation came: nothing may write below it any more */

    vdp_reader_init(&reader, ops, size);
    while (reader.left > 0) {
        uint8_t kind = vdp_reader_u8(&reader);
        uint32_t body_size = vdp_reader_u24(&reader);
        const uint8_t *body = vdp_reader_bytes(&reader, body_size);
        int error = 0;

        if (reader.error != 0) {
            return reader.error;
        }
        if ((first && key && kind != VDP_OP_RESET) ||
            (!first && (kind == VDP_OP_RESET || kind == VDP_OP_COPY)) ||
            (tiles && kind == VDP_OP_VIDEO) ||
            (decoder->verdict != VDP_VERDICT_NONE && kind != VDP_OP_PAD)) {
            return VDP_ERR_CORRUPT;
        }
        first = false;
        tiles = tiles || kind == VDP_OP_ZTILES || kind == VDP_OP_PATCH || kind == VDP_OP_HIT ||
                kind == VDP_OP_JPEG;
        if (kind == VDP_OP_RESET) {
            error = body_size == 0 ? 0 : VDP_ERR_TRAILING;
            (void)ZSTD_DCtx_reset(decoder->stream, ZSTD_reset_session_only);
            vdp_received_clear(&decoder->cache);
        } else if (kind == VDP_OP_ZTILES) {
            error = decode_tiles(decoder, body, body_size, false);
        } else if (kind == VDP_OP_PATCH) {
            error = decode_tiles(decoder, body, body_size, true);
        } else if (kind == VDP_OP_COPY) {
            error = decode_copies(decoder, body, body_size);
        } else if (kind == VDP_OP_JPEG) {
            error = decode_jpeg(decoder, body, body_size);
        } else if (kind == VDP_OP_VIDEO) {
            error = decode_video(decoder, body, body_size);
        } else if (kind == VDP_OP_DIGEST) {
            error = decode_digest(decoder, body, body_size);
        } else if (kind == VDP_OP_HIT) {
            error = decode_hits(decoder, body, body_size);
        } else if (kind != VDP_OP_PAD) {
            error = VDP_ERR_RANGE;
        }
        if (error != 0) {
            return error;
        }
    }
    return first && key ? VDP_ERR_CORRUPT : 0;
}

static void
list_dirty(struct vdp_decoder *decoder)
{
    uint32_t tile;

    for (tile = 0; tile < decoder->grid.count; tile++) {
        if (decoder->marks[tile] != 0) {
            decoder->dirty[decoder->dirty_count++] = tile;
        }
    }
}

int
vdp_decoder_frame(struct vdp_decoder *decoder, const uint8_t *ops, size_t size, bool key,
                  struct vdp_rect *ret_dirty)
{
    int error;

    decoder->dirty_count = 0;
    decoder->verdict = VDP_VERDICT_NONE;
    if (decoder->pixels == NULL || (decoder->needs_key && !key)) {
        return VDP_ERR_STATE;
    }
    memset(decoder->marks, 0, decoder->grid.count);
    error = decode_ops(decoder, ops, size, key);
    decoder->needs_key = error != 0;
    if (error == 0) {
        list_dirty(decoder);
        *ret_dirty = vdp_grid_box(&decoder->grid, decoder->dirty, decoder->dirty_count);
    }
    return error;
}

uint32_t
vdp_decoder_digests(const struct vdp_decoder *decoder, uint8_t *ret_digests, uint32_t room)
{
    size_t stride = decoder->grid.width * (size_t)4;
    uint8_t pixels[VDP_TILE * VDP_TILE * 4];
    uint32_t tile;

    for (tile = 0; tile < decoder->grid.count && decoder->grid.count <= room; tile++) {
        struct vdp_rect rect = vdp_grid_rect(&decoder->grid, tile);
        size_t size = rect.width * (size_t)4;
        uint32_t row;

        for (row = 0; row < rect.height; row++) {
            memcpy(pixels + row * size,
                   decoder->pixels + (rect.y + row) * stride + rect.x * (size_t)4, size);
        }
        vdp_store_u32(ret_digests + (size_t)tile * 4, vdp_digest_tile(pixels, size * rect.height));
    }
    return decoder->grid.count;
}

void
vdp_decoder_place(struct vdp_decoder *decoder, const struct vdp_rect *rect, const uint8_t *bgrx)
{
    place_tile(decoder, rect, bgrx);
}

void
vdp_decoder_set_video(struct vdp_decoder *decoder, vdp_video_decode_fn decode, void *user_data)
{
    decoder->decode_video = decode;
    decoder->video_data = user_data;
}

void
vdp_decoder_place_video(struct vdp_decoder *decoder, const struct vdp_rect *rect,
                        const uint8_t *bgrx)
{
    vdp_video_place(&decoder->grid, decoder->pixels, decoder->marks, MARK_TILE, rect, bgrx);
}

enum vdp_verdict
vdp_decoder_verdict(const struct vdp_decoder *decoder)
{
    return decoder->verdict;
}

const uint32_t *
vdp_decoder_dirty_tiles(const struct vdp_decoder *decoder, size_t *ret_count)
{
    *ret_count = decoder->dirty_count;
    return decoder->dirty;
}

struct vdp_image
vdp_decoder_image(const struct vdp_decoder *decoder)
{
    return (struct vdp_image){decoder->pixels, decoder->grid.width * (size_t)4, decoder->grid.width,
                              decoder->grid.height};
}
