/* SPDX-License-Identifier: Apache-2.0 */
/* Two heads of one QEMU: what is asked of them, what they show, and input over both. */
#include <linux/input-event-codes.h>
#include <string.h>

#include "hostd/streamer/dbus-axis.h"
#include "tests/unit/display-fixture.h"

static const struct vdp_area both[] = {{0, 0, 64, 48}, {64, 8, 32, 16}};

static bool
second_was_wished(void *data)
{
    return strstr(((struct fixture *)data)->calls->str, "1:Console.SetUIInfo") != NULL;
}

static bool
second_listens(void *data)
{
    return ((struct fixture *)data)->listeners[1] != NULL;
}

static void
want_both(struct fixture *fixture)
{
    display_start(fixture);
    capture_set_monitors(fixture->capture, both, 2);
    fixture_wait(second_was_wished, fixture);
    fixture_wait(second_listens, fixture);
}

static void
test_both_are_asked_and_shown(struct fixture *fixture, const void *data)
{
    (void)data;
    want_both(fixture);
    g_assert_cmpstr(fixture->calls->str, ==,
                    "Console.SetUIInfo(16, 12, 0, 0, 64, 48) "
                    "1:Console.SetUIInfo(8, 4, 64, 8, 32, 16) ");
    display_expect(fixture, 96, 48, 64, 8, 0xff00beefu);
    g_assert_cmphex(display_pixel_at(fixture, 64, 7), ==, 0);
    g_assert_cmphex(display_pixel_at(fixture, 63, 47), ==, 0xff000001u);
    fixture->head = 1;
    display_show_update(fixture, 31, 15, 1, 1, 0xff123456u);
    display_expect(fixture, 96, 48, 95, 23, 0xff123456u);
    /* And back: what the second one still shows is nobody's. */
    g_string_truncate(fixture->calls, 0);
    capture_set_size(fixture->capture, 64, 48);
    fixture_wait(second_was_wished, fixture);
    g_assert_cmpstr(
        fixture->calls->str, ==,
        "Console.SetUIInfo(16, 12, 0, 0, 64, 48) 1:Console.SetUIInfo(0, 0, 0, 0, 0, 0) ");
    display_expect(fixture, 64, 48, 63, 47, 0xff000001u);
    display_show_scanout(fixture, 32, 16, 0xff777777u);
    fixture->head = 0;
    display_settle(fixture);
    g_assert_cmpuint(fixture->picture.width, ==, 64);
    g_assert_cmpuint(fixture->picture.layout.count, ==, 1);
}

static void
test_a_head_that_is_not_lit_is_dark(struct fixture *fixture, const void *data)
{
    (void)data;
    fixture->placeholder = true;
    want_both(fixture);
    fixture->head = 1;
    display_show_scanout(fixture, 40, 20, 0xff00ff00u);
    display_expect(fixture, 104, 48, 103, 27, 0xff00ff00u);
    display_show_sentence(fixture, 640, 480, 0xffaaaaaau);
    display_expect(fixture, 64, 48, 63, 47, 0xff000001u);
    display_show_sentence(fixture, 640, 480, 0xffaaaaabu); /* another grey: a picture */
    display_expect(fixture, 704, 488, 0, 0, 0xff000001u);
    display_show(fixture, "Disable", NULL);
    display_expect(fixture, 64, 48, 63, 47, 0xff000001u);
}

static void
test_a_machine_with_one_head_goes_on(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    capture_set_monitors(fixture->capture, both, 2);
    capture_key(fixture->capture, 1, KEY_A, true);
    display_show_update(fixture, 0, 0, 1, 1, 0xff010203u);
    display_expect(fixture, 64, 48, 0, 0, 0xff010203u);
    display_settle(fixture);
    g_assert_false(fixture->lost);
    g_assert_cmpuint(fixture->picture.layout.count, ==, 1);
}

static bool
key_was_pressed(void *data)
{
    return strstr(((struct fixture *)data)->calls->str, "Keyboard.Press") != NULL;
}

static bool
key_was_released(void *data)
{
    return strstr(((struct fixture *)data)->calls->str, "Keyboard.Release") != NULL;
}

static bool
second_was_pointed(void *data)
{
    const char *first = strstr(((struct fixture *)data)->calls->str, "point(");

    return first != NULL && strstr(first + 1, "point(") != NULL;
}

static void
test_input_waits_for_the_position_before_it(struct fixture *fixture, const void *data)
{
    char *wanted;

    (void)data;
    want_both(fixture);
    display_expect(fixture, 96, 48, 64, 8, 0xff00beefu);
    g_string_truncate(fixture->calls, 0);
    fixture->takes_points = true;
    capture_pointer(fixture->capture, 1, 70, 10);
    capture_button(fixture->capture, 2, 1, true);
    capture_pointer(fixture->capture, 3, 71, 11);
    capture_pointer(fixture->capture, 4, 95, 999); /* the newest one is enough; clamped */
    capture_button(fixture->capture, 5, 1, false);
    capture_key(fixture->capture, 6, KEY_A, true);
    g_assert_cmpuint(capture_input_serial(fixture->capture), ==, 0);
    capture_pointed(fixture->capture);
    g_assert_cmpuint(capture_input_serial(fixture->capture), ==, 1);
    capture_pointed(fixture->capture); /* the next one waits until the machine has the button */
    fixture_wait(second_was_pointed, fixture);
    g_assert_cmpuint(capture_input_serial(fixture->capture), ==, 2);
    capture_pointed(fixture->capture);
    capture_pointed(fixture->capture); /* nothing is under way */
    fixture_wait(key_was_pressed, fixture);
    wanted =
        g_strdup_printf("point(%u, %u) Mouse.Press(0,) point(%u, %u) Mouse.Release(0,) "
                        "Keyboard.Press(30,) ",
                        dbus_axis(70, 96), dbus_axis(10, 48), dbus_axis(95, 96), dbus_axis(47, 48));
    g_assert_cmpstr(fixture->calls->str, ==, wanted);
    g_free(wanted);
}

/* Nobody can place it: the display does, near to where it was meant. */
static void
test_without_a_road_the_display_is_one(struct fixture *fixture, const void *data)
{
    (void)data;
    want_both(fixture);
    display_expect(fixture, 96, 48, 64, 8, 0xff00beefu);
    capture_pointer(fixture->capture, 1, 72, 24);
    capture_key(fixture->capture, 2, KEY_A, true);
    fixture_wait(key_was_pressed, fixture);
    g_assert_nonnull(strstr(fixture->calls->str, "Mouse.SetAbsPosition(48, 24) Keyboard.Press"));
}

/* A position that is never answered holds back a bounded number of keys; none is left down. */
static void
test_a_road_that_hangs_costs_bounded_input(struct fixture *fixture, const void *data)
{
    unsigned i;

    (void)data;
    want_both(fixture);
    display_expect(fixture, 96, 48, 64, 8, 0xff00beefu);
    g_string_truncate(fixture->calls, 0);
    fixture->call_count = 0;
    fixture->takes_points = true;
    capture_pointer(fixture->capture, 1, 70, 10);
    capture_key(fixture->capture, 2, KEY_LEFTSHIFT, true);
    for (i = 0; i < 3000; i++) {
        capture_key(fixture->capture, i, KEY_A, i % 2 == 0);
    }
    g_assert_cmpuint(fixture->call_count, ==, 0);
    capture_pointed(fixture->capture);
    fixture_wait(key_was_released, fixture);
    while (!g_str_has_suffix(fixture->calls->str, "Keyboard.Release(42,) ")) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpuint(fixture->call_count, <=, DBUS_MAX_CALLS + 2);
}

int
main(int argc, char **argv)
{
    static const char two[] = "two";

    g_test_init(&argc, &argv, NULL);
#define ADD(path, heads, function)                                                                 \
    g_test_add("/capture-heads/" path, struct fixture, heads, display_set_up, function,            \
               display_tear_down)
    ADD("both-are-asked-and-shown", two, test_both_are_asked_and_shown);
    ADD("one-that-is-not-lit-is-dark", two, test_a_head_that_is_not_lit_is_dark);
    ADD("a-machine-with-one-goes-on", NULL, test_a_machine_with_one_head_goes_on);
    ADD("input-waits-for-the-position-before-it", two, test_input_waits_for_the_position_before_it);
    ADD("without-a-road-the-display-is-one", two, test_without_a_road_the_display_is_one);
    ADD("a-road-that-hangs-costs-bounded-input", two, test_a_road_that_hangs_costs_bounded_input);
    return g_test_run();
}
