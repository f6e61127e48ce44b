/* SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>

#include "hostd/streamer/quality.h"

static void
test_fast_lines_are_exact_but_for_videos(void)
{
    struct streamer_quality quality = {0};
    struct streamer_lossy lossy = streamer_quality_next(&quality, UINT64_MAX, 1);

    g_assert_true(lossy.restless);
    g_assert_cmpuint(lossy.quality, ==, 90);
}

static void
test_slow_counts_at_once_and_fast_later(void)
{
    struct streamer_quality quality = {0};
    int64_t now_us = 5;

    g_assert_cmpuint(streamer_quality_next(&quality, 100000, now_us).quality, ==, 60);
    g_assert_false(streamer_quality_next(&quality, 2000000, now_us).restless);
    /* Above the next level, but by a quarter only from 1.875 MB/s on. */
    now_us += STREAMER_QUALITY_HOLD_US * 2;
    g_assert_cmpuint(streamer_quality_next(&quality, 1600000, now_us).quality, ==, 60);
    g_assert_cmpuint(streamer_quality_next(&quality, 2000000, now_us).quality, ==, 60);
    now_us += STREAMER_QUALITY_HOLD_US - 1;
    g_assert_cmpuint(streamer_quality_next(&quality, 2000000, now_us).quality, ==, 60);
    g_assert_cmpuint(streamer_quality_next(&quality, 2000000, ++now_us).quality, ==, 75);
    g_assert_cmpuint(streamer_quality_next(&quality, 1600000, now_us).quality, ==, 75);
    g_assert_cmpuint(streamer_quality_next(&quality, 1400000, now_us).quality, ==, 60);
}

static void
test_refining_takes_little_of_the_line(void)
{
    g_assert_cmpuint(streamer_quality_refine_bytes(UINT64_MAX), ==, STREAMER_REFINE_BYTES_MAX);
    g_assert_cmpuint(streamer_quality_refine_bytes(5000000), ==, 80000);
    g_assert_cmpuint(streamer_quality_refine_bytes(0), ==, STREAMER_REFINE_BYTES_MIN);
}

static void
test_capacity_is_more_than_what_was_needed(void)
{
    struct streamer_congestion congestion;

    streamer_congestion_init(&congestion, 0);
    g_assert_cmpuint(streamer_quality_capacity(&congestion), ==, UINT64_MAX);
    congestion.rate_best[0] = 50000;
    congestion.rtt_us = 1000;
    g_assert_cmpuint(streamer_quality_capacity(&congestion), >, 50000000);
    streamer_congestion_sent(&congestion, congestion.window, 1);
    g_assert_cmpuint(streamer_quality_capacity(&congestion), ==, 50000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/quality/fast", test_fast_lines_are_exact_but_for_videos);
    g_test_add_func("/quality/slow", test_slow_counts_at_once_and_fast_later);
    g_test_add_func("/quality/refine", test_refining_takes_little_of_the_line);
    g_test_add_func("/quality/capacity", test_capacity_is_more_than_what_was_needed);
    return g_test_run();
}
