/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/dbus-locks.h"

#include "protocol/wire/messages.h"

#define INTERFACE  "org.qemu.Display1.Keyboard"
#define PROPERTIES "org.freedesktop.DBus.Properties"
#define PROPERTY   "Modifiers"

struct dbus_locks {
    GDBusConnection *bus; /* borrowed */
    guint subscription;
    GCancellable *reading;
    void (*told)(uint8_t locks, void *user_data);
    void *user_data;
};

/* QEMU numbers its lights as enum vdp_lock does. */
static void
tell(struct dbus_locks *locks, uint32_t modifiers)
{
    locks->told((uint8_t)(modifiers & (VDP_LOCK_SCROLL | VDP_LOCK_NUM | VDP_LOCK_CAPS)),
                locks->user_data);
}

static void
changed(GDBusConnection *bus, const char *sender, const char *path, const char *interface,
        const char *signal, GVariant *parameters, gpointer data)
{
    GVariant *properties;
    uint32_t modifiers;

    (void)bus;
    (void)sender;
    (void)path;
    (void)interface;
    (void)signal;
    if (!g_variant_is_of_type(parameters, G_VARIANT_TYPE("(sa{sv}as)"))) {
        return;
    }
    properties = g_variant_get_child_value(parameters, 1);
    if (g_variant_lookup(properties, PROPERTY, "u", &modifiers)) {
        tell(data, modifiers);
    }
    g_variant_unref(properties);
}

static void
was_read(GObject *source, GAsyncResult *async, gpointer data)
{
    GVariant *reply = g_dbus_connection_call_finish(G_DBUS_CONNECTION(source), async, NULL);
    GVariant *value;

    if (reply == NULL) {
        return; /* cancelled, and data is gone; or a QEMU without the property */
    }
    g_variant_get(reply, "(v)", &value);
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT32) && g_variant_get_uint32(value) != 0) {
        tell(data, g_variant_get_uint32(value));
    }
    g_variant_unref(value);
    g_variant_unref(reply);
}

struct dbus_locks *
dbus_locks_new(GDBusConnection *bus, const char *path, void (*told)(uint8_t locks, void *user_data),
               void *user_data)
{
    struct dbus_locks *locks = g_new0(struct dbus_locks, 1);

    locks->bus = bus;
    locks->told = told;
    locks->user_data = user_data;
    locks->reading = g_cancellable_new();
    locks->subscription = g_dbus_connection_signal_subscribe(
        bus, NULL, PROPERTIES, "PropertiesChanged", path, INTERFACE, G_DBUS_SIGNAL_FLAGS_NONE,
        changed, locks, NULL);
    g_dbus_connection_call(bus, NULL, path, PROPERTIES, "Get",
                           g_variant_new("(ss)", INTERFACE, PROPERTY), G_VARIANT_TYPE("(v)"),
                           G_DBUS_CALL_FLAGS_NONE, -1, locks->reading, was_read, locks);
    return locks;
}

void
dbus_locks_free(struct dbus_locks *locks)
{
    if (locks == NULL) {
        return;
    }
    g_dbus_connection_signal_unsubscribe(locks->bus, locks->subscription);
    g_cancellable_cancel(locks->reading);
    g_object_unref(locks->reading);
    g_free(locks);
}
