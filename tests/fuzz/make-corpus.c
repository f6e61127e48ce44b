/* SPDX-License-Identifier: Apache-2.0 */
/* make-corpus DIR: writes the seeds of the binary targets into DIR/record, messages, tiles, codec,
 * small.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/small.h"
#include "protocol/wire/messages.h"

static const char *folder;

static void
save(const char *target, const char *name, const void *data, size_t size)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", folder, target);
    if (vd_mkdir_all(path, 0755) != 0) {
        abort();
    }
    (void)snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
    if (vd_file_replace(path, data, size, 0644) != 0) {
        abort();
    }
}

/* One seed a message, and all of them in a row for the framer. */
static void
make_messages(void)
{
    static const struct vdp_token token = {.text = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"};
    static const uint8_t rgba[2 * 2 * 4] = {1, 2, 3, 255};
    struct vdp_buffer all = {0};
    size_t at = 0;

    vdp_buffer_put_u8(&all, 6); /* the framer's seed: pushes of seven bytes */
    (void)vdp_put_ticket(&all, &token);
    (void)vdp_put_uplink(&all, &token);
    (void)vdp_put_hello(
        &all,
        &(struct vdp_hello){1, 1, 42, VDP_CAP_TILES_ZSTD | VDP_CAP_JPEG | VDP_CAP_PRESENT, 2});
    (void)vdp_put_goaway(&all, &(struct vdp_goaway){VDP_GOAWAY_ENDED, 0, "ended \xc3\xa9", 8});
    (void)vdp_put_ping(&all, &(struct vdp_ping){7});
    (void)vdp_put_key(&all, &(struct vdp_key){1, 2, 30, 1});
    (void)vdp_put_pointer(&all, &(struct vdp_pointer){1, 2, 640, 480});
    (void)vdp_put_button(&all, &(struct vdp_button){1, 2, 1, 1});
    (void)vdp_put_wheel(&all, &(struct vdp_wheel){1, 2, 0, -120});
    (void)vdp_put_motion(&all, &(struct vdp_motion){1, 2, -300, 7});
    (void)vdp_put_release_all(&all);
    (void)vdp_put_notice(&all, &(struct vdp_notice){VDP_NOTICE_END, 300, NULL, 0});
    (void)vdp_put_locks(&all, &(struct vdp_locks){1, 2, VDP_LOCK_NUM});
    (void)vdp_put_text(&all, &(struct vdp_text){1, 2, "typed \xea\xb0\x80", 9});
    (void)vdp_put_set_size(&all, &(struct vdp_set_size){1920, 1080, 120});
    (void)vdp_put_monitors(
        &all, &(struct vdp_monitors){2, {{0, 0, 1920, 1080, 120}, {1920, 40, 1280, 1024, 240}}});
    (void)vdp_put_cursor_shape(&all, &(struct vdp_cursor_shape){1, 2, 2, 0, 1, rgba});
    (void)vdp_put_cursor_use(&all, &(struct vdp_cursor_use){1, 1});
    (void)vdp_put_cursor_warp(&all, &(struct vdp_cursor_warp){3, 4});
    (void)vdp_put_surface(&all, &(struct vdp_surface){1, 800, 600});
    (void)vdp_put_layout(
        &all, &(struct vdp_layout){1, 3, {{0, 0, 800, 600}, {0, 0, 0, 0}, {800, 0, 640, 480}}});
    (void)vdp_put_frame(&all, &(struct vdp_frame){1, 2, 3, 1, VDP_FRAME_KEY, rgba, 4});
    (void)vdp_put_ack(&all, &(struct vdp_ack){1, 2, 3, 0});
    (void)vdp_put_refresh(&all);
    (void)vdp_put_have(&all, &(struct vdp_have){130, 64, 3, rgba});
    (void)vdp_put_json(&all, "{\"type\":\"x\"}", 12);
    if (all.error != 0) {
        abort();
    }
    save("record", "all", all.data, all.size);
    save("record", "unknown", "\0\xe8\x03\0\0\1\0\0\0x\xe8\x03\0\2\0\0\0\0", 18);
    save("record", "too-big", "\xff\xe8\x03\0\0\xff\xff\xff\xff", 9);
    for (at = 1; at < all.size;) {
        uint8_t *record = all.data + at;
        size_t size = (size_t)record[4] | (size_t)record[5] << 8;
        const struct vdp_message_info *info =
            vdp_message_find((uint16_t)(record[0] | record[1] << 8));

        /* A seed of the messages is type and body: the type moves down to the body. */
        record[6] = record[0];
        record[7] = record[1];
        save("messages", info->name, record + 6, size + 2);
        at += VDP_RECORD_HEADER_SIZE + size;
    }
    vdp_buffer_clear(&all);
}

static void
make_tiles(void)
{
    uint8_t pixels[100 * 70 * 4];
    const struct vdp_image image = {pixels, 400, 100, 70};
    struct vdp_encoder *encoder = vdp_encoder_new();
    struct vdp_buffer ops = {0};
    struct vdp_buffer seed = {0};
    unsigned frame;
    unsigned i;

    if (encoder == NULL || vdp_encoder_resize(encoder, 100, 70) != 0) {
        abort();
    }
    memset(pixels, 0x80, sizeof(pixels));
    vdp_buffer_put_u8(&seed, 100);
    vdp_buffer_put_u8(&seed, 70);
    for (frame = 0; frame < 3; frame++) {
        bool key;

        for (i = 0; i < 60; i++) {
            pixels[(frame * 4000 + i * 37) % sizeof(pixels)] = (uint8_t)(i * frame);
        }
        vdp_buffer_reset(&ops);
        if (vdp_encoder_frame(encoder, &image, NULL, 0, &ops, &key, NULL) < 0) {
            abort();
        }
        vdp_buffer_put_u8(&seed, key);
        vdp_buffer_put_u16(&seed, (uint16_t)ops.size);
        vdp_buffer_put(&seed, ops.data, ops.size);
        save("tiles", frame == 0 ? "key" : frame == 1 ? "two" : "three", seed.data, seed.size);
    }
    /* COPY of 50 by 40 pixels, then HIT: tile 0 shows slot 0. */
    vdp_buffer_put(&seed, "\0\26\0\3\14\0\0\0\0\0\0\12\0\12\0\62\0\50\0\4\2\0\0\0\0", 25);
    save("tiles", "copy-and-hit", seed.data, seed.size);
    /* VIDEO: a key frame of 32 by 32 pixels at 2, 2. */
    vdp_buffer_put(&seed, "\0\20\0\10\14\0\0\0\1\1\2\0\2\0\40\0\40\0x", 19);
    save("tiles", "video", seed.data, seed.size);
    vdp_encoder_free(encoder);
    vdp_buffer_clear(&ops);
    vdp_buffer_clear(&seed);
}

/* A photograph as JPEG, small enough for a frame of the seed. */
static void
make_jpeg(void)
{
    static uint8_t pixels[128 * 128 * 4];
    const struct vdp_image image = {pixels, 512, 128, 128};
    struct vdp_encoder *encoder = vdp_encoder_new();
    struct vdp_buffer ops = {0};
    struct vdp_buffer seed = {0};
    unsigned i;
    bool key;

    for (i = 0; i < 128 * 128; i++) {
        pixels[i * 4] = (uint8_t)(i % 128 + i * i % 7);
        pixels[i * 4 + 1] = (uint8_t)(i / 128);
        pixels[i * 4 + 2] = (uint8_t)(i / 256 + i % 128);
    }
    if (encoder == NULL || vdp_encoder_resize(encoder, 128, 128) != 0) {
        abort();
    }
    vdp_encoder_set_lossy(encoder, 20, false);
    if (vdp_encoder_frame(encoder, &image, NULL, 0, &ops, &key, NULL) < 0 || ops.size > 65535 ||
        vdp_encoder_lossy_tiles(encoder) != 4) {
        abort();
    }
    vdp_buffer_put_u8(&seed, 128);
    vdp_buffer_put_u8(&seed, 128);
    vdp_buffer_put_u8(&seed, key);
    vdp_buffer_put_u16(&seed, (uint16_t)ops.size);
    vdp_buffer_put(&seed, ops.data, ops.size);
    save("tiles", "jpeg", seed.data, seed.size);
    vdp_encoder_free(encoder);
    vdp_buffer_clear(&ops);
    vdp_buffer_clear(&seed);
}

/* A screen of two colours, whole and cut short. */
static void
make_small(void)
{
    static uint8_t pixels[24 * 16 * 4];
    const struct vdp_image image = {pixels, 24 * 4, 24, 16};
    struct vdp_buffer seed = {0};
    uint16_t width;
    uint16_t height;

    memset(pixels, 200, sizeof(pixels) / 2);
    vdp_buffer_put_u16(&seed, image.width);
    vdp_buffer_put_u16(&seed, image.height);
    if (vdp_small_make(&image, &seed, &width, &height) != 0) {
        abort();
    }
    save("small", "two-colours", seed.data, seed.size);
    save("small", "cut", seed.data, seed.size - 9);
    vdp_buffer_clear(&seed);
}

int
main(int argc, char **argv)
{
    static uint8_t moves[] = {255, 255, 17,  0,   0,   255, 255, 3,   9,   0,   9,   0,
                              0,   255, 235, 148, 128, 0,   9,   0,   0,   255, 255, 128,
                              90,  0,   11,  50,  50,  120, 99,  139, 135, 0};
    static const uint8_t edits[] = {130, 70, 1, 0,  0, 130, 70, 9, 9, 9,  3,  60, 60, 9, 9, 1, 2,
                                    3,   0,  5, 5,  1, 1,   7,  7, 7, 1,  0,  0,  0,  0, 0, 0, 0,
                                    5,   1,  1, 80, 2, 200, 1,  7, 3, 99, 69, 1,  1,  5, 5, 5};

    size_t i;

    if (argc != 2) {
        fprintf(stderr, "usage: make-corpus DIR\n");
        return 2;
    }
    folder = argv[1];
    make_messages();
    make_tiles();
    make_jpeg();
    make_small();
    save("codec", "edits", edits, sizeof(edits));
    for (i = 2; i < sizeof(moves); i += 8) {
        moves[i] |= 32;
    }
    save("codec", "lossy-moves", moves, sizeof(moves));
    for (i = 2; i < sizeof(moves); i += 8) {
        moves[i] |= 64;
    }
    save("codec", "film-moves", moves, sizeof(moves));
    for (i = 2; i < sizeof(moves); i += 8) {
        moves[i] &= (uint8_t)~64;
    }
    for (i = 2; i < sizeof(moves); i += 8) {
        moves[i] &= (uint8_t)~32;
    }
    save("codec", "moves", moves, sizeof(moves));
    save("codec", "one-pixel", "\1\1\1\0\0\1\1\1\2\3", 10);
    return 0;
}
