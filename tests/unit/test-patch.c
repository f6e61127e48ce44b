/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of tiles: what is sent of a letter, and what a hostile peer may say about parts. */
#include <glib.h>
#include <string.h>

#include "protocol/codec/codec.h"
#include "tests/unit/codec-fixture.h"

#define OP_PATCH 9

static const struct vdp_rect letter = {70, 80, 9, 16};

static void
begin(struct pair *pair)
{
    pair_init(pair, 300, 200);
    fill_noise(pair, (struct vdp_rect){0, 0, 300, 200});
    (void)pair_step(pair, NULL, 0);
}

/* Noise has to be sent as it is: so many bytes are so many pixels. */
static void
test_a_letter_costs_a_letter(void)
{
    struct pair pair;

    begin(&pair);
    fill_noise(&pair, letter);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    g_assert_cmpuint(pair.ops.size, >=, 9 * 16 * 3);
    g_assert_cmpuint(pair.ops.size, <, 9 * 16 * 3 + 60);
    pixel(&pair, 299, 199)[1] ^= 1; /* one pixel of a tile that is cut at two edges */
    pixel(&pair, 0, 0)[1] ^= 1;
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 2);
    g_assert_cmpuint(pair.ops.size, <, 60);
    pair_clear(&pair);
}

/* A caret that blinks: both pictures of its tile are in the cache after one turn. */
static void
test_patched_tiles_enter_the_cache(void)
{
    struct pair pair;
    unsigned i;

    begin(&pair);
    for (i = 0; i < 8; i++) {
        unsigned row;

        for (row = 0; row < 16; row++) {
            pixel(&pair, 70, 80 + row)[0] ^= 255;
        }
        g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
        g_assert_cmpuint(pair.stats.tiles_hit, ==, i >= 1);
    }
    g_assert_cmpuint(pair.ops.size, <=, 8);
    pair_clear(&pair);
}

/* What the peer shows inexactly, or must not be compared with, is sent whole. */
static void
test_a_strict_encoder_sends_no_parts(void)
{
    struct pair pair;

    begin(&pair);
    vdp_encoder_set_strict(pair.encoder, true);
    fill_noise(&pair, letter);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    g_assert_cmpuint(pair.ops.size, >=, 64 * 64 * 3);
    pair_clear(&pair);
}

static void
test_any_change_comes_back(void)
{
    struct pair pair;
    unsigned i;

    begin(&pair);
    for (i = 0; i < 300; i++) {
        unsigned n = (unsigned)g_test_rand_int_range(1, 4);

        while (n-- > 0) {
            struct vdp_rect rect = random_rect(&pair);
            int most = g_test_rand_int_range(1, 70);

            rect.width = (uint16_t)MIN(rect.width, most);
            rect.height = (uint16_t)MIN(rect.height, most);
            if (g_test_rand_bit()) {
                fill_noise(&pair, rect);
            } else {
                fill_flat(&pair, rect);
            }
        }
        (void)pair_step(&pair, NULL, 0); /* compares */
    }
    pair_clear(&pair);
}

static int
decode(const uint8_t *body, size_t size)
{
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_buffer bytes = {0};
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    int error;

    g_assert_cmpint(vdp_decoder_resize(decoder, 100, 80), ==, 0); /* 2 by 2 tiles, cut at 36, 16 */
    g_assert_cmpint(vdp_decoder_frame(decoder, (const uint8_t *)"\2\0\0\0", 4, true, &dirty), ==,
                    0);
    vdp_buffer_put(&bytes, body, size);
    put_op(&ops, OP_PATCH, &bytes);
    error = vdp_decoder_frame(decoder, ops.data, ops.size, false, &dirty);
    vdp_decoder_free(decoder);
    vdp_buffer_clear(&bytes);
    vdp_buffer_clear(&ops);
    return error;
}

static void
test_parts_outside_their_tile_are_refused(void)
{
    static const struct {
        uint8_t body[12];
        size_t size;
        int error;
    } rows[] = {
        {{1, 0, 0, 0, 64, 0}, 6, VDP_ERR_RANGE},  {{1, 0, 0, 0, 0, 64}, 6, VDP_ERR_RANGE},
        {{1, 0, 1, 0, 63, 63}, 6, VDP_ERR_RANGE}, {{1, 2, 0, 0, 36, 0}, 6, VDP_ERR_RANGE},
        {{1, 6, 0, 16, 0, 0}, 6, VDP_ERR_RANGE},  {{1, 0, 255, 255, 255, 255}, 6, VDP_ERR_RANGE},
        {{1, 8, 0, 0, 0, 0}, 6, VDP_ERR_RANGE},   {{0}, 1, VDP_ERR_RANGE},
        {{5, 0, 0, 0, 0, 0}, 6, VDP_ERR_RANGE},   {{1, 0, 0, 0, 0}, 5, VDP_ERR_TRUNCATED},
        {{1, 0, 0, 0, 0, 0}, 6, VDP_ERR_CORRUPT}, {{1, 0, 0, 0, 0, 0, 1, 2, 3}, 9, VDP_ERR_CORRUPT},
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(decode(rows[i].body, rows[i].size), ==, rows[i].error);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/patch/a-letter-costs-a-letter", test_a_letter_costs_a_letter);
    g_test_add_func("/patch/patched-tiles-enter-the-cache", test_patched_tiles_enter_the_cache);
    g_test_add_func("/patch/a-strict-encoder-sends-no-parts", test_a_strict_encoder_sends_no_parts);
    g_test_add_func("/patch/any-change-comes-back", test_any_change_comes_back);
    g_test_add_func("/patch/parts-outside-their-tile-are-refused",
                    test_parts_outside_their_tile_are_refused);
    return g_test_run();
}
