/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/pacing.h"

#include <glib.h>

#include "protocol/wire/error.h"
#include "protocol/wire/record.h"

#define MS          1000
#define FRAME_BYTES 1000u

static uint32_t
send_frame(struct streamer_pacing *pacing, int64_t now_us)
{
    uint32_t id = streamer_pacing_begin(pacing, now_us);

    streamer_pacing_handed(pacing, FRAME_BYTES, now_us);
    streamer_pacing_end(pacing, now_us);
    return id;
}

static void
test_damage_after_a_pause_goes_at_once(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now), ==, 0);
    streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 1 * MS);
    now += STREAMER_INTERVAL_US;
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now), ==, 0);
}

static void
test_damage_behind_a_frame_is_gathered(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 1 * MS);
    now += 2 * MS;
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now), ==, STREAMER_GATHER_US);
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now + 3 * MS), ==, 1 * MS);
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now + 4 * MS), ==, 0);
}

static void
test_input_makes_it_hot_for_a_while(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    streamer_pacing_input(&pacing, now);
    streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 1 * MS);
    now += 2 * MS;
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now), ==, STREAMER_GATHER_HOT_US);
    now += STREAMER_HOT_US;
    streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 1 * MS);
    now += 2 * MS;
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now), ==, STREAMER_GATHER_US);
}

static void
test_without_acks_two_frames_go_out(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;
    int sent = 0;
    int i;

    streamer_pacing_init(&pacing);
    for (i = 0; i < 1000; i++) {
        now += 20 * MS;
        if (streamer_pacing_next(&pacing, now - 10 * MS, 0, now) == 0) {
            send_frame(&pacing, now);
            sent++;
        }
    }
    g_assert_cmpint(sent, ==, STREAMER_MIN_SLOTS);
    g_assert_cmpint(streamer_pacing_next(&pacing, now - 10 * MS, 0, now), ==,
                    STREAMER_WAIT_FOR_EVENT);
}

static void
test_slots_follow_the_round_trip(void)
{
    static const struct {
        int64_t rtt_us;
        uint32_t slots;
    } rows[] = {{0, 2}, {500, 3}, {16000, 3}, {40 * MS, 5}, {100 * MS, 8}, {5000 * MS, 60}};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct streamer_pacing pacing;
        int64_t now = 50000 * MS;

        streamer_pacing_init(&pacing);
        if (rows[i].rtt_us > 0) {
            uint32_t id = send_frame(&pacing, now);

            g_assert_cmpint(streamer_pacing_ack(&pacing, id, 0, now + rows[i].rtt_us), ==, 0);
        }
        g_assert_cmpuint(streamer_pacing_slots(&pacing), ==, rows[i].slots);
    }
}

static void
test_a_queue_does_not_earn_slots(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;
    int i;

    streamer_pacing_init(&pacing);
    streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 10 * MS);
    for (i = 0; i < 10; i++) {
        now += 100 * MS;
        streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 90 * MS);
    }
    g_assert_cmpint(streamer_pacing_rtt_us(&pacing), ==, 10 * MS);
    /* The line has really become longer: after two windows that is believed. */
    for (i = 0; i < 110; i++) {
        now += 100 * MS;
        streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 90 * MS);
    }
    g_assert_cmpint(streamer_pacing_rtt_us(&pacing), ==, 90 * MS);
}

static void
test_acks_of_unknown_frames_are_refused(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    g_assert_cmpint(streamer_pacing_ack(&pacing, 0, 0, now), ==, VDP_ERR_RANGE);
    g_assert_cmpint(streamer_pacing_ack(&pacing, 1, 0, now), ==, VDP_ERR_RANGE);
    g_assert_cmpuint(send_frame(&pacing, now), ==, 1);
    g_assert_cmpuint(send_frame(&pacing, now), ==, 2);
    g_assert_cmpint(streamer_pacing_ack(&pacing, 3, 0, now), ==, VDP_ERR_RANGE);
    g_assert_cmpint(streamer_pacing_ack(&pacing, UINT32_MAX, 0, now), ==, VDP_ERR_RANGE);
    /* The newest acknowledges the older ones; a late one is no error. */
    g_assert_cmpint(streamer_pacing_ack(&pacing, 2, 0, now), ==, 0);
    g_assert_cmpuint(streamer_pacing_unacked(&pacing), ==, 0);
    g_assert_cmpint(streamer_pacing_ack(&pacing, 1, 0, now), ==, 0);
    g_assert_cmpint(streamer_pacing_ack(&pacing, 2, 0, now), ==, 0);
}

static void
test_a_full_line_is_looked_at_again(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    g_assert_cmpint(streamer_pacing_next(&pacing, now - 10 * MS, STREAMER_UNSENT_FIRST + 1, now),
                    ==, STREAMER_UNSENT_POLL_US);
    g_assert_cmpint(streamer_pacing_next(&pacing, now - 10 * MS, STREAMER_UNSENT_FIRST, now), ==,
                    0);
}

static void
test_the_frame_rate_is_capped_unless_hot(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;
    int frames = 0;
    int i;

    streamer_pacing_init(&pacing);
    for (i = 0; i < 1000; i++) {
        now += 1 * MS;
        if (streamer_pacing_next(&pacing, now - 5 * MS, 0, now) == 0) {
            frames++;
            streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now);
        }
    }
    g_assert_cmpint(frames, <=, (int)STREAMER_FPS + STREAMER_BURST + 2);
    g_assert_cmpint(frames, >=, (int)STREAMER_FPS);
    g_assert_cmpint(streamer_pacing_next(&pacing, now - 5 * MS, 0, now), >, 0);
    streamer_pacing_input(&pacing, now);
    g_assert_cmpint(streamer_pacing_next(&pacing, now - 5 * MS, 0, now), ==, 0);
}

static void
test_what_is_drawn_in_steps_is_whole_soon(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;
    int i;

    streamer_pacing_init(&pacing);
    for (i = 0; i < STREAMER_BURST; i++) {
        g_assert_cmpint(streamer_pacing_next(&pacing, now - STREAMER_GATHER_US, 0, now), ==, 0);
        streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 1 * MS);
        now += STREAMER_GATHER_US;
    }
    g_assert_cmpint(streamer_pacing_next(&pacing, now - STREAMER_GATHER_US, 0, now), >, 0);
}

static void
test_a_large_frame_goes_out_in_parts(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;
    size_t handed = 0;
    uint32_t fence = 0;
    size_t part;

    streamer_pacing_init(&pacing);
    g_assert_cmpuint(streamer_pacing_begin(&pacing, now), ==, 1);
    while ((part = streamer_pacing_fragment(&pacing)) > 0) {
        uint32_t number;

        g_assert_cmpuint(part, <=, VDP_FRAGMENT_SIZE);
        streamer_pacing_handed(&pacing, part, now);
        handed += part;
        number = streamer_pacing_fence(&pacing, false, now);
        fence = number != 0 ? number : fence;
    }
    g_assert_cmpuint(handed, >=, STREAMER_WINDOW_FIRST);
    g_assert_cmpuint(handed, <, STREAMER_WINDOW_FIRST + VDP_FRAGMENT_SIZE);
    g_assert_cmpuint(fence, >=, 3);
    /* It is not whole: nobody can have shown it, and no other begins. */
    g_assert_cmpint(streamer_pacing_ack(&pacing, 1, 0, now), ==, VDP_ERR_RANGE);
    g_assert_cmpint(streamer_pacing_next(&pacing, now - 10 * MS, 0, now), ==,
                    STREAMER_WAIT_FOR_EVENT);
    streamer_pacing_pong(&pacing, fence + 1, now + 10 * MS); /* was never given out */
    g_assert_cmpuint(streamer_pacing_fragment(&pacing), ==, 0);
    streamer_pacing_pong(&pacing, fence, now + 10 * MS);
    g_assert_cmpuint(streamer_pacing_fragment(&pacing), >, 0);
    streamer_pacing_handed(&pacing, 1, now + 10 * MS);
    streamer_pacing_end(&pacing, now + 10 * MS);
    g_assert_cmpint(streamer_pacing_ack(&pacing, 1, 0, now + 20 * MS), ==, 0);
}

static void
test_a_full_window_always_has_a_fence(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    (void)streamer_pacing_begin(&pacing, now);
    streamer_pacing_handed(&pacing, STREAMER_FENCE_MIN, now);
    g_assert_cmpuint(streamer_pacing_fence(&pacing, false, now), ==, 1);
    streamer_pacing_handed(&pacing, 100, now);
    g_assert_cmpuint(streamer_pacing_fence(&pacing, false, now), ==, 0);
    g_assert_cmpuint(streamer_pacing_fence(&pacing, true, now), ==, 2);
    g_assert_cmpuint(streamer_pacing_fence(&pacing, true, now), ==, 0);
}

/* Refining waits for its time and takes no burst; damage that comes meanwhile is not held up. */
static void
test_a_frame_that_can_wait_waits(void)
{
    struct streamer_pacing pacing;
    int64_t now = 50000 * MS;

    streamer_pacing_init(&pacing);
    streamer_pacing_ack(&pacing, send_frame(&pacing, now), 0, now + 1 * MS);
    now += STREAMER_INTERVAL_US;
    g_assert_cmpint(streamer_pacing_spare(&pacing, now + 70 * MS, 0, now), ==, 70 * MS);
    g_assert_cmpint(streamer_pacing_next(&pacing, now, 0, now), ==, 0);
    now += 70 * MS;
    g_assert_cmpint(streamer_pacing_spare(&pacing, now, 0, now), ==, 0);
    (void)send_frame(&pacing, now);
    (void)send_frame(&pacing, now);
    g_assert_cmpint(streamer_pacing_spare(&pacing, now, 0, now), !=, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pacing/damage-after-a-pause-goes-at-once",
                    test_damage_after_a_pause_goes_at_once);
    g_test_add_func("/pacing/damage-behind-a-frame-is-gathered",
                    test_damage_behind_a_frame_is_gathered);
    g_test_add_func("/pacing/what-is-drawn-in-steps-is-whole-soon",
                    test_what_is_drawn_in_steps_is_whole_soon);
    g_test_add_func("/pacing/input-makes-it-hot-for-a-while", test_input_makes_it_hot_for_a_while);
    g_test_add_func("/pacing/without-acks-two-frames-go-out", test_without_acks_two_frames_go_out);
    g_test_add_func("/pacing/slots-follow-the-round-trip", test_slots_follow_the_round_trip);
    g_test_add_func("/pacing/a-queue-does-not-earn-slots", test_a_queue_does_not_earn_slots);
    g_test_add_func("/pacing/acks-of-unknown-frames-are-refused",
                    test_acks_of_unknown_frames_are_refused);
    g_test_add_func("/pacing/a-full-line-is-looked-at-again", test_a_full_line_is_looked_at_again);
    g_test_add_func("/pacing/the-frame-rate-is-capped-unless-hot",
                    test_the_frame_rate_is_capped_unless_hot);
    g_test_add_func("/pacing/a-large-frame-goes-out-in-parts",
                    test_a_large_frame_goes_out_in_parts);
    g_test_add_func("/pacing/a-full-window-always-has-a-fence",
                    test_a_full_window_always_has_a_fence);
    g_test_add_func("/pacing/a-frame-that-can-wait-waits", test_a_frame_that_can_wait_waits);
    return g_test_run();
}
