/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/display-fixture.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>

#define LISTENER_PATH "/org/qemu/Display1/Listener"
#define LISTENER      "org.qemu.Display1.Listener"
#define CONSOLE_1     "/org/qemu/Display1/Console_1"

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

void
display_show(struct fixture *fixture, const char *method, GVariant *parameters)
{
    g_dbus_connection_call(fixture->listeners[fixture->head], NULL, LISTENER_PATH, LISTENER, method,
                           parameters, NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL, NULL);
}

GVariant *
display_solid(uint32_t pixel, size_t count)
{
    uint32_t *pixels = g_new(uint32_t, count);
    size_t i;

    for (i = 0; i < count; i++) {
        pixels[i] = pixel;
    }
    return g_variant_new_from_data(G_VARIANT_TYPE("ay"), pixels, count * 4, TRUE, g_free, pixels);
}

void
display_show_scanout(struct fixture *fixture, uint32_t width, uint32_t height, uint32_t pixel)
{
    display_show(fixture, "Scanout",
                 g_variant_new("(uuuu@ay)", width, height, width * 4, X8R8G8B8,
                               display_solid(pixel, (size_t)width * height)));
}

void
display_show_update(struct fixture *fixture, int x, int y, int width, int height, uint32_t pixel)
{
    display_show(fixture, "Update",
                 g_variant_new("(iiiiuu@ay)", x, y, width, height, (uint32_t)width * 4, X8R8G8B8,
                               display_solid(pixel, (size_t)width * (size_t)height)));
}

void
display_show_sentence(struct fixture *fixture, uint32_t width, uint32_t height, uint32_t colour)
{
    uint32_t *pixels = g_new0(uint32_t, (size_t)width * height);
    uint32_t x = (width / 8 - 29) / 2 * 8;
    uint32_t y = (height / 16 - 1) / 2 * 16;

    pixels[y * width + x] = colour;
    pixels[(y + 15) * width + x + 29 * 8 - 1] = colour;
    display_show(
        fixture, "Scanout",
        g_variant_new("(uuuu@ay)", width, height, width * 4, X8R8G8B8,
                      g_variant_new_from_data(G_VARIANT_TYPE("ay"), pixels,
                                              (size_t)width * height * 4, TRUE, g_free, pixels)));
}

static void
show_first(struct fixture *fixture)
{
    unsigned head = fixture->head;

    fixture->head = 1;
    if (fixture->placeholder) {
        display_show_sentence(fixture, 640, 480, 0xffaaaaaau);
    } else {
        display_show_scanout(fixture, 32, 16, 0xff00beefu);
    }
    fixture->head = head;
}

static void
fake_listener_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct fixture *fixture = data;

    (void)source;
    g_clear_object(&fixture->listeners[0]);
    fixture->listeners[0] = g_dbus_connection_new_finish(async, NULL);
    g_assert_nonnull(fixture->listeners[0]);
    fixture->registrations++;
    display_show_scanout(fixture, fixture->width, fixture->height,
                         0xff000000u | fixture->registrations);
}

static void
fake_second_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct fixture *fixture = data;

    (void)source;
    g_clear_object(&fixture->listeners[1]);
    fixture->listeners[1] = g_dbus_connection_new_finish(async, NULL);
    g_assert_nonnull(fixture->listeners[1]);
    show_first(fixture);
}

static void
accept_listener(struct fixture *fixture, GDBusMethodInvocation *invocation, bool second)
{
    GUnixFDList *list =
        g_dbus_message_get_unix_fd_list(g_dbus_method_invocation_get_message(invocation));
    int fd = g_unix_fd_list_get(list, 0, NULL);
    GSocket *socket = g_socket_new_from_fd(fd, NULL);
    GSocketConnection *stream = g_socket_connection_factory_create_connection(socket);
    char *guid = g_dbus_generate_guid();

    g_dbus_method_invocation_return_value(invocation, NULL);
    g_dbus_connection_new(G_IO_STREAM(stream), guid, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_SERVER,
                          NULL, NULL, second ? fake_second_ready : fake_listener_ready, fixture);
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
    if (strcmp(method, "RegisterListener") == 0) {
        accept_listener(fixture, invocation, strcmp(path, CONSOLE_1) == 0);
        return;
    }
    text = g_variant_print(parameters, FALSE);
    g_string_append_printf(fixture->calls, "%s%s.%s%s ", strcmp(path, CONSOLE_1) == 0 ? "1:" : "",
                           strrchr(interface, '.') + 1, method, text);
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
    if (fixture->heads > 1) {
        g_assert_cmpuint(g_dbus_connection_register_object(fixture->bus, CONSOLE_1,
                                                           fixture->info->interfaces[0], &vtable,
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

static bool
note_point(uint16_t x, uint16_t y, void *user_data)
{
    struct fixture *fixture = user_data;

    g_string_append_printf(fixture->calls, "point(%u, %u) ", x, y);
    return fixture->takes_points;
}

static const struct capture_events events = {
    .changed = ignore_change, .lost = note_lost, .point = note_point};

void
display_set_up(struct fixture *fixture, const void *data)
{
    char *guid = g_dbus_generate_guid();
    GSocket *socket;
    GSocketConnection *stream;
    int fds[2];

    fixture->heads = data != NULL ? DISPLAY_HEADS : 1;
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

bool
display_is_lost(void *data)
{
    return ((struct fixture *)data)->lost;
}

void
display_tear_down(struct fixture *fixture, const void *data)
{
    unsigned i;

    (void)data;
    capture_free(fixture->capture);
    for (i = 0; i < DISPLAY_HEADS; i++) {
        if (fixture->listeners[i] != NULL) {
            g_dbus_connection_close_sync(fixture->listeners[i], NULL, NULL);
        }
        g_clear_object(&fixture->listeners[i]);
    }
    g_dbus_connection_close_sync(fixture->bus, NULL, NULL);
    g_clear_object(&fixture->bus);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_dbus_node_info_unref(fixture->info);
    g_string_free(fixture->calls, TRUE);
    streamer_picture_clear(&fixture->picture);
}

void
display_take_picture(struct fixture *fixture)
{
    struct streamer_damage damage;
    int64_t since_us;

    streamer_shadow_take(capture_shadow(fixture->capture), &fixture->picture, &damage, &since_us);
}

uint32_t
display_pixel_at(struct fixture *fixture, unsigned x, unsigned y)
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

    display_take_picture(e->fixture);
    return e->fixture->picture.width == e->width && e->fixture->picture.height == e->height &&
           display_pixel_at(e->fixture, e->x, e->y) == e->pixel;
}

void
display_expect(struct fixture *fixture, uint16_t width, uint16_t height, unsigned x, unsigned y,
               uint32_t pixel)
{
    struct expectation e = {fixture, width, height, x, y, pixel};

    fixture_wait(is_as_expected, &e);
}

bool
display_has_cursor(void *data)
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
void
display_settle(struct fixture *fixture)
{
    display_show(fixture, "CursorDefine",
                 g_variant_new("(iiii@ay)", 1, 1, 0, 0, display_solid(0xffffffffu, 1)));
    fixture_wait(display_has_cursor, fixture);
    display_take_picture(fixture);
}

void
display_start(struct fixture *fixture)
{
    display_expect(fixture, 64, 48, 0, 0, 0xff000001u);
}
