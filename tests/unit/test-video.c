/* SPDX-License-Identifier: Apache-2.0 */
/* Video codecs there and back, and what a decoder does with nonsense. */
#include <glib.h>
#include <math.h>
#include <string.h>

#include "protocol/codec/video-check.h"
#include "protocol/video/video.h"

#define WIDTH  322 /* neither a multiple of 4 nor of 16 */
#define HEIGHT 178
#define FRAMES 30u
#define BUDGET 40000u

struct film {
    uint8_t *pixels; /* a surface with the film in it */
    struct vdp_image image;
    struct vdp_rect rect;
};

/* A photograph with grain that moves a little from picture to picture. */
static void
draw(struct film *film, unsigned n)
{
    uint32_t random = n * 2654435761u + 1;
    unsigned x;
    unsigned y;

    for (y = 0; y < film->image.height; y++) {
        for (x = 0; x < film->image.width; x++) {
            uint8_t *to = film->pixels + (y * film->image.width + x) * 4;
            double u = (x + n * 3) * 0.03;
            double v = (y + n * 2) * 0.04;
            int grain;

            random = random * 1664525u + 1013904223u;
            grain = (int)(random >> 30) - 1;
            to[0] = (uint8_t)(120 + 60 * sin(u) + 30 * cos(v * 3) + grain);
            to[1] = (uint8_t)(110 + 50 * sin(u * 0.7 + v) + 40 * cos(u * 2) + grain);
            to[2] = (uint8_t)(130 + 70 * cos(v) + 20 * sin(u * 5) + grain);
            to[3] = 0;
        }
    }
}

static void
film_init(struct film *film)
{
    film->image = (struct vdp_image){NULL, 400 * 4, 400, 200};
    film->pixels = g_malloc0(400 * 200 * 4);
    film->image.pixels = film->pixels;
    film->rect = (struct vdp_rect){10, 6, WIDTH, HEIGHT};
}

static double
psnr(const struct film *film, const uint8_t *shown)
{
    double sum = 0;
    unsigned x;
    unsigned y;
    unsigned c;

    for (y = 0; y < HEIGHT; y++) {
        for (x = 0; x < WIDTH; x++) {
            for (c = 0; c < 3; c++) {
                int error = film->pixels[((film->rect.y + y) * 400 + film->rect.x + x) * 4 + c] -
                            shown[(y * WIDTH + x) * 4 + c];

                sum += error * error;
            }
        }
    }
    return 10 * log10(255.0 * 255.0 * 3 * WIDTH * HEIGHT / sum);
}

/* True when codec can be tried on this machine. */
static bool
has_codec(enum vdp_video_codec codec)
{
    if ((vdp_video_decodable() & VDP_VIDEO_BIT(codec)) == 0) {
        g_test_skip("its plug-in is not installed");
        return false;
    }
    return true;
}

static void
there_and_back(enum vdp_video_codec codec)
{
    struct vdp_video_encoder *encoder;
    struct vdp_video_decoder *decoder;
    struct vdp_buffer unit = {0};
    struct film film;
    size_t total = 0;
    unsigned i;

    if (!has_codec(codec)) {
        return;
    }
    film_init(&film);
    encoder = vdp_video_encoder_new(VDP_VIDEO_BIT(codec), WIDTH, HEIGHT, BUDGET);
    decoder = vdp_video_decoder_new(codec, WIDTH, HEIGHT);
    g_assert_nonnull(encoder);
    g_assert_nonnull(decoder);
    g_assert_cmpint(vdp_video_encoder_codec(encoder), ==, codec);
    for (i = 0; i < FRAMES; i++) {
        bool asked = i == 0 || i == 20;
        bool key = asked;
        const uint8_t *shown;

        draw(&film, i);
        vdp_buffer_reset(&unit);
        g_assert_cmpint(vdp_video_encoder_frame(encoder, &film.image, &film.rect, &key, &unit), ==,
                        0);
        g_assert_cmpint(key, ==, asked);
        g_assert_true(vdp_video_header_fits(codec, unit.data, unit.size, WIDTH, HEIGHT, key));
        shown = vdp_video_decoder_frame(decoder, unit.data, unit.size);
        g_assert_nonnull(shown);
        g_test_message("picture %u: %zu bytes, %.1f dB", i, unit.size, psnr(&film, shown));
        g_assert_cmpfloat(psnr(&film, shown), >, 33);
        g_assert_cmpuint(shown[3], ==, 255);
        total += unit.size;
    }
    g_assert_cmpuint(total / FRAMES, <, BUDGET);
    vdp_buffer_clear(&unit);
    vdp_video_encoder_free(encoder);
    vdp_video_decoder_free(decoder);
    g_free(film.pixels);
}

static void
test_h264_there_and_back(void)
{
    there_and_back(VDP_VIDEO_H264);
}

static void
test_vp8_there_and_back(void)
{
    there_and_back(VDP_VIDEO_VP8);
}

/* Half the budget that the quality would take is kept after a while. */
static void
keeps_budget(enum vdp_video_codec codec)
{
    struct vdp_video_encoder *encoder;
    struct vdp_buffer unit = {0};
    struct film film;
    size_t free_size = 0;
    size_t bound_size = 0;
    unsigned i;

    if (!has_codec(codec)) {
        return;
    }
    film_init(&film);
    encoder = vdp_video_encoder_new(VDP_VIDEO_BIT(codec), WIDTH, HEIGHT, BUDGET);
    for (i = 0; i < 3 * FRAMES; i++) {
        bool key = i == 0;

        draw(&film, i * 7);
        vdp_buffer_reset(&unit);
        g_assert_cmpint(vdp_video_encoder_frame(encoder, &film.image, &film.rect, &key, &unit), ==,
                        0);
        free_size += i > 0 && i < FRAMES ? unit.size : 0;
        bound_size += i >= 2 * FRAMES ? unit.size : 0;
        if (i == FRAMES) {
            vdp_video_encoder_set_budget(encoder, (uint32_t)(free_size / FRAMES / 2));
        }
    }
    g_test_message("%zu bytes, then %zu", free_size / FRAMES, bound_size / FRAMES);
    g_assert_cmpuint(bound_size, <, free_size * 2 / 3);
    vdp_buffer_clear(&unit);
    vdp_video_encoder_free(encoder);
    g_free(film.pixels);
}

static void
test_budget_is_kept(void)
{
    keeps_budget(VDP_VIDEO_H264);
}

static void
test_nonsense_gives_nothing(void)
{
    const enum vdp_video_codec codecs[] = {VDP_VIDEO_H264, VDP_VIDEO_VP8};
    struct vdp_buffer unit = {0};
    struct film film;
    unsigned i;

    film_init(&film);
    draw(&film, 0);
    for (i = 0; i < 2; i++) {
        struct vdp_video_encoder *encoder;
        struct vdp_video_decoder *decoder;
        bool key = true;

        if (!has_codec(codecs[i])) {
            continue;
        }
        encoder = vdp_video_encoder_new(VDP_VIDEO_BIT(codecs[i]), WIDTH, HEIGHT, BUDGET);
        vdp_buffer_reset(&unit);
        g_assert_cmpint(vdp_video_encoder_frame(encoder, &film.image, &film.rect, &key, &unit), ==,
                        0);
        /* Of another size than the region: refused by its header. */
        g_assert_false(
            vdp_video_header_fits(codecs[i], unit.data, unit.size, WIDTH + 2, HEIGHT, true));
        g_assert_false(vdp_video_header_fits(codecs[i], unit.data, unit.size, WIDTH, 16, true));
        decoder = vdp_video_decoder_new(codecs[i], WIDTH + 2, HEIGHT);
        g_assert_null(vdp_video_decoder_frame(decoder, unit.data, unit.size));
        g_assert_null(vdp_video_decoder_frame(decoder, (const uint8_t *)"", 0));
        g_assert_null(vdp_video_decoder_frame(decoder, (const uint8_t *)"\0\0\1\x67\x42", 5));
        vdp_video_decoder_free(decoder);
        vdp_video_encoder_free(encoder);
    }
    vdp_buffer_clear(&unit);
    g_free(film.pixels);
}

/* Damaged units never crash, hang or change the size of what comes out. */
static void
test_damage_is_survived(void)
{
    const enum vdp_video_codec codecs[] = {VDP_VIDEO_H264, VDP_VIDEO_VP8};
    struct vdp_buffer unit = {0};
    struct film film;
    GRand *random = g_rand_new_with_seed(5);
    unsigned i;
    unsigned n;

    film_init(&film);
    for (i = 0; i < 2; i++) {
        struct vdp_video_encoder *encoder;
        struct vdp_video_decoder *decoder = NULL;

        if (!has_codec(codecs[i])) {
            continue;
        }
        encoder = vdp_video_encoder_new(VDP_VIDEO_BIT(codecs[i]), WIDTH, HEIGHT, BUDGET);
        for (n = 0; n < 12; n++) {
            bool key = decoder == NULL;
            unsigned hits;

            if (decoder == NULL) {
                decoder = vdp_video_decoder_new(codecs[i], WIDTH, HEIGHT);
            }
            draw(&film, n);
            vdp_buffer_reset(&unit);
            g_assert_cmpint(vdp_video_encoder_frame(encoder, &film.image, &film.rect, &key, &unit),
                            ==, 0);
            for (hits = 0; n % 3 != 0 && hits < 8; hits++) {
                unit.data[g_rand_int_range(random, 0, (int)unit.size)] ^= (uint8_t)(1u << hits);
            }
            if (vdp_video_decoder_frame(decoder, unit.data, unit.size) == NULL) {
                vdp_video_decoder_free(decoder);
                decoder = NULL;
            }
        }
        vdp_video_decoder_free(decoder);
        vdp_video_encoder_free(encoder);
    }
    g_rand_free(random);
    vdp_buffer_clear(&unit);
    g_free(film.pixels);
}

int
main(int argc, char **argv)
{
    vdp_video_prepare();
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/video/h264-there-and-back", test_h264_there_and_back);
    g_test_add_func("/video/vp8-there-and-back", test_vp8_there_and_back);
    g_test_add_func("/video/budget-is-kept", test_budget_is_kept);
    g_test_add_func("/video/nonsense-gives-nothing", test_nonsense_gives_nothing);
    g_test_add_func("/video/damage-is-survived", test_damage_is_survived);
    return g_test_run();
}
