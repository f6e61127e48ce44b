/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-film h264|vp8: writes the frames of a film and the picture that a decoder of ours shows
 * after the last one. Each frame: u32 size, u8 key, operations; then u32 0 and the pixels, B G R X,
 * of WIDTH by HEIGHT. Exits with 77 when there is no such codec here.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/video/video.h"

#define WIDTH    320u
#define HEIGHT   192u
#define FRAMES   12u
#define BUDGET   20000u
#define NO_CODEC 77

static const struct vdp_rect film_rect = {32, 16, 256, 144};

struct film {
    uint8_t pixels[WIDTH * HEIGHT * 4];
    struct vdp_video_encoder *codec;
    struct vdp_video_decoder *back;
    struct vdp_encoder *encoder;
    struct vdp_decoder *decoder;
};

static void
draw(struct film *film, unsigned n)
{
    unsigned x;
    unsigned y;

    for (y = 0; y < HEIGHT; y++) {
        for (x = 0; x < WIDTH; x++) {
            uint8_t *to = film->pixels + (y * WIDTH + x) * 4;
            bool moves = x >= film_rect.x && x < (unsigned)film_rect.x + film_rect.width &&
                         y >= film_rect.y && y < (unsigned)film_rect.y + film_rect.height;
            unsigned shift = moves ? n * 5 : 0;

            to[0] = (uint8_t)((x + shift) * 3 + y);
            to[1] = (uint8_t)(x + (y + shift) * 2);
            to[2] = (uint8_t)((x ^ y) + shift);
            to[3] = 255;
        }
    }
}

static int
encode(const struct vdp_image *image, const struct vdp_rect *rect, bool *key,
       struct vdp_buffer *out, void *user_data)
{
    struct film *film = user_data;

    return vdp_video_encoder_frame(film->codec, image, rect, key, out);
}

static int
decode(const struct vdp_video *video, void *user_data)
{
    struct film *film = user_data;
    const uint8_t *pixels =
        video->size > 0 ? vdp_video_decoder_frame(film->back, video->data, video->size) : NULL;

    if (pixels != NULL) {
        vdp_decoder_place_video(film->decoder, &video->rect, pixels);
    }
    return pixels != NULL || video->size == 0 ? 0 : VDP_ERR_RANGE;
}

static void
write_number(uint32_t value)
{
    const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                             (uint8_t)(value >> 24)};

    fwrite(bytes, 1, sizeof(bytes), stdout);
}

static void
write_frame(struct film *film, unsigned n)
{
    const struct vdp_image image = {film->pixels, WIDTH * 4, WIDTH, HEIGHT};
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    bool key;

    draw(film, n);
    if (vdp_encoder_frame(film->encoder, &image, NULL, 0, &ops, &key, NULL) < 0 ||
        vdp_decoder_frame(film->decoder, ops.data, ops.size, key, &dirty) != 0) {
        fputs("make-film: the codec refuses a frame\n", stderr);
        exit(1);
    }
    write_number((uint32_t)ops.size);
    putchar(key);
    fwrite(ops.data, 1, ops.size, stdout);
    vdp_buffer_clear(&ops);
}

int
main(int argc, char **argv)
{
    enum vdp_video_codec kind =
        argc == 2 && strcmp(argv[1], "vp8") == 0 ? VDP_VIDEO_VP8 : VDP_VIDEO_H264;
    struct film *film = g_new0(struct film, 1);
    struct vdp_video_source source = {
        .id = 0, .codec = (uint8_t)kind, .rect = film_rect, .encode = encode, .user_data = film};
    struct vdp_image shown;
    unsigned n;

    vdp_video_prepare();
    film->codec =
        vdp_video_encoder_new(VDP_VIDEO_BIT(kind), film_rect.width, film_rect.height, BUDGET);
    film->back = vdp_video_decoder_new(kind, film_rect.width, film_rect.height);
    film->encoder = vdp_encoder_new();
    film->decoder = vdp_decoder_new();
    if (film->codec == NULL || film->back == NULL) {
        return NO_CODEC;
    }
    vdp_decoder_set_video(film->decoder, decode, film);
    if (vdp_encoder_resize(film->encoder, WIDTH, HEIGHT) != 0 ||
        vdp_decoder_resize(film->decoder, WIDTH, HEIGHT) != 0) {
        return 1;
    }
    write_frame(film, 0);
    if (vdp_encoder_set_video(film->encoder, &source) != 0) {
        return 1;
    }
    for (n = 1; n < FRAMES; n++) {
        write_frame(film, n);
    }
    write_number(0);
    shown = vdp_decoder_image(film->decoder);
    fwrite(shown.pixels, 1, (size_t)WIDTH * HEIGHT * 4, stdout);
    return fflush(stdout) == 0 ? 0 : 1;
}
