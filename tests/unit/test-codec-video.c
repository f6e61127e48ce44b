/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Video regions in the codec: what they cover, what is exact on top, what a decoder refuses. The
 * video codec here writes pixels with four bits a colour.
 */
#include <string.h>

#include "protocol/codec/video.h"
#include "tests/unit/codec-fixture.h"

#define OP_VIDEO 8

struct films {
    struct pair pair;
    unsigned encoded, decoded, ended; /* calls */
    bool asked_key, said_key;
    bool fail; /* the codec gives nothing */
    bool late; /* pixels come when the frame is decoded */
    struct vdp_video_source source;
    struct vdp_rect shown;
    uint8_t *pixels; /* of the last access unit */
};

static int
encode_coarse(const struct vdp_image *image, const struct vdp_rect *rect, bool *key,
              struct vdp_buffer *out, void *user_data)
{
    struct films *films = user_data;
    unsigned x;
    unsigned y;

    films->encoded++;
    films->asked_key = *key;
    if (films->fail) {
        return VDP_ERR_NOMEM;
    }
    for (y = rect->y; y < (unsigned)rect->y + rect->height; y++) {
        for (x = rect->x; x < (unsigned)rect->x + rect->width; x++) {
            const uint8_t *from = image->pixels + y * image->stride + x * 4;

            vdp_buffer_put_u8(out, from[0] & 0xf0);
            vdp_buffer_put_u8(out, from[1] & 0xf0);
            vdp_buffer_put_u8(out, from[2] & 0xf0);
            vdp_buffer_put_u8(out, 255);
        }
    }
    return 0;
}

static int
decode_coarse(const struct vdp_video *video, void *user_data)
{
    struct films *films = user_data;

    if ((video->flags & VDP_VIDEO_END) != 0) {
        films->ended++;
        return 0;
    }
    films->decoded++;
    films->said_key = (video->flags & VDP_VIDEO_KEY) != 0;
    films->shown = video->rect;
    g_assert_cmpuint(video->size, ==, video->rect.width * video->rect.height * 4u);
    g_free(films->pixels);
    films->pixels = g_memdup2(video->data, video->size);
    if (!films->late) {
        vdp_decoder_place_video(films->pair.decoder, &video->rect, films->pixels);
    }
    return 0;
}

static void
films_init(struct films *films, struct vdp_rect rect)
{
    memset(films, 0, sizeof(*films));
    pair_init(&films->pair, 640, 400);
    vdp_decoder_set_video(films->pair.decoder, decode_coarse, films);
    films->source = (struct vdp_video_source){0, VDP_VIDEO_H264, rect, encode_coarse, films};
    fill_flat(&films->pair, (struct vdp_rect){0, 0, 640, 400});
    (void)pair_step(&films->pair, NULL, 0);
    g_assert_cmpint(vdp_encoder_set_video(films->pair.encoder, &films->source), ==, 0);
}

static void
films_clear(struct films *films)
{
    pair_clear(&films->pair);
    g_free(films->pixels);
}

static int
films_step(struct films *films)
{
    int sent = pair_encode(&films->pair, NULL, 0);

    g_assert_cmpint(sent, >=, 0);
    films->shown.width = 0;
    g_assert_cmpint(pair_decode(&films->pair), ==, 0);
    if (films->late && films->shown.width > 0) {
        vdp_decoder_place_video(films->pair.decoder, &films->shown, films->pixels);
    }
    return sent;
}

static bool
is_inside(struct vdp_rect rect, unsigned x, unsigned y)
{
    return x >= rect.x && y >= rect.y && x < (unsigned)rect.x + rect.width &&
           y < (unsigned)rect.y + rect.height;
}

/* Exact outside of the film, within it what the codec makes of the pixels; tiles in `exact` too. */
static void
assert_film(struct films *films, struct vdp_rect exact)
{
    struct vdp_image image = vdp_decoder_image(films->pair.decoder);
    unsigned x;
    unsigned y;

    for (y = 0; y < films->pair.height; y++) {
        for (x = 0; x < films->pair.width; x++) {
            const uint8_t *got = image.pixels + y * image.stride + x * 4;
            const uint8_t *want = pixel(&films->pair, x, y);
            bool coarse = is_inside(films->source.rect, x, y) && !is_inside(exact, x, y);
            uint8_t mask = coarse ? 0xf0 : 0xff;

            if (got[0] != (want[0] & mask) || got[1] != (want[1] & mask) ||
                got[2] != (want[2] & mask)) {
                g_error("pixel %u,%u differs", x, y);
            }
        }
    }
}

static void
refine_all(struct films *films)
{
    struct pair *pair = &films->pair;
    bool digest;
    int sent;

    pair->key = false;
    do {
        vdp_buffer_reset(&pair->ops);
        sent = vdp_encoder_refine(pair->encoder, 65536, 0, &pair->ops, &digest);
        g_assert_cmpint(sent, >=, 0);
        g_assert_cmpint(pair_decode(pair), ==, 0);
    } while (sent > 0);
}

static void
test_region_is_coarse_until_it_ends(void)
{
    const struct vdp_rect rect = {70, 30, 300, 202}; /* cuts tiles on all sides */
    const struct vdp_rect none = {0};
    struct films films;
    unsigned i;

    films_init(&films, rect);
    for (i = 0; i < 3; i++) {
        fill_noise(&films.pair, rect);
        g_assert_cmpint(films_step(&films), ==, 20);
        g_assert_cmpuint(films.pair.stats.tiles_video, ==, 20);
        g_assert_cmpint(films.said_key, ==, i == 0);
        assert_film(&films, none);
    }
    /* Elsewhere things go on without it. */
    pixel(&films.pair, 600, 390)[0] ^= 1;
    g_assert_cmpint(films_step(&films), ==, 1);
    g_assert_cmpuint(films.encoded, ==, 3);
    /* A region that is there is not refined. */
    refine_all(&films);
    assert_film(&films, none);
    vdp_encoder_ask_digest(films.pair.encoder);
    g_assert_cmpint(vdp_encoder_set_video(films.pair.encoder, NULL), ==, 0);
    refine_all(&films);
    g_assert_cmpuint(films.ended, ==, 1);
    g_assert_cmpint(vdp_decoder_verdict(films.pair.decoder), ==, VDP_VERDICT_NONE);
    g_assert_cmpuint(vdp_encoder_lossy_tiles(films.pair.encoder), ==, 0);
    assert_same_picture(&films.pair);
    films_clear(&films);
}

/* Around the film, and text within it, exact in the same frame, whenever the pixels come. */
static void
test_tiles_win_over_the_film(void)
{
    const struct vdp_rect rect = {64, 64, 320, 192};
    const struct vdp_rect text = {128, 128, 64, 64};
    struct films films;
    unsigned i;

    films_init(&films, rect);
    films.source.rect.x = 60; /* an edge of four pixels */
    films.source.rect.width = 324;
    g_assert_cmpint(vdp_encoder_set_video(films.pair.encoder, &films.source), ==, 0);
    for (i = 0; i < 4; i++) {
        films.late = i >= 2;
        fill_noise(&films.pair, films.source.rect);
        fill_flat(&films.pair, text);
        pixel(&films.pair, 140, 140)[1] ^= (uint8_t)(16 + i);
        g_assert_cmpint(films_step(&films), >, 0);
        assert_film(&films, text);
        /* A line of text that stands still is sent again each time, from the cache. */
        if (i % 2 == 1) {
            g_assert_cmpuint(films.pair.stats.tiles_hit + films.pair.stats.tiles_sent, >, 0);
        }
    }
    /* The edge's other pixels change: that tile goes exactly, film and all. */
    fill_noise(&films.pair, films.source.rect);
    fill_flat(&films.pair, text);
    pixel(&films.pair, 2, 70)[2] ^= 64;
    g_assert_cmpint(films_step(&films), >, 0);
    g_assert_true(memcmp(vdp_decoder_image(films.pair.decoder).pixels + (70 * 640 + 2) * 4,
                         pixel(&films.pair, 2, 70), 3) == 0);
    g_assert_true(memcmp(vdp_decoder_image(films.pair.decoder).pixels + (70 * 640 + 62) * 4,
                         pixel(&films.pair, 62, 70), 3) == 0);
    g_assert_cmpint(vdp_encoder_set_video(films.pair.encoder, NULL), ==, 0);
    refine_all(&films);
    assert_same_picture(&films.pair);
    films_clear(&films);
}

static void
test_key_frames_come_when_needed(void)
{
    const struct vdp_rect rect = {64, 64, 256, 192};
    const struct vdp_rect none = {0};
    struct films films;

    films_init(&films, rect);
    fill_noise(&films.pair, rect);
    (void)films_step(&films);
    g_assert_true(films.said_key);
    fill_noise(&films.pair, rect);
    (void)films_step(&films);
    g_assert_false(films.said_key);
    vdp_encoder_video_key(films.pair.encoder);
    fill_noise(&films.pair, rect);
    (void)films_step(&films);
    g_assert_true(films.said_key);
    vdp_encoder_reset(films.pair.encoder);
    (void)films_step(&films);
    g_assert_true(films.said_key);
    assert_film(&films, none);
    films.source.rect.width += 2;
    g_assert_cmpint(vdp_encoder_set_video(films.pair.encoder, &films.source), ==, 0);
    fill_noise(&films.pair, films.source.rect);
    (void)films_step(&films);
    g_assert_true(films.said_key);
    /* A codec that gives nothing costs bytes, and the next one starts anew. */
    films.fail = true;
    fill_noise(&films.pair, rect);
    g_assert_cmpint(films_step(&films), >, 0);
    g_assert_cmpuint(films.pair.stats.tiles_video, ==, 0);
    films.fail = false;
    fill_noise(&films.pair, rect);
    (void)films_step(&films);
    g_assert_true(films.said_key);
    assert_film(&films, none);
    films_clear(&films);
}

static void
test_strict_and_odd_regions(void)
{
    struct films films;
    const struct vdp_rect bad[] = {{1, 0, 64, 64},  {0, 0, 63, 64},   {0, 0, 64, 14},
                                   {0, 0, 642, 64}, {600, 0, 64, 64}, {0, 380, 64, 64}};
    unsigned i;

    films_init(&films, (struct vdp_rect){0, 0, 128, 128});
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        films.source.rect = bad[i];
        g_assert_cmpint(vdp_encoder_set_video(films.pair.encoder, &films.source), ==,
                        VDP_ERR_RANGE);
    }
    vdp_encoder_set_strict(films.pair.encoder, true);
    fill_noise(&films.pair, (struct vdp_rect){0, 0, 128, 128});
    (void)pair_step(&films.pair, NULL, 0);
    g_assert_cmpuint(films.encoded, ==, 0);
    films_clear(&films);
}

/* Where something moved beside the film, it is still copied. */
static void
test_copies_go_on_beside_the_film(void)
{
    const struct vdp_rect rect = {320, 0, 320, 400};
    const struct vdp_rect left = {0, 0, 320, 400};
    struct films films;
    unsigned y;

    films_init(&films, rect);
    fill_noise(&films.pair, left);
    fill_noise(&films.pair, rect);
    (void)films_step(&films);
    for (y = 0; y < 370; y++) {
        memcpy(pixel(&films.pair, 0, y), pixel(&films.pair, 0, y + 30), 320 * 4);
    }
    fill_noise(&films.pair, rect);
    g_assert_cmpint(films_step(&films), >, 0);
    g_assert_cmpuint(films.pair.stats.tiles_copied, >, 10);
    assert_film(&films, (struct vdp_rect){0});
    films_clear(&films);
}

static int
decode_body(struct films *films, const char *bytes, size_t size)
{
    struct vdp_buffer body = {0};
    struct vdp_buffer ops = {0};
    struct vdp_rect dirty;
    int error;

    vdp_buffer_put(&body, bytes, size);
    put_op(&ops, 2, &(struct vdp_buffer){0});
    put_op(&ops, OP_VIDEO, &body);
    error = vdp_decoder_frame(films->pair.decoder, ops.data, ops.size, true, &dirty);
    vdp_buffer_clear(&body);
    vdp_buffer_clear(&ops);
    return error;
}

static int
take_anything(const struct vdp_video *video, void *user_data)
{
    (void)video;
    (void)user_data;
    return 0;
}

static void
test_crafted_videos_are_refused(void)
{
    struct films films;

    films_init(&films, (struct vdp_rect){0, 0, 128, 128});
    vdp_decoder_set_video(films.pair.decoder, take_anything, NULL);
#define BODY(bytes) decode_body(&films, bytes, sizeof(bytes) - 1)
#define RECT        "\0\0\0\0\x40\0\x40\0"
    g_assert_cmpint(BODY("\0\1\1" RECT "x"), ==, 0);
    g_assert_cmpint(BODY("\0\1\0" RECT "x"), ==, 0);
    g_assert_cmpint(BODY("\0\1\2\0\0\0\0\0\0\0\0"), ==, 0);
    g_assert_cmpint(BODY("\0\1\0" RECT "x"), ==, VDP_ERR_STATE); /* after the end */
    g_assert_cmpint(BODY("\1\1\0" RECT "x"), ==, VDP_ERR_STATE); /* never begun */
    g_assert_cmpint(BODY("\4\1\1" RECT "x"), ==, VDP_ERR_RANGE); /* id */
    g_assert_cmpint(BODY("\0\3\1" RECT "x"), ==, VDP_ERR_RANGE); /* codec */
    g_assert_cmpint(BODY("\0\1\4" RECT "x"), ==, VDP_ERR_RANGE); /* flags */
    g_assert_cmpint(BODY("\0\1\3" RECT), ==, VDP_ERR_RANGE);     /* key and end */
    g_assert_cmpint(BODY("\0\1\2" RECT), ==, VDP_ERR_RANGE);     /* end with a place */
    g_assert_cmpint(BODY("\0\1\2\0\0\0\0\0\0\0\0x"), ==, VDP_ERR_TRAILING);
    g_assert_cmpint(BODY("\0\1\1" RECT), ==, VDP_ERR_TRUNCATED); /* no data */
    g_assert_cmpint(BODY("\0\1\1\0\0\0\0\x40\0\x40"), ==, VDP_ERR_TRUNCATED);
    g_assert_cmpint(BODY("\0\1\1\1\0\0\0\x40\0\x40\0x"), ==, VDP_ERR_RANGE);  /* odd */
    g_assert_cmpint(BODY("\0\1\1\0\0\0\0\x08\0\x40\0x"), ==, VDP_ERR_RANGE);  /* narrow */
    g_assert_cmpint(BODY("\0\1\1\0\0\0\0\x40\x3\x40\0x"), ==, VDP_ERR_RANGE); /* beyond */
    g_assert_cmpint(BODY("\0\1\1" RECT "x"), ==, 0);
    g_assert_cmpint(BODY("\0\2\0" RECT "x"), ==, VDP_ERR_STATE);             /* another codec */
    g_assert_cmpint(BODY("\0\1\0\2\0\0\0\x40\0\x40\0x"), ==, VDP_ERR_STATE); /* another place */
    /* Only for a client that asked for it. */
    vdp_decoder_set_video(films.pair.decoder, NULL, NULL);
    g_assert_cmpint(BODY("\0\1\1" RECT "x"), ==, VDP_ERR_STATE);
    films_clear(&films);
}

static void
test_changed_box_is_tight(void)
{
    struct films films;
    struct vdp_image image;
    const struct vdp_rect all = {0, 0, 640, 400};
    struct vdp_rect box;

    films_init(&films, (struct vdp_rect){0, 0, 128, 128});
    image = (struct vdp_image){films.pair.pixels, 640 * 4, 640, 400};
    box = vdp_encoder_changed_box(films.pair.encoder, &image, &all);
    g_assert_cmpuint(box.width, ==, 0);
    pixel(&films.pair, 33, 45)[0] ^= 1;
    pixel(&films.pair, 7, 301)[2] ^= 1;
    pixel(&films.pair, 500, 200)[3] ^= 1; /* X is nothing */
    box = vdp_encoder_changed_box(films.pair.encoder, &image, &all);
    g_assert_cmpuint(box.x, ==, 7);
    g_assert_cmpuint(box.y, ==, 45);
    g_assert_cmpuint(box.width, ==, 27);
    g_assert_cmpuint(box.height, ==, 257);
    films_clear(&films);
}

/* Pixels survive the colour space but for rounding, in both layouts alike. */
static void
test_colours_there_and_back(void)
{
    enum { WIDTH = 34, HEIGHT = 18 };
    uint8_t from[WIDTH * HEIGHT * 4];
    uint8_t back[2][WIDTH * HEIGHT * 4];
    uint8_t block[WIDTH * HEIGHT * 3 / 2];
    unsigned i;
    unsigned j;

    for (i = 0; i < WIDTH * HEIGHT; i++) {
        unsigned grey = i * 255 / (WIDTH * HEIGHT);

        from[i * 4] = (uint8_t)grey;
        from[i * 4 + 1] = (uint8_t)grey;
        from[i * 4 + 2] = (uint8_t)grey;
        from[i * 4 + 3] = 7;
    }
    for (j = 0; j < 2; j++) {
        struct vdp_yuv yuv = vdp_yuv_block(block, WIDTH, HEIGHT, j == 1);

        vdp_yuv_from_bgrx(&yuv, from, WIDTH * 4, WIDTH, HEIGHT);
        vdp_yuv_to_bgrx(back[j], WIDTH * 4, &yuv, WIDTH, HEIGHT);
    }
    g_assert_cmpmem(back[0], sizeof(back[0]), back[1], sizeof(back[1]));
    for (i = 0; i < sizeof(from); i++) {
        if (i % 4 == 3) {
            g_assert_cmpuint(back[0][i], ==, 255);
        } else {
            g_assert_cmpint(ABS(back[0][i] - from[i]), <=, 3);
        }
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/codec-video/coarse-until-it-ends", test_region_is_coarse_until_it_ends);
    g_test_add_func("/codec-video/tiles-win", test_tiles_win_over_the_film);
    g_test_add_func("/codec-video/key-frames", test_key_frames_come_when_needed);
    g_test_add_func("/codec-video/strict-and-odd", test_strict_and_odd_regions);
    g_test_add_func("/codec-video/copies-go-on", test_copies_go_on_beside_the_film);
    g_test_add_func("/codec-video/crafted-are-refused", test_crafted_videos_are_refused);
    g_test_add_func("/codec-video/changed-box-is-tight", test_changed_box_is_tight);
    g_test_add_func("/codec-video/colours-there-and-back", test_colours_there_and_back);
    return g_test_run();
}
