/* SPDX-License-Identifier: Apache-2.0 */
/* What the codec does beyond sending tiles: cache, copies, digest, strict frames, JPEG, prediction.
 */
#include <glib.h>
#include <string.h>

#include "protocol/codec/codec.h"
#include "protocol/codec/pixels.h"
#include "protocol/codec/video.h"
#include "tests/unit/codec-fixture.h"

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
static unsigned
count_changed(const struct pair *pair, unsigned tiles)
{
    const uint8_t *changed = vdp_encoder_changed(pair->encoder);
    unsigned count = 0;
    unsigned i;

    for (i = 0; i < tiles; i++) {
        count += changed[i];
    }
    return count;
}

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
        g_assert_cmpuint(count_changed(&pair, 80), ==, 80 - pair.stats.tiles_copied);
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
    bool digest;
    int tiles;

    do {
        vdp_buffer_reset(&pair->ops);
        vdp_encoder_ask_digest(pair->encoder);
        tiles = vdp_encoder_refine(pair->encoder, 20000, 0, &pair->ops, &digest);
        g_assert_cmpint(tiles, >=, 0);
        g_assert_cmpint(tiles > 0, ==, pair->ops.size > 0);
        pair->key = false;
        if (tiles > 0) {
            g_assert_cmpint(pair_decode(pair), ==, 0);
            g_assert_true(digest == (vdp_encoder_lossy_tiles(pair->encoder) == 0));
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
    vdp_encoder_set_lossy(pair.encoder, 80, false);
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
    vdp_encoder_set_lossy(pair.encoder, 60, false);
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

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec-ops/what-was-shown-before-costs-next-to-nothing",
                    test_what_was_shown_before_costs_next_to_nothing);
    g_test_add_func("/codec-ops/the-cache-stays-in-step-when-it-is-full",
                    test_the_cache_stays_in_step_when_it_is_full);
    g_test_add_func("/codec-ops/a-scrolled-page-is-copied", test_a_scrolled_page_is_copied);
    g_test_add_func("/codec-ops/a-dragged-window-is-copied", test_a_dragged_window_is_copied);
    g_test_add_func("/codec-ops/moves-of-any-kind-come-back", test_moves_of_any_kind_come_back);
    g_test_add_func("/codec-ops/copies-outside-the-surface-are-refused",
                    test_copies_outside_the_surface_are_refused);
    g_test_add_func("/codec-ops/a-digest-tells-a-wrong-picture",
                    test_a_digest_tells_a_wrong_picture);
    g_test_add_func("/codec-ops/strict-frames-know-no-history", test_strict_frames_know_no_history);
    g_test_add_func("/codec-ops/every-processor-gives-the-same",
                    test_every_processor_gives_the_same);
    g_test_add_func("/codec-ops/photographs-come-small-and-become-exact",
                    test_photographs_come_small_and_become_exact);
    g_test_add_func("/codec-ops/copies-carry-what-is-not-exact",
                    test_copies_carry_what_is_not_exact);
    g_test_add_func("/codec-ops/crafted-jpegs-are-refused", test_crafted_jpegs_are_refused);
    g_test_add_func("/codec-ops/smooth-tiles-are-predicted", test_smooth_tiles_are_predicted);
    return g_test_run();
}
