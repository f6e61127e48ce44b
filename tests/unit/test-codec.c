/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/codec.h"

#include <glib.h>
#include <string.h>
#include <zstd.h>

#include "protocol/codec/pixels.h"
#include "protocol/codec/varint.h"
#include "protocol/wire/messages.h"

struct pair {
    struct vdp_encoder *encoder;
    struct vdp_decoder *decoder;
    struct vdp_buffer ops;
    uint8_t *pixels;
    uint16_t width, height;
    bool key; /* of the last frame */
    struct vdp_encode_stats stats;
    struct vdp_rect dirty;
};

static void
pair_resize(struct pair *pair, uint16_t width, uint16_t height)
{
    g_free(pair->pixels);
    pair->pixels = g_malloc0((gsize)width * height * 4);
    pair->width = width;
    pair->height = height;
    g_assert_cmpint(vdp_encoder_resize(pair->encoder, width, height), ==, 0);
    g_assert_cmpint(vdp_decoder_resize(pair->decoder, width, height), ==, 0);
}

static void
pair_init(struct pair *pair, uint16_t width, uint16_t height)
{
    memset(pair, 0, sizeof(*pair));
    pair->encoder = vdp_encoder_new();
    pair->decoder = vdp_decoder_new();
    pair_resize(pair, width, height);
}

static void
pair_clear(struct pair *pair)
{
    vdp_encoder_free(pair->encoder);
    vdp_decoder_free(pair->decoder);
    vdp_buffer_clear(&pair->ops);
    g_free(pair->pixels);
}

static int
pair_encode(struct pair *pair, const struct vdp_rect *damage, size_t damage_count)
{
    struct vdp_image image = {pair->pixels, pair->width * 4u, pair->width, pair->height};

    vdp_buffer_reset(&pair->ops);
    return vdp_encoder_frame(pair->encoder, &image, damage, damage_count, &pair->ops, &pair->key,
                             &pair->stats);
}

static int
pair_decode(struct pair *pair)
{
    return vdp_decoder_frame(pair->decoder, pair->ops.data, pair->ops.size, pair->key,
                             &pair->dirty);
}

static void
assert_same_picture(const struct pair *pair)
{
    struct vdp_image image = vdp_decoder_image(pair->decoder);
    size_t i;

    g_assert_cmpuint(image.width, ==, pair->width);
    g_assert_cmpuint(image.height, ==, pair->height);
    for (i = 0; i < (size_t)pair->width * pair->height; i++) {
        const uint8_t *got = image.pixels + i / pair->width * image.stride + i % pair->width * 4;

        if (memcmp(got, pair->pixels + i * 4, 3) != 0 || got[3] != 255) {
            g_error("pixel %zu,%zu differs", i % pair->width, i / pair->width);
        }
    }
}

/* Encodes, decodes and compares; returns the number of tiles sent. */
static int
pair_step(struct pair *pair, const struct vdp_rect *damage, size_t damage_count)
{
    int sent = pair_encode(pair, damage, damage_count);

    g_assert_cmpint(sent, >=, 0);
    g_assert_cmpint(pair_decode(pair), ==, 0);
    assert_same_picture(pair);
    return sent;
}

static uint8_t *
pixel(const struct pair *pair, unsigned x, unsigned y)
{
    return pair->pixels + ((size_t)y * pair->width + x) * 4;
}

static void
fill_noise(struct pair *pair, struct vdp_rect rect)
{
    unsigned x;
    unsigned y;

    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
            guint32 value = g_test_rand_int();

            memcpy(pixel(pair, x, y), &value, 4);
        }
    }
}

static struct vdp_rect
random_rect(const struct pair *pair)
{
    struct vdp_rect rect;

    rect.x = (uint16_t)g_test_rand_int_range(0, pair->width);
    rect.y = (uint16_t)g_test_rand_int_range(0, pair->height);
    rect.width = (uint16_t)g_test_rand_int_range(1, pair->width - rect.x + 1);
    rect.height = (uint16_t)g_test_rand_int_range(1, pair->height - rect.y + 1);
    return rect;
}

static void
fill_flat(struct pair *pair, struct vdp_rect rect)
{
    guint32 value = g_test_rand_int();
    unsigned x;
    unsigned y;

    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
            memcpy(pixel(pair, x, y), &value, 4);
        }
    }
}

static void
test_random_pictures_come_back(void)
{
    static const uint16_t sizes[][2] = {{1, 1},     {63, 65}, {64, 64}, {128, 128},
                                        {317, 211}, {130, 1}, {3, 200}};
    size_t i;
    int step;

    for (i = 0; i < G_N_ELEMENTS(sizes); i++) {
        struct pair pair;

        pair_init(&pair, sizes[i][0], sizes[i][1]);
        for (step = 0; step < 40; step++) {
            struct vdp_rect rects[3];
            int count = g_test_rand_int_range(1, 4);
            int j;

            for (j = 0; j < count; j++) {
                rects[j] = random_rect(&pair);
                if (g_test_rand_bit()) {
                    fill_noise(&pair, rects[j]);
                } else {
                    fill_flat(&pair, rects[j]);
                }
            }
            if (g_test_rand_int_range(0, 8) == 0) {
                vdp_encoder_reset(pair.encoder);
            }
            (void)pair_step(&pair, g_test_rand_bit() ? rects : NULL, (size_t)count);
        }
        pair_clear(&pair);
    }
}

static void
test_only_changed_tiles_travel(void)
{
    struct pair pair;
    size_t count;
    const uint32_t *tiles;

    pair_init(&pair, 256, 130);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 12);
    g_assert_true(pair.key);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 0);
    g_assert_cmpuint(pair.ops.size, ==, 0);
    g_assert_cmpuint(pair.stats.tiles_compared, ==, 12);
    g_assert_cmpuint(pair.dirty.width, ==, 0);
    pixel(&pair, 255, 129)[1] ^= 1;
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    g_assert_false(pair.key);
    tiles = vdp_decoder_dirty_tiles(pair.decoder, &count);
    g_assert_cmpuint(count, ==, 1);
    g_assert_cmpuint(tiles[0], ==, 11);
    g_assert_cmpuint(pair.dirty.x, ==, 192);
    g_assert_cmpuint(pair.dirty.y, ==, 128);
    g_assert_cmpuint(pair.dirty.width, ==, 64);
    g_assert_cmpuint(pair.dirty.height, ==, 2);
    pair_clear(&pair);
}

static void
test_the_fourth_byte_is_ignored(void)
{
    struct pair pair;

    pair_init(&pair, 100, 100);
    (void)pair_step(&pair, NULL, 0);
    pixel(&pair, 5, 5)[3] ^= 0x55;
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 0);
    pixel(&pair, 5, 5)[0] ^= 1;
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    pair_clear(&pair);
}

static void
test_damage_limits_what_is_compared(void)
{
    static const struct vdp_rect one = {.x = 64, .y = 63, .width = 1, .height = 2};
    static const struct vdp_rect outside[] = {
        {.x = 256, .y = 0, .width = 9, .height = 9},
        {.x = 0, .y = 0, .width = 0, .height = 9},
        {.x = 250, .y = 250, .width = 65535, .height = 65535}};
    struct pair pair;

    pair_init(&pair, 256, 256);
    g_assert_cmpint(pair_encode(&pair, &one, 1), ==, 16); /* a key frame looks everywhere */
    g_assert_cmpint(pair_decode(&pair), ==, 0);
    g_assert_cmpint(pair_step(&pair, &one, 1), ==, 0);
    g_assert_cmpuint(pair.stats.tiles_compared, ==, 2);
    g_assert_cmpint(pair_step(&pair, outside, G_N_ELEMENTS(outside)), ==, 0);
    g_assert_cmpuint(pair.stats.tiles_compared, ==, 1);
    pixel(&pair, 200, 10)[0] ^= 1;
    g_assert_cmpint(pair_encode(&pair, &one, 1), ==, 0); /* not damaged, not seen */
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    pair_clear(&pair);
}

static void
test_resize_keeps_the_overlap(void)
{
    struct pair pair;
    struct vdp_image image;
    uint8_t corner[4];

    pair_init(&pair, 200, 100);
    fill_noise(&pair, (struct vdp_rect){0, 0, 200, 100});
    (void)pair_step(&pair, NULL, 0);
    memcpy(corner, vdp_decoder_image(pair.decoder).pixels + 99 * 800 + 99 * 4, 4);
    pair_resize(&pair, 100, 300);
    image = vdp_decoder_image(pair.decoder);
    g_assert_cmpmem(image.pixels + 99 * 400 + 99 * 4, 4, corner, 4);
    g_assert_cmpmem(image.pixels + 100 * 400, 4, "\0\0\0\xff", 4);
    fill_noise(&pair, (struct vdp_rect){0, 0, 100, 300});
    (void)pair_step(&pair, NULL, 0);
    g_assert_true(pair.key);
    pair_clear(&pair);
}

static void
test_sizes_beyond_the_limits_are_refused(void)
{
    struct vdp_encoder *encoder = vdp_encoder_new();
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_buffer out = {0};
    struct vdp_image image = {0};
    bool key;
    static const uint16_t bad[][2] = {{0, 1},     {1, 0},         {16385, 1},
                                      {1, 16385}, {16384, 16384}, {8192, 4321}};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(vdp_encoder_resize(encoder, bad[i][0], bad[i][1]), ==, VDP_ERR_RANGE);
        g_assert_cmpint(vdp_decoder_resize(decoder, bad[i][0], bad[i][1]), ==, VDP_ERR_RANGE);
    }
    g_assert_cmpint(vdp_encoder_frame(encoder, &image, NULL, 0, &out, &key, NULL), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(vdp_encoder_resize(encoder, 16384, 2160), ==, 0);
    g_assert_cmpint(vdp_decoder_resize(decoder, 1, 16384), ==, 0);
    vdp_encoder_free(encoder);
    vdp_decoder_free(decoder);
}

static void
test_a_key_frame_mends_a_broken_stream(void)
{
    struct pair pair;

    pair_init(&pair, 300, 200);
    fill_noise(&pair, (struct vdp_rect){0, 0, 300, 200});
    g_assert_cmpint(pair_encode(&pair, NULL, 0), >, 0);
    pair.key = false; /* as if the flag were lost */
    g_assert_cmpint(pair_decode(&pair), ==, VDP_ERR_STATE);
    pair.key = true;
    g_assert_cmpint(pair_decode(&pair), ==, 0);
    pixel(&pair, 0, 0)[0] ^= 1;
    g_assert_cmpint(pair_encode(&pair, NULL, 0), ==, 1);
    pair.ops.size--;
    g_assert_cmpint(pair_decode(&pair), ==, VDP_ERR_TRUNCATED);
    g_assert_cmpint(pair_encode(&pair, NULL, 0), ==, 0);
    g_assert_cmpint(pair_decode(&pair), ==, VDP_ERR_STATE);
    vdp_encoder_reset(pair.encoder);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 20);
    pair_clear(&pair);
}

/* One changed byte somewhere must never harm; the decoder may notice or show wrong pixels. */
static void
test_corrupted_frames_do_no_harm(void)
{
    struct pair pair;
    unsigned refused = 0;
    unsigned i;

    pair_init(&pair, 150, 90);
    fill_noise(&pair, (struct vdp_rect){10, 10, 5, 5}); /* mostly structure, few literals */
    for (i = 0; i < 500; i++) {
        size_t at;

        vdp_encoder_reset(pair.encoder);
        g_assert_cmpint(pair_encode(&pair, NULL, 0), ==, 6);
        at = (size_t)g_test_rand_int_range(0, (int)pair.ops.size);
        pair.ops.data[at] ^= (uint8_t)g_test_rand_int_range(1, 256);
        refused += pair_decode(&pair) != 0;
    }
    g_assert_cmpuint(refused, >, 20);
    vdp_encoder_reset(pair.encoder);
    (void)pair_step(&pair, NULL, 0);
    pair_clear(&pair);
}

static void
put_op(struct vdp_buffer *out, uint8_t kind, const struct vdp_buffer *body)
{
    vdp_buffer_put_u8(out, kind);
    vdp_buffer_put_u8(out, (uint8_t)body->size);
    vdp_buffer_put_u16(out, (uint16_t)(body->size >> 8));
    vdp_buffer_put(out, body->data, body->size);
}

/*
 * A RESET and a ZTILES, which comes twice or once, with those skips between tile numbers and size
 * zero bytes of pixels, compressed with that window and left open or ended.
 */
static int
decode_crafted(const uint32_t *skips, uint8_t count, bool twice, size_t size, int window_log,
               ZSTD_EndDirective end)
{
    struct vdp_decoder *decoder = vdp_decoder_new();
    ZSTD_CCtx *stream = ZSTD_createCCtx();
    struct vdp_buffer body = {0};
    struct vdp_buffer ops = {0};
    uint8_t *zeros = g_malloc0(size + 1);
    ZSTD_inBuffer in = {zeros, size, 0};
    ZSTD_outBuffer out = {NULL, ZSTD_compressBound(size) + 64, 0};
    struct vdp_rect dirty;
    uint8_t i;
    int error;

    g_assert_cmpint(vdp_decoder_resize(decoder, 128, 128), ==, 0);
    vdp_buffer_put_u8(&body, count);
    for (i = 0; i < count; i++) {
        vdp_varint_put(&body, skips[i] << 1);
    }
    ZSTD_CCtx_setParameter(stream, ZSTD_c_windowLog, window_log);
    out.dst = vdp_buffer_reserve(&body, out.size);
    g_assert_cmpuint(ZSTD_compressStream2(stream, &out, &in, end), ==, 0);
    body.size += out.pos;
    vdp_buffer_put_u32(&ops, 2);
    put_op(&ops, 1, &body);
    if (twice) {
        put_op(&ops, 1, &body);
    }
    error = vdp_decoder_frame(decoder, ops.data, ops.size, true, &dirty);
    ZSTD_freeCCtx(stream);
    vdp_decoder_free(decoder);
    vdp_buffer_clear(&body);
    vdp_buffer_clear(&ops);
    g_free(zeros);
    return error;
}

static void
test_crafted_blocks_are_refused(void)
{
    static const uint32_t all[] = {0, 0, 0, 0};
    static const uint32_t round[] = {1, (1u << 27) - 1};
    static const uint32_t outside[] = {3, 0};
    const size_t tile = 64 * 64 * 3;

    g_assert_cmpint(decode_crafted(all, 4, false, 4 * tile, 23, ZSTD_e_flush), ==, 0);
    g_assert_cmpint(decode_crafted(all, 4, false, 4 * tile - 1, 23, ZSTD_e_flush), ==,
                    VDP_ERR_CORRUPT);
    g_assert_cmpint(decode_crafted(all, 4, false, 4 * tile + 1, 23, ZSTD_e_flush), ==,
                    VDP_ERR_CORRUPT);
    g_assert_cmpint(decode_crafted(all, 4, false, 4 * tile, 23, ZSTD_e_end), ==, VDP_ERR_CORRUPT);
    g_assert_cmpint(decode_crafted(all, 4, false, 4 * tile, 24, ZSTD_e_flush), ==, VDP_ERR_CORRUPT);
    /* A bomb: a few kilobytes that hold 256 MiB. */
    g_assert_cmpint(decode_crafted(all, 4, false, (size_t)256 << 20, 23, ZSTD_e_flush), ==,
                    VDP_ERR_CORRUPT);
    g_assert_cmpint(decode_crafted(all, 2, true, 2 * tile, 23, ZSTD_e_flush), ==, VDP_ERR_RANGE);
    g_assert_cmpint(decode_crafted(round, 2, false, 2 * tile, 23, ZSTD_e_flush), ==, VDP_ERR_RANGE);
    g_assert_cmpint(decode_crafted(outside, 2, false, 2 * tile, 23, ZSTD_e_flush), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(decode_crafted(all, 0, false, 0, 23, ZSTD_e_flush), ==, VDP_ERR_RANGE);
}

static void
test_misplaced_operations_are_refused(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        bool key;
        int error;
    } frames[] = {
        {"", 0, false, VDP_ERR_STATE},
        {"", 0, true, VDP_ERR_CORRUPT},
        {"\2\0\0\0", 4, true, 0},
        {"", 0, false, 0},
        {"\2\0\0\0", 4, false, 0},
        {"\7\0\0\0\7\2\0\0xy", 10, false, 0},
        {"\7\0\0\0\2\0\0\0", 8, false, VDP_ERR_CORRUPT},
        {"\7\0\0\0", 4, true, VDP_ERR_CORRUPT},
        {"\2\0\0\0\2\0\0\0", 8, true, VDP_ERR_CORRUPT},
        {"\2\1\0\0x", 5, true, VDP_ERR_TRAILING},
        {"\2\0\0", 3, true, VDP_ERR_TRUNCATED},
        {"\2\0\0\0\143\0\0\0", 8, true, VDP_ERR_RANGE},
        {"\2\0\0\0\6\7\0\0digest-", 15, true, VDP_ERR_TRUNCATED},
        {"\2\0\0\0\6\11\0\0digest---", 17, true, VDP_ERR_TRAILING},
        {"\2\0\0\0\6\10\0\0digest--\6\10\0\0digest--", 28, true, VDP_ERR_CORRUPT},
        {"\2\0\0\0\4\0\0\0", 8, true, VDP_ERR_TRUNCATED},
        {"\2\0\0\0\4\2\0\0\0\0", 10, true, VDP_ERR_RANGE}, /* the cache is empty */
        {"\2\0\0\0\4\5\0\0\xff\xff\xff\xff\0", 13, true, VDP_ERR_TRUNCATED},
        {"\2\0\0\0\1\0\0\1", 8, true, VDP_ERR_TRUNCATED},
        {"\2\0\0\0\1\1\0\0\1", 9, true, VDP_ERR_TRUNCATED},
        {"\2\0\0\0\1\4\0\0\1\0\0\0", 12, true, VDP_ERR_CORRUPT},
    };
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_rect dirty;
    size_t i;

    g_assert_cmpint(vdp_decoder_frame(decoder, NULL, 0, true, &dirty), ==, VDP_ERR_STATE);
    g_assert_cmpint(vdp_decoder_resize(decoder, 64, 64), ==, 0);
    for (i = 0; i < G_N_ELEMENTS(frames); i++) {
        int error = vdp_decoder_frame(decoder, (const uint8_t *)frames[i].bytes, frames[i].size,
                                      frames[i].key, &dirty);

        if (error != frames[i].error) {
            g_error("frame %zu: %d instead of %d", i, error, frames[i].error);
        }
    }
    vdp_decoder_free(decoder);
}

/* A picture that was shown before costs two bytes a tile, cut tiles included. */
static void
test_what_was_shown_before_costs_next_to_nothing(void)
{
    const struct vdp_rect all = {0, 0, 300, 200};
    struct pair pair;
    uint8_t *first;
    uint8_t *second;

    pair_init(&pair, 300, 200);
    fill_noise(&pair, all);
    first = g_memdup2(pair.pixels, 300 * 200 * 4);
    (void)pair_step(&pair, NULL, 0);
    fill_noise(&pair, all);
    second = g_memdup2(pair.pixels, 300 * 200 * 4);
    (void)pair_step(&pair, NULL, 0);
    memcpy(pair.pixels, first, 300 * 200 * 4);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 20);
    g_assert_cmpuint(pair.ops.size, <, 50);
    memcpy(pair.pixels, second, 300 * 200 * 4);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 20);
    g_assert_cmpuint(pair.ops.size, <, 50);
    vdp_encoder_reset(pair.encoder); /* both ends forget */
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 20);
    g_assert_cmpuint(pair.ops.size, >, 100000);
    g_free(first);
    g_free(second);
    pair_clear(&pair);
}

/* Many more tiles than slots, some of them again and again: both clocks must stay in step. */
static void
test_the_cache_stays_in_step_when_it_is_full(void)
{
    struct pair pair;
    guint32 seen[600];
    unsigned hits = 0;
    unsigned i;
    unsigned tile;

    pair_init(&pair, 640, 704);
    for (i = 0; i < G_N_ELEMENTS(seen); i++) {
        seen[i] = g_test_rand_int();
    }
    for (i = 0; i < 120; i++) {
        for (tile = 0; tile < 110; tile++) {
            guint32 again = seen[g_test_rand_int_range(0, G_N_ELEMENTS(seen))];
            guint32 fresh = g_test_rand_int();
            guint32 mark = fresh % 3 == 0 ? again : fresh;

            memcpy(pixel(&pair, tile % 10 * 64 + 3, tile / 10 * 64 + 5), &mark, 4);
        }
        (void)pair_step(&pair, NULL, 0);
        hits += pair.stats.tiles_hit;
    }
    g_assert_cmpuint(hits, >, 2000);
    g_assert_cmpuint(hits, <, 6000);
    pair_clear(&pair);
}

static void
move_rows(struct pair *pair, unsigned to, unsigned from, unsigned rows)
{
    size_t stride = pair->width * 4u;

    memmove(pair->pixels + to * stride, pair->pixels + from * stride, rows * stride);
}

/* Noise, which nothing but a copy makes small. */
static void
test_a_scrolled_page_is_copied(void)
{
    struct pair pair;
    unsigned i;

    pair_init(&pair, 500, 600);
    fill_noise(&pair, (struct vdp_rect){0, 0, 500, 600});
    (void)pair_step(&pair, NULL, 0);
    for (i = 0; i < 10; i++) {
        if (i % 2 == 0) {
            move_rows(&pair, 0, 20, 580);
            fill_noise(&pair, (struct vdp_rect){0, 580, 500, 20});
        } else {
            move_rows(&pair, 37, 0, 563);
            fill_noise(&pair, (struct vdp_rect){0, 0, 500, 37});
        }
        g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 80);
        g_assert_cmpuint(pair.stats.tiles_copied, >=, 72);
        g_assert_cmpuint(pair.ops.size, <, 8 * 64 * 64 * 3 + 2000);
    }
    pair_clear(&pair);
}

static void
draw_window(struct pair *pair, const uint8_t *behind, const uint8_t *window, unsigned x, unsigned y)
{
    unsigned row;

    memcpy(pair->pixels, behind, (gsize)pair->width * pair->height * 4);
    for (row = 0; row < 300; row++) {
        memcpy(pixel(pair, x, y + row), window + (gsize)row * 400 * 4, 400 * 4);
    }
}

static void
test_a_dragged_window_is_copied(void)
{
    static const int steps[][2] = {{7, 3}, {-30, 11}, {64, 0}, {0, -64}, {-1, -1}, {100, 90}};
    struct pair pair;
    uint8_t *behind;
    uint8_t *window;
    int x = 150;
    int y = 130;
    size_t i;

    pair_init(&pair, 900, 700);
    fill_flat(&pair, (struct vdp_rect){0, 0, 900, 700});
    behind = g_memdup2(pair.pixels, 900 * 700 * 4);
    fill_noise(&pair, (struct vdp_rect){0, 0, 400, 300});
    window = g_malloc(400 * 300 * 4);
    for (i = 0; i < 300; i++) {
        memcpy(window + i * 400 * 4, pixel(&pair, 0, (unsigned)i), 400 * 4);
    }
    draw_window(&pair, behind, window, (unsigned)x, (unsigned)y);
    (void)pair_step(&pair, NULL, 0);
    for (i = 0; i < G_N_ELEMENTS(steps); i++) {
        x += steps[i][0];
        y += steps[i][1];
        draw_window(&pair, behind, window, (unsigned)x, (unsigned)y);
        (void)pair_step(&pair, NULL, 0);
        g_assert_cmpuint(pair.ops.size, <, 400 * 300 * 3 / 4);
        g_assert_cmpuint(pair.stats.tiles_copied, >=, 12);
    }
    g_free(behind);
    g_free(window);
    pair_clear(&pair);
}

/* Many overlapping moves, dirty fringes and damage that is named: whatever is found is exact. */
static void
test_moves_of_any_kind_come_back(void)
{
    struct pair pair;
    unsigned copied = 0;
    unsigned i;

    pair_init(&pair, 700, 500);
    fill_noise(&pair, (struct vdp_rect){0, 0, 700, 500});
    (void)pair_step(&pair, NULL, 0);
    for (i = 0; i < 60; i++) {
        uint8_t *old = g_memdup2(pair.pixels, 700 * 500 * 4);
        struct vdp_rect from = {(uint16_t)g_test_rand_int_range(0, 200),
                                (uint16_t)g_test_rand_int_range(0, 150), 0, 0};
        struct vdp_rect to = {
            (uint16_t)g_test_rand_int_range(0, 200), (uint16_t)g_test_rand_int_range(0, 150),
            (uint16_t)g_test_rand_int_range(250, 500), (uint16_t)g_test_rand_int_range(200, 350)};
        unsigned row;

        for (row = 0; row < to.height; row++) {
            memcpy(pixel(&pair, to.x, to.y + row),
                   old + ((size_t)(from.y + row) * 700 + from.x) * 4, to.width * 4u);
        }
        if (g_test_rand_bit()) {
            fill_noise(&pair, (struct vdp_rect){to.x, to.y, 1, to.height});
        }
        (void)pair_step(&pair, g_test_rand_bit() ? &to : NULL, 1);
        copied += pair.stats.tiles_copied;
        g_free(old);
    }
    g_assert_cmpuint(copied, >, 0);
    pair_clear(&pair);
}

static int
decode_copy(const uint16_t fields[6], unsigned times, bool key)
{
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_buffer body = {0};
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    unsigned i;
    int error;

    g_assert_cmpint(vdp_decoder_resize(decoder, 100, 80), ==, 0);
    g_assert_cmpint(vdp_decoder_frame(decoder, (const uint8_t *)"\2\0\0\0", 4, true, &dirty), ==,
                    0);
    for (i = 0; i < 6 * times; i++) {
        vdp_buffer_put_u16(&body, fields[i % 6]);
    }
    if (key) {
        vdp_buffer_put_u32(&ops, 2);
    }
    put_op(&ops, 3, &body);
    error = vdp_decoder_frame(decoder, ops.data, ops.size, key, &dirty);
    vdp_decoder_free(decoder);
    vdp_buffer_clear(&body);
    vdp_buffer_clear(&ops);
    return error;
}

static void
test_copies_outside_the_surface_are_refused(void)
{
    static const uint16_t bad[][6] = {{0, 0, 1, 0, 100, 80},  {1, 0, 0, 0, 100, 80},
                                      {0, 1, 0, 0, 100, 80},  {0, 0, 0, 1, 100, 80},
                                      {0, 0, 0, 0, 0, 80},    {0, 0, 0, 0, 100, 0},
                                      {65535, 0, 0, 0, 1, 1}, {0, 0, 65535, 0, 2, 2},
                                      {0, 0, 0, 0, 65535, 1}, {0, 65535, 0, 0, 1, 65535}};
    static const uint16_t whole[] = {0, 0, 0, 0, 100, 80};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_cmpint(decode_copy(bad[i], 1, false), ==, VDP_ERR_RANGE);
    }
    g_assert_cmpint(decode_copy(whole, 2, false), ==, 0);
    g_assert_cmpint(decode_copy(whole, 3, false), ==, VDP_ERR_RANGE); /* work without end */
    g_assert_cmpint(decode_copy(whole, 0, false), ==, VDP_ERR_TRUNCATED);
    g_assert_cmpint(decode_copy(whole, 1, true), ==, VDP_ERR_CORRUPT);
}

static void
test_a_digest_tells_a_wrong_picture(void)
{
    struct pair pair;
    uint8_t *shown;

    pair_init(&pair, 200, 130);
    vdp_encoder_ask_digest(pair.encoder);
    (void)pair_step(&pair, NULL, 0);
    g_assert_true(pair.stats.has_digest);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_RIGHT);
    vdp_encoder_ask_digest(pair.encoder);
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpuint(pair.ops.size, ==, 0); /* nothing changed: nothing is sent */
    pixel(&pair, 1, 1)[0] ^= 1;
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_RIGHT);
    pixel(&pair, 1, 1)[0] ^= 3;
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_NONE);
    shown = (uint8_t *)vdp_decoder_image(pair.decoder).pixels;
    shown[199 * 4] ^= 1; /* as if a tile had gone astray */
    vdp_encoder_ask_digest(pair.encoder);
    pixel(&pair, 1, 1)[0] ^= 5;
    g_assert_cmpint(pair_encode(&pair, NULL, 0), ==, 1);
    g_assert_cmpint(pair_decode(&pair), ==, 0);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_WRONG);
    vdp_encoder_reset(pair.encoder);
    vdp_encoder_ask_digest(pair.encoder);
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_RIGHT);
    pair_clear(&pair);
}

/* Equal changes give equal bytes whatever went before. */
static void
test_strict_frames_know_no_history(void)
{
    const struct vdp_rect all = {0, 0, 300, 200};
    struct pair pair;
    uint8_t *pixels;
    uint8_t *ops;
    size_t size;

    pair_init(&pair, 300, 200);
    vdp_encoder_set_strict(pair.encoder, true);
    (void)pair_step(&pair, NULL, 0);
    fill_noise(&pair, all);
    pixels = g_memdup2(pair.pixels, 300 * 200 * 4);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 20);
    size = pair.ops.size;
    ops = g_memdup2(pair.ops.data, size);
    g_assert_cmpuint(size % 256, ==, 0);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 0);
    g_assert_cmpuint(pair.ops.size, ==, 0);
    fill_flat(&pair, all);
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpuint(pair.ops.size % 256, ==, 0);
    memcpy(pair.pixels, pixels, 300 * 200 * 4); /* seen before, and sent as if never seen */
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpmem(pair.ops.data, pair.ops.size, ops, size);
    g_free(pixels);
    g_free(ops);
    pair_clear(&pair);
}

static void
compare_ops(const struct vdp_pixel_ops *fast, uint32_t pixels)
{
    const struct vdp_pixel_ops *plain = &vdp_pixel_ops_plain;
    guint32 above[2][VDP_TILE + 8] = {{0}};
    uint8_t from[(VDP_TILE + 1) * 4];
    uint8_t to[2][VDP_TILE * 4 + 32] = {{0}};
    uint8_t planes[2][3][VDP_TILE] = {{{0}}};
    uint32_t i;

    for (i = 0; i < sizeof(from); i++) {
        from[i] = (uint8_t)(g_test_rand_bit() ? 7 : g_test_rand_int());
    }
    for (i = 0; i < VDP_TILE; i++) {
        above[0][i] = above[1][i] = g_test_rand_int();
    }
    plain->pack(to[0], from, pixels);
    fast->pack(to[1], from, pixels);
    g_assert_cmpmem(to[0], sizeof(to[0]), to[1], sizeof(to[1]));
    plain->unpack(to[0], from, pixels);
    fast->unpack(to[1], from, pixels);
    g_assert_cmpmem(to[0], sizeof(to[0]), to[1], sizeof(to[1]));
    plain->copy(to[0], from, pixels);
    fast->copy(to[1], from, pixels);
    g_assert_cmpmem(to[0], sizeof(to[0]), to[1], sizeof(to[1]));
    g_assert_cmpuint(plain->count_repeats(from, pixels), ==, fast->count_repeats(from, pixels));
    g_assert_true(fast->equal(to[0], from, pixels)); /* but for X */
    to[0][g_test_rand_int_range(0, (int)pixels) * 4 + g_test_rand_int_range(0, 3)] ^= 1;
    g_assert_false(fast->equal(to[0], from, pixels));
    g_assert_false(plain->equal(to[0], from, pixels));
    plain->predict_row(planes[0][0], planes[0][1], planes[0][2], from, above[0], pixels);
    fast->predict_row(planes[1][0], planes[1][1], planes[1][2], from, above[1], pixels);
    g_assert_cmpmem(planes[0], sizeof(planes[0]), planes[1], sizeof(planes[1]));
    for (i = 0; i < pixels; i++) { /* the fourth byte means nothing */
        g_assert_cmpuint(above[0][i] & 0xffffff, ==, above[1][i] & 0xffffff);
    }
}

static void
test_every_processor_gives_the_same(void)
{
    const struct vdp_pixel_ops *fast = vdp_pixel_ops_avx2();
    uint32_t pixels;
    unsigned run;

    if (fast == NULL) {
        g_test_skip("this processor has no AVX2");
        return;
    }
    for (run = 0; run < 20; run++) {
        for (pixels = 1; pixels <= VDP_TILE; pixels++) {
            compare_ops(fast, pixels);
        }
    }
}

/* Something like a photograph above two lines of tiles that are none. */
static void
draw_photo(struct pair *pair, unsigned seed)
{
    unsigned x;
    unsigned y;

    for (y = 0; y < pair->height; y++) {
        for (x = 0; x < pair->width; x++) {
            unsigned wave = (x * x / 64 + y * (y + seed) / 64) % 256;
            unsigned light =
                (wave < 128 ? wave : 255 - wave) + (unsigned)g_test_rand_int_range(0, 12);

            pixel(pair, x, y)[0] = (uint8_t)(y < 256 ? light + x % 3 : x / 16 % 2 * 255);
            pixel(pair, x, y)[1] = (uint8_t)(y < 256 ? light + 40 + y % 3 : y / 16 % 2 * 255);
            pixel(pair, x, y)[2] = (uint8_t)(y < 256 ? light + 90 : 9);
        }
    }
}

/* The largest difference of a channel in those rows. */
static int
worst_error(const struct pair *pair, unsigned top, unsigned bottom)
{
    struct vdp_image image = vdp_decoder_image(pair->decoder);
    int worst = 0;
    unsigned x;
    unsigned y;
    unsigned i;

    for (y = top; y < bottom; y++) {
        for (x = 0; x < pair->width; x++) {
            for (i = 0; i < 3; i++) {
                int error = image.pixels[y * image.stride + x * 4 + i] - pixel(pair, x, y)[i];

                worst = MAX(worst, ABS(error));
            }
            g_assert_cmpint(image.pixels[y * image.stride + x * 4 + 3], ==, 255);
        }
    }
    return worst;
}

static unsigned
refine_all(struct pair *pair)
{
    unsigned frames = 0;
    int tiles;

    do {
        vdp_buffer_reset(&pair->ops);
        vdp_encoder_ask_digest(pair->encoder);
        tiles = vdp_encoder_refine(pair->encoder, 20000, &pair->ops);
        g_assert_cmpint(tiles, >=, 0);
        g_assert_cmpint(tiles > 0, ==, pair->ops.size > 0);
        pair->key = false;
        if (tiles > 0) {
            g_assert_cmpint(pair_decode(pair), ==, 0);
            frames++;
        }
    } while (tiles > 0);
    g_assert_cmpuint(vdp_encoder_lossy_tiles(pair->encoder), ==, 0);
    assert_same_picture(pair);
    return frames;
}

static void
test_photographs_come_small_and_become_exact(void)
{
    struct pair pair;
    size_t exact;

    pair_init(&pair, 500, 400);
    draw_photo(&pair, 1);
    (void)pair_step(&pair, NULL, 0); /* never lossy unasked */
    exact = pair.ops.size;
    vdp_encoder_set_lossy(pair.encoder, 80);
    draw_photo(&pair, 77);
    vdp_encoder_ask_digest(pair.encoder);
    g_assert_cmpint(pair_encode(&pair, NULL, 0), ==, 32);
    g_assert_cmpuint(pair.stats.tiles_lossy, ==, 32);
    g_assert_false(pair.stats.has_digest);
    g_assert_cmpuint(pair.ops.size, <, exact / 2);
    g_assert_cmpint(pair_decode(&pair), ==, 0);
    g_assert_cmpint(worst_error(&pair, 0, 256), >, 0);
    g_assert_cmpint(worst_error(&pair, 0, 256), <, 90);
    g_assert_cmpint(worst_error(&pair, 256, 400), ==, 0);
    g_assert_cmpint(pair_encode(&pair, NULL, 0), ==, 0);
    g_assert_cmpuint(vdp_encoder_lossy_tiles(pair.encoder), ==, 32);
    g_assert_cmpuint(refine_all(&pair), >, 3);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_RIGHT);
    /* What is exact stays so until it changes. */
    pixel(&pair, 100, 100)[0] ^= 1;
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    g_assert_cmpuint(vdp_encoder_lossy_tiles(pair.encoder), ==, 0);
    pair_clear(&pair);
}

/* Wherever an inexact pixel goes, it is mended there. */
static void
test_copies_carry_what_is_not_exact(void)
{
    struct pair pair;
    unsigned i;

    pair_init(&pair, 500, 400);
    vdp_encoder_set_lossy(pair.encoder, 60);
    draw_photo(&pair, 3);
    g_assert_cmpint(pair_encode(&pair, NULL, 0), >, 0);
    g_assert_cmpint(pair_decode(&pair), ==, 0);
    for (i = 0; i < 3; i++) {
        move_rows(&pair, 29, 0, 371);
        g_assert_cmpint(pair_encode(&pair, NULL, 0), >, 0);
        g_assert_cmpuint(pair.stats.tiles_copied, >, 0);
        g_assert_cmpint(pair_decode(&pair), ==, 0);
    }
    g_assert_cmpint(worst_error(&pair, 0, 400), >, 0);
    (void)refine_all(&pair);
    pair_clear(&pair);
}

static int
decode_jpeg(const char *bytes, size_t size)
{
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_buffer body = {0};
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    int error;

    vdp_buffer_put(&body, bytes, size);
    vdp_buffer_put_u32(&ops, 2);
    put_op(&ops, 5, &body);
    g_assert_cmpint(vdp_decoder_resize(decoder, 128, 128), ==, 0);
    error = vdp_decoder_frame(decoder, ops.data, ops.size, true, &dirty);
    vdp_decoder_free(decoder);
    vdp_buffer_clear(&body);
    vdp_buffer_clear(&ops);
    return error;
}

static void
test_crafted_jpegs_are_refused(void)
{
#define SOI          "\xff\xd8"
#define SOF(n, w, h) "\xff" n "\0\21\10\0" h "\0" w "\3\1\21\0\2\21\0\3\21\0"
#define SOS          "\xff\xda\0\14\3\1\0\2\0\3\0\0\77\0"
#define EOI          "\xff\xd9"
#define BAD(bytes)   g_assert_cmpint(decode_jpeg(bytes, sizeof(bytes) - 1), ==, VDP_ERR_CORRUPT)
    g_assert_cmpint(decode_jpeg("\0\0\1", 3), ==, VDP_ERR_TRUNCATED);
    g_assert_cmpint(decode_jpeg("\0\0\0\1", 4), ==, VDP_ERR_RANGE);
    g_assert_cmpint(decode_jpeg("\0\0\3\1", 4), ==, VDP_ERR_RANGE);
    g_assert_cmpint(decode_jpeg("\2\0\1\2", 4), ==, VDP_ERR_RANGE);
    g_assert_cmpint(decode_jpeg("\4\0\1\1", 4), ==, VDP_ERR_RANGE);
    BAD("\0\0\1\1");
    BAD("\0\0\1\1" SOI EOI);
    BAD("\0\0\1\1" SOI SOS "x" EOI);
    BAD("\0\0\1\1" SOI SOF("\xc0", "\100", "\77") SOS "x" EOI);  /* another height */
    BAD("\0\0\1\1" SOI SOF("\xc0", "\77", "\100") SOS "x" EOI);  /* another width */
    BAD("\0\0\1\1" SOI SOF("\xc2", "\100", "\100") SOS "x" EOI); /* progressive */
    BAD("\0\0\1\1" SOI SOF("\xc0", "\100", "\100") SOF("\xc0", "\100", "\100") SOS "x" EOI);
    BAD("\0\0\1\1" SOI SOF("\xc0", "\100", "\100") SOS "x" SOS "x" EOI); /* two scans */
    BAD("\0\0\1\1" SOI SOF("\xc0", "\100", "\100") SOS "x" EOI "x");
    BAD("\0\0\1\1" SOI SOF("\xc0", "\100", "\100") SOS "x");
    BAD("\0\0\1\1" SOI SOF("\xc0", "\100", "\100") SOS "x" EOI); /* no tables */
#undef SOI
#undef SOF
#undef SOS
#undef EOI
#undef BAD
}

/* Smooth content that zstd alone cannot make smaller is predicted. */
static void
test_smooth_tiles_are_predicted(void)
{
    struct pair pair;
    unsigned x;
    unsigned y;

    pair_init(&pair, 230, 150);
    for (y = 0; y < 150; y++) {
        for (x = 0; x < 230; x++) {
            unsigned light = x / 2 + y / 2 + (unsigned)g_test_rand_int_range(0, 4);

            pixel(&pair, x, y)[0] = (uint8_t)light;
            pixel(&pair, x, y)[1] = (uint8_t)(light + 9);
            pixel(&pair, x, y)[2] = (uint8_t)(light + 77);
        }
    }
    (void)pair_step(&pair, NULL, 0);
    g_assert_cmpuint(pair.ops.size, <, 230 * 150 * 3 * 2 / 5);
    pair_clear(&pair);
}

/* More tiles than one operation holds, and noise, which zstd cannot make smaller. */
static void
test_large_pictures_take_several_operations(void)
{
    struct pair pair;
    size_t at = 4;
    unsigned ops = 0;

    pair_init(&pair, 3840, 2160);
    fill_noise(&pair, (struct vdp_rect){0, 0, 3840, 2160});
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 60 * 34);
    while (at < pair.ops.size) {
        const uint8_t *op = pair.ops.data + at;

        g_assert_cmpuint(op[0], ==, 1);
        at += 4 + ((size_t)op[1] | (size_t)op[2] << 8 | (size_t)op[3] << 16);
        ops++;
    }
    g_assert_cmpuint(at, ==, pair.ops.size);
    g_assert_cmpuint(ops, ==, 2);
    pair_clear(&pair);
}

/* The largest surface full of noise: no frame exceeds its record, and two frames carry it all. */
static void
test_what_does_not_fit_comes_with_the_next_frame(void)
{
    static const struct vdp_rect nothing = {0};
    struct pair pair;
    int sent;

    pair_init(&pair, 8192, 4320);
    fill_noise(&pair, (struct vdp_rect){0, 0, 8192, 4320});
    sent = pair_encode(&pair, NULL, 0);
    g_assert_cmpint(sent, >, 0);
    g_assert_cmpuint(pair.stats.tiles_left, >, 0);
    g_assert_cmpuint((unsigned)sent + pair.stats.tiles_left, ==, 128 * 68);
    g_assert_cmpuint(pair.ops.size, <, vdp_message_find(VDP_FRAME)->max_body - 15);
    g_assert_cmpint(pair_decode(&pair), ==, 0);
    while (pair.stats.tiles_left > 0) {
        g_assert_cmpint(pair_encode(&pair, &nothing, 1), >, 0);
        g_assert_cmpint(pair_decode(&pair), ==, 0);
    }
    assert_same_picture(&pair);
    pair_clear(&pair);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec/random-pictures-come-back", test_random_pictures_come_back);
    g_test_add_func("/codec/only-changed-tiles-travel", test_only_changed_tiles_travel);
    g_test_add_func("/codec/the-fourth-byte-is-ignored", test_the_fourth_byte_is_ignored);
    g_test_add_func("/codec/damage-limits-what-is-compared", test_damage_limits_what_is_compared);
    g_test_add_func("/codec/resize-keeps-the-overlap", test_resize_keeps_the_overlap);
    g_test_add_func("/codec/sizes-beyond-the-limits-are-refused",
                    test_sizes_beyond_the_limits_are_refused);
    g_test_add_func("/codec/a-key-frame-mends-a-broken-stream",
                    test_a_key_frame_mends_a_broken_stream);
    g_test_add_func("/codec/corrupted-frames-do-no-harm", test_corrupted_frames_do_no_harm);
    g_test_add_func("/codec/crafted-blocks-are-refused", test_crafted_blocks_are_refused);
    g_test_add_func("/codec/misplaced-operations-are-refused",
                    test_misplaced_operations_are_refused);
    g_test_add_func("/codec/what-was-shown-before-costs-next-to-nothing",
                    test_what_was_shown_before_costs_next_to_nothing);
    g_test_add_func("/codec/the-cache-stays-in-step-when-it-is-full",
                    test_the_cache_stays_in_step_when_it_is_full);
    g_test_add_func("/codec/a-scrolled-page-is-copied", test_a_scrolled_page_is_copied);
    g_test_add_func("/codec/a-dragged-window-is-copied", test_a_dragged_window_is_copied);
    g_test_add_func("/codec/moves-of-any-kind-come-back", test_moves_of_any_kind_come_back);
    g_test_add_func("/codec/copies-outside-the-surface-are-refused",
                    test_copies_outside_the_surface_are_refused);
    g_test_add_func("/codec/a-digest-tells-a-wrong-picture", test_a_digest_tells_a_wrong_picture);
    g_test_add_func("/codec/strict-frames-know-no-history", test_strict_frames_know_no_history);
    g_test_add_func("/codec/every-processor-gives-the-same", test_every_processor_gives_the_same);
    g_test_add_func("/codec/photographs-come-small-and-become-exact",
                    test_photographs_come_small_and_become_exact);
    g_test_add_func("/codec/copies-carry-what-is-not-exact", test_copies_carry_what_is_not_exact);
    g_test_add_func("/codec/crafted-jpegs-are-refused", test_crafted_jpegs_are_refused);
    g_test_add_func("/codec/smooth-tiles-are-predicted", test_smooth_tiles_are_predicted);
    g_test_add_func("/codec/large-pictures-take-several-operations",
                    test_large_pictures_take_several_operations);
    g_test_add_func("/codec/what-does-not-fit-comes-with-the-next-frame",
                    test_what_does_not_fit_comes_with_the_next_frame);
    return g_test_run();
}
