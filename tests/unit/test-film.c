/* SPDX-License-Identifier: Apache-2.0 */
/* When a video codec is worth it, and how much of the line it may have. */
#include "hostd/streamer/film.h"

#include <glib.h>

#define PIXELS (640u * 360u)

static void
test_h264_is_always_worth_it_and_vp8_on_slow_lines(void)
{
    g_assert_true(streamer_film_is_worth(VDP_VIDEO_H264, PIXELS, 25, 125000000));
    g_assert_false(streamer_film_is_worth(VDP_VIDEO_VP8, PIXELS, 25, 125000000));
    g_assert_true(streamer_film_is_worth(VDP_VIDEO_VP8, PIXELS, 25, 500000));
    g_assert_true(streamer_film_is_worth(VDP_VIDEO_VP8, PIXELS, 25, 0)); /* not known */
}

static void
test_a_film_leaves_room_for_the_rest(void)
{
    uint32_t known = streamer_film_budget(25, 500000);

    g_assert_cmpuint(known * 25, <, 500000);
    g_assert_cmpuint(known * 25, >, 500000 / 4);
    g_assert_cmpuint(streamer_film_budget(25, 1000000), ==, 2 * known);
    g_assert_cmpuint(streamer_film_budget(0, 500000), <, 500000); /* no picture yet */
    g_assert_cmpuint(streamer_film_budget(25, 0), >, 0);
    g_assert_cmpuint(streamer_film_budget(1, UINT64_MAX / 100), ==, UINT32_MAX);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/film/h264-is-always-worth-it-and-vp8-on-slow-lines",
                    test_h264_is_always_worth_it_and_vp8_on_slow_lines);
    g_test_add_func("/film/a-film-leaves-room-for-the-rest", test_a_film_leaves_room_for_the_rest);
    return g_test_run();
}
