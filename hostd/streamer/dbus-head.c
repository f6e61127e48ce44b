/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/dbus-head.h"

#include <gio/gunixfdlist.h>
#include <sys/socket.h>

#include "hostd/streamer/dbus-listener.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define CONSOLE_PATH      "/org/qemu/Display1/Console_%u"
#define CONSOLE_INTERFACE "org.qemu.Display1.Console"

#define MAX_CALLS        64     /* wishes without an answer; more are dropped */
#define MODE_DELAY_US    20000  /* a Scanout may come by itself after a change of mode */
#define MODE_INTERVAL_US 100000 /* between two looks at the console's size */
#define MM_PER_INCH_X10  254
#define DPI              96

struct dbus_head {
    int references; /* atomic: callbacks, the listener and the owner hold one each */
    bool freed;     /* the rest is for the owner's thread */
    unsigned number;
    char *path;
    GDBusConnection *bus;
    struct streamer_wall *wall;
    dbus_head_lost_fn lost;
    void *user_data;
    GDBusConnection *listener_bus;
    struct dbus_listener *listener; /* of listener_bus */
    unsigned registration;          /* counts RegisterListener calls */
    guint properties_id;
    GSource *mode_timer; /* ready when the console's size is to be read */
    int64_t mode_read_us;
    unsigned calls; /* without an answer */
};

static struct dbus_head *
ref_head(struct dbus_head *head)
{
    g_atomic_int_inc(&head->references);
    return head;
}

static void
unref_head(void *data)
{
    struct dbus_head *head = data;

    if (g_atomic_int_dec_and_test(&head->references)) {
        g_source_unref(head->mode_timer);
        streamer_wall_unref(head->wall);
        g_object_unref(head->bus);
        g_free(head->path);
        g_free(head);
    }
}

/* A machine that was started with fewer heads has no console for the others. */
static void
lose(struct dbus_head *head, const char *what, const GError *error)
{
    char *text = g_strdup_printf("%s: %s", what, error != NULL ? error->message : "no reason");

    if (head->number == 0) {
        head->lost(text, head->user_data);
    } else {
        vd_debug("capture-dbus", "head %u: %s", head->number, text);
    }
    g_free(text);
}

/* Size. */

static void
call_done(GObject *source, GAsyncResult *async, gpointer data)
{
    struct dbus_head *head = data;
    GError *error = NULL;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), async, &error);

    if (reply != NULL) {
        g_variant_unref(reply);
    } else {
        vd_debug("capture-dbus", "SetUIInfo: %s", error->message);
        g_error_free(error);
    }
    head->calls--;
    unref_head(head);
}

void
dbus_head_wish(struct dbus_head *head, const struct vdp_area *area)
{
    uint16_t width_mm = (uint16_t)(area->width * MM_PER_INCH_X10 / (DPI * 10));
    uint16_t height_mm = (uint16_t)(area->height * MM_PER_INCH_X10 / (DPI * 10));

    if (head->calls < MAX_CALLS) {
        head->calls++;
        g_dbus_connection_call(
            head->bus, NULL, head->path, CONSOLE_INTERFACE, "SetUIInfo",
            g_variant_new("(qqiiuu)", width_mm, height_mm, (int32_t)area->x, (int32_t)area->y,
                          (uint32_t)area->width, (uint32_t)area->height),
            NULL, G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, call_done, ref_head(head));
    }
}

static void
mode_read(GObject *source, GAsyncResult *async, gpointer data)
{
    struct dbus_head *head = data;
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), async, NULL);
    GVariant *properties = NULL;
    uint32_t width = 0;
    uint32_t height = 0;
    uint32_t known_width;
    uint32_t known_height;

    if (reply != NULL && g_variant_is_of_type(reply, G_VARIANT_TYPE("(a{sv})"))) {
        properties = g_variant_get_child_value(reply, 0);
    }
    if (properties != NULL && !head->freed && g_variant_lookup(properties, "Width", "u", &width) &&
        g_variant_lookup(properties, "Height", "u", &height)) {
        streamer_wall_size(head->wall, head->number, &known_width, &known_height);
        if ((width != known_width || height != known_height) &&
            streamer_wall_show(head->wall, head->number, width, height, NULL, 0) &&
            streamer_wall_size(head->wall, head->number, &known_width, &known_height)) {
            vd_debug("capture-dbus", "head %u: mode %ux%u without a scanout", head->number, width,
                     height);
            dbus_head_register(head);
        }
    }
    g_clear_pointer(&properties, g_variant_unref);
    g_clear_pointer(&reply, g_variant_unref);
    unref_head(head);
}

static gboolean
dispatch_mode_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    struct dbus_head *head = data;
    int64_t now_us = vd_monotonic_us();

    (void)callback;
    g_source_set_ready_time(source, -1);
    if (now_us < head->mode_read_us + MODE_INTERVAL_US) {
        g_source_set_ready_time(source, head->mode_read_us + MODE_INTERVAL_US);
    } else if (!head->freed) {
        head->mode_read_us = now_us;
        g_dbus_connection_call(head->bus, NULL, head->path, "org.freedesktop.DBus.Properties",
                               "GetAll", g_variant_new("(s)", CONSOLE_INTERFACE), NULL,
                               G_DBUS_CALL_FLAGS_NONE, -1, NULL, mode_read, ref_head(head));
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
    struct dbus_head *head = user_data;

    g_source_set_ready_time(head->mode_timer, vd_monotonic_us() + MODE_DELAY_US);
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
mute_listener(struct dbus_head *head)
{
    if (head->listener != NULL) {
        dbus_listener_mute(head->listener);
        dbus_listener_unref(head->listener);
        head->listener = NULL;
    }
}

struct registration {
    struct dbus_head *head;
    unsigned number;
};

static void
listener_ready(GObject *source, GAsyncResult *async, gpointer data)
{
    struct registration *registration = data;
    struct dbus_head *head = registration->head;
    GError *error = NULL;
    GDBusConnection *bus = g_dbus_connection_new_finish(async, &error);
    bool is_newest = !head->freed && registration->number == head->registration;

    (void)source;
    if (bus != NULL && is_newest) {
        struct dbus_listener *listener = dbus_listener_new(
            head->wall, head->number, surface_is_stale, ref_head(head), unref_head);

        dbus_listener_attach(listener, bus);
        mute_listener(head); /* what the former one still gets is older than this one's Scanout */
        head->listener = listener;
        g_dbus_connection_start_message_processing(bus);
        retire_listener_bus(head->listener_bus);
        head->listener_bus = bus;
    } else if (bus != NULL && !head->freed) {
        g_dbus_connection_start_message_processing(bus); /* so that its end is noticed */
        retire_listener_bus(bus);
    } else if (bus != NULL) {
        drop_listener_bus(bus);
    } else if (is_newest) {
        lose(head, "QEMU did not accept the listener's connection", error);
    }
    g_clear_error(&error);
    unref_head(head);
    g_free(registration);
}

static void
listener_registered(GObject *source, GAsyncResult *async, gpointer data)
{
    struct registration *registration = data;
    struct dbus_head *head = registration->head;
    GError *error = NULL;
    GVariant *reply = g_dbus_connection_call_with_unix_fd_list_finish(G_DBUS_CONNECTION(source),
                                                                      NULL, async, &error);

    if (reply != NULL) {
        g_variant_unref(reply);
    } else {
        if (!head->freed) {
            lose(head, "QEMU refused the listener", error);
        }
        g_error_free(error);
    }
    unref_head(head);
    g_free(registration);
}

static struct registration *
new_registration(struct dbus_head *head)
{
    struct registration *registration = g_new0(struct registration, 1);

    registration->head = ref_head(head);
    registration->number = head->registration;
    return registration;
}

GIOStream *
dbus_head_stream(int fd)
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
void
dbus_head_register(struct dbus_head *head)
{
    GUnixFDList *list;
    GIOStream *stream;
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        lose(head, "no socket for the listener", NULL);
        return;
    }
    head->registration++;
    list = g_unix_fd_list_new_from_array(&fds[1], 1);
    g_dbus_connection_call_with_unix_fd_list(
        head->bus, NULL, head->path, CONSOLE_INTERFACE, "RegisterListener", g_variant_new("(h)", 0),
        NULL, G_DBUS_CALL_FLAGS_NONE, -1, list, NULL, listener_registered, new_registration(head));
    g_object_unref(list);
    stream = dbus_head_stream(fds[0]);
    g_dbus_connection_new(stream, NULL,
                          G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                              G_DBUS_CONNECTION_FLAGS_DELAY_MESSAGE_PROCESSING,
                          NULL, NULL, listener_ready, new_registration(head));
    g_object_unref(stream);
}

struct dbus_head *
dbus_head_new(GDBusConnection *bus, struct streamer_wall *wall, unsigned number,
              dbus_head_lost_fn lost, void *user_data)
{
    struct dbus_head *head = g_new0(struct dbus_head, 1);

    head->references = 1;
    head->number = number;
    head->path = g_strdup_printf(CONSOLE_PATH, number);
    head->bus = g_object_ref(bus);
    head->wall = streamer_wall_ref(wall);
    head->lost = lost;
    head->user_data = user_data;
    head->mode_timer = g_source_new(&mode_timer_funcs, sizeof(GSource));
    g_source_set_callback(head->mode_timer, never_called, head, NULL);
    g_source_set_ready_time(head->mode_timer, -1);
    g_source_attach(head->mode_timer, g_main_context_get_thread_default());
    head->properties_id = g_dbus_connection_signal_subscribe(
        bus, NULL, "org.freedesktop.DBus.Properties", "PropertiesChanged", head->path,
        CONSOLE_INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE, properties_changed, ref_head(head),
        unref_head);
    return head;
}

void
dbus_head_free(struct dbus_head *head)
{
    if (head == NULL) {
        return;
    }
    head->freed = true;
    g_source_destroy(head->mode_timer);
    g_dbus_connection_signal_unsubscribe(head->bus, head->properties_id);
    mute_listener(head);
    drop_listener_bus(head->listener_bus);
    head->listener_bus = NULL;
    unref_head(head);
}
