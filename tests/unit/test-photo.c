/* SPDX-License-Identifier: Apache-2.0 */
/* What may be JPEG: photographs with grain; never the letters over them. */
#include <glib.h>
#include <string.h>

#include "protocol/codec/codec.h"
#include "tests/unit/codec-fixture.h"

#define WIDTH  512u
#define HEIGHT 256u

/* A gradient from dark on in which no pixel equals its neighbour, with grain. */
static void
draw_ground(struct pair *pair, unsigned dark, unsigned grain)
{
    unsigned x;
    unsigned y;

    for (y = 0; y < HEIGHT; y++) {
        for (x = 0; x < WIDTH; x++) {
            uint8_t *at = pixel(pair, x, y);
            unsigned noise = grain > 0 ? (unsigned)g_test_rand_int_range(0, (gint32)grain) : x & 1;

            at[0] = (uint8_t)(dark + x / 6 + noise);
            at[1] = (uint8_t)(dark + x / 8 + y / 8 + noise);
            at[2] = (uint8_t)(dark + y / 4 + noise);
        }
    }
}

/* Lines of stems, two pixels wide with half-covered edges, as a rasteriser leaves them. */
static void
draw_text(struct pair *pair, int colour)
{
    static const int cover[] = {128, 255, 255, 128};
    unsigned x;
    unsigned y;
    unsigned i;

    for (y = 0; y < HEIGHT; y++) {
        for (x = 4; x + 8 < WIDTH && y % 18 < 10; x += 7) {
            for (i = 0; i < 4 * 3; i++) {
                uint8_t *at = pixel(pair, x + i / 3, y) + i % 3;

                *at = (uint8_t)(*at + (colour - *at) * cover[i / 3] / 255);
            }
        }
    }
}

static uint32_t
lossy_tiles(unsigned grain, int text)
{
    struct pair pair;
    uint32_t lossy;

    pair_init(&pair, WIDTH, HEIGHT);
    vdp_encoder_set_lossy(pair.encoder, 60, false);
    draw_ground(&pair, text == 0 ? 130 : 30, grain);
    if (text >= 0) {
        draw_text(&pair, text);
    }
    g_assert_cmpint(pair_encode(&pair, NULL, 0), >, 0);
    lossy = pair.stats.tiles_lossy;
    pair_clear(&pair);
    return lossy;
}

static void
test_photographs_with_grain_are_known(void)
{
    g_assert_cmpuint(lossy_tiles(0, -1), ==, 32);
    g_assert_cmpuint(lossy_tiles(12, -1), ==, 32);
    g_assert_cmpuint(lossy_tiles(40, -1), ==, 32);
}

static void
test_text_over_a_photograph_is_none(void)
{
    static const unsigned grains[] = {0, 12, 24};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(grains); i++) {
        g_assert_cmpuint(lossy_tiles(grains[i], 255), ==, 0);
        g_assert_cmpuint(lossy_tiles(grains[i], 0), ==, 0);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/photo/photographs-with-grain-are-known",
                    test_photographs_with_grain_are_known);
    g_test_add_func("/photo/text-over-a-photograph-is-none", test_text_over_a_photograph_is_none);
    return g_test_run();
}
