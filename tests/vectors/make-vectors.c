/* SPDX-License-Identifier: Apache-2.0 */
/*
 * make-vectors DIR: writes golden traces of the codec: NAME.vdp holds SURFACE and FRAME records as
 * on the wire, NAME.digests one line a FRAME: the first 16 hexadecimal digits of SHA-256 over the
 * whole picture, B G R 255. The pictures come from a fixed generator, so that the digests never
 * depend on the codec; the bytes of the traces depend on the version of zstd that made them.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/codec/codec.h"
#include "protocol/wire/messages.h"

#define DIGEST_CHARS 16

struct trace {
    struct vdp_encoder *encoder;
    struct vdp_buffer records;
    GString *digests;
    uint8_t *pixels;
    uint16_t width, height;
    uint32_t frame;
    uint64_t random; /* never zero */
};

/* xorshift64*: the same everywhere, unlike a library's. */
static uint32_t
next_random(struct trace *trace)
{
    trace->random ^= trace->random >> 12;
    trace->random ^= trace->random << 25;
    trace->random ^= trace->random >> 27;
    return (uint32_t)((trace->random * 2685821657736338717u) >> 32);
}

static void
set_pixel(struct trace *trace, unsigned x, unsigned y, uint32_t bgr)
{
    uint8_t *pixel = trace->pixels + ((size_t)y * trace->width + x) * 4;

    if (x < trace->width && y < trace->height) {
        pixel[0] = (uint8_t)bgr;
        pixel[1] = (uint8_t)(bgr >> 8);
        pixel[2] = (uint8_t)(bgr >> 16);
        pixel[3] = 255;
    }
}

static void
fill(struct trace *trace, unsigned x, unsigned y, unsigned width, unsigned height, uint32_t bgr)
{
    unsigned i;

    for (i = 0; i < width * height; i++) {
        set_pixel(trace, x + i % width, y + i / width, bgr);
    }
}

/* A made-up letter of 5 by 7 pixels. */
static void
draw_letter(struct trace *trace, unsigned x, unsigned y, uint32_t code, uint32_t bgr)
{
    uint32_t bits = (code * 2654435761u) ^ (code << 9);
    unsigned i;

    for (i = 0; i < 35; i++) {
        if ((bits >> (i % 32) & 1) != 0) {
            set_pixel(trace, x + i % 5, y + i / 5, bgr);
        }
    }
}

static void
draw_text(struct trace *trace)
{
    unsigned x;
    unsigned y;

    for (y = 4; y + 10 < trace->height; y += 11) {
        for (x = 4; x + 8 < trace->width; x += 7) {
            uint32_t code = next_random(trace) % 60;

            if (code > 8) {
                draw_letter(trace, x, y, code, 0x202020);
            }
        }
    }
}

static void
begin(struct trace *trace, uint16_t width, uint16_t height)
{
    const struct vdp_surface surface = {1, width, height};

    g_free(trace->pixels);
    trace->pixels = g_malloc0((gsize)width * height * 4);
    trace->width = width;
    trace->height = height;
    fill(trace, 0, 0, width, height, 0xf0f0f0);
    if (vdp_encoder_resize(trace->encoder, width, height) != 0 ||
        vdp_put_surface(&trace->records, &surface) != 0) {
        abort();
    }
}

static void
show(struct trace *trace)
{
    const struct vdp_image image = {trace->pixels, trace->width * 4u, trace->width, trace->height};
    struct vdp_buffer ops = {0};
    struct vdp_frame frame = {.id = trace->frame++, .surface = 1};
    char *digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256, trace->pixels,
                                               (gsize)trace->width * trace->height * 4);
    bool key;

    vdp_encoder_ask_digest(trace->encoder);
    if (vdp_encoder_frame(trace->encoder, &image, NULL, 0, &ops, &key, NULL) < 0) {
        abort();
    }
    frame.flags = key ? VDP_FRAME_KEY : 0;
    frame.ops = ops.data;
    frame.ops_size = ops.size;
    if (vdp_put_frame(&trace->records, &frame) != 0) {
        abort();
    }
    g_string_append_printf(trace->digests, "%.*s\n", DIGEST_CHARS, digest);
    g_free(digest);
    vdp_buffer_clear(&ops);
}

/* A page of text: typing, scrolling, a window of noise, a new size, a lost connection. */
static void
make_desktop(struct trace *trace)
{
    unsigned i;

    begin(trace, 160, 120);
    draw_text(trace);
    show(trace);
    for (i = 0; i < 12; i++) {
        draw_letter(trace, 20 + i * 7, 91, next_random(trace) % 60, 0x0000c0);
        show(trace);
    }
    for (i = 0; i < 6; i++) {
        memmove(trace->pixels, trace->pixels + 160 * 4 * 11, 160 * 4 * (120 - 11));
        show(trace);
    }
    for (i = 0; i < 40 * 30; i++) {
        set_pixel(trace, 50 + i % 40, 50 + i / 40, next_random(trace));
    }
    show(trace);
    show(trace);
    vdp_encoder_reset(trace->encoder);
    show(trace);
    begin(trace, 129, 70);
    draw_text(trace);
    show(trace);
    fill(trace, 60, 60, 10, 10, 0x00ff00);
    show(trace);
}

/* A page that scrolls, comes back and shows something smooth: copies, hits, predicted tiles. */
static void
make_moves(struct trace *trace)
{
    unsigned i;

    begin(trace, 300, 260);
    draw_text(trace);
    show(trace);
    for (i = 0; i < 4; i++) {
        unsigned rows = 11 * (i + 1);

        memmove(trace->pixels, trace->pixels + (size_t)300 * 4 * rows,
                (size_t)300 * 4 * (260 - rows));
        show(trace);
    }
    fill(trace, 0, 0, 300, 260, 0xf0f0f0);
    show(trace);
    draw_text(trace);
    show(trace);
    fill(trace, 0, 0, 300, 260, 0xf0f0f0);
    show(trace);
    for (i = 0; i < 200 * 150; i++) {
        unsigned x = i % 200;
        unsigned y = i / 200;

        set_pixel(trace, 40 + x, 50 + y,
                  (x + y + next_random(trace) % 3) | (x / 2) << 8 | (y + 30) << 16);
    }
    show(trace);
}

/* Every odd size around a tile's. */
static void
make_edges(struct trace *trace)
{
    static const uint16_t sides[] = {1, 2, 63, 64, 65, 129};
    size_t i;
    size_t j;

    for (i = 0; i < G_N_ELEMENTS(sides); i++) {
        for (j = 0; j < G_N_ELEMENTS(sides); j++) {
            begin(trace, sides[i], sides[j]);
            fill(trace, 0, 0, sides[i] / 2u + 1u, sides[j] / 2u + 1u, next_random(trace));
            show(trace);
            set_pixel(trace, sides[i] - 1u, sides[j] - 1u, next_random(trace));
            show(trace);
        }
    }
}

static void
save(const char *folder, const char *name, void (*make)(struct trace *trace))
{
    struct trace trace = {.random = 88172645463325252u};
    char *path = g_strdup_printf("%s/%s.vdp", folder, name);
    char *digests = g_strdup_printf("%s/%s.digests", folder, name);

    trace.encoder = vdp_encoder_new();
    trace.digests = g_string_new(NULL);
    g_assert_nonnull(trace.encoder);
    make(&trace);
    if (vd_file_replace(path, trace.records.data, trace.records.size, 0644) != 0 ||
        vd_file_replace(digests, trace.digests->str, trace.digests->len, 0644) != 0) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(1);
    }
    vdp_encoder_free(trace.encoder);
    vdp_buffer_clear(&trace.records);
    g_string_free(trace.digests, TRUE);
    g_free(trace.pixels);
    g_free(path);
    g_free(digests);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: make-vectors DIR\n");
        return 2;
    }
    save(argv[1], "desktop", make_desktop);
    save(argv[1], "edges", make_edges);
    save(argv[1], "moves", make_moves);
    return 0;
}
