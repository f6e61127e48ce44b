/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that comes back says what it still shows, and gets the rest only. */
#include <glib.h>
#include <string.h>

#include "protocol/codec/codec.h"
#include "tests/unit/codec-fixture.h"

#define WIDTH  300u
#define HEIGHT 200u
#define TILES  20u /* 5 by 4 */

static void
begin(struct pair *pair)
{
    pair_init(pair, WIDTH, HEIGHT);
    fill_noise(pair, (struct vdp_rect){0, 0, WIDTH, HEIGHT});
    (void)pair_step(pair, NULL, 0);
}

/* The connection is lost: what the encoder knows is forgotten, the peer tells what it has. */
static void
come_back(struct pair *pair, uint32_t count)
{
    uint8_t digests[TILES * 4];

    g_assert_cmpuint(vdp_decoder_digests(pair->decoder, digests, TILES), ==, TILES);
    vdp_encoder_reset(pair->encoder);
    vdp_encoder_peer_has(pair->encoder, digests, count);
    vdp_encoder_ask_digest(pair->encoder);
}

static void
test_a_peer_that_comes_back_gets_what_changed(void)
{
    struct pair pair;

    begin(&pair);
    come_back(&pair, TILES);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 0); /* and the picture is exact */
    g_assert_cmpuint(pair.ops.size, <=, 16);           /* RESET and DIGEST */
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_RIGHT);
    come_back(&pair, TILES);
    pixel(&pair, 299, 199)[0] ^= 1; /* while it was away */
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 1);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_RIGHT);
    /* It is believed for one key frame. */
    vdp_encoder_reset(pair.encoder);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, TILES);
    pair_clear(&pair);
}

static void
test_a_list_that_does_not_fit_is_none(void)
{
    struct pair pair;

    begin(&pair);
    come_back(&pair, TILES - 1);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, TILES);
    come_back(&pair, 0);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, TILES);
    vdp_encoder_set_strict(pair.encoder, true); /* sizes must not tell what changed */
    come_back(&pair, TILES);
    g_assert_cmpint(pair_step(&pair, NULL, 0), ==, TILES);
    pair_clear(&pair);
}

static void
test_a_peer_that_is_wrong_is_mended(void)
{
    uint8_t digests[TILES * 4];
    struct pair pair;
    struct vdp_rect dirty;
    bool key;
    struct vdp_image image;

    begin(&pair);
    (void)vdp_decoder_digests(pair.decoder, digests, TILES);
    fill_noise(&pair, (struct vdp_rect){0, 0, 64, 64}); /* never reaches the decoder */
    image = (struct vdp_image){pair.pixels, WIDTH * 4, WIDTH, HEIGHT};
    vdp_buffer_reset(&pair.ops);
    g_assert_cmpint(vdp_encoder_frame(pair.encoder, &image, NULL, 0, &pair.ops, &key, NULL), ==, 1);
    /* A digest that lies: of a tile that the peer does not show. */
    vdp_encoder_reset(pair.encoder);
    {
        struct vdp_decoder *other = vdp_decoder_new();
        struct vdp_encoder *encoder = vdp_encoder_new();

        g_assert_cmpint(vdp_encoder_resize(encoder, WIDTH, HEIGHT), ==, 0);
        g_assert_cmpint(vdp_decoder_resize(other, WIDTH, HEIGHT), ==, 0);
        vdp_buffer_reset(&pair.ops);
        (void)vdp_encoder_frame(encoder, &image, NULL, 0, &pair.ops, &key, NULL);
        g_assert_cmpint(vdp_decoder_frame(other, pair.ops.data, pair.ops.size, key, &dirty), ==, 0);
        (void)vdp_decoder_digests(other, digests, TILES);
        vdp_decoder_free(other);
        vdp_encoder_free(encoder);
    }
    vdp_encoder_peer_has(pair.encoder, digests, TILES);
    vdp_encoder_ask_digest(pair.encoder);
    vdp_buffer_reset(&pair.ops);
    g_assert_cmpint(vdp_encoder_frame(pair.encoder, &image, NULL, 0, &pair.ops, &key, NULL), ==, 0);
    g_assert_cmpint(vdp_decoder_frame(pair.decoder, pair.ops.data, pair.ops.size, key, &dirty), ==,
                    0);
    g_assert_cmpint(vdp_decoder_verdict(pair.decoder), ==, VDP_VERDICT_WRONG);
    pair_clear(&pair);
}

static void
test_digests_need_room_for_all(void)
{
    uint8_t digests[TILES * 4] = {0};
    struct pair pair;

    begin(&pair);
    g_assert_cmpuint(vdp_decoder_digests(pair.decoder, digests, TILES - 1), ==, TILES);
    g_assert_cmpuint(digests[0] | digests[1] | digests[2] | digests[3], ==, 0);
    pair_clear(&pair);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/resume/a-peer-that-comes-back-gets-what-changed",
                    test_a_peer_that_comes_back_gets_what_changed);
    g_test_add_func("/resume/a-list-that-does-not-fit-is-none",
                    test_a_list_that_does_not_fit_is_none);
    g_test_add_func("/resume/a-peer-that-is-wrong-is-mended", test_a_peer_that_is_wrong_is_mended);
    g_test_add_func("/resume/digests-need-room-for-all", test_digests_need_room_for_all);
    return g_test_run();
}
