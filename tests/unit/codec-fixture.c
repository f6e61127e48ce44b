/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/codec-fixture.h"

#include <string.h>

void
pair_resize(struct pair *pair, uint16_t width, uint16_t height)
{
    g_free(pair->pixels);
    pair->pixels = g_malloc0((gsize)width * height * 4);
    pair->width = width;
    pair->height = height;
    g_assert_cmpint(vdp_encoder_resize(pair->encoder, width, height), ==, 0);
    g_assert_cmpint(vdp_decoder_resize(pair->decoder, width, height), ==, 0);
}

void
pair_init(struct pair *pair, uint16_t width, uint16_t height)
{
    memset(pair, 0, sizeof(*pair));
    pair->encoder = vdp_encoder_new();
    pair->decoder = vdp_decoder_new();
    pair_resize(pair, width, height);
}

void
pair_clear(struct pair *pair)
{
    vdp_encoder_free(pair->encoder);
    vdp_decoder_free(pair->decoder);
    vdp_buffer_clear(&pair->ops);
    g_free(pair->pixels);
}

int
pair_encode(struct pair *pair, const struct vdp_rect *damage, size_t damage_count)
{
    struct vdp_image image = {pair->pixels, pair->width * 4u, pair->width, pair->height};

    vdp_buffer_reset(&pair->ops);
    return vdp_encoder_frame(pair->encoder, &image, damage, damage_count, &pair->ops, &pair->key,
                             &pair->stats);
}

int
pair_decode(struct pair *pair)
{
    return vdp_decoder_frame(pair->decoder, pair->ops.data, pair->ops.size, pair->key,
                             &pair->dirty);
}

void
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

int
pair_step(struct pair *pair, const struct vdp_rect *damage, size_t damage_count)
{
    int sent = pair_encode(pair, damage, damage_count);

    g_assert_cmpint(sent, >=, 0);
    g_assert_cmpint(pair_decode(pair), ==, 0);
    assert_same_picture(pair);
    return sent;
}

uint8_t *
pixel(const struct pair *pair, unsigned x, unsigned y)
{
    return pair->pixels + ((size_t)y * pair->width + x) * 4;
}

void
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

struct vdp_rect
random_rect(const struct pair *pair)
{
    struct vdp_rect rect;

    rect.x = (uint16_t)g_test_rand_int_range(0, pair->width);
    rect.y = (uint16_t)g_test_rand_int_range(0, pair->height);
    rect.width = (uint16_t)g_test_rand_int_range(1, pair->width - rect.x + 1);
    rect.height = (uint16_t)g_test_rand_int_range(1, pair->height - rect.y + 1);
    return rect;
}

void
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

void
put_op(struct vdp_buffer *out, uint8_t kind, const struct vdp_buffer *body)
{
    vdp_buffer_put_u8(out, kind);
    vdp_buffer_put_u8(out, (uint8_t)body->size);
    vdp_buffer_put_u16(out, (uint16_t)(body->size >> 8));
    vdp_buffer_put(out, body->data, body->size);
}
