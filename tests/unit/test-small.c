/* SPDX-License-Identifier: Apache-2.0 */
/* The small picture of a screen: its pixels, its size and what is taken for one. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/codec/jpeg.h"
#include "protocol/codec/small.h"
#include "protocol/wire/buffer.h"
#include "protocol/wire/error.h"

enum drawing { STRIPES, HALVES, NOISE };

/* Free with g_free(pixels). */
static struct vdp_image
draw(uint16_t width, uint16_t height, enum drawing drawing)
{
    uint8_t *pixels = g_malloc0((size_t)width * height * 4);
    unsigned x;
    unsigned y;

    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            uint8_t *pixel = pixels + ((size_t)y * width + x) * 4;

            pixel[0] = drawing == STRIPES ? (uint8_t)(x % 2 * 200)
                       : drawing == NOISE ? (uint8_t)g_test_rand_int()
                                          : 10;
            pixel[1] = drawing == NOISE ? (uint8_t)g_test_rand_int() : 40;
            pixel[2] = drawing == NOISE ? (uint8_t)g_test_rand_int() : x < width / 2u ? 250 : 0;
        }
    }
    return (struct vdp_image){pixels, width * 4u, width, height};
}

static void
assert_scaled(uint16_t width, uint16_t height, uint16_t want_width, uint16_t want_height)
{
    struct vdp_image image = draw(width, height, HALVES);
    struct vdp_small small;

    g_assert_cmpint(vdp_small_scale(&image, &small), ==, 0);
    g_assert_cmpuint(small.width, ==, want_width);
    g_assert_cmpuint(small.height, ==, want_height);
    g_assert_cmpuint(small.pixels[1], ==, 40);
    g_assert_cmpuint(small.pixels[2], ==, width > 1 ? 250 : 0);
    g_assert_cmpuint(small.pixels[((size_t)small.width * small.height - 1) * 4 + 2], ==, 0);
    vdp_small_clear(&small);
    g_free((void *)(uintptr_t)image.pixels);
}

static void
test_sides_keep_their_ratio(void)
{
    assert_scaled(1920, 1080, 320, 180);
    assert_scaled(1080, 1920, 180, 320);
    assert_scaled(1000, 700, 320, 224);
    assert_scaled(321, 321, 320, 320);
    assert_scaled(320, 200, 320, 200);
    assert_scaled(2, 1, 2, 1);
    assert_scaled(1, 16384, 1, 320);
    assert_scaled(16384, 2, 320, 1);
}

static void
test_pixels_are_averages(void)
{
    struct vdp_image image = draw(1280, 640, STRIPES);
    struct vdp_small small;
    size_t i;

    g_assert_cmpint(vdp_small_scale(&image, &small), ==, 0);
    for (i = 0; i < (size_t)small.width * small.height; i++) {
        g_assert_cmpuint(small.pixels[i * 4], ==, 100);
        g_assert_cmpuint(small.pixels[i * 4 + 3], ==, 255);
    }
    vdp_small_clear(&small);
    g_free((void *)(uintptr_t)image.pixels);
}

static void
test_what_is_made_is_taken(void)
{
    struct vdp_image image = draw(1920, 1080, HALVES);
    struct vdp_buffer out = {0};
    uint16_t width = 0;
    uint16_t height = 0;
    struct vdp_rect whole;
    g_autofree uint8_t *pixels = NULL;
    size_t i;

    g_assert_cmpint(vdp_small_make(&image, &out, &width, &height), ==, 0);
    g_assert_cmpint(vdp_small_check(out.data, out.size, width, height), ==, 0);
    pixels = g_malloc(width * height * 4u);
    whole = (struct vdp_rect){0, 0, width, height};
    g_assert_cmpint(vdp_jpeg_decode(out.data, out.size, &whole, pixels, width * 4u), ==, 0);
    g_assert_cmpint(abs(pixels[2] - 250), <, 12);
    g_assert_cmpint(pixels[(width - 1u) * 4 + 2], <, 12);
    g_assert_cmpint(vdp_small_check(out.data, out.size, width + 1u, height), ==, VDP_ERR_CORRUPT);
    g_assert_cmpint(vdp_small_check(out.data, out.size, 0, height), ==, VDP_ERR_CORRUPT);
    g_assert_cmpint(vdp_small_check(out.data, out.size, width + 65536u, height), ==,
                    VDP_ERR_CORRUPT);
    for (i = 0; i < out.size; i++) {
        g_assert_cmpint(vdp_small_check(out.data, i, width, height), ==, VDP_ERR_CORRUPT);
    }
    vdp_buffer_put_u8(&out, 0);
    g_assert_cmpint(vdp_small_check(out.data, out.size, width, height), ==, VDP_ERR_CORRUPT);
    vdp_buffer_clear(&out);
    g_free((void *)(uintptr_t)image.pixels);
}

/* Noise does not compress; where the picture does not fit there is none, and never half of one. */
static void
test_no_picture_is_above_the_limit(void)
{
    static const uint16_t heights[] = {90, 180, 320};
    uint16_t width;
    uint16_t height;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(heights); i++) {
        struct vdp_image image = draw(320, heights[i], NOISE);
        struct vdp_buffer out = {0};
        int result;

        vdp_buffer_put_u8(&out, 7);
        result = vdp_small_make(&image, &out, &width, &height);
        g_test_message("320x%u of noise: %d, %zu bytes", heights[i], result, out.size);
        g_assert_true(result == 0 || (result == VDP_ERR_TOO_BIG && out.size == 1));
        g_assert_cmpuint(out.size, <=, 1 + VDP_SMALL_MAX_BYTES);
        vdp_buffer_clear(&out);
        g_free((void *)(uintptr_t)image.pixels);
    }
}

static void
test_no_pixels_is_no_picture(void)
{
    struct vdp_image image = {NULL, 0, 0, 10};
    struct vdp_small small;

    g_assert_cmpint(vdp_small_scale(&image, &small), ==, VDP_ERR_RANGE);
    g_assert_null(small.pixels);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/small/sides-keep-their-ratio", test_sides_keep_their_ratio);
    g_test_add_func("/small/pixels-are-averages", test_pixels_are_averages);
    g_test_add_func("/small/what-is-made-is-taken", test_what_is_made_is_taken);
    g_test_add_func("/small/no-picture-is-above-the-limit", test_no_picture_is_above_the_limit);
    g_test_add_func("/small/no-pixels-is-no-picture", test_no_pixels_is_no_picture);
    return g_test_run();
}
