/* SPDX-License-Identifier: Apache-2.0 */
#include <gio/gio.h>
#include <string.h>

#include "hostd/streamer/capture-replay.h"
#include "protocol/wire/error.h"
#include "tests/unit/streamer-fixture.h"

static void
test_a_trace_comes_back_as_written(void)
{
    GBytes *bytes = fixture_trace(3, 1000);
    struct streamer_trace trace;
    struct streamer_trace_frame frame;
    struct vdp_rect rect;
    const uint8_t *pixels;
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    uint32_t first;
    unsigned step;

    g_assert_cmpint(streamer_trace_open(&trace, data, size), ==, 0);
    g_assert_cmpuint(trace.width, ==, FIXTURE_WIDTH);
    g_assert_cmpuint(trace.height, ==, FIXTURE_HEIGHT);
    for (step = 0; step <= 3; step++) {
        size_t at = 0;

        g_assert_cmpint(streamer_trace_next(&trace, &frame), ==, 1);
        g_assert_cmpint(frame.time_us, ==, step * 1000);
        g_assert_cmpint(streamer_trace_rect(&frame, &at, &rect, &pixels), ==, 1);
        memcpy(&first, pixels, 4);
        g_assert_cmphex(first, ==, fixture_pixel(step, rect.x, rect.y));
        g_assert_cmpint(streamer_trace_rect(&frame, &at, &rect, &pixels), ==, 0);
    }
    g_assert_cmpint(streamer_trace_next(&trace, &frame), ==, 0);
    g_bytes_unref(bytes);
}

static int
walk(const uint8_t *data, size_t size)
{
    struct streamer_trace trace;
    struct streamer_trace_frame frame;
    int result = streamer_trace_open(&trace, data, size);

    while (result == 0 && (result = streamer_trace_next(&trace, &frame)) == 1) {
        result = 0;
    }
    return result;
}

static void
test_every_cut_is_noticed(void)
{
    GBytes *bytes = fixture_trace(1, 0);
    gsize size;
    const uint8_t *data = g_bytes_get_data(bytes, &size);
    size_t cut;
    unsigned whole = 0;

    for (cut = 0; cut < size; cut += cut < 64 ? 1 : 97) {
        /* A copy of exactly that size, so that a sanitizer sees a read beyond. */
        uint8_t *copy = g_memdup2(data, cut);
        struct streamer_trace trace;
        int result = streamer_trace_open(&trace, copy, cut);

        if (result == 0 && walk(copy, cut) == 0) {
            whole++; /* right behind the header or between two frames */
        }
        g_free(copy);
    }
    g_assert_cmpuint(whole, <=, 2);
    g_bytes_unref(bytes);
}

static void
test_rectangles_outside_are_refused(void)
{
    struct vdp_buffer out = {0};
    static const uint8_t pixels[4 * 4];

    streamer_trace_put_header(&out, 8, 8);
    streamer_trace_put_frame(&out, 0, 1);
    streamer_trace_put_rect(&out, (struct vdp_rect){7, 0, 2, 2}, pixels, 8);
    g_assert_cmpint(walk(out.data, out.size), ==, VDP_ERR_RANGE);
    vdp_buffer_clear(&out);

    streamer_trace_put_header(&out, 8, 8);
    streamer_trace_put_frame(&out, 5, 0);
    streamer_trace_put_frame(&out, 4, 0);
    g_assert_cmpint(walk(out.data, out.size), ==, VDP_ERR_RANGE);
    vdp_buffer_clear(&out);

    streamer_trace_put_header(&out, 0, 8);
    g_assert_cmpint(walk(out.data, out.size), ==, VDP_ERR_RANGE);
    vdp_buffer_clear(&out);
}

static void
count_change(void *user_data)
{
    (*(unsigned *)user_data)++;
}

static void
fail_when_lost(const char *text, void *user_data)
{
    (void)user_data;
    g_error("lost: %s", text);
}

static const struct capture_events events = {.changed = count_change, .lost = fail_when_lost};

struct waiting {
    struct capture *capture;
    struct streamer_picture picture;
    uint8_t *expected;
};

static bool
picture_is_complete(void *data)
{
    struct waiting *waiting = data;
    struct streamer_damage damage;
    int64_t since_us;

    return streamer_shadow_take(capture_shadow(waiting->capture), &waiting->picture, &damage,
                                &since_us) &&
           memcmp(waiting->picture.pixels, waiting->expected,
                  (size_t)FIXTURE_WIDTH * FIXTURE_HEIGHT * 4) == 0;
}

static void
test_playing_starts_when_somebody_looks(void)
{
    GBytes *bytes = fixture_trace(20, 2000);
    unsigned changes = 0;
    struct waiting waiting = {0};

    waiting.capture = capture_replay_new(bytes, &events, &changes, NULL);
    g_assert_nonnull(waiting.capture);
    waiting.expected = fixture_picture(0);
    fixture_wait(picture_is_complete, &waiting);
    g_assert_cmpint(streamer_shadow_damaged_since(capture_shadow(waiting.capture)), ==, 0);
    g_free(waiting.expected);

    waiting.expected = fixture_picture(20);
    capture_pace(waiting.capture, true);
    fixture_wait(picture_is_complete, &waiting);
    g_assert_cmpuint(changes, >, 0);
    capture_free(waiting.capture);
    streamer_picture_clear(&waiting.picture);
    g_free(waiting.expected);
    g_bytes_unref(bytes);
}

static void
test_something_else_is_no_trace(void)
{
    GBytes *bytes = g_bytes_new_static("not a trace at all", 18);
    GError *error = NULL;

    g_assert_null(capture_replay_new(bytes, &events, NULL, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    g_error_free(error);
    g_bytes_unref(bytes);
}

static void
test_damage_is_bounded_and_covers_all(void)
{
    struct streamer_damage damage = {0};
    bool wanted[64][64] = {{false}};
    unsigned i;
    unsigned x;
    unsigned y;
    size_t k;

    for (i = 0; i < 500; i++) {
        struct vdp_rect rect = {(uint16_t)(i * 7919 % 60), (uint16_t)(i * 104729 % 60),
                                (uint16_t)(1 + i % 4), (uint16_t)(1 + i % 3)};

        streamer_damage_add(&damage, rect);
        for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
            for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
                wanted[y][x] = true;
            }
        }
        g_assert_cmpuint(damage.count, <=, STREAMER_MAX_RECTS);
    }
    for (k = 0; k < damage.count; k++) {
        struct vdp_rect rect = damage.rects[k];

        g_assert_cmpuint(rect.x + rect.width, <=, 64);
        for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
            for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
                wanted[y][x] = false;
            }
        }
    }
    for (i = 0; i < 64 * 64; i++) {
        g_assert_false(wanted[i / 64][i % 64]);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/replay/a-trace-comes-back-as-written", test_a_trace_comes_back_as_written);
    g_test_add_func("/replay/every-cut-is-noticed", test_every_cut_is_noticed);
    g_test_add_func("/replay/rectangles-outside-are-refused", test_rectangles_outside_are_refused);
    g_test_add_func("/replay/playing-starts-when-somebody-looks",
                    test_playing_starts_when_somebody_looks);
    g_test_add_func("/replay/something-else-is-no-trace", test_something_else_is_no_trace);
    g_test_add_func("/replay/damage-is-bounded-and-covers-all",
                    test_damage_is_bounded_and_covers_all);
    return g_test_run();
}
