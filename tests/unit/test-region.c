/* SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>
#include <string.h>

#include "hostd/streamer/region.h"

#define WIDTH  1280u
#define HEIGHT 720u
#define ACROSS 20u
#define TILES  240u

struct screen {
    struct streamer_region *region;
    uint8_t *pixels;
    struct vdp_image image;
    uint8_t changed[TILES], ticks[TILES];
    int64_t now_us;
    uint32_t random;
};

static void
screen_init(struct screen *screen)
{
    memset(screen, 0, sizeof(*screen));
    screen->region = streamer_region_new();
    screen->pixels = g_malloc0(WIDTH * HEIGHT * 4);
    screen->image = (struct vdp_image){screen->pixels, WIDTH * 4, WIDTH, HEIGHT};
    screen->now_us = 1000000;
    screen->random = 1;
    streamer_region_resize(screen->region, WIDTH, HEIGHT);
}

static void
screen_clear(struct screen *screen)
{
    streamer_region_free(screen->region);
    g_free(screen->pixels);
}

/* Something is drawn there, and the guest said so some times. */
static void
draw(struct screen *screen, struct vdp_rect rect, unsigned updates, bool photo)
{
    unsigned x;
    unsigned y;

    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
            screen->random = screen->random * 1664525u + 1013904223u;
            screen->pixels[(y * WIDTH + x) * 4] = photo ? (uint8_t)(screen->random >> 24) : 9;
            screen->changed[y / 64 * ACROSS + x / 64] = 1;
            screen->ticks[y / 64 * ACROSS + x / 64] = (uint8_t)updates;
        }
    }
}

/* One frame, after what draw() did; box: where a film's pixels changed. */
static void
frame(struct screen *screen, struct vdp_rect box, int64_t after_us)
{
    struct vdp_rect within;

    screen->now_us += after_us;
    if (streamer_region_wants_box(screen->region, &within)) {
        streamer_region_add_box(screen->region, &box);
    }
    streamer_region_frame(screen->region, &screen->image, screen->changed, screen->ticks,
                          screen->now_us);
    memset(screen->changed, 0, sizeof(screen->changed));
    memset(screen->ticks, 0, sizeof(screen->ticks));
}

static bool
has_film(const struct screen *screen)
{
    struct vdp_rect rect;

    return streamer_region_rect(screen->region, screen->now_us, &rect);
}

/* Plays for some time; returns after how many microseconds there was a film, 0: never. */
static int64_t
play(struct screen *screen, struct vdp_rect rect, unsigned fps, bool photo, int64_t for_us)
{
    int64_t start_us = screen->now_us;
    int64_t found_us = 0;

    while (screen->now_us - start_us < for_us) {
        draw(screen, rect, 1, photo);
        frame(screen, rect, 1000000 / fps);
        if (found_us == 0 && has_film(screen)) {
            found_us = screen->now_us - start_us;
        }
    }
    return found_us;
}

static void
test_film_is_found_and_ends(void)
{
    const struct vdp_rect film = {321, 181, 640, 360};
    struct screen screen;
    struct vdp_rect rect;
    int64_t found_us;

    screen_init(&screen);
    found_us = play(&screen, film, 25, true, 3000000);
    g_assert_cmpint(found_us, >, STREAMER_REGION_ENTER_US);
    g_assert_cmpint(found_us, <, 2000000);
    g_assert_true(streamer_region_rect(screen.region, screen.now_us, &rect));
    /* Even, and around all of it. */
    g_assert_cmpuint(rect.x, ==, 320);
    g_assert_cmpuint(rect.y, ==, 180);
    g_assert_cmpuint(rect.width, ==, 642);
    g_assert_cmpuint(rect.height, ==, 362);
    g_assert_cmpuint(streamer_region_fps(screen.region), >=, 22);
    g_assert_cmpuint(streamer_region_fps(screen.region), <=, 27);
    /* It stands still: not at once, and without a frame. */
    g_assert_true(
        streamer_region_rect(screen.region, screen.now_us + STREAMER_REGION_LEAVE_US, &rect));
    g_assert_false(
        streamer_region_rect(screen.region, screen.now_us + STREAMER_REGION_LEAVE_US + 1, &rect));
    /* Or while other things go on. */
    g_assert_cmpint(play(&screen, (struct vdp_rect){0, 0, 60, 20}, 25, false, 3000000), <, 2000000);
    g_assert_false(has_film(&screen));
    screen_clear(&screen);
}

static void
test_other_things_are_no_films(void)
{
    struct screen screen;

    screen_init(&screen);
    g_assert_cmpint(play(&screen, (struct vdp_rect){64, 64, 640, 360}, 8, true, 5000000), ==, 0);
    g_assert_cmpint(play(&screen, (struct vdp_rect){0, 0, 1280, 720}, 25, false, 5000000), ==, 0);
    g_assert_cmpint(play(&screen, (struct vdp_rect){64, 64, 64, 64}, 25, true, 5000000), ==, 0);
    /* A page that is scrolled for half a second. */
    g_assert_cmpint(play(&screen, (struct vdp_rect){0, 0, 640, 640}, 60, true, 500000), ==, 0);
    screen_clear(&screen);
}

/* The guest redraws what stays the same: its word alone does not count. */
static void
test_updates_of_nothing_do_not_count(void)
{
    struct screen screen;
    unsigned i;

    screen_init(&screen);
    for (i = 0; i < 200; i++) {
        draw(&screen, (struct vdp_rect){320, 192, 640, 384}, 1, true);
        if (i % 8 != 0) {
            memset(screen.changed, 0, sizeof(screen.changed));
        }
        frame(&screen, (struct vdp_rect){320, 192, 640, 384}, 25000);
        g_assert_false(has_film(&screen));
    }
    screen_clear(&screen);
}

/* Two frames a second are sent, but the guest draws thirty. */
static void
test_slow_line_sees_the_film(void)
{
    const struct vdp_rect film = {320, 192, 640, 384};
    struct screen screen;
    unsigned i;

    screen_init(&screen);
    for (i = 0; i < 10; i++) {
        draw(&screen, film, 15, true);
        frame(&screen, film, 500000);
    }
    g_assert_true(has_film(&screen));
    screen_clear(&screen);
}

/* Its rectangle follows it, and is not disturbed by one picture or by what blinks beside it. */
static void
test_rectangle_follows(void)
{
    const struct vdp_rect film = {320, 192, 640, 384};
    const struct vdp_rect dark = {320, 232, 640, 304};
    const struct vdp_rect odd = {300, 192, 660, 384};
    const struct vdp_rect other = {320, 192, 512, 300};
    struct vdp_rect rect;
    struct screen screen;
    unsigned i;

    screen_init(&screen);
    (void)play(&screen, film, 25, true, 3000000);
    for (i = 0; i < 60; i++) {
        draw(&screen, film, 1, true);
        frame(&screen, i % 12 == 5 ? odd : dark, 40000);
        g_assert_true(streamer_region_rect(screen.region, screen.now_us, &rect));
        g_assert_cmpmem(&rect, sizeof(rect), &film, sizeof(film));
    }
    (void)play(&screen, other, 25, true, 3000000);
    g_assert_true(streamer_region_rect(screen.region, screen.now_us, &rect));
    g_assert_cmpmem(&rect, sizeof(rect), &other, sizeof(other));
    screen_clear(&screen);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/region/found-and-ends", test_film_is_found_and_ends);
    g_test_add_func("/region/other-things", test_other_things_are_no_films);
    g_test_add_func("/region/updates-of-nothing", test_updates_of_nothing_do_not_count);
    g_test_add_func("/region/slow-line", test_slow_line_sees_the_film);
    g_test_add_func("/region/follows", test_rectangle_follows);
    return g_test_run();
}
