/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/capture-dbus.h"

#include <errno.h>
#include <gio/gio.h>
#include <gio/gunixfdlist.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/streamer/dbus-listener.h"
#include "hostd/streamer/dbus-locks.h"
#include "hostd/streamer/keymap.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define CONSOLE_PATH       "/org/qemu/Display1/Console_0"
#define CONSOLE_INTERFACE  "org.qemu.Display1.Console"
#define KEYBOARD_INTERFACE "org.qemu.Display1.Keyboard"
#define MOUSE_INTERFACE    "org.qemu.Display1.Mouse"

#define MAX_POINTER_CALLS 8      /* beyond that, positions wait and the newest wins */
#define MODE_DELAY_US     20000  /* a Scanout may come by itself after a change of mode */
#define MODE_INTERVAL_US  100000 /* between two looks at the console's size */
#define MM_PER_INCH_X10   254
#define DPI               96

enum { WHEEL_UP = 3, WHEEL_DOWN = 4, WHEEL_LEFT = 7, WHEEL_RIGHT = 8 };

struct dbus {
    int references;          /* atomic: callbacks, the listener and the capture hold one each */
    struct capture *capture; /* NULL after dbus_free(); the rest is for the owner's thread */
    GDBusConnection *bus;    /* NULL until authenticated */
    GDBusConnection *listener_bus;
    struct dbus_listener *listener; /* of listener_bus */
    unsigned registration;          /* counts RegisterListener calls */
    guint properties_id;
    struct dbus_locks *locks; /* of bus */
    gulong closed_id;
    GSource *mode_timer; /* ready when the console's size is to be read */
    int64_t mode_read_us;

    uint16_t wish_width, wish_height; /* 0: none */
    unsigned calls;                   /* without an answer */
    bool overflowed;                  /* input was dropped */
    bool pointer_waits;
    uint16_t pointer_x, pointer_y;
    uint32_t pointer_serial;
};

static void register_listener(struct dbus *dbus);

static struct dbus *
ref_dbus(struct dbus *dbus)
{
    g_atomic_int_inc(&dbus->references);
    return dbus;
}

static void
unref_dbus(void *data)
{
    struct dbus *dbus = data;

    if (g_atomic_int_dec_and_test(&dbus->references)) {
        g_source_unref(dbus->mode_timer);
        g_free(dbus);
    }
}

static void
lose(struct dbus *dbus, const char *what, const GError *error)
{
    char *text = g_strdup_printf("%s: %s", what, error != NULL ? error->message : "no reason");

    capture_lost(dbus->capture, text);
    g_free(text);
}

/* Input. */

struct input_call {
    struct dbus *dbus;
    uint32_t serial;
};

static void send_pointer(struct dbus *dbus);

static void
input_done(GObject *source, GAsyncResult *async, gpointer data)
{
    struct input_call *call = data;
    struct dbus *dbus = call->dbus;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), async, NULL);

    /* QEMU refuses an absolute position while the guest has no tablet; that is not worth a word. */
    if (reply != NULL) {
        g_variant_unref(reply);
    }
    dbus->calls--;
    if (dbus->capture != NULL) {
        capture_delivered(dbus->capture, call->serial);
        if (dbus->pointer_waits && dbus->calls < MAX_POINTER_CALLS) {
            send_pointer(dbus);
        }
        if (dbus->overflowed && dbus->calls == 0) {
            /* A release may be among what was dropped. */
            dbus->overflowed = false;
            capture_release_all(dbus->capture);
        }
    }
    unref_dbus(dbus);
    g_free(call);
}

/* Consumes a floating parameters. */
static void
call_input(struct dbus *dbus, const char *interface, const char *method, GVariant *parameters,
           uint32_t serial)
{
    struct input_call *call;

    if (dbus->bus == NULL || dbus->calls >= DBUS_MAX_CALLS) {
        if (dbus->bus != NULL && !dbus->overflowed) {
            vd_warning("capture-dbus", "QEMU takes no input, dropping it");
            dbus->overflowed = true;
        }
        g_variant_unref(g_variant_ref_sink(parameters));
        return;
    }
    call = g_new0(struct input_call, 1);
    call->dbus = ref_dbus(dbus);
    call->serial = serial;
    dbus->calls++;
    g_dbus_connection_call(dbus->bus, NULL, CONSOLE_PATH, interface, method, parameters, NULL,
                           G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, input_done, call);
}

static void
send_pointer(struct dbus *dbus)
{
    dbus->pointer_waits = false;
    call_input(dbus, MOUSE_INTERFACE, "SetAbsPosition",
               g_variant_new("(uu)", dbus->pointer_x, dbus->pointer_y), dbus->pointer_serial);
}

static void
dbus_key(void *state, uint32_t serial, uint16_t code, bool down)
{
    struct dbus *dbus = state;
    uint8_t qnum = streamer_qnum(code);

    if (qnum != 0) {
        call_input(dbus, KEYBOARD_INTERFACE, down ? "Press" : "Release", g_variant_new("(u)", qnum),
                   serial);
    }
}

static void
dbus_pointer(void *state, uint32_t serial, uint16_t x, uint16_t y)
{
    struct dbus *dbus = state;

    dbus->pointer_x = x;
    dbus->pointer_y = y;
    dbus->pointer_serial = serial;
    dbus->pointer_waits = true;
    if (dbus->calls < MAX_POINTER_CALLS) {
        send_pointer(dbus);
    }
}

static void
press_button(struct dbus *dbus, uint32_t serial, uint32_t button, bool down)
{
    /* A click belongs to where the pointer is by now. */
    if (dbus->pointer_waits) {
        send_pointer(dbus);
    }
    call_input(dbus, MOUSE_INTERFACE, down ? "Press" : "Release", g_variant_new("(u)", button),
               serial);
}

static void
dbus_button(void *state, uint32_t serial, uint8_t button, bool down)
{
    /* Ours: left middle right back forward. QEMU's: left middle right wheel-up wheel-down side
     * extra. */
    static const uint32_t buttons[CAPTURE_MAX_BUTTON + 1] = {0, 0, 1, 2, 5, 6};

    press_button(state, serial, buttons[button], down);
}

static void
turn_wheel(struct dbus *dbus, uint32_t serial, uint32_t button, int notches)
{
    for (; notches > 0; notches--) {
        press_button(dbus, serial, button, true);
        press_button(dbus, serial, button, false);
    }
}

static void
dbus_wheel(void *state, uint32_t serial, int notches_x, int notches_y)
{
    turn_wheel(state, serial, WHEEL_RIGHT, notches_x);
    turn_wheel(state, serial, WHEEL_LEFT, -notches_x);
    turn_wheel(state, serial, WHEEL_DOWN, notches_y);
    turn_wheel(state, serial, WHEEL_UP, -notches_y);
}

/* Size. */

static void
call_done(GObject *source, GAsyncResult *async, gpointer data)
{
    struct dbus *dbus = data;
    GError *error = NULL;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), async, &error);

    if (reply != NULL) {
        g_variant_unref(reply);
    } else {
        vd_debug("capture-dbus", "SetUIInfo: %s", error->message);
        g_error_free(error);
    }
    dbus->calls--;
    unref_dbus(dbus);
}

static void
dbus_set_size(void *state, uint16_t width, uint16_t height)
{
    struct dbus *dbus = state;
    uint16_t width_mm = (uint16_t)(width * MM_PER_INCH_X10 / (DPI * 10));
    uint16_t height_mm = (uint16_t)(height * MM_PER_INCH_X10 / (DPI * 10));

    if (dbus->bus == NULL) {
        dbus->wish_width = width;
        dbus->wish_height = height;
        return;
    }
    if (dbus->calls < DBUS_MAX_CALLS) {
        dbus->calls++;
        g_dbus_connection_call(
            dbus->bus, NULL, CONSOLE_PATH, CONSOLE_INTERFACE, "SetUIInfo",
            g_variant_new("(qqiiuu)", width_mm, height_mm, 0, 0, (uint32_t)width, (uint32_t)height),
            NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, call_done, ref_dbus(dbus));
    }
}

static void
mode_read(GObject *source, GAsyncResult *async, gpointer data)
{
    struct dbus *dbus = data;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), async, NULL);
    GVariant *properties = NULL;
    uint32_t width = 0;
    uint32_t height = 0;
    uint16_t known_width = 0;
    uint16_t known_height = 0;

    if (reply != NULL && g_variant_is_of_type(reply, G_VARIANT_TYPE("(a{sv})"))) {
        properties = g_variant_get_child_value(reply, 0);
    }
    if (properties != NULL && dbus->capture != NULL &&
        g_variant_lookup(properties, "Width", "u", &width) &&
        g_variant_lookup(properties, "Height", "u", &height)) {
        streamer_shadow_size(capture_shadow(dbus->capture), &known_width, &known_height);
        if ((width != known_width || height != known_height) &&
            streamer_shadow_resize(capture_shadow(dbus->capture), width, height)) {
            vd_debug("capture-dbus", "mode %ux%u without a scanout", width, height);
            register_listener(dbus);
        }
    }
    g_clear_pointer(&properties, g_variant_unref);
    g_clear_pointer(&reply, g_variant_unref);
    unref_dbus(dbus);
}

static gboolean
dispatch_mode_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    struct dbus *dbus = data;
    int64_t now_us = vd_monotonic_us();

    (void)callback;
    g_source_set_ready_time(source, -1);
    if (now_us < dbus->mode_read_us + MODE_INTERVAL_US) {
        g_source_set_ready_time(source, dbus->mode_read_us + MODE_INTERVAL_US);
    } else if (dbus->bus != NULL) {
        dbus->mode_read_us = now_us;
        g_dbus_connection_call(dbus->bus, NULL, CONSOLE_PATH, "org.freedesktop.DBus.Properties",
                               "GetAll", g_variant_new("(s)", CONSOLE_INTERFACE), NULL,
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, mode_read, ref_dbus(dbus));
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
never_called(gpointer data)
{
    (void)data;
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs mode_timer_funcs = {.dispatch = dispatch_mode_timer};

/* From the reading thread: an Update did not fit. */
static void
surface_is_stale(void *user_data)
{
    struct dbus *dbus = user_data;

    g_source_set_ready_time(dbus->mode_timer, vd_monotonic_us() + MODE_DELAY_US);
}

/* The only sign of a mode that became smaller. */
static void
properties_changed(GDBusConnection *connection, const char *sender, const char *path,
                   const char *interface, const char *signal, GVariant *parameters, gpointer data)
{
    (void)connection;
    (void)sender;
    (void)path;
    (void)interface;
    (void)signal;
    (void)parameters;
    surface_is_stale(data);
}

static void
locks_changed(uint8_t locks, void *user_data)
{
    struct dbus *dbus = user_data;

    capture_guest_locks(dbus->capture, locks);
}

/* Connections. */

static void
drop_listener_bus(GDBusConnection *bus)
{
    if (bus != NULL) {
        g_dbus_connection_close(bus, NULL, NULL, NULL);
        g_object_unref(bus);
    }
}

static void
retired_bus_closed(GDBusConnection *bus, gboolean vanished, GError *error, gpointer data)
{
    (void)vanished;
    (void)error;
    (void)data;
    g_object_unref(bus);
}

/*
 * Lets go of a listener's connection that another one replaces, but leaves closing it to QEMU: 7.2
 * knows p2p listeners by one common name, and when it sees a former connection closed it drops the
 * listener of that name, which is the new one, and the picture would stand still for good.
 */
static void
retire_listener_bus(GDBusConnection *bus)
{
    if (bus != NULL) {
        g_signal_connect(bus, "closed", G_CALLBACK(retired_bus_closed), NULL);
        if (g_dbus_connection_is_closed(bus)) {
            g_signal_handlers_disconnect_by_func(bus, retired_bus_closed, NULL);
            g_object_unref(bus);
        }
    }
}

static void
mute_listener(struct dbus *dbus)
{
    if (dbus->listener != NULL) {
        dbus_listener_mute(dbus->listener);
        dbus_listener_unref(dbus->listener);
        dbus->listener = NULL;
    }
}

struct registration {
    struct dbus *dbus;
    unsigned number;
};

static void
listener_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct registration *registration = data;
    struct dbus *dbus = registration->dbus;
    GError *error = NULL;
    GDBusConnection *bus = g_dbus_connection_new_finish(async, &error);
    bool is_newest = dbus->capture != NULL && registration->number == dbus->registration;

    (void)source;
    if (bus != NULL && is_newest) {
        struct dbus_listener *listener = dbus_listener_new(
            capture_shadow(dbus->capture), surface_is_stale, ref_dbus(dbus), unref_dbus);

        dbus_listener_attach(listener, bus);
        mute_listener(dbus); /* what the former one still gets is older than this one's Scanout */
        dbus->listener = listener;
        g_dbus_connection_start_message_processing(bus);
        retire_listener_bus(dbus->listener_bus);
        dbus->listener_bus = bus;
    } else if (bus != NULL && dbus->capture != NULL) {
        g_dbus_connection_start_message_processing(bus); /* so that its end is noticed */
        retire_listener_bus(bus);
    } else if (bus != NULL) {
        drop_listener_bus(bus);
    } else if (is_newest) {
        lose(dbus, "QEMU did not accept the listener's connection", error);
    }
    g_clear_error(&error);
    unref_dbus(dbus);
    g_free(registration);
}

static void
listener_registered(GObject *source, GAsyncResult *async, gpointer data)
{
    struct registration *registration = data;
    struct dbus *dbus = registration->dbus;
    GError *error = NULL;
    GVariant *reply = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source),
                                                                      NULL, async, &error);

    if (reply != NULL) {
        g_variant_unref(reply);
    } else {
        if (dbus->capture != NULL) {
            lose(dbus, "QEMU refused the listener", error);
        }
        g_error_free(error);
    }
    unref_dbus(dbus);
    g_free(registration);
}

static struct registration *
new_registration(struct dbus *dbus)
{
    struct registration *registration = g_new0(struct registration, 1);

    registration->dbus = ref_dbus(dbus);
    registration->number = dbus->registration;
    return registration;
}

/* Takes ownership of fd. NULL when it is no socket. */
static GIOStream *
new_stream(int fd)
{
    GSocket *socket = g_socket_new_from_fd(fd, NULL);
    GIOStream *stream;

    if (socket == NULL) {
        return NULL;
    }
    stream = G_IO_STREAM(g_socket_connection_factory_create_connection(socket));
    g_object_unref(socket);
    return stream;
}

/*
 * A socket pair of our own: one end goes to QEMU, which starts the D-Bus handshake on it while it
 * answers. The listener is in place before the first message is processed.
 */
static void
register_listener(struct dbus *dbus)
{
    GUnixFDList *list;
    GIOStream *stream;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        capture_lost(dbus->capture, "no socket for the listener");
        return;
    }
    dbus->registration++;
    list = g_unix_fd_list_new_from_array(&fds[1], 1);
    g_dbus_connection_call_with_unix_fd_list(dbus->bus, NULL, CONSOLE_PATH, CONSOLE_INTERFACE,
                                             "RegisterListener", g_variant_new("(h)", 0), NULL,
                                             G_DBUS_CALL_FLAGS_NONE, -1, list, NULL,
                                             listener_registered, new_registration(dbus));
    g_object_unref(list);
    stream = new_stream(fds[0]);
    g_dbus_connection_new(stream, NULL,
                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                              G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                          NULL, NULL, listener_ready, new_registration(dbus));
    g_object_unref(stream);
}

static void
bus_closed(GDBusConnection *bus, gboolean vanished, GError *error, gpointer data)
{
    struct dbus *dbus = data;

    (void)bus;
    (void)vanished;
    lose(dbus, "QEMU closed the display connection", error);
}

static void
bus_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct dbus *dbus = data;
    GError *error = NULL;
    GDBusConnection *bus = g_dbus_connection_new_finish(async, &error);

    (void)source;
    if (bus != NULL && dbus->capture != NULL) {
        dbus->bus = bus;
        dbus->closed_id = g_signal_connect(bus, "closed", G_CALLBACK(bus_closed), dbus);
        dbus->properties_id = g_dbus_connection_signal_subscribe(
            bus, NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged", CONSOLE_PATH,
            CONSOLE_INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE, properties_changed, ref_dbus(dbus),
            unref_dbus);
        dbus->locks = dbus_locks_new(bus, CONSOLE_PATH, locks_changed, dbus);
        register_listener(dbus);
        if (dbus->wish_width != 0) {
            dbus_set_size(dbus, dbus->wish_width, dbus->wish_height);
        }
    } else if (bus != NULL) {
        drop_listener_bus(bus);
    } else if (dbus->capture != NULL) {
        lose(dbus, "no D-Bus handshake with QEMU", error);
    }
    g_clear_error(&error);
    unref_dbus(dbus);
}

static void
dbus_free(void *state)
{
    struct dbus *dbus = state;

    dbus->capture = NULL;
    g_source_destroy(dbus->mode_timer);
    if (dbus->bus != NULL) {
        dbus_locks_free(dbus->locks);
        g_signal_handler_disconnect(dbus->bus, dbus->closed_id);
        g_dbus_connection_signal_unsubscribe(dbus->bus, dbus->properties_id);
        drop_listener_bus(dbus->bus);
        dbus->bus = NULL;
    }
    mute_listener(dbus);
    drop_listener_bus(dbus->listener_bus);
    dbus->listener_bus = NULL;
    unref_dbus(dbus);
}

static const struct capture_backend dbus_backend = {
    .name = "dbus",
    .free = dbus_free,
    .set_size = dbus_set_size,
    .key = dbus_key,
    .pointer = dbus_pointer,
    .button = dbus_button,
    .wheel = dbus_wheel,
};

struct capture *
capture_dbus_new(int fd, const struct capture_events *events, void *user_data)
{
    struct dbus *dbus = g_new0(struct dbus, 1);
    GIOStream *stream = new_stream(fd);
    struct capture *capture = capture_new(events, user_data);

    dbus->references = 1;
    dbus->capture = capture;
    dbus->mode_timer = g_source_new(&mode_timer_funcs, sizeof(GSource));
    g_source_set_callback(dbus->mode_timer, never_called, dbus, NULL);
    g_source_set_ready_time(dbus->mode_timer, -1);
    g_source_attach(dbus->mode_timer, g_main_context_get_thread_default());
    capture_set_backend(capture, &dbus_backend, dbus);
    if (stream == NULL) {
        close(fd);
        capture_lost(capture, "the display descriptor is no socket");
        return capture;
    }
    g_dbus_connection_new(stream, NULL, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL,
                          bus_ready, ref_dbus(dbus));
    g_object_unref(stream);
    return capture;
}
