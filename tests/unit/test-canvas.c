/* SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>
#include <string.h>

#include "client/native/canvas.h"
#include "protocol/video/video.h"

#define WIDTH  300u /* two cells across, the second one cut; five tiles */
#define HEIGHT 130u
#define ACROSS 5u /* tiles */

struct fixture {
    GMainContext *context;
    struct client_canvas *canvas;
    struct vdp_encoder *encoder;
    uint8_t pixels[WIDTH * HEIGHT * 4];
    struct vdp_image image;
    unsigned resized, decoded;
    int error;
    struct client_frame last;
    struct vdp_have have; /* without its digests */
    bool free_it;
};

static void
canvas_resized(int error, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->resized++;
    fixture->error = error;
}

static void
canvas_decoded(const struct client_frame *frame, int error, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->decoded++;
    fixture->error = error;
    fixture->last = *frame;
    if (fixture->free_it) {
        client_canvas_free(fixture->canvas);
        fixture->canvas = NULL;
    }
}

static void
canvas_digested(const struct vdp_have *have, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->have = *have;
    fixture->have.digests = NULL;
}

static const struct client_canvas_events events = {
    .resized = canvas_resized, .decoded = canvas_decoded, .digested = canvas_digested};

static void
fixture_set_up(struct fixture *fixture, const void *data)
{
    size_t i;

    (void)data;
    fixture->context = g_main_context_new();
    fixture->canvas = client_canvas_new(fixture->context);
    fixture->encoder = vdp_encoder_new();
    g_assert_cmpint(vdp_encoder_resize(fixture->encoder, WIDTH, HEIGHT), ==, 0);
    for (i = 0; i < sizeof(fixture->pixels); i++)
        fixture->pixels[i] = i % 4 == 3 ? 255 : (uint8_t)(i / 4 * 7 + i % 4);
    fixture->image = (struct vdp_image){
        .pixels = fixture->pixels, .stride = WIDTH * 4, .width = WIDTH, .height = HEIGHT};
    client_canvas_attach(fixture->canvas, &events, fixture);
}

static void
fixture_tear_down(struct fixture *fixture, const void *data)
{
    (void)data;
    client_canvas_free(fixture->canvas);
    vdp_encoder_free(fixture->encoder);
    g_main_context_unref(fixture->context);
}

static void
send_frame(struct fixture *fixture, uint32_t id)
{
    struct vdp_buffer ops = {0};
    struct vdp_encode_stats stats;
    struct client_frame frame = {.id = id};

    g_assert_cmpint(
        vdp_encoder_frame(fixture->encoder, &fixture->image, NULL, 0, &ops, &frame.key, &stats), >=,
        0);
    g_assert_true(client_canvas_frame(fixture->canvas, &frame, ops.data, ops.size));
    vdp_buffer_clear(&ops);
}

static void
wait_decoded(struct fixture *fixture, unsigned count)
{
    while (fixture->decoded < count)
        g_main_context_iteration(fixture->context, TRUE);
}

static void
assert_same(const struct fixture *fixture)
{
    struct vdp_image copy;
    uint8_t *pixels = client_cells_copy(client_canvas_cells(fixture->canvas), &copy);

    g_assert_cmpuint(copy.width, ==, WIDTH);
    g_assert_cmpuint(copy.height, ==, HEIGHT);
    g_assert_cmpmem(pixels, WIDTH * HEIGHT * 4, fixture->pixels, sizeof(fixture->pixels));
    g_free(pixels);
}

static void
start(struct fixture *fixture)
{
    g_assert_true(client_canvas_resize(fixture->canvas, WIDTH, HEIGHT));
    send_frame(fixture, 1);
    wait_decoded(fixture, 1);
    g_assert_cmpuint(fixture->resized, ==, 1);
    g_assert_cmpint(fixture->error, ==, 0);
}

static void
test_same(struct fixture *fixture, const void *data)
{
    const struct client_cells *cells;

    (void)data;
    start(fixture);
    assert_same(fixture);
    cells = client_canvas_cells(fixture->canvas);
    g_assert_cmpuint(cells->across, ==, 2);
    g_assert_nonnull(cells->cells[1].whole);
    g_assert_cmpuint(fixture->last.id, ==, 1);
    g_assert_cmpint(fixture->last.decoded_us, >=, fixture->last.received_us);
}

static void
test_one_tile(struct fixture *fixture, const void *data)
{
    const struct client_cells *cells;
    GBytes *whole, *other, *composed;

    (void)data;
    start(fixture);
    cells = client_canvas_cells(fixture->canvas);
    whole = cells->cells[0].whole;
    other = cells->cells[1].whole;
    fixture->pixels[(70 * WIDTH + 70) * 4] ^= 0x55; /* tile 1, 1 */
    send_frame(fixture, 2);
    wait_decoded(fixture, 2);
    g_assert_cmpuint(fixture->last.pieces, ==, 1);
    g_assert_true(cells->cells[0].whole == whole);
    g_assert_true(cells->cells[1].whole == other);
    g_assert_nonnull(cells->cells[0].parts[CLIENT_CELL_TILES + 1]);
    assert_same(fixture);
    composed = client_cells_whole(cells, 0);
    g_assert_cmpmem((const uint8_t *)g_bytes_get_data(composed, NULL) + 70 * 256 * 4, 256 * 4,
                    fixture->pixels + 70 * WIDTH * 4, 256 * 4);
    g_bytes_unref(composed);
}

static void
test_snapshot(struct fixture *fixture, const void *data)
{
    GBytes *before;
    uint8_t first;

    (void)data;
    start(fixture);
    before = g_bytes_ref(client_canvas_cells(fixture->canvas)->cells[0].whole);
    first = *(const uint8_t *)g_bytes_get_data(before, NULL);
    memset(fixture->pixels, 255, sizeof(fixture->pixels));
    send_frame(fixture, 2);
    wait_decoded(fixture, 2);
    g_assert_cmpuint(*(const uint8_t *)g_bytes_get_data(before, NULL), ==, first);
    assert_same(fixture);
    g_bytes_unref(before);
}

static void
test_nothing(struct fixture *fixture, const void *data)
{
    struct client_frame frame = {.id = 2, .settled = true};

    (void)data;
    start(fixture);
    g_assert_true(client_canvas_frame(fixture->canvas, &frame, NULL, 0));
    wait_decoded(fixture, 2);
    g_assert_cmpint(fixture->error, ==, 0);
    g_assert_cmpuint(fixture->last.pieces, ==, 0);
    g_assert_true(fixture->last.settled);
}

static void
test_detached(struct fixture *fixture, const void *data)
{
    (void)data;
    start(fixture);
    memset(fixture->pixels, 255, sizeof(fixture->pixels));
    send_frame(fixture, 2);
    client_canvas_attach(fixture->canvas, &events, fixture);
    send_frame(fixture, 3);
    wait_decoded(fixture, 2);
    g_assert_cmpuint(fixture->last.id, ==, 3);
    g_assert_cmpuint(fixture->decoded, ==, 2);
    assert_same(fixture);
}

static void
test_nonsense(struct fixture *fixture, const void *data)
{
    static const uint8_t ops[] = {99, 0, 0, 0};
    struct client_frame frame = {.id = 2};

    (void)data;
    start(fixture);
    g_assert_true(client_canvas_frame(fixture->canvas, &frame, ops, sizeof(ops)));
    wait_decoded(fixture, 2);
    g_assert_cmpint(fixture->error, <, 0);
    assert_same(fixture);
}

static void
test_flood(struct fixture *fixture, const void *data)
{
    uint8_t *ops = g_malloc0(1 << 20);
    struct client_frame frame = {0};
    unsigned taken = 0;

    (void)data;
    while (taken < 100000 && client_canvas_frame(fixture->canvas, &frame, ops, 1 << 20))
        taken++;
    g_assert_cmpuint(taken, <, 100000);
    g_free(ops);
}

/* Nothing is said of no picture; afterwards a digest a tile, in order with the frames. */
static void
test_digests(struct fixture *fixture, const void *data)
{
    (void)data;
    client_canvas_digest(fixture->canvas);
    start(fixture);
    g_assert_cmpuint(fixture->have.count, ==, 0);
    client_canvas_digest(fixture->canvas);
    while (fixture->have.count == 0)
        g_main_context_iteration(fixture->context, TRUE);
    g_assert_cmpuint(fixture->have.width, ==, WIDTH);
    g_assert_cmpuint(fixture->have.height, ==, HEIGHT);
    g_assert_cmpuint(fixture->have.count, ==,
                     ((WIDTH + VDP_TILE - 1) / VDP_TILE) * ((HEIGHT + VDP_TILE - 1) / VDP_TILE));
}

static void
test_freed_inside(struct fixture *fixture, const void *data)
{
    (void)data;
    fixture->free_it = true;
    client_canvas_resize(fixture->canvas, WIDTH, HEIGHT);
    send_frame(fixture, 1);
    wait_decoded(fixture, 1);
    g_assert_null(fixture->canvas);
}

struct film {
    struct vdp_video_encoder *codec;
    bool damage; /* the next unit is nonsense */
};

static int
film_encode(const struct vdp_image *image, const struct vdp_rect *rect, bool *key,
            struct vdp_buffer *out, void *user_data)
{
    struct film *film = user_data;
    size_t start = out->size;
    int error = vdp_video_encoder_frame(film->codec, image, rect, key, out);

    if (film->damage)
        out->data[start + 6] ^= 2; /* its width */
    return error;
}

/* A film is shown; when its decoder fails the frame says so once, and a key frame mends it. */
static void
test_film(struct fixture *fixture, const void *data)
{
    struct film film = {0};
    struct vdp_video_source source = {0, VDP_VIDEO_VP8, {20, 10, 200, 100}, film_encode, &film};
    unsigned n;
    unsigned i;

    (void)data;
    film.codec = vdp_video_encoder_new(VDP_VIDEO_BIT(VDP_VIDEO_VP8), 200, 100, 20000);
    if (!film.codec || (vdp_video_decodable() & VDP_VIDEO_BIT(VDP_VIDEO_VP8)) == 0) {
        g_test_skip("no VP8 here");
        return;
    }
    start(fixture);
    g_assert_cmpint(vdp_encoder_set_video(fixture->encoder, &source), ==, 0);
    for (n = 2; n < 6; n++) {
        struct vdp_image copy;
        uint8_t *pixels;
        bool fails = n == 3;

        film.damage = fails;
        if (fails || n == 5)
            vdp_encoder_video_key(fixture->encoder);
        for (i = 0; i < sizeof(fixture->pixels); i++)
            fixture->pixels[i] = i % 4 == 3 ? 255 : (uint8_t)(i / 4 % WIDTH + n * 5);
        send_frame(fixture, n);
        wait_decoded(fixture, n);
        g_assert_cmpint(fixture->error, ==, 0);
        g_assert_cmpint(fixture->last.film_failed, ==, fails);
        pixels = client_cells_copy(client_canvas_cells(fixture->canvas), &copy);
        if (n == 2 || n == 5) /* 4 waits for the key frame */
            g_assert_cmpint(ABS(pixels[(60 * WIDTH + 100) * 4] - (int)(100 + n * 5)), <, 8);
        g_free(pixels);
    }
    vdp_video_encoder_free(film.codec);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(struct fixture *fixture, const void *data);
    } tests[] = {
        {"/canvas/shows-what-was-sent", test_same},
        {"/canvas/one-tile-is-one-small-piece", test_one_tile},
        {"/canvas/pieces-never-change", test_snapshot},
        {"/canvas/a-frame-of-nothing-is-told", test_nothing},
        {"/canvas/frames-of-an-earlier-stream-are-shown-not-told", test_detached},
        {"/canvas/nonsense-leaves-the-picture", test_nonsense},
        {"/canvas/a-flood-is-refused", test_flood},
        {"/canvas/digests-what-it-shows", test_digests},
        {"/canvas/shows-a-film", test_film},
        {"/canvas/may-be-freed-by-its-event", test_freed_inside},
    };
    size_t i;

    vdp_video_prepare();
    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++)
        g_test_add(tests[i].name, struct fixture, NULL, fixture_set_up, tests[i].run,
                   fixture_tear_down);
    return g_test_run();
}
