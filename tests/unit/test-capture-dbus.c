/* SPDX-License-Identifier: Apache-2.0 */
/* A QEMU made of GDBus on the other end of a socket pair, as hostile as the test wants it. */
#include "hostd/streamer/capture-dbus.h"

#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/wire/messages.h"
#include "tests/unit/streamer-fixture.h"

#define LISTENER_PATH "/org/qemu/Display1/Listener"
#define LISTENER      "org.qemu.Display1.Listener"
#define CONSOLE_PATH  "/org/qemu/Display1/Console_0"
#define X8R8G8B8      0x20020888u

static const char xml[] =
    "<node><interface name='org.qemu.Display1.Console'>"
    "<method name='RegisterListener'><arg type='h' direction='in'/></method>"
    "<method name='SetUIInfo'><arg type='q' direction='in'/><arg type='q' direction='in'/>"
    "<arg type='i' direction='in'/><arg type='i' direction='in'/><arg type='u' direction='in'/>"
    "<arg type='u' direction='in'/></method>"
    "<property name='Width' type='u' access='read'/><property name='Height' type='u' "
    "access='read'/></interface>"
    "<interface name='org.qemu.Display1.Keyboard'>"
    "<method name='Press'><arg type='u' direction='in'/></method>"
    "<method name='Release'><arg type='u' direction='in'/></method>"
    "<property name='Modifiers' type='u' access='read'/></interface>"
    "<interface name='org.qemu.Display1.Mouse'>"
    "<method name='Press'><arg type='u' direction='in'/></method>"
    "<method name='Release'><arg type='u' direction='in'/></method>"
    "<method name='SetAbsPosition'><arg type='u' direction='in'/><arg type='u' direction='in'/>"
    "</method></interface></node>";

struct fixture {
    GDBusNodeInfo *info;
    GDBusConnection *bus;      /* the fake's end */
    GDBusConnection *listener; /* the fake's end of the newest one */
    unsigned registrations;
    uint32_t width, height; /* of the console */
    bool silent;            /* never answers input */
    GString *calls;         /* what came, one word a call */
    unsigned call_count;
    struct capture *capture;
    struct streamer_picture picture;
    uint32_t cursor_seen;
    bool lost;
};

static void
show(struct fixture *fixture, const char *method, GVariant *parameters)
{
    g_dbus_connection_call(fixture->listener, NULL, LISTENER_PATH, LISTENER, method, parameters,
                           NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

static GVariant *
solid(uint32_t pixel, size_t count)
{
    uint32_t *pixels = g_new(uint32_t, count);
    size_t i;

    for (i = 0; i < count; i++) {
        pixels[i] = pixel;
    }
    return g_variant_new_from_data(G_VARIANT_TYPE("ay"), pixels, count * 4, TRUE, g_free, pixels);
}

static void
show_scanout(struct fixture *fixture, uint32_t width, uint32_t height, uint32_t pixel)
{
    show(fixture, "Scanout",
         g_variant_new("(uuuu@ay)", width, height, width * 4, X8R8G8B8,
                       solid(pixel, (size_t)width * height)));
}

static void
show_update(struct fixture *fixture, int x, int y, int width, int height, uint32_t pixel)
{
    show(fixture, "Update",
         g_variant_new("(iiiiuu@ay)", x, y, width, height, (uint32_t)width * 4, X8R8G8B8,
                       solid(pixel, (size_t)width * (size_t)height)));
}

static void
fake_listener_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct fixture *fixture = data;

    (void)source;
    g_clear_object(&fixture->listener);
    fixture->listener = g_dbus_connection_new_finish(async, NULL);
    g_assert_nonnull(fixture->listener);
    fixture->registrations++;
    show_scanout(fixture, fixture->width, fixture->height, 0xff000000u | fixture->registrations);
}

static void
accept_listener(struct fixture *fixture, GDBusMethodInvocation *invocation)
{
    GUnixFDList *list =
        g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(invocation));
    int fd = g_unix_fd_list_get(list, 0, NULL);
    GSocket *socket = g_socket_new_from_fd(fd, NULL);
    GSocketConnection *stream = g_socket_connection_factory_create_connection(socket);
    char *guid = g_dbus_generate_guid();

    g_dbus_method_invocation_return_value(invocation, NULL);
    g_dbus_connection_new(G_IO_STREAM(stream), guid, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER,
                          NULL, NULL, fake_listener_ready, fixture);
    g_free(guid);
    g_object_unref(stream);
    g_object_unref(socket);
}

static void
take_call(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
          const char *method, GVariant *parameters, GDBusMethodInvocation *invocation,
          gpointer data)
{
    struct fixture *fixture = data;
    char *text;

    (void)connection;
    (void)sender;
    (void)path;
    if (strcmp(method, "RegisterListener") == 0) {
        accept_listener(fixture, invocation);
        return;
    }
    text = g_variant_print(parameters, FALSE);
    g_string_append_printf(fixture->calls, "%s.%s%s ", strrchr(interface, '.') + 1, method, text);
    g_free(text);
    fixture->call_count++;
    if (!fixture->silent) {
        g_dbus_method_invocation_return_value(invocation, NULL);
    }
}

static GVariant *
get_property(GDBusConnection *connection, const char *sender, const char *path,
             const char *interface, const char *name, GError **error, gpointer data)
{
    struct fixture *fixture = data;

    (void)connection;
    (void)sender;
    (void)path;
    (void)interface;
    (void)error;
    return g_variant_new_uint32(strcmp(name, "Width") == 0    ? fixture->width
                                : strcmp(name, "Height") == 0 ? fixture->height
                                                              : 0);
}

static const GDBusInterfaceVTable vtable = {.method_call = take_call, .get_property = get_property};

static void
fake_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct fixture *fixture = data;
    int i;

    (void)source;
    fixture->bus = g_dbus_connection_new_finish(async, NULL);
    g_assert_nonnull(fixture->bus);
    for (i = 0; fixture->info->interfaces[i] != NULL; i++) {
        g_assert_cmpuint(g_dbus_connection_register_object(fixture->bus, CONSOLE_PATH,
                                                           fixture->info->interfaces[i], &vtable,
                                                           fixture, NULL, NULL),
                         >, 0);
    }
    g_dbus_connection_start_message_processing(fixture->bus);
}

static void
ignore_change(void *user_data)
{
    (void)user_data;
}

static void
note_lost(const char *text, void *user_data)
{
    struct fixture *fixture = user_data;

    (void)text;
    fixture->lost = true;
}

static const struct capture_events events = {.changed = ignore_change, .lost = note_lost};

static void
set_up(struct fixture *fixture, const void *data)
{
    char *guid = g_dbus_generate_guid();
    GSocket *socket;
    GSocketConnection *stream;
    int fds[2];

    (void)data;
    fixture->info = g_dbus_node_info_new_for_xml(xml, NULL);
    fixture->calls = g_string_new(NULL);
    fixture->width = 64;
    fixture->height = 48;
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    socket = g_socket_new_from_fd(fds[0], NULL);
    stream = g_socket_connection_factory_create_connection(socket);
    g_dbus_connection_new(G_IO_STREAM(stream), guid,
                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER |
                              G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                          NULL, NULL, fake_ready, fixture);
    g_object_unref(stream);
    g_object_unref(socket);
    g_free(guid);
    fixture->capture = capture_dbus_new(fds[1], &events, fixture);
}

static bool
is_lost(void *data)
{
    return ((struct fixture *)data)->lost;
}

static void
tear_down(struct fixture *fixture, const void *data)
{
    (void)data;
    capture_free(fixture->capture);
    if (fixture->listener != NULL) {
        g_dbus_connection_close_sync(fixture->listener, NULL, NULL);
    }
    g_clear_object(&fixture->listener);
    g_dbus_connection_close_sync(fixture->bus, NULL, NULL);
    g_clear_object(&fixture->bus);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_dbus_node_info_unref(fixture->info);
    g_string_free(fixture->calls, TRUE);
    streamer_picture_clear(&fixture->picture);
}

static void
take_picture(struct fixture *fixture)
{
    struct streamer_damage damage;
    int64_t since_us;

    streamer_shadow_take(capture_shadow(fixture->capture), &fixture->picture, &damage, &since_us);
}

static uint32_t
pixel_at(struct fixture *fixture, unsigned x, unsigned y)
{
    uint32_t value;

    memcpy(&value, fixture->picture.pixels + ((size_t)y * fixture->picture.width + x) * 4, 4);
    return value;
}

struct expectation {
    struct fixture *fixture;
    uint16_t width, height;
    unsigned x, y;
    uint32_t pixel;
};

static bool
is_as_expected(void *data)
{
    struct expectation *e = data;

    take_picture(e->fixture);
    return e->fixture->picture.width == e->width && e->fixture->picture.height == e->height &&
           pixel_at(e->fixture, e->x, e->y) == e->pixel;
}

static void
expect(struct fixture *fixture, uint16_t width, uint16_t height, unsigned x, unsigned y,
       uint32_t pixel)
{
    struct expectation e = {fixture, width, height, x, y, pixel};

    fixture_wait(is_as_expected, &e);
}

static bool
has_new_cursor(void *data)
{
    struct fixture *fixture = data;
    struct streamer_cursor cursor;

    if (!streamer_shadow_take_cursor(capture_shadow(fixture->capture), &fixture->cursor_seen,
                                     &cursor)) {
        return false;
    }
    streamer_cursor_clear(&cursor);
    return true;
}

/* Messages are taken in order: when the cursor came, what was sent before it has been looked at. */
static void
settle(struct fixture *fixture)
{
    show(fixture, "CursorDefine", g_variant_new("(iiii@ay)", 1, 1, 0, 0, solid(0xffffffffu, 1)));
    fixture_wait(has_new_cursor, fixture);
    take_picture(fixture);
}

static void
start(struct fixture *fixture)
{
    expect(fixture, 64, 48, 0, 0, 0xff000001u);
}

static void
test_scanout_and_update(struct fixture *fixture, const void *data)
{
    (void)data;
    start(fixture);
    show_update(fixture, 10, 20, 5, 4, 0xff123456u);
    expect(fixture, 64, 48, 14, 23, 0xff123456u);
    g_assert_cmphex(pixel_at(fixture, 15, 23), ==, 0xff000001u);
    g_assert_cmphex(pixel_at(fixture, 9, 20), ==, 0xff000001u);
    show_scanout(fixture, 100, 30, 0xffabcdefu);
    expect(fixture, 100, 30, 99, 29, 0xffabcdefu);
    show(fixture, "Disable", NULL);
    expect(fixture, 100, 30, 99, 29, 0);
}

static void
test_lies_about_sizes_change_nothing(struct fixture *fixture, const void *data)
{
    GVariant *few = g_variant_ref_sink(solid(0xffffffffu, 16));

    (void)data;
    start(fixture);
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 64, 48, 64 * 4, X8R8G8B8, few));
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 65535, 65535, 4, X8R8G8B8, few));
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 0x40000001, 1, 4, X8R8G8B8, few));
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 16384, 16384, 65536, X8R8G8B8, few));
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 0, 0, 0, X8R8G8B8, few));
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 4, 4, 16, 0x10020565, few));
    show(fixture, "Scanout", g_variant_new("(uuuu@ay)", 4, 4, 12, X8R8G8B8, few));
    show(fixture, "Update", g_variant_new("(iiiiuu@ay)", -1, 0, 4, 4, 16, X8R8G8B8, few));
    show(fixture, "Update", g_variant_new("(iiiiuu@ay)", 0, 0, -4, -4, 16, X8R8G8B8, few));
    show(fixture, "Update", g_variant_new("(iiiiuu@ay)", 0, 0, 8, 8, 32, X8R8G8B8, few));
    show(fixture, "Update", g_variant_new("(iiiiuu@ay)", 0, 0, 4, 4, 0xfffffff0u, X8R8G8B8, few));
    show(fixture, "Update", g_variant_new("(s)", "other arguments"));
    show(fixture, "Scanout", NULL);
    show(fixture, "Other", NULL);
    show(fixture, "CursorDefine", g_variant_new("(iiii@ay)", 300, 300, 0, 0, few));
    show(fixture, "CursorDefine", g_variant_new("(iiii@ay)", 8, 8, 0, 0, few));
    settle(fixture);
    g_assert_cmpuint(fixture->picture.width, ==, 64);
    g_assert_cmphex(pixel_at(fixture, 0, 0), ==, 0xff000001u);
    g_assert_cmpuint(fixture->cursor_seen, ==, 1);
    g_assert_false(fixture->lost);
    g_variant_unref(few);
}

static void
test_an_update_beyond_is_a_new_mode(struct fixture *fixture, const void *data)
{
    (void)data;
    start(fixture);
    fixture->width = 120;
    fixture->height = 80;
    show_update(fixture, 0, 0, 120, 16, 0xff00ff00u);
    /* It reads the console's size and registers again, for the whole picture. */
    expect(fixture, 120, 80, 119, 79, 0xff000002u);
    g_assert_cmpuint(fixture->registrations, ==, 2);
}

static void
test_an_update_beyond_without_a_mode_is_dropped(struct fixture *fixture, const void *data)
{
    (void)data;
    start(fixture);
    show_update(fixture, 60, 40, 30, 30, 0xff00ff00u);
    show_update(fixture, 2000000000, 0, 4, 4, 0xff00ff00u);
    settle(fixture);
    g_assert_cmpuint(fixture->picture.width, ==, 64);
    g_assert_cmphex(pixel_at(fixture, 63, 47), ==, 0xff000001u);
    g_assert_cmpuint(fixture->registrations, ==, 1);
}

static void
test_a_smaller_mode_is_seen_by_its_property(struct fixture *fixture, const void *data)
{
    GVariantBuilder changed;

    (void)data;
    start(fixture);
    fixture->width = 40;
    fixture->height = 30;
    g_variant_builder_init(&changed, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&changed, "{sv}", "Width", g_variant_new_uint32(40));
    g_dbus_connection_emit_signal(
        fixture->bus, NULL, CONSOLE_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
        g_variant_new("(sa{sv}as)", "org.qemu.Display1.Console", &changed, NULL), NULL);
    expect(fixture, 40, 30, 39, 29, 0xff000002u);
}

static void
test_cursor_colours_are_divided_by_alpha(struct fixture *fixture, const void *data)
{
    struct streamer_cursor cursor = {0};
    uint32_t seen = 0;

    (void)data;
    start(fixture);
    show(fixture, "CursorDefine", g_variant_new("(iiii@ay)", 2, 1, 9, -3, solid(0x80402010u, 2)));
    fixture_wait(has_new_cursor, fixture);
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
    show(fixture, "MouseSet", g_variant_new("(iii)", 3, 4, 0));
    fixture_wait(has_new_cursor, fixture);
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
    start(fixture);
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
    start(fixture);
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
    start(fixture);
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
    start(fixture);
    fixture->silent = true;
    for (i = 0; i < 5000; i++) {
        capture_pointer(fixture->capture, i, (uint16_t)(i % 64), 0);
    }
    fixture_wait(pointer_calls_came, fixture);
    for (i = 0; i < 5000; i++) {
        capture_key(fixture->capture, i, KEY_A, i % 2 == 0);
    }
    show_update(fixture, 0, 0, 1, 1, 0xff777777u);
    expect(fixture, 64, 48, 0, 0, 0xff777777u);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(fixture->call_count, <=, DBUS_MAX_CALLS);
}

static void
test_a_machine_that_ends_is_lost(struct fixture *fixture, const void *data)
{
    (void)data;
    start(fixture);
    g_dbus_connection_close_sync(fixture->bus, NULL, NULL);
    fixture_wait(is_lost, fixture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/capture-dbus/" path, struct fixture, NULL, set_up, function, tear_down)
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
