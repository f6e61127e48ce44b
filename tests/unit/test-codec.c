/* SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "protocol/codec/codec.h"
#include "protocol/codec/varint.h"
#include "protocol/wire/messages.h"
#include "tests/unit/codec-fixture.h"

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

/*
 * Appends a RESET and a ZTILES, which comes twice or once, with those skips between tile numbers
 * and size zero bytes of pixels, compressed with that window and left open or ended.
 */
static void
craft(struct vdp_buffer *ops, const uint32_t *skips, uint8_t count, bool twice, size_t size,
      int window_log, ZSTD_EndDirective end)
{
    ZSTD_CCtx *stream = ZSTD_createCCtx();
    struct vdp_buffer body = {0};
    uint8_t *zeros = g_malloc0(size + 1);
    ZSTD_inBuffer in = {zeros, size, 0};
    ZSTD_outBuffer out = {NULL, ZSTD_compressBound(size) + 64, 0};
    uint8_t i;

    vdp_buffer_put_u8(&body, count);
    for (i = 0; i < count; i++) {
        vdp_varint_put(&body, skips[i] << 1);
    }
    ZSTD_CCtx_setParameter(stream, ZSTD_c_windowLog, window_log);
    out.dst = vdp_buffer_reserve(&body, out.size);
    g_assert_cmpuint(ZSTD_compressStream2(stream, &out, &in, end), ==, 0);
    body.size += out.pos;
    vdp_buffer_put_u32(ops, 2);
    put_op(ops, 1, &body);
    if (twice) {
        put_op(ops, 1, &body);
    }
    ZSTD_freeCCtx(stream);
    vdp_buffer_clear(&body);
    g_free(zeros);
}

/* What a decoder of four tiles says to them. */
static int
decode_crafted(const uint32_t *skips, uint8_t count, bool twice, size_t size, int window_log,
               ZSTD_EndDirective end)
{
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    int error;

    g_assert_cmpint(vdp_decoder_resize(decoder, 128, 128), ==, 0);
    craft(&ops, skips, count, twice, size, window_log, end);
    error = vdp_decoder_frame(decoder, ops.data, ops.size, true, &dirty);
    vdp_decoder_free(decoder);
    vdp_buffer_clear(&ops);
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

/* A line of /proc/self/status, in KiB. */
static size_t
status_kib(const char *key)
{
    g_autofree char *status = NULL;
    const char *line;

    g_assert_true(g_file_get_contents("/proc/self/status", &status, NULL, NULL));
    line = strstr(status, key);
    g_assert_nonnull(line);
    return (size_t)g_ascii_strtoull(line + strlen(key), NULL, 10);
}

/*
 * What a bomb costs before it is refused. Sanitizers keep books of their own, so that memory is
 * looked at without them only.
 */
static void
test_a_bomb_costs_little(void)
{
    static const uint32_t all[] = {0, 0, 0, 0};
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    size_t before;
    size_t grown;
    gint64 start;
    FILE *peak;

    g_assert_cmpint(vdp_decoder_resize(decoder, 128, 128), ==, 0);
    craft(&ops, all, 4, false, (size_t)256 << 20, 23, ZSTD_e_flush);
    peak = fopen("/proc/self/clear_refs", "w");
    g_assert_nonnull(peak);
    g_assert_cmpint(fputs("5", peak), >=, 0); /* VmHWM begins anew */
    g_assert_cmpint(fclose(peak), ==, 0);
    before = status_kib("VmRSS:");
    start = g_get_monotonic_time();
    g_assert_cmpint(vdp_decoder_frame(decoder, ops.data, ops.size, true, &dirty), ==,
                    VDP_ERR_CORRUPT);
    grown = status_kib("VmHWM:") - MIN(before, status_kib("VmHWM:"));
    g_test_message("%zu bytes that hold 256 MiB: refused after %.1f ms, %zu KiB", ops.size,
                   (double)(g_get_monotonic_time() - start) / 1e3, grown);
#ifndef __SANITIZE_ADDRESS__
    g_assert_cmpuint(grown, <=, 64 * 1024);
#endif
    vdp_decoder_free(decoder);
    vdp_buffer_clear(&ops);
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
    g_test_add_func("/codec/a-bomb-costs-little", test_a_bomb_costs_little);
    g_test_add_func("/codec/misplaced-operations-are-refused",
                    test_misplaced_operations_are_refused);
    g_test_add_func("/codec/large-pictures-take-several-operations",
                    test_large_pictures_take_several_operations);
    g_test_add_func("/codec/what-does-not-fit-comes-with-the-next-frame",
                    test_what_does_not_fit_comes_with_the_next_frame);
    return g_test_run();
}
