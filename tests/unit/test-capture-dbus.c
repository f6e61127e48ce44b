/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/input-event-codes.h>
#include <string.h>

#include "protocol/wire/messages.h"
#include "tests/unit/display-fixture.h"

static void
test_scanout_and_update(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    display_show_update(fixture, 10, 20, 5, 4, 0xff123456u);
    display_expect(fixture, 64, 48, 14, 23, 0xff123456u);
    g_assert_cmphex(display_pixel_at(fixture, 15, 23), ==, 0xff000001u);
    g_assert_cmphex(display_pixel_at(fixture, 9, 20), ==, 0xff000001u);
    display_show_scanout(fixture, 100, 30, 0xffabcdefu);
    display_expect(fixture, 100, 30, 99, 29, 0xffabcdefu);
    display_show(fixture, "Disable", NULL);
    display_expect(fixture, 100, 30, 99, 29, 0);
}

static void
test_lies_about_sizes_change_nothing(struct fixture *fixture, const void *data)
{
    GVariant *few = g_variant_ref_sink(display_solid(0xffffffffu, 16));

    (void)data;
    display_start(fixture);
    display_show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 64, 48, 64 * 4, X8R8G8B8, few));
    display_show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 65535, 65535, 4, X8R8G8B8, few));
    display_show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 0x40000001, 1, 4, X8R8G8B8, few));
    display_show(fixture, "Scanout",
                 g_variant_new("(uuuu@ay)", 16384, 16384, 65536, X8R8G8B8, few));
    display_show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 0, 0, 0, X8R8G8B8, few));
    display_show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 4, 4, 16, 0x10020565, few));
    display_show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 4, 4, 12, X8R8G8B8, few));
    display_show(fixture, "Update", g_variant_new("(iiiiuu@ay)", -1, 0, 4, 4, 16, X8R8G8B8, few));
    display_show(fixture, "Update", g_variant_new("(iiiiuu@ay)", 0, 0, -4, -4, 16, X8R8G8B8, few));
    display_show(fixture, "Update", g_variant_new("(iiiiuu@ay)", 0, 0, 8, 8, 32, X8R8G8B8, few));
    display_show(fixture, "Update",
                 g_variant_new("(iiiiuu@ay)", 0, 0, 4, 4, 0xfffffff0u, X8R8G8B8, few));
    display_show(fixture, "Update", g_variant_new("(s)", "other arguments"));
    display_show(fixture, "Scanout", NULL);
    display_show(fixture, "Other", NULL);
    display_show(fixture, "CursorDefine", g_variant_new("(iiii@ay)", 300, 300, 0, 0, few));
    display_show(fixture, "CursorDefine", g_variant_new("(iiii@ay)", 8, 8, 0, 0, few));
    display_settle(fixture);
    g_assert_cmpuint(fixture->picture.width, ==, 64);
    g_assert_cmphex(display_pixel_at(fixture, 0, 0), ==, 0xff000001u);
    g_assert_cmpuint(fixture->cursor_seen, ==, 1);
    g_assert_false(fixture->lost);
    g_variant_unref(few);
}

static void
test_an_update_beyond_is_a_new_mode(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    fixture->width = 120;
    fixture->height = 80;
    display_show_update(fixture, 0, 0, 120, 16, 0xff00ff00u);
    /* It reads the console's size and registers again, for the whole picture. */
    display_expect(fixture, 120, 80, 119, 79, 0xff000002u);
    g_assert_cmpuint(fixture->registrations, ==, 2);
}

static void
test_an_update_beyond_without_a_mode_is_dropped(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    display_show_update(fixture, 60, 40, 30, 30, 0xff00ff00u);
    display_show_update(fixture, 2000000000, 0, 4, 4, 0xff00ff00u);
    display_settle(fixture);
    g_assert_cmpuint(fixture->picture.width, ==, 64);
    g_assert_cmphex(display_pixel_at(fixture, 63, 47), ==, 0xff000001u);
    g_assert_cmpuint(fixture->registrations, ==, 1);
}

static void
test_a_smaller_mode_is_seen_by_its_property(struct fixture *fixture, const void *data)
{
    GVariantBuilder changed;

    (void)data;
    display_start(fixture);
    fixture->width = 40;
    fixture->height = 30;
    g_variant_builder_init(&changed, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&changed, "{sv}", "Width", g_variant_new_uint32(40));
    g_dbus_connection_emit_signal(
        fixture->bus, NULL, CONSOLE_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        g_variant_new("(sa{sv}as)", "org.qemu.Display1.Console", &changed, NULL), NULL);
    display_expect(fixture, 40, 30, 39, 29, 0xff000002u);
}

static void
test_cursor_colours_are_divided_by_alpha(struct fixture *fixture, const void *data)
{
    struct streamer_cursor cursor = {0};
    uint32_t seen = 0;

    (void)data;
    display_start(fixture);
    display_show(fixture, "CursorDefine",
                 g_variant_new("(iiii@ay)", 2, 1, 9, -3, display_solid(0x80402010u, 2)));
    fixture_wait(display_has_cursor, fixture);
    g_assert_true(streamer_shadow_take_cursor(capture_shadow(fixture->capture), &seen, &cursor));
    g_assert_cmpuint(cursor.width, ==, 2);
    g_assert_cmpuint(cursor.hot_x, ==, 1);
    g_assert_cmpuint(cursor.hot_y, ==, 0);
    g_assert_cmpuint(cursor.rgba[0], ==, 0x80);
    g_assert_cmpuint(cursor.rgba[1], ==, 0x40);
    g_assert_cmpuint(cursor.rgba[2], ==, 0x20);
    g_assert_cmpuint(cursor.rgba[3], ==, 0x80);
    g_assert_true(cursor.visible);
    streamer_cursor_clear(&cursor);
    display_show(fixture, "MouseSet", g_variant_new("(iii)", 3, 4, 0));
    fixture_wait(display_has_cursor, fixture);
    seen = 0;
    streamer_shadow_take_cursor(capture_shadow(fixture->capture), &seen, &cursor);
    g_assert_false(cursor.visible);
    streamer_cursor_clear(&cursor);
}

static bool
has_release(void *data)
{
    struct fixture *fixture = data;

    return g_str_has_suffix(fixture->calls->str, "Mouse.Release(5,) ");
}

static void
test_input_reaches_the_machine_in_order(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    capture_key(fixture->capture, 1, KEY_A, true);
    capture_key(fixture->capture, 2, KEY_UP, true);
    capture_key(fixture->capture, 3, KEY_A, false);
    capture_key(fixture->capture, 4, KEY_B, false); /* was not down */
    capture_pointer(fixture->capture, 5, 10, 999);  /* clamped */
    capture_button(fixture->capture, 6, 1, true);
    capture_button(fixture->capture, 7, 1, true); /* is down */
    capture_button(fixture->capture, 8, 4, true);
    capture_wheel(fixture->capture, 9, 0, 60);
    capture_wheel(fixture->capture, 10, 0, 60);
    capture_wheel(fixture->capture, 11, 0, -120);
    capture_set_size(fixture->capture, 960, 480);
    capture_release_all(fixture->capture);
    fixture_wait(has_release, fixture);
    /* In the end it lets go of what is still down, keys first. */
    g_assert_cmpstr(fixture->calls->str, ==,
                    "Keyboard.Press(30,) Keyboard.Press(200,) Keyboard.Release(30,) "
                    "Mouse.SetAbsPosition(10, 47) Mouse.Press(0,) Mouse.Press(5,) "
                    "Mouse.Press(4,) Mouse.Release(4,) Mouse.Press(3,) Mouse.Release(3,) "
                    "Console.SetUIInfo(254, 127, 0, 0, 960, 480) Keyboard.Release(200,) "
                    "Mouse.Release(0,) Mouse.Release(5,) ");
}

static void
light_up(struct fixture *fixture, uint32_t modifiers)
{
    GVariantDict dict;

    g_variant_dict_init(&dict, NULL);
    g_variant_dict_insert(&dict, "Modifiers", "u", modifiers);
    g_dbus_connection_emit_signal(
        fixture->bus, NULL, CONSOLE_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        g_variant_new("(s@a{sv}as)", "org.qemu.Display1.Keyboard", g_variant_dict_end(&dict), NULL),
        NULL);
}

static bool
calls_came(void *data)
{
    struct fixture *fixture = data;

    return g_str_has_suffix(fixture->calls->str, "Release(1,) ");
}

static void
test_locks_become_those_of_the_client(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    capture_locks(fixture->capture, 1, VDP_LOCK_CAPS);
    capture_locks(fixture->capture, 2, VDP_LOCK_CAPS); /* it is on by now */
    capture_key(fixture->capture, 3, KEY_CAPSLOCK, true);
    capture_locks(fixture->capture, 4, VDP_LOCK_CAPS); /* held, and about to be let go */
    capture_key(fixture->capture, 5, KEY_CAPSLOCK, false);
    capture_locks(fixture->capture, 6, 0); /* the key has switched it off */
    capture_key(fixture->capture, 7, KEY_ESC, true);
    capture_key(fixture->capture, 8, KEY_ESC, false);
    fixture_wait(calls_came, fixture);
    g_assert_cmpstr(fixture->calls->str, ==,
                    "Keyboard.Press(58,) Keyboard.Release(58,) Keyboard.Press(58,) "
                    "Keyboard.Release(58,) Keyboard.Press(1,) Keyboard.Release(1,) ");
}

static bool
num_lock_was_pressed(void *data)
{
    struct fixture *fixture = data;

    /* Asked again and again: the light's news comes when it comes. */
    capture_locks(fixture->capture, 1, VDP_LOCK_SCROLL);
    return g_str_has_suffix(fixture->calls->str, "Keyboard.Release(69,) ");
}

static void
test_the_guests_lights_count(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    light_up(fixture, VDP_LOCK_SCROLL | VDP_LOCK_NUM);
    fixture_wait(num_lock_was_pressed, fixture);
    g_assert_nonnull(strstr(fixture->calls->str, "Keyboard.Press(69,) Keyboard.Release(69,) "));
}

static bool
pointer_calls_came(void *data)
{
    struct fixture *fixture = data;

    return fixture->call_count >= 8;
}

static void
test_a_machine_that_hangs_costs_bounded_calls(struct fixture *fixture, const void *data)
{
    unsigned i;

    (void)data;
    display_start(fixture);
    fixture->silent = true;
    for (i = 0; i < 5000; i++) {
        capture_pointer(fixture->capture, i, (uint16_t)(i % 64), 0);
    }
    fixture_wait(pointer_calls_came, fixture);
    for (i = 0; i < 5000; i++) {
        capture_key(fixture->capture, i, KEY_A, i % 2 == 0);
    }
    display_show_update(fixture, 0, 0, 1, 1, 0xff777777u);
    display_expect(fixture, 64, 48, 0, 0, 0xff777777u);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(fixture->call_count, <=, DBUS_MAX_CALLS);
}

static void
test_a_machine_that_ends_is_lost(struct fixture *fixture, const void *data)
{
    (void)data;
    display_start(fixture);
    g_dbus_connection_close_sync(fixture->bus, NULL, NULL);
    fixture_wait(display_is_lost, fixture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/capture-dbus/" path, struct fixture, NULL, display_set_up, function,              \
               display_tear_down)
    ADD("scanout-and-update", test_scanout_and_update);
    ADD("lies-about-sizes-change-nothing", test_lies_about_sizes_change_nothing);
    ADD("an-update-beyond-is-a-new-mode", test_an_update_beyond_is_a_new_mode);
    ADD("an-update-beyond-without-a-mode-is-dropped",
        test_an_update_beyond_without_a_mode_is_dropped);
    ADD("a-smaller-mode-is-seen-by-its-property", test_a_smaller_mode_is_seen_by_its_property);
    ADD("cursor-colours-are-divided-by-alpha", test_cursor_colours_are_divided_by_alpha);
    ADD("input-reaches-the-machine-in-order", test_input_reaches_the_machine_in_order);
    ADD("locks-become-those-of-the-client", test_locks_become_those_of_the_client);
    ADD("the-guests-lights-count", test_the_guests_lights_count);
    ADD("a-machine-that-hangs-costs-bounded-calls", test_a_machine_that_hangs_costs_bounded_calls);
    ADD("a-machine-that-ends-is-lost", test_a_machine_that_ends_is_lost);
    return g_test_run();
}
