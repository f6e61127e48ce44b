/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoder to decoder: u8 width, u8 height, then edits of eight bytes: u8 what, x, y, width, height,
 * blue, green, red. what bit 0: encode and compare after this edit, bit 1: name the edit as the
 * only damage, bit 2: reset first, bit 3: instead of painting, what the edit covers moves up by
 * blue - 128 and left by green - 128 pixels; bit 4: instead, it is filled with noise; bit 5:
 * photographs go as JPEG first and are refined before the pictures are compared; bit 6: what the
 * edit covers becomes a film, whose codec here keeps four bits a colour, until an edit without it.
 */
#include "protocol/codec/codec.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/codec/video.h"
#include "tests/fuzz/fuzz.h"

#define EDIT_SIZE 8u
#define MAX_EDITS 64u

struct state {
    struct vdp_encoder *encoder;
    struct vdp_decoder *decoder;
    struct vdp_buffer ops;
    uint8_t *pixels;
    uint8_t width, height;
    bool all_damaged; /* an edit was not shown yet */
};

/* Moves the rectangle of an edit; what comes from outside stays as it was. */
static void
move(struct state *state, const uint8_t *edit)
{
    uint8_t *old = malloc((size_t)state->width * state->height * 4);
    int x;
    int y;

    if (old == NULL) {
        abort();
    }
    memcpy(old, state->pixels, (size_t)state->width * state->height * 4);
    for (y = edit[2]; y < edit[2] + edit[4] && y < state->height; y++) {
        for (x = edit[1]; x < edit[1] + edit[3] && x < state->width; x++) {
            int from_x = x + edit[6] - 128;
            int from_y = y + edit[5] - 128;

            if (from_x >= 0 && from_y >= 0 && from_x < state->width && from_y < state->height) {
                memcpy(state->pixels + (y * state->width + x) * 4,
                       old + (from_y * state->width + from_x) * 4, 4);
            }
        }
    }
    free(old);
}

static void
scatter(struct state *state, const uint8_t *edit)
{
    uint32_t random = 1u + edit[5] + edit[6] * 256u;
    unsigned x;
    unsigned y;

    for (y = edit[2]; y < (unsigned)edit[2] + edit[4] && y < state->height; y++) {
        for (x = edit[1]; x < (unsigned)edit[1] + edit[3] && x < state->width; x++) {
            random = random * 1664525u + 1013904223u;
            memcpy(state->pixels + (y * state->width + x) * 4, &random, 4);
        }
    }
}

static void
paint(struct state *state, const uint8_t *edit)
{
    unsigned x;
    unsigned y;

    for (y = edit[2]; y < (unsigned)edit[2] + edit[4] && y < state->height; y++) {
        for (x = edit[1]; x < (unsigned)edit[1] + edit[3] && x < state->width; x++) {
            uint8_t *pixel = state->pixels + (y * state->width + x) * 4;

            memcpy(pixel, edit + 5, 3);
            pixel[3] = (uint8_t)(x + y);
        }
    }
}

static int
encode_film(const struct vdp_image *image, const struct vdp_rect *rect, bool *key,
            struct vdp_buffer *out, void *user_data)
{
    unsigned x;
    unsigned y;

    (void)key;
    (void)user_data;
    for (y = rect->y; y < (unsigned)rect->y + rect->height; y++) {
        for (x = rect->x; x < (unsigned)rect->x + rect->width; x++) {
            uint32_t pixel;

            memcpy(&pixel, image->pixels + y * image->stride + x * 4, 4);
            vdp_buffer_put_u32(out, pixel & 0xf0f0f0f0u);
        }
    }
    return out->error;
}

static int
decode_film(const struct vdp_video *video, void *user_data)
{
    if ((video->flags & VDP_VIDEO_END) == 0) {
        if (video->size != video->rect.width * video->rect.height * 4u) {
            abort();
        }
        vdp_decoder_place_video(user_data, &video->rect, video->data);
    }
    return 0;
}

/* Begins, moves or ends the film; what was one becomes exact afterwards. */
static void
set_film(struct state *state, const uint8_t *edit)
{
    struct vdp_video_source film = {.codec = VDP_VIDEO_VP8, .encode = encode_film};

    film.rect.x = edit[1] & 0xfe;
    film.rect.y = edit[2] & 0xfe;
    film.rect.width = edit[3] & 0xfe;
    film.rect.height = edit[4] & 0xfe;
    if ((edit[0] & 64) == 0 || vdp_encoder_set_video(state->encoder, &film) != 0) {
        (void)vdp_encoder_set_video(state->encoder, NULL);
    }
}

static void
show(struct state *state, const uint8_t *edit)
{
    const struct vdp_rect damage = {edit[1], edit[2], edit[3], edit[4]};
    const struct vdp_image image = {state->pixels, state->width * 4u, state->width, state->height};
    bool named = (edit[0] & 2) != 0 && !state->all_damaged;
    struct vdp_rect dirty;
    struct vdp_image shown;
    bool digest;
    bool key;
    unsigned i;

    vdp_buffer_reset(&state->ops);
    vdp_encoder_set_lossy(state->encoder, (edit[0] & 32) != 0 ? 70 : 0, false);
    set_film(state, edit);
    if (vdp_encoder_frame(state->encoder, &image, named ? &damage : NULL, named ? 1 : 0,
                          &state->ops, &key, NULL) < 0 ||
        vdp_decoder_frame(state->decoder, state->ops.data, state->ops.size, key, &dirty) != 0) {
        abort();
    }
    while ((edit[0] & 64) == 0 && vdp_encoder_lossy_tiles(state->encoder) > 0) {
        vdp_buffer_reset(&state->ops);
        if (vdp_encoder_refine(state->encoder, 65536, 0, &state->ops, &digest) <= 0 ||
            vdp_decoder_frame(state->decoder, state->ops.data, state->ops.size, false, &dirty) !=
                0) {
            abort();
        }
    }
    shown = vdp_decoder_image(state->decoder);
    for (i = 0; (edit[0] & 64) == 0 && i < (unsigned)state->width * state->height; i++) {
        if (memcmp(shown.pixels + i * 4, state->pixels + i * 4, 3) != 0) {
            abort();
        }
    }
    state->all_damaged = false;
}

/* The pair lives as long as the process: a new size begins with a key frame, which forgets. */
static void
begin(struct state *state, uint8_t width, uint8_t height)
{
    static struct vdp_encoder *encoder;
    static struct vdp_decoder *decoder;

    if (encoder == NULL) {
        encoder = vdp_encoder_new();
        decoder = vdp_decoder_new();
    }
    state->encoder = encoder;
    state->decoder = decoder;
    state->width = width;
    state->height = height;
    vdp_decoder_set_video(decoder, decode_film, decoder);
    state->pixels = calloc((size_t)width * height, 4);
    if (encoder == NULL || decoder == NULL || state->pixels == NULL ||
        vdp_encoder_resize(encoder, width, height) != 0 ||
        vdp_decoder_resize(decoder, width, height) != 0) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state state = {0};
    size_t at;

    if (size < 2 || data[0] == 0 || data[1] == 0 || size > 2 + EDIT_SIZE * MAX_EDITS) {
        return 0;
    }
    begin(&state, data[0], data[1]);
    for (at = 2; at + EDIT_SIZE <= size; at += EDIT_SIZE) {
        if ((data[at] & 8) != 0) {
            move(&state, data + at);
        } else if ((data[at] & 16) != 0) {
            scatter(&state, data + at);
        } else {
            paint(&state, data + at);
        }
        if ((data[at] & 4) != 0) {
            vdp_encoder_reset(state.encoder);
        }
        if ((data[at] & 1) != 0) {
            show(&state, data + at);
        } else {
            state.all_damaged = true;
        }
    }
    vdp_buffer_clear(&state.ops);
    free(state.pixels);
    return 0;
}
