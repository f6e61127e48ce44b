/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/cursors.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

/* A shape whose pixels are see-through but for one at x, y. */
static struct streamer_cursor
make_shape(uint16_t width, uint16_t height, uint16_t hot_x, uint16_t hot_y, int x, int y)
{
    struct streamer_cursor shape = {width, height, hot_x, hot_y, NULL, true};

    shape.rgba = calloc((size_t)width * height, 4);
    g_assert_nonnull(shape.rgba);
    if (x >= 0) {
        memset(shape.rgba + ((size_t)y * width + (size_t)x) * 4, 200, 4);
    }
    return shape;
}

static void
test_a_shape_is_cut_to_what_can_be_seen(void)
{
    static const struct {
        uint16_t hot_x, hot_y;
        int x, y;
        uint16_t width, height, new_x, new_y; /* expected */
    } rows[] = {
        {0, 0, 11, 19, 12, 20, 0, 0},   {20, 10, 20, 10, 1, 1, 0, 0},
        {20, 10, 5, 40, 16, 31, 15, 0}, {63, 63, 0, 0, 64, 64, 63, 63},
        {7, 9, -1, -1, 1, 1, 0, 0},
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct streamer_cursors cursors = {0};
        struct streamer_cursor shape =
            make_shape(64, 64, rows[i].hot_x, rows[i].hot_y, rows[i].x, rows[i].y);
        bool is_new = false;
        size_t seen = 0;
        size_t at;

        g_assert_cmpuint(streamer_cursors_find(&cursors, &shape, &is_new), ==, 1);
        g_assert_true(is_new);
        g_assert_cmpuint(shape.width, ==, rows[i].width);
        g_assert_cmpuint(shape.height, ==, rows[i].height);
        g_assert_cmpuint(shape.hot_x, ==, rows[i].new_x);
        g_assert_cmpuint(shape.hot_y, ==, rows[i].new_y);
        for (at = 0; at < (size_t)shape.width * shape.height; at++) {
            seen += shape.rgba[at * 4 + 3] == 200;
        }
        g_assert_cmpuint(seen, ==, rows[i].x >= 0);
        streamer_cursors_clear(&cursors);
    }
}

static void
test_the_same_arrow_in_another_frame_is_known(void)
{
    struct streamer_cursors cursors = {0};
    struct streamer_cursor small = make_shape(16, 16, 2, 3, 2, 3);
    struct streamer_cursor large = make_shape(64, 64, 30, 40, 30, 40);
    bool is_new = false;

    g_assert_cmpuint(streamer_cursors_find(&cursors, &small, &is_new), ==, 1);
    g_assert_true(is_new);
    g_assert_cmpuint(streamer_cursors_find(&cursors, &large, &is_new), ==, 1);
    g_assert_false(is_new);
    streamer_cursors_clear(&cursors);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cursors/a-shape-is-cut-to-what-can-be-seen",
                    test_a_shape_is_cut_to_what_can_be_seen);
    g_test_add_func("/cursors/the-same-arrow-in-another-frame-is-known",
                    test_the_same_arrow_in_another_frame_is_known);
    return g_test_run();
}
