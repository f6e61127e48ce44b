/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/dbus-listener.h"

#include <stdlib.h>
#include <string.h>

#include "hostd/streamer/cursor-alpha.h"
#include "protocol/base/log.h"
#include "protocol/wire/messages.h"

#define PIXMAN_X8R8G8B8 0x20020888u
#define PIXMAN_A8R8G8B8 0x20028888u
#define MAX_STRIDE      (4u * 4u * VDP_MAX_SIDE) /* bytes */
#define MAX_COMPLAINTS  8                        /* lines in the log for one listener */

/* "Display output is not active.", as QEMU draws it. */
#define SENTENCE      29u
#define CELL_WIDTH    8u
#define CELL_HEIGHT   16u
#define SENTENCE_GREY 0xaaaaaau

struct dbus_listener {
    int references; /* atomic */
    struct streamer_wall *wall;
    unsigned head;
    void (*stale)(void *user_data);
    void *user_data;
    void (*release)(void *user_data);
    int complaints; /* reading thread */
    GMutex lock;    /* held while a message is taken, so that mute() can wait for it */
    bool muted;     /* with the lock */
};

struct dbus_listener *
dbus_listener_new(struct streamer_wall *wall, unsigned head, void (*stale)(void *user_data),
                  void *user_data, void (*release)(void *user_data))
{
    struct dbus_listener *listener = g_new0(struct dbus_listener, 1);

    listener->references = 1;
    g_mutex_init(&listener->lock);
    listener->wall = streamer_wall_ref(wall);
    listener->head = head;
    listener->stale = stale;
    listener->user_data = user_data;
    listener->release = release;
    return listener;
}

void
dbus_listener_unref(struct dbus_listener *listener)
{
    if (listener == NULL || !g_atomic_int_dec_and_test(&listener->references)) {
        return;
    }
    streamer_wall_unref(listener->wall);
    listener->release(listener->user_data);
    g_mutex_clear(&listener->lock);
    g_free(listener);
}

void
dbus_listener_mute(struct dbus_listener *listener)
{
    g_mutex_lock(&listener->lock);
    listener->muted = true;
    g_mutex_unlock(&listener->lock);
}

static void
complain(struct dbus_listener *listener, const char *what)
{
    if (listener->complaints++ < MAX_COMPLAINTS) {
        vd_warning("capture-dbus", "refused from QEMU: %s", what);
    }
}

/* Finds the pixels in the body; NULL after a complaint when they are not what the fields say. */
static const uint8_t *
check_pixels(struct dbus_listener *listener, GVariant *data, uint32_t width, uint32_t height,
             uint32_t stride, uint32_t format)
{
    gsize size = 0;
    const uint8_t *pixels = g_variant_get_fixed_array(data, &size, 1);
    char text[64];

    if (format != PIXMAN_X8R8G8B8 && format != PIXMAN_A8R8G8B8) {
        g_snprintf(text, sizeof(text), "pixman format 0x%08x, we know 32 bit BGRX only", format);
        complain(listener, text);
        return NULL;
    }
    if (width == 0 || height == 0 || width > VDP_MAX_SIDE || height > VDP_MAX_SIDE ||
        width * height > STREAMER_MAX_SHADOW_PIXELS) {
        complain(listener, "a size out of range");
        return NULL;
    }
    if (stride < width * 4 || stride > MAX_STRIDE ||
        (uint64_t)stride * (height - 1) + (uint64_t)width * 4 > size) {
        complain(listener, "fewer pixels than announced");
        return NULL;
    }
    return pixels;
}

static uint32_t
colour_at(const uint8_t *pixels, size_t stride, uint32_t x, uint32_t y)
{
    uint32_t pixel;

    memcpy(&pixel, pixels + y * stride + (size_t)x * 4, sizeof(pixel));
    return pixel & 0xffffffu;
}

/*
 * What QEMU shows of a head that the guest has not switched on is a sentence of its own, in grey, a
 * line of cells in the middle of black. No message says so in 7.2
 * (qemu_create_placeholder_surface).
 */
static bool
is_placeholder(const uint8_t *pixels, uint32_t width, uint32_t height, size_t stride)
{
    uint32_t left = width / CELL_WIDTH > SENTENCE ? (width / CELL_WIDTH - SENTENCE) / 2 : 0;
    uint32_t top = height / CELL_HEIGHT > 1 ? (height / CELL_HEIGHT - 1) / 2 : 0;
    bool written = false;
    uint32_t x;
    uint32_t y;

    left *= CELL_WIDTH;
    top *= CELL_HEIGHT;
    for (y = 0; y < height; y++) {
        for (x = 0; x < width; x++) {
            uint32_t colour = colour_at(pixels, stride, x, y);
            bool in_line =
                y >= top && y < top + CELL_HEIGHT && x >= left && x < left + SENTENCE * CELL_WIDTH;

            if (colour != 0 && (!in_line || colour != SENTENCE_GREY)) {
                return false;
            }
            written = written || colour != 0;
        }
    }
    return written;
}

static void
take_scanout(struct dbus_listener *listener, GVariant *body)
{
    uint32_t width;
    uint32_t height;
    uint32_t stride;
    uint32_t format;
    GVariant *data;
    const uint8_t *pixels;

    g_variant_get(body, "(uuuu@ay)", &width, &height, &stride, &format, &data);
    pixels = check_pixels(listener, data, width, height, stride, format);
    if (pixels != NULL && listener->head > 0 && is_placeholder(pixels, width, height, stride)) {
        streamer_wall_blank(listener->wall, listener->head);
    } else if (pixels != NULL &&
               !streamer_wall_show(listener->wall, listener->head, width, height, pixels, stride)) {
        complain(listener, "no room or no memory for this surface");
    }
    g_variant_unref(data);
}

static void
take_update(struct dbus_listener *listener, GVariant *body)
{
    int32_t x;
    int32_t y;
    int32_t width;
    int32_t height;
    uint32_t stride;
    uint32_t format;
    GVariant *data;
    const uint8_t *pixels = NULL;

    g_variant_get(body, "(iiiiuu@ay)", &x, &y, &width, &height, &stride, &format, &data);
    if (x < 0 || y < 0 || width <= 0 || height <= 0) {
        complain(listener, "a negative rectangle");
    } else {
        pixels = check_pixels(listener, data, (uint32_t)width, (uint32_t)height, stride, format);
    }
    if (pixels != NULL &&
        !streamer_wall_write(listener->wall, listener->head,
                             (struct streamer_part){(uint32_t)x, (uint32_t)y, (uint32_t)width,
                                                    (uint32_t)height, pixels, stride})) {
        listener->stale(listener->user_data);
    }
    g_variant_unref(data);
}

/* QEMU's are 0xAARRGGBB. */
static uint8_t *
convert_cursor(const uint8_t *bgra, size_t count)
{
    uint8_t *rgba = g_malloc(count * 4);
    size_t i;

    for (i = 0; i < count; i++) {
        const uint8_t *p = bgra + i * 4;

        rgba[i * 4] = p[2];
        rgba[i * 4 + 1] = p[1];
        rgba[i * 4 + 2] = p[0];
        rgba[i * 4 + 3] = p[3];
    }
    streamer_cursor_straighten(rgba, count);
    return rgba;
}

static void
take_cursor(struct dbus_listener *listener, GVariant *body)
{
    int32_t width;
    int32_t height;
    int32_t hot_x;
    int32_t hot_y;
    GVariant *data;
    gsize size = 0;
    const uint8_t *bgra;

    g_variant_get(body, "(iiii@ay)", &width, &height, &hot_x, &hot_y, &data);
    bgra = g_variant_get_fixed_array(data, &size, 1);
    if (width <= 0 || height <= 0 || width > (int32_t)VDP_MAX_CURSOR ||
        height > (int32_t)VDP_MAX_CURSOR || (size_t)width * (size_t)height * 4 > size) {
        complain(listener, "a cursor of a size out of range");
    } else {
        uint8_t *rgba = convert_cursor(bgra, (size_t)width * (size_t)height);

        /* Some guests point beside their shape. */
        hot_x = CLAMP(hot_x, 0, width - 1);
        hot_y = CLAMP(hot_y, 0, height - 1);
        streamer_wall_set_cursor(listener->wall, listener->head, (uint32_t)width, (uint32_t)height,
                                 (uint32_t)hot_x, (uint32_t)hot_y, rgba);
        g_free(rgba);
    }
    g_variant_unref(data);
}

/* The position is not used: the client draws its own pointer where the user's hand is. */
static void
take_mouse(struct dbus_listener *listener, GVariant *body)
{
    int32_t on;

    g_variant_get_child(body, 2, "i", &on);
    streamer_wall_show_cursor(listener->wall, listener->head, on != 0);
}

static void
take_disable(struct dbus_listener *listener, GVariant *body)
{
    (void)body;
    streamer_wall_blank(listener->wall, listener->head);
}

static const struct {
    const char *member;
    const char *signature;
    void (*take)(struct dbus_listener *listener, GVariant *body);
} methods[] = {
    {"Scanout", "uuuuay", take_scanout},     {"Update", "iiiiuuay", take_update},
    {"CursorDefine", "iiiiay", take_cursor}, {"MouseSet", "iii", take_mouse},
    {"Disable", "", take_disable},
};

/* NULL when the message was taken, or the name of the error to answer with. */
static const char *
take_call(struct dbus_listener *listener, GDBusMessage *message)
{
    const char *member = g_dbus_message_get_member(message);
    const char *signature = g_dbus_message_get_signature(message);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (strcmp(member, methods[i].member) == 0) {
            if (g_strcmp0(signature, methods[i].signature) != 0) {
                complain(listener, "a call with other arguments than documented");
                return "org.freedesktop.DBus.Error.InvalidArgs";
            }
            g_mutex_lock(&listener->lock);
            if (!listener->muted) {
                methods[i].take(listener, g_dbus_message_get_body(message));
            }
            g_mutex_unlock(&listener->lock);
            return NULL;
        }
    }
    if (strcmp(member, "ScanoutDMABUF") == 0) {
        complain(listener, "a dmabuf: start the machine without gl");
    }
    return "org.freedesktop.DBus.Error.UnknownMethod";
}

static GDBusMessage *
answer_call(struct dbus_listener *listener, GDBusMessage *message)
{
    const char *interface = g_dbus_message_get_interface(message);
    const char *member = g_dbus_message_get_member(message);
    const char *error_name = "org.freedesktop.DBus.Error.UnknownMethod";

    if (g_strcmp0(g_dbus_message_get_path(message), DBUS_LISTENER_PATH) != 0 || interface == NULL ||
        member == NULL) {
        return g_dbus_message_new_method_error_literal(message, error_name, "no such object");
    }
    if (strcmp(interface, DBUS_LISTENER_INTERFACE) == 0) {
        error_name = take_call(listener, message);
        if (error_name == NULL) {
            return g_dbus_message_new_method_reply(message);
        }
    } else if (strcmp(interface, "org.freedesktop.DBus.Properties") == 0 &&
               strcmp(member, "GetAll") == 0) {
        /* QEMU's proxy asks before it shows anything. We have no property. */
        GDBusMessage *reply = g_dbus_message_new_method_reply(message);

        g_dbus_message_set_body(reply, g_variant_new("(a{sv})", NULL));
        return reply;
    }
    return g_dbus_message_new_method_error_literal(message, error_name, "not supported");
}

/* On GDBus's reading thread. */
static GDBusMessage *
filter_message(GDBusConnection *connection, GDBusMessage *message, gboolean incoming,
               gpointer user_data)
{
    struct dbus_listener *listener = user_data;
    GDBusMessage *reply;

    if (!incoming) {
        return message;
    }
    if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_METHOD_CALL) {
        reply = answer_call(listener, message);
        if ((g_dbus_message_get_flags(message) & G_DBUS_MESSAGE_FLAGS_NO_REPLY_EXPECTED) == 0) {
            g_dbus_connection_send_message(connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL,
                                           NULL);
        }
        g_object_unref(reply);
    }
    g_object_unref(message);
    return NULL;
}

static void
unref_listener(gpointer data)
{
    dbus_listener_unref(data);
}

void
dbus_listener_attach(struct dbus_listener *listener, GDBusConnection *connection)
{
    g_atomic_int_inc(&listener->references);
    g_dbus_connection_add_filter(connection, filter_message, listener, unref_listener);
}
