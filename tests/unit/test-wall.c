/* SPDX-License-Identifier: Apache-2.0 */
/* Several heads in one picture, what is wished of them, and the pointer over all of them. */
#include "hostd/streamer/wall.h"

#include <glib.h>
#include <string.h>

#include "hostd/streamer/dbus-axis.h"
#include "hostd/streamer/wish.h"

struct fixture {
    struct streamer_shadow *shadow;
    struct streamer_wall *wall;
    struct streamer_picture picture;
};

static void
ignore_change(void *user_data)
{
    (void)user_data;
}

static void
set_up(struct fixture *fixture, const void *data)
{
    (void)data;
    fixture->shadow = streamer_shadow_new(ignore_change, NULL);
    fixture->wall = streamer_wall_new(fixture->shadow);
}

static void
tear_down(struct fixture *fixture, const void *data)
{
    (void)data;
    streamer_wall_unref(fixture->wall);
    streamer_shadow_unref(fixture->shadow);
    streamer_picture_clear(&fixture->picture);
}

static bool
show(struct fixture *fixture, unsigned head, uint32_t width, uint32_t height, uint32_t pixel)
{
    uint32_t *pixels = g_new(uint32_t, (size_t)width * height);
    bool shown;
    size_t i;

    for (i = 0; i < (size_t)width * height; i++) {
        pixels[i] = pixel;
    }
    shown = streamer_wall_show(fixture->wall, head, width, height, (uint8_t *)pixels,
                               (size_t)width * 4);
    g_free(pixels);
    return shown;
}

static bool
update(struct fixture *fixture, unsigned head, uint32_t x, uint32_t y, uint32_t pixel)
{
    return streamer_wall_write(fixture->wall, head,
                               (struct streamer_part){x, y, 1, 1, (uint8_t *)&pixel, 4});
}

static void
expect_size(struct fixture *fixture, uint16_t width, uint16_t height, unsigned count)
{
    struct streamer_damage damage;
    int64_t since_us;

    g_assert_true(streamer_shadow_take(fixture->shadow, &fixture->picture, &damage, &since_us));
    g_assert_cmpuint(fixture->picture.width, ==, width);
    g_assert_cmpuint(fixture->picture.height, ==, height);
    g_assert_cmpuint(fixture->picture.layout.count, ==, count);
}

static void
expect_pixel(struct fixture *fixture, unsigned x, unsigned y, uint32_t pixel)
{
    uint32_t value;

    memcpy(&value, fixture->picture.pixels + ((size_t)y * fixture->picture.width + x) * 4, 4);
    g_assert_cmphex(value, ==, pixel);
}

static void
expect_area(struct fixture *fixture, unsigned i, struct vdp_area area)
{
    const struct vdp_area *is = &fixture->picture.layout.at[i];

    g_assert_cmpuint(is->x, ==, area.x);
    g_assert_cmpuint(is->y, ==, area.y);
    g_assert_cmpuint(is->width, ==, area.width);
    g_assert_cmpuint(is->height, ==, area.height);
}

static const struct vdp_area beside[] = {{0, 0, 40, 30}, {40, 10, 50, 40}, {0, 30, 20, 20}};

static void
test_one_head_is_the_picture(struct fixture *fixture, const void *data)
{
    (void)data;
    g_assert_false(update(fixture, 0, 0, 0, 9)); /* no mode yet */
    g_assert_true(show(fixture, 0, 40, 30, 7));
    g_assert_true(show(fixture, 1, 50, 40, 8)); /* nobody asked for it */
    g_assert_true(update(fixture, 1, 49, 39, 8));
    expect_size(fixture, 40, 30, 1);
    expect_pixel(fixture, 39, 29, 7);
    g_assert_true(update(fixture, 0, 39, 29, 9));
    g_assert_false(update(fixture, 0, 40, 0, 9));
    g_assert_false(update(fixture, 0, UINT32_MAX, 0, 9));
    expect_size(fixture, 40, 30, 1);
    expect_pixel(fixture, 39, 29, 9);
    g_assert_cmpuint(streamer_wall_lit(fixture->wall), ==, 1);
}

static void
test_heads_come_and_go(struct fixture *fixture, const void *data)
{
    (void)data;
    show(fixture, 0, 40, 30, 7);
    streamer_wall_want(fixture->wall, beside, 3);
    expect_size(fixture, 40, 30, 1);
    show(fixture, 2, 20, 20, 5); /* before the one in the middle */
    expect_size(fixture, 40, 50, 3);
    expect_area(fixture, 1, (struct vdp_area){0, 0, 0, 0});
    expect_area(fixture, 2, beside[2]);
    show(fixture, 1, 50, 40, 6);
    expect_size(fixture, 90, 50, 3);
    expect_area(fixture, 1, beside[1]);
    expect_pixel(fixture, 0, 0, 7);
    expect_pixel(fixture, 39, 29, 7);
    expect_pixel(fixture, 40, 9, 0); /* nobody's */
    expect_pixel(fixture, 40, 10, 6);
    expect_pixel(fixture, 89, 49, 6);
    expect_pixel(fixture, 19, 49, 5);
    expect_pixel(fixture, 20, 49, 0);
    g_assert_true(update(fixture, 1, 3, 4, 1));
    expect_size(fixture, 90, 50, 3);
    expect_pixel(fixture, 43, 14, 1);
    streamer_wall_blank(fixture->wall, 1);
    expect_size(fixture, 40, 50, 3);
    streamer_wall_want(fixture->wall, beside, 1);
    expect_size(fixture, 40, 30, 1);
    expect_pixel(fixture, 39, 29, 7);
    g_assert_cmpuint(streamer_wall_lit(fixture->wall), ==, 1);
    streamer_wall_blank(fixture->wall, 0);
    expect_size(fixture, 40, 30, 1);
    expect_pixel(fixture, 39, 29, 0);
}

static void
test_heads_change_places_with_their_pictures(struct fixture *fixture, const void *data)
{
    static const struct vdp_area swapped[] = {{50, 0, 40, 30}, {0, 0, 50, 40}};

    (void)data;
    streamer_wall_want(fixture->wall, beside, 2);
    show(fixture, 0, 40, 30, 7);
    show(fixture, 1, 50, 40, 6);
    update(fixture, 0, 1, 2, 70);
    update(fixture, 1, 1, 2, 60);
    streamer_wall_want(fixture->wall, swapped, 2);
    expect_size(fixture, 90, 40, 2);
    expect_pixel(fixture, 51, 2, 70);
    expect_pixel(fixture, 1, 2, 60);
    expect_area(fixture, 0, swapped[0]);
    /* A mode without pixels keeps what it showed, here in a row. */
    g_assert_true(streamer_wall_show(fixture->wall, 1, 60, 20, NULL, 0));
    expect_size(fixture, 100, 30, 2);
    expect_pixel(fixture, 1, 2, 70);
    expect_pixel(fixture, 41, 2, 60);
    expect_pixel(fixture, 95, 2, 0);
}

static void
test_a_guest_that_overlaps_stands_in_a_row(struct fixture *fixture, const void *data)
{
    (void)data;
    streamer_wall_want(fixture->wall, beside, 2);
    show(fixture, 0, 45, 30, 7);
    show(fixture, 1, 50, 40, 6);
    expect_size(fixture, 95, 40, 2);
    expect_area(fixture, 1, (struct vdp_area){45, 0, 50, 40});
    show(fixture, 0, 30, 30, 7); /* smaller: as wished, with a gap */
    expect_size(fixture, 90, 50, 2);
    expect_area(fixture, 1, beside[1]);
    g_assert_false(show(fixture, 1, 8192, 4096, 6));
    g_assert_false(streamer_wall_show(fixture->wall, 1, 16384, 2160, NULL, 0));
    g_assert_false(streamer_wall_show(fixture->wall, 1, 0, 2160, NULL, 0));
    expect_size(fixture, 90, 50, 2);
}

static void
test_the_cursor_is_where_any_head_shows_it(struct fixture *fixture, const void *data)
{
    static const uint8_t rgba[4] = {1, 2, 3, 255};
    struct streamer_cursor cursor = {0};
    uint32_t seen = 0;
    /* head, on, and whether it is seen then */
    static const struct {
        unsigned head;
        bool on, seen;
    } steps[] = {{1, false, true}, {0, false, false}, {1, true, true},  {0, true, true},
                 {1, false, true}, {0, false, false}, {2, true, false}, {1, true, true}};
    unsigned i;

    (void)data;
    streamer_wall_want(fixture->wall, beside, 2);
    g_assert_true(streamer_wall_set_cursor(fixture->wall, 0, 1, 1, 0, 0, rgba));
    for (i = 0; i < G_N_ELEMENTS(steps); i++) {
        streamer_wall_show_cursor(fixture->wall, steps[i].head, steps[i].on);
        streamer_cursor_clear(&cursor);
        seen = 0;
        g_assert_true(streamer_shadow_take_cursor(fixture->shadow, &seen, &cursor));
        g_test_message("step %u", i);
        g_assert_cmpint(cursor.visible, ==, steps[i].seen);
    }
    streamer_wall_want(fixture->wall, beside, 1); /* the one that showed it is gone */
    streamer_cursor_clear(&cursor);
    seen = 0;
    g_assert_true(streamer_shadow_take_cursor(fixture->shadow, &seen, &cursor));
    g_assert_false(cursor.visible);
    streamer_cursor_clear(&cursor);
}

/* Whatever side a wall has, a guest gets the pixel that was meant, in either way of scaling. */
static void
test_every_pixel_is_met(void)
{
    static const uint32_t sides[] = {2,    3,    320,  800,  1023, 1024, 1920,
                                     2944, 3840, 4320, 5760, 7680, 8191, 8192};
    unsigned i;
    uint32_t at;

    for (i = 0; i < G_N_ELEMENTS(sides); i++) {
        for (at = 0; at < sides[i]; at++) {
            uint64_t value = dbus_axis(at, sides[i]);

            g_assert_cmpuint(value, <=, DBUS_AXIS_MAX);
            g_assert_cmpuint(value * sides[i] / 32768, ==, at);
            g_assert_cmpuint((value * (sides[i] - 1) * 2 + 32767) / (2 * 32767), ==, at);
            /* X's driver has 65535 for the whole axis where it means 65536. */
            g_assert_cmpuint(value * 65535 * sides[i] / (32768ull * 65536), ==, at);
        }
    }
    g_assert_cmpuint(dbus_axis(0, 1), ==, 0);
}

static void
test_a_wish_is_what_a_machine_can_do(void)
{
    static const struct vdp_monitors three = {
        3, {{0, 0, 1024, 768, 120}, {1024, 0, 64, 64, 120}, {1088, 0, 8000, 100, 120}}};
    static const struct vdp_monitors four = {4,
                                             {{0, 0, 64, 4000, 120},
                                              {64, 0, 64, 4000, 120},
                                              {128, 0, 64, 4000, 120},
                                              {192, 0, 8000, 300, 120}}};
    struct streamer_wish wish = {0};
    int64_t due_us;

    g_assert_false(streamer_wish_take(&wish, 1, &due_us));
    g_assert_cmpint(due_us, ==, 0);
    streamer_wish_for(&wish, &three); /* a streamer that was told nothing */
    g_assert_cmpuint(wish.count, ==, 1);
    streamer_wish_limit(&wish, 9);
    streamer_wish_for(&wish, &three);
    g_assert_cmpuint(wish.count, ==, 3);
    g_assert_cmpuint(wish.areas[1].width, ==, 320);
    g_assert_cmpuint(wish.areas[1].height, ==, 200);
    g_assert_cmpuint(wish.areas[2].x, ==, 1344); /* the one before has grown */
    g_assert_cmpuint(wish.areas[2].width, ==, 4096);
    g_assert_true(streamer_wish_take(&wish, 1000000, &due_us));
    g_assert_false(streamer_wish_take(&wish, 1000000, &due_us));
    g_assert_cmpint(due_us, ==, 0);
    streamer_wish_limit(&wish, 2);
    g_assert_false(streamer_wish_take(&wish, 1000001, &due_us));
    g_assert_cmpint(due_us, ==, 1000000 + STREAMER_WISH_INTERVAL_US);
    g_assert_true(streamer_wish_take(&wish, due_us, &due_us));
    g_assert_cmpuint(wish.count, ==, 2);
    streamer_wish_limit(&wish, 4);
    g_assert_cmpuint(wish.count, ==, 2);
    streamer_wish_for(&wish, &four); /* as large as a machine's least they are a row, all are */
    g_assert_cmpuint(wish.count, ==, 4);
    g_assert_cmpuint(wish.areas[3].x, ==, 960);
    streamer_wish_drop(&wish);
    g_assert_false(streamer_wish_take(&wish, INT64_MAX, &due_us));
}

static void
test_a_wall_that_is_too_large_loses_its_end(void)
{
    /* Within the limits of MONITORS, but not when the narrow ones become 320 wide. */
    static const struct vdp_monitors wide = {4,
                                             {{0, 0, 8, 4096, 120},
                                              {8, 0, 8, 4096, 120},
                                              {16, 0, 4096, 4096, 120},
                                              {4112, 0, 4096, 4096, 120}}};
    struct streamer_wish wish = {0};

    streamer_wish_limit(&wish, 4);
    streamer_wish_for(&wish, &wide);
    g_assert_cmpuint(wish.count, ==, 3);
    g_assert_cmpuint(wish.areas[2].x, ==, 640);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/wall/" path, struct fixture, NULL, set_up, function, tear_down)
    ADD("one-head-is-the-picture", test_one_head_is_the_picture);
    ADD("heads-come-and-go", test_heads_come_and_go);
    ADD("heads-change-places-with-their-pictures", test_heads_change_places_with_their_pictures);
    ADD("a-guest-that-overlaps-stands-in-a-row", test_a_guest_that_overlaps_stands_in_a_row);
    ADD("the-cursor-is-where-any-head-shows-it", test_the_cursor_is_where_any_head_shows_it);
    g_test_add_func("/wall/every-pixel-is-met", test_every_pixel_is_met);
    g_test_add_func("/wall/a-wish-is-what-a-machine-can-do", test_a_wish_is_what_a_machine_can_do);
    g_test_add_func("/wall/one-that-is-too-large-loses-its-end",
                    test_a_wall_that_is_too_large_loses_its_end);
    return g_test_run();
}
