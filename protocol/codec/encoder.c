/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/codec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "protocol/codec/digest.h"
#include "protocol/codec/encoder-state.h"

#define LEVEL 1
/*
 * Level 1 remembers 2^14 places, far too few for an 8 MiB window: text that scrolled or came back
 * was not found again. 2^17 cost 0.4 MiB and no measurable time (docs/PERFORMANCE.md).
 */
#define HASH_LOG    17
#define STRICT_UNIT 256u /* bytes */

struct vdp_encoder *
vdp_encoder_new(void)
{
    struct vdp_encoder *encoder = calloc(1, sizeof(*encoder));

    if (encoder == NULL) {
        return NULL;
    }
    encoder->needs_key = true;
    if (getrandom(&encoder->seed, sizeof(encoder->seed), GRND_NONBLOCK) < 0) {
        encoder->seed = (uintptr_t)encoder; /* early in the boot; a wrong hit is mended anyway */
    }
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
    free(encoder->hashes);
    free(encoder->smooth);
    free(encoder->patches);
    free(encoder->activity);
    free(encoder->photo);
    free(encoder->lossy);
    free(encoder->lossy_before);
    free(encoder->peer_has);
    encoder->peer_has = NULL;
    free(encoder->differed);
    encoder->shadow = NULL;
    encoder->known = NULL;
    encoder->wanted = NULL;
    encoder->changed = NULL;
    encoder->hashes = NULL;
    encoder->smooth = NULL;
    encoder->patches = NULL;
    encoder->activity = NULL;
    encoder->photo = NULL;
    encoder->lossy = NULL;
    encoder->lossy_before = NULL;
    encoder->differed = NULL;
    encoder->video.encode = NULL; /* for the old surface; the peer forgets it too */
    encoder->video_open = false;
    memset(&encoder->grid, 0, sizeof(encoder->grid));
}

void
vdp_encoder_free(struct vdp_encoder *encoder)
{
    if (encoder != NULL) {
        free_surface(encoder);
        vdp_jpeg_writer_free(encoder->jpeg);
        vdp_copy_finder_clear(&encoder->finder);
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
    encoder->hashes = calloc(grid.count, sizeof(encoder->hashes[0]));
    encoder->smooth = calloc(grid.count, 1);
    encoder->patches = calloc(grid.count, sizeof(encoder->patches[0]));
    encoder->activity = calloc(grid.count, sizeof(encoder->activity[0]));
    encoder->photo = calloc(grid.count, 1);
    encoder->lossy = calloc(grid.count, sizeof(encoder->lossy[0]));
    encoder->lossy_before = calloc(grid.count, sizeof(encoder->lossy[0]));
    encoder->differed = calloc(grid.count, 1);
    if (encoder->shadow == NULL || encoder->known == NULL || encoder->wanted == NULL ||
        encoder->changed == NULL || encoder->hashes == NULL || encoder->smooth == NULL ||
        encoder->patches == NULL || encoder->activity == NULL || encoder->photo == NULL ||
        encoder->lossy == NULL || encoder->lossy_before == NULL || encoder->differed == NULL) {
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

void
vdp_encoder_peer_has(struct vdp_encoder *encoder, const uint8_t *digests, uint32_t count)
{
    free(encoder->peer_has);
    encoder->peer_has = NULL;
    if (count > 0 && count == encoder->grid.count && !encoder->strict) {
        encoder->peer_has = malloc((size_t)count * 4);
    }
    if (encoder->peer_has != NULL) {
        memcpy(encoder->peer_has, digests, (size_t)count * 4);
    }
}

/* What the peer shows already, by its own word, enters the shadow as known. */
static void
believe_peer(struct vdp_encoder *encoder, const struct vdp_image *image)
{
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    uint32_t tile;

    for (tile = 0; tile < encoder->grid.count; tile++) {
        struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
        const uint8_t *fresh = image->pixels + rect.y * image->stride + rect.x * 4u;
        uint8_t *old = encoder->shadow + ((size_t)rect.y * encoder->grid.width + rect.x) * 4;
        size_t size = rect.width * (size_t)4;
        uint32_t row;

        for (row = 0; row < rect.height; row++) {
            ops->copy(encoder->tile + row * size, fresh + row * image->stride, rect.width);
        }
        if (vdp_digest_tile(encoder->tile, size * rect.height) !=
            vdp_load_u32(encoder->peer_has + (size_t)tile * 4)) {
            continue;
        }
        for (row = 0; row < rect.height; row++) {
            memcpy(old + (size_t)row * encoder->grid.width * 4, encoder->tile + row * size, size);
        }
        encoder->known[tile] = 1;
    }
    free(encoder->peer_has);
    encoder->peer_has = NULL;
}

void
vdp_encoder_ask_digest(struct vdp_encoder *encoder)
{
    encoder->digest_asked = true;
}

void
vdp_encoder_set_strict(struct vdp_encoder *encoder, bool strict)
{
    encoder->strict = strict;
}

void
vdp_encoder_set_lossy(struct vdp_encoder *encoder, unsigned quality, bool restless)
{
    encoder->quality = quality > 100 ? 100 : quality;
    encoder->restless = restless;
}

void
vdp_encoder_set_time(struct vdp_encoder *encoder, uint32_t now_ms)
{
    encoder->now_ms = now_ms;
}

uint32_t
vdp_encoder_lossy_tiles(const struct vdp_encoder *encoder)
{
    uint32_t count = 0;
    uint32_t tile;

    for (tile = 0; tile < encoder->grid.count; tile++) {
        count += encoder->lossy[tile] != 0;
    }
    return count;
}

/* Fills up with bytes that say nothing. */
static void
put_padding(struct vdp_buffer *out, size_t start)
{
    size_t at = vdp_op_begin(out, VDP_OP_PAD);

    while ((out->size - start) % STRICT_UNIT != 0 && out->error == 0) {
        vdp_buffer_put_u8(out, 0);
    }
    (void)vdp_op_end(out, at);
}

/* The peer forgets what it decoded; the picture stays. */
static void
begin_anew(struct vdp_encoder *encoder, struct vdp_buffer *out)
{
    (void)ZSTD_CCtx_reset(encoder->stream, ZSTD_reset_session_only);
    vdp_sent_clear(&encoder->sent);
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
    const struct vdp_pixel_ops *ops = vdp_pixel_ops();
    const uint8_t *fresh = image->pixels + rect->y * image->stride + rect->x * 4u;
    const uint8_t *old = encoder->shadow + ((size_t)rect->y * encoder->grid.width + rect->x) * 4;
    uint32_t row;

    for (row = 0; row < rect->height; row++) {
        if (!ops->equal(fresh, old, rect->width)) {
            return true;
        }
        fresh += image->stride;
        old += (size_t)encoder->grid.width * 4;
    }
    return false;
}

/* Fills encoder->changed, leaves in wanted only these and returns how many there are. */
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
        encoder->wanted[tile] = !encoder->known[tile] || tile_differs(encoder, image, &rect);
        if (encoder->wanted[tile]) {
            encoder->changed[count++] = (uint16_t)tile;
        }
    }
    return count;
}

/* Tiles that lie inside one copy are right now: it was found pixel by pixel. */
static void
trust_copy(struct vdp_encoder *encoder, const struct vdp_copy *copy)
{
    const struct vdp_grid *grid = &encoder->grid;
    uint32_t right = copy->x + (uint32_t)copy->width;
    uint32_t bottom = copy->y + (uint32_t)copy->height;
    uint32_t x;
    uint32_t y;

    for (y = (copy->y + VDP_TILE - 1u) / VDP_TILE; y < grid->down; y++) {
        for (x = (copy->x + VDP_TILE - 1u) / VDP_TILE; x < grid->across; x++) {
            struct vdp_rect rect = vdp_grid_rect(grid, y * grid->across + x);

            if ((uint32_t)rect.x + rect.width > right) {
                break;
            }
            if ((uint32_t)rect.y + rect.height > bottom) {
                return;
            }
            encoder->wanted[y * grid->across + x] = 0;
        }
    }
}

/* Moves what moved, in the shadow too. Returns how many tiles still differ. */
static uint32_t
put_copies(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t changed,
           struct vdp_buffer *out)
{
    uint32_t hidden = vdp_encoder_hide_video(encoder, changed);
    const struct vdp_copy_scene scene = {&encoder->grid, image, encoder->shadow, encoder->wanted,
                                         changed - hidden};
    struct vdp_copy copies[VDP_MAX_COPIES];
    uint32_t count = vdp_copy_find(&encoder->finder, &scene, copies);
    uint32_t compared = 0;
    size_t start;
    uint32_t i;

    for (i = 0; hidden > 0 && i < changed; i++) {
        encoder->wanted[encoder->changed[i]] = 1;
    }
    if (count == 0) {
        return changed;
    }
    start = vdp_op_begin(out, VDP_OP_COPY);
    for (i = 0; i < count; i++) {
        const struct vdp_copy *copy = &copies[i];
        const struct vdp_rect to = {copy->x, copy->y, copy->width, copy->height};

        vdp_buffer_put_u16(out, copy->from_x);
        vdp_buffer_put_u16(out, copy->from_y);
        vdp_buffer_put_u16(out, copy->x);
        vdp_buffer_put_u16(out, copy->y);
        vdp_buffer_put_u16(out, copy->width);
        vdp_buffer_put_u16(out, copy->height);
        vdp_encoder_carry_lossy(encoder, copy);
        vdp_copy_apply(encoder->shadow, encoder->grid.width, copy);
        vdp_grid_mark(&encoder->grid, &to, 1, encoder->wanted);
    }
    (void)vdp_op_end(out, start); /* a lack of memory stays in out and is seen with the tiles */
    if (vdp_copies_are_apart(copies, count)) {
        for (i = 0; i < count; i++) {
            trust_copy(encoder, &copies[i]);
        }
    }
    return find_changed(encoder, image, &compared);
}

static bool
all_known(const struct vdp_encoder *encoder)
{
    return memchr(encoder->known, 0, encoder->grid.count) == NULL;
}

/* Says what the peer must show now, when it is to show exactly the picture. */
bool
vdp_encoder_put_digest(struct vdp_encoder *encoder, struct vdp_buffer *out)
{
    size_t start;

    if (!encoder->digest_asked || !all_known(encoder) || vdp_encoder_lossy_tiles(encoder) > 0) {
        return false;
    }
    start = vdp_op_begin(out, VDP_OP_DIGEST);
    vdp_buffer_put_u64(out, vdp_digest_picture(encoder->shadow, (size_t)encoder->grid.width *
                                                                    encoder->grid.height * 4));
    encoder->digest_asked = vdp_op_end(out, start) != 0;
    return !encoder->digest_asked;
}

static void
note_changed(struct vdp_encoder *encoder, uint32_t count, bool drawn)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        struct vdp_activity *tile = &encoder->activity[encoder->changed[i]];

        vdp_activity_changed(tile, encoder->now_ms);
        if (drawn) {
            vdp_activity_drawn(tile, encoder->now_ms);
        }
    }
}

/*
 * Brings the first count tiles of encoder->changed to the peer, each in the way that suits it.
 * Returns how many are left there, or an enum vdp_error.
 */
static int
put_changed(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t count,
            struct vdp_buffer *out, size_t start, struct vdp_encode_stats *stats)
{
    int shown = (int)count;
    int rest;
    int left;

    if (count > 0 && !encoder->strict) {
        (void)vdp_encoder_end_video(encoder, out); /* an error stays in out */
    }
    if (encoder->video.encode != NULL && !encoder->strict) {
        shown = vdp_encoder_put_video(encoder, image, count, out, &stats->tiles_video);
    }
    rest = shown;
    if (encoder->quality > 0 && !encoder->strict && shown > 0) {
        rest = vdp_encoder_put_lossy(encoder, image, (uint32_t)shown, out);
    }
    left = rest;
    if (rest > 0) {
        vdp_encoder_find_patches(encoder, image, (uint32_t)rest);
        left = vdp_encoder_put_tiles(encoder, image, (uint32_t)rest, out, start, &stats->tiles_hit);
    }
    if (left >= 0) {
        stats->tiles_lossy = (uint32_t)(shown - rest);
        stats->tiles_left = (uint32_t)left;
        stats->tiles_sent = stats->tiles_video + (uint32_t)(shown - left);
    }
    return left;
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
    uint32_t differing;
    int left;

    if (encoder->shadow == NULL || image->width != encoder->grid.width ||
        image->height != encoder->grid.height || image->stride < image->width * 4u) {
        return VDP_ERR_RANGE;
    }
    if (key) {
        memset(encoder->known, 0, encoder->grid.count);
        memset(encoder->lossy, 0, encoder->grid.count * sizeof(encoder->lossy[0]));
        encoder->video_key = true;
    }
    if (key && encoder->peer_has != NULL) {
        believe_peer(encoder, image);
    }
    mark_wanted(encoder, damage, damage_count);
    changed = find_changed(encoder, image, &stats.tiles_compared);
    if (key || (encoder->strict && changed > 0)) {
        begin_anew(encoder, out);
    }
    note_changed(encoder, changed, false);
    differing = changed;
    if (!key && !encoder->strict && changed >= VDP_COPY_MIN_TILES && all_known(encoder)) {
        differing = put_copies(encoder, image, changed, out);
    }
    memcpy(encoder->differed, encoder->wanted, encoder->grid.count);
    /* What a scroll uncovers is new, but only once. */
    note_changed(encoder, differing, out->size == start);
    left = put_changed(encoder, image, differing, out, start, &stats);
    if (left < 0 || out->error != 0) {
        out->size = start;
        encoder->needs_key = true; /* the stream holds bytes that the peer will not get */
        return VDP_ERR_NOMEM;
    }
    while (left > 0) {
        encoder->known[encoder->changed[--left]] = 0;
    }
    encoder->needs_key = false;
    stats.has_digest = out->size > start && vdp_encoder_put_digest(encoder, out);
    if (encoder->strict && out->size > start) {
        put_padding(out, start);
    }
    stats.tiles_copied = changed > differing ? changed - differing : 0;
    *ret_key = key;
    if (ret_stats != NULL) {
        *ret_stats = stats;
    }
    return (int)(stats.tiles_sent + stats.tiles_copied);
}
