/* SPDX-License-Identifier: Apache-2.0 */
/* The window over a modelled line, on a virtual clock: queue and use are asserted, not the time. */
#include "hostd/streamer/congestion.h"

#include <glib.h>

#include "tests/bench/line/line.h"

#define STEP_US     250
#define FENCE_BYTES 8192u
#define PONG_BYTES  60u
#define SECOND      INT64_C(1000000)
#define MBIT        125000u

struct fence {
    uint32_t mark;
    uint64_t end; /* byte of the stream */
};

struct run {
    struct streamer_congestion congestion;
    struct bench_trunk *down_trunk, *up_trunk;
    struct bench_line *down, *up;
    GQueue fences; /* of struct fence, not yet at the client */
    GQueue pongs;  /* of struct fence, on their way back */
    int64_t now_us;
    uint64_t put, got, up_put, up_got;
    uint64_t since_fence;
    uint64_t demand; /* bytes per second that there are to send; 0: without end */
    uint64_t credit;
};

struct result {
    double use;     /* of the line's rate */
    double wait_ms; /* mean time in the FIFO */
    double wait_max_ms;
};

static void
run_start(struct run *run, uint64_t rate, int64_t delay_us, size_t queue)
{
    struct bench_line_settings down = {rate, delay_us, queue, 0};
    struct bench_line_settings up = {0, delay_us, 1u << 20, 0};

    memset(run, 0, sizeof(*run));
    run->now_us = 1000 * SECOND;
    run->down_trunk = bench_trunk_new(&down, 1);
    run->up_trunk = bench_trunk_new(&up, 1);
    run->down = bench_line_new(run->down_trunk);
    run->up = bench_line_new(run->up_trunk);
    streamer_congestion_init(&run->congestion, run->now_us);
}

static void
run_end(struct run *run)
{
    g_queue_clear_full(&run->fences, g_free);
    g_queue_clear_full(&run->pongs, g_free);
    bench_line_free(run->down);
    bench_line_free(run->up);
    bench_trunk_free(run->down_trunk);
    bench_trunk_free(run->up_trunk);
}

static void
set_rate(struct run *run, uint64_t rate)
{
    struct bench_line_settings settings = *bench_trunk_settings(run->down_trunk);

    settings.rate = rate;
    bench_trunk_set(run->down_trunk, &settings);
}

static void
send_some(struct run *run)
{
    static const uint8_t bytes[2048];

    run->credit += run->demand * STEP_US / 1000000;
    while (streamer_congestion_room(&run->congestion) > 0 &&
           bench_line_room(run->down, run->now_us) >= sizeof(bytes) &&
           (run->demand == 0 || run->credit >= sizeof(bytes))) {
        if (run->demand > 0) {
            run->credit -= sizeof(bytes);
        }
        g_assert_true(bench_line_put(run->down, bytes, sizeof(bytes), run->now_us));
        streamer_congestion_sent(&run->congestion, sizeof(bytes), run->now_us);
        run->put += sizeof(bytes);
        run->since_fence += sizeof(bytes);
        if (run->since_fence >= FENCE_BYTES || streamer_congestion_room(&run->congestion) == 0) {
            struct fence *fence = g_new0(struct fence, 1);

            fence->mark = streamer_congestion_mark(&run->congestion, run->now_us);
            fence->end = run->put;
            g_assert_cmpuint(fence->mark, !=, 0);
            g_queue_push_tail(&run->fences, fence);
            run->since_fence = 0;
        }
    }
}

static void
take_some(struct run *run, struct bench_line *line, uint64_t *count)
{
    size_t size;

    while (bench_line_peek(line, &size, run->now_us) != NULL) {
        bench_line_take(line, size);
        *count += size;
    }
}

static void
answer_some(struct run *run)
{
    static const uint8_t pong[PONG_BYTES];
    struct fence *fence;

    take_some(run, run->down, &run->got);
    while ((fence = g_queue_peek_head(&run->fences)) != NULL && fence->end <= run->got) {
        g_assert_true(bench_line_put(run->up, pong, sizeof(pong), run->now_us));
        run->up_put += sizeof(pong);
        fence->end = run->up_put;
        g_queue_push_tail(&run->pongs, g_queue_pop_head(&run->fences));
    }
    take_some(run, run->up, &run->up_got);
    while ((fence = g_queue_peek_head(&run->pongs)) != NULL && fence->end <= run->up_got) {
        g_assert_true(streamer_congestion_arrived(&run->congestion, fence->mark, 0, run->now_us));
        g_free(g_queue_pop_head(&run->pongs));
    }
}

static struct result
run_for(struct run *run, double seconds)
{
    struct bench_line_counts before = *bench_trunk_counts(run->down_trunk);
    const struct bench_line_counts *after = bench_trunk_counts(run->down_trunk);
    int64_t until_us = run->now_us + (int64_t)(seconds * 1e6);
    uint64_t rate = bench_trunk_settings(run->down_trunk)->rate;
    struct result result = {0};

    while (run->now_us < until_us) {
        run->now_us += STEP_US;
        send_some(run);
        answer_some(run);
    }
    result.use = (double)(after->bytes - before.bytes) / ((double)rate * seconds);
    result.wait_ms = (double)(after->wait_sum_us - before.wait_sum_us) /
                     (double)MAX(after->packets - before.packets, 1) / 1000.0;
    result.wait_max_ms = (double)after->wait_max_us / 1000.0;
    g_test_message("use %.3f wait %.1f ms (max ever %.1f) window %zu base %.1f ms rate %.2f Mbit/s",
                   result.use, result.wait_ms, result.wait_max_ms, run->congestion.window,
                   (double)streamer_congestion_base_us(&run->congestion) / 1000.0,
                   (double)streamer_congestion_rate(&run->congestion) / MBIT);
    return result;
}

static void
test_a_steady_line_is_full_and_its_queue_short(void)
{
    static const struct {
        unsigned mbit;
        int64_t delay_ms;
    } rows[] = {{20, 20}, {4, 30}, {10, 10}, {100, 5}, {2, 100}};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct run run;
        struct result result;
        uint64_t rate;

        run_start(&run, rows[i].mbit * MBIT, rows[i].delay_ms * 1000, 8u << 20);
        (void)run_for(&run, 4);
        result = run_for(&run, 10);
        g_assert_cmpfloat(result.use, >=, 0.9);
        /* The base holds the time that the bytes up to the first mark take themselves. */
        g_assert_cmpfloat(result.wait_ms, <=, 35.0 + FENCE_BYTES / (rows[i].mbit * 125.0));
        rate = streamer_congestion_rate(&run.congestion);
        g_assert_cmpuint(rate, >=, rows[i].mbit * MBIT / 10 * 9);
        g_assert_cmpuint(rate, <=, rows[i].mbit * MBIT / 10 * 13);
        run_end(&run);
    }
}

static void
test_the_queue_does_not_become_the_base(void)
{
    struct run run;
    struct result result;

    run_start(&run, 10 * MBIT, 10000, 8u << 20);
    (void)run_for(&run, 60);
    result = run_for(&run, 20);
    g_assert_cmpfloat(result.use, >=, 0.9);
    g_assert_cmpfloat(result.wait_ms, <=, 35.0);
    run_end(&run);
}

static void
test_a_slower_line_drains_within_seconds(void)
{
    struct run run;
    struct result result;

    run_start(&run, 20 * MBIT, 20000, 8u << 20);
    (void)run_for(&run, 4);
    set_rate(&run, 4 * MBIT);
    (void)run_for(&run, 3);
    result = run_for(&run, 5);
    g_assert_cmpfloat(result.use, >=, 0.9);
    g_assert_cmpfloat(result.wait_ms, <=, 35.0);
    run_end(&run);
}

static void
test_a_faster_line_is_used_within_seconds(void)
{
    struct run run;
    struct result result;

    run_start(&run, 4 * MBIT, 20000, 8u << 20);
    (void)run_for(&run, 4);
    set_rate(&run, 20 * MBIT);
    (void)run_for(&run, 3);
    result = run_for(&run, 5);
    g_assert_cmpfloat(result.use, >=, 0.9);
    g_assert_cmpfloat(result.wait_ms, <=, 35.0);
    run_end(&run);
}

static void
test_bufferbloat_is_not_filled(void)
{
    struct run run;
    struct result result;

    run_start(&run, 10 * MBIT, 10000, 1280000);
    result = run_for(&run, 15);
    /* Whoever fills this FIFO waits for a second. */
    g_assert_cmpfloat(result.wait_ms, <=, 40.0);
    g_assert_cmpfloat(result.wait_max_ms, <=, 200.0);
    g_assert_cmpfloat(result.use, >=, 0.85);
    run_end(&run);
}

static void
test_a_stall_costs_no_lasting_speed(void)
{
    struct run run;
    struct result result;

    run_start(&run, 20 * MBIT, 20000, 8u << 20);
    (void)run_for(&run, 4);
    bench_trunk_stall(run.down_trunk, run.now_us + 3 * SECOND);
    (void)run_for(&run, 4);
    result = run_for(&run, 4);
    g_assert_cmpfloat(result.use, >=, 0.85);
    g_assert_cmpfloat(result.wait_ms, <=, 35.0);
    run_end(&run);
}

static void
test_what_does_not_fill_the_line_waits_for_nothing(void)
{
    struct run run;
    struct result result;

    run_start(&run, 20 * MBIT, 20000, 8u << 20);
    run.demand = 8 * MBIT;
    (void)run_for(&run, 2);
    result = run_for(&run, 5);
    g_assert_cmpfloat(result.use, >=, 0.39);
    g_assert_cmpfloat(result.wait_ms, <=, 5.0);
    run_end(&run);
}

static void
test_the_clients_time_is_not_the_networks(void)
{
    struct streamer_congestion congestion;
    uint32_t mark;

    streamer_congestion_init(&congestion, SECOND);
    streamer_congestion_sent(&congestion, 1000, SECOND);
    mark = streamer_congestion_mark(&congestion, SECOND);
    g_assert_true(streamer_congestion_arrived(&congestion, mark, 30000, SECOND + 70000));
    g_assert_cmpint(streamer_congestion_base_us(&congestion), ==, 40000);
    g_assert_cmpuint(streamer_congestion_in_flight(&congestion), ==, 0);
    g_assert_true(streamer_congestion_arrived(&congestion, mark, 0, SECOND + 80000));
    g_assert_false(streamer_congestion_arrived(&congestion, mark + 1, 0, SECOND + 80000));
    g_assert_false(streamer_congestion_arrived(&congestion, 0, 0, SECOND + 80000));
}

static void
test_without_answers_the_window_is_the_end(void)
{
    struct streamer_congestion congestion;
    size_t sent = 0;
    unsigned i;

    streamer_congestion_init(&congestion, SECOND);
    for (i = 0; i < 10000; i++) {
        if (streamer_congestion_room(&congestion) > 0) {
            streamer_congestion_sent(&congestion, 1000, SECOND + i);
            (void)streamer_congestion_mark(&congestion, SECOND + i);
            sent += 1000;
        }
    }
    g_assert_cmpuint(sent, <=, STREAMER_WINDOW_FIRST + 1000);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/congestion/a-steady-line-is-full-and-its-queue-short",
                    test_a_steady_line_is_full_and_its_queue_short);
    g_test_add_func("/congestion/the-queue-does-not-become-the-base",
                    test_the_queue_does_not_become_the_base);
    g_test_add_func("/congestion/a-slower-line-drains-within-seconds",
                    test_a_slower_line_drains_within_seconds);
    g_test_add_func("/congestion/a-faster-line-is-used-within-seconds",
                    test_a_faster_line_is_used_within_seconds);
    g_test_add_func("/congestion/bufferbloat-is-not-filled", test_bufferbloat_is_not_filled);
    g_test_add_func("/congestion/a-stall-costs-no-lasting-speed",
                    test_a_stall_costs_no_lasting_speed);
    g_test_add_func("/congestion/what-does-not-fill-the-line-waits-for-nothing",
                    test_what_does_not_fill_the_line_waits_for_nothing);
    g_test_add_func("/congestion/the-clients-time-is-not-the-networks",
                    test_the_clients_time_is_not_the_networks);
    g_test_add_func("/congestion/without-answers-the-window-is-the-end",
                    test_without_answers_the_window_is_the_end);
    return g_test_run();
}
