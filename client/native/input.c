/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/input.h"

#include <linux/input-event-codes.h>
#include <math.h>
#include <string.h>

#include "client/native/keys.h"

#define NOTCH           120.0
#define SURFACE_A_NOTCH 30.0 /* pixels of smooth scrolling that make a notch */

struct client_input {
    ClientPicture *picture;
    struct client_session *session;
    void (*full_screen)(void *user_data);
    void *user_data;
    GtkEventController *controller;
    uint8_t down[CLIENT_MAX_KEY + 1];
    int locks;               /* as told last; -1: they are to be told with the next key */
    double wheel_x, wheel_y; /* what was scrolled and is not yet a whole unit */
};

static struct client_stream *
input_stream(struct client_input *input)
{
    if (client_session_status(input->session).state != CLIENT_STATE_LIVE)
        return NULL;
    return client_session_stream(input->session);
}

/*
 * The guest's lock keys follow this keyboard's, which may have changed while another window had it.
 * An event shows the locks as they were before it: one of the lock keys is told with the next key.
 */
static void
input_locks(struct client_input *input, GdkEvent *event, uint16_t code)
{
    GdkDevice *keyboard = gdk_event_get_device(event);
    int locks = 0;

    if (code == KEY_CAPSLOCK || code == KEY_NUMLOCK || code == KEY_SCROLLLOCK) {
        input->locks = -1;
        return;
    }
    if (!keyboard || gdk_device_get_source(keyboard) != GDK_SOURCE_KEYBOARD)
        return;
    locks |= gdk_device_get_caps_lock_state(keyboard) ? VDP_LOCK_CAPS : 0;
    locks |= gdk_device_get_num_lock_state(keyboard) ? VDP_LOCK_NUM : 0;
    locks |= gdk_device_get_scroll_lock_state(keyboard) ? VDP_LOCK_SCROLL : 0;
    if (locks != input->locks)
        client_stream_locks(input_stream(input), (uint8_t)locks);
    input->locks = locks;
}

/* Repeats are not sent: the guest repeats a key that stays down. */
static bool
input_key(struct client_input *input, GdkEvent *event, bool down)
{
    uint16_t code = client_key_from_hardware(gdk_key_event_get_keycode(event));
    struct client_stream *stream = input_stream(input);

    if (code == KEY_F11) {
        if (down)
            input->full_screen(input->user_data);
        return true;
    }
    if (!code || !stream)
        return false;
    if (down && !input->down[code])
        input_locks(input, event, code);
    if (input->down[code] != down)
        client_stream_key(stream, code, down);
    input->down[code] = down;
    return true;
}

/* Events know the window's coordinates. */
static bool
input_move(struct client_input *input, GdkEvent *event)
{
    GtkWidget *widget = GTK_WIDGET(input->picture);
    GtkNative *native = gtk_widget_get_native(widget);
    struct client_stream *stream = input_stream(input);
    double x, y, shift_x, shift_y;
    uint16_t at_x, at_y;

    if (!stream || !native || !gdk_event_get_position(event, &x, &y))
        return false;
    gtk_native_get_surface_transform(native, &shift_x, &shift_y);
    if (!gtk_widget_translate_coordinates(GTK_WIDGET(native), widget, x - shift_x, y - shift_y, &x,
                                          &y) ||
        !client_picture_locate(input->picture, x, y, &at_x, &at_y))
        return false;
    client_stream_pointer(stream, at_x, at_y);
    return true;
}

static bool
input_button(struct client_input *input, GdkEvent *event, bool down)
{
    /* GDK counts 4 to 7 as wheel directions; back and forward are 8 and 9. */
    static const uint8_t buttons[] = {0, 1, 2, 3, 0, 0, 0, 0, 4, 5};
    unsigned button = gdk_button_event_get_button(event);
    struct client_stream *stream = input_stream(input);

    gtk_widget_grab_focus(GTK_WIDGET(input->picture));
    if (!stream || button >= G_N_ELEMENTS(buttons) || !buttons[button])
        return false;
    input_move(input, event);
    client_stream_button(stream, buttons[button], down);
    return true;
}

static int16_t
input_whole(double *pending)
{
    double whole = CLAMP(trunc(*pending), INT16_MIN, INT16_MAX);

    *pending -= whole;
    return (int16_t)whole;
}

static bool
input_scroll(struct client_input *input, GdkEvent *event)
{
    static const int direction_x[] = {0, 0, -1, 1};
    static const int direction_y[] = {-1, 1, 0, 0};
    GdkScrollDirection direction = gdk_scroll_event_get_direction(event);
    struct client_stream *stream = input_stream(input);
    double dx = 0;
    double dy = 0;
    double unit = NOTCH;

    if (!stream)
        return false;
    if (direction == GDK_SCROLL_SMOOTH) {
        gdk_scroll_event_get_deltas(event, &dx, &dy);
        if (gdk_scroll_event_get_unit(event) == GDK_SCROLL_UNIT_SURFACE)
            unit = NOTCH / SURFACE_A_NOTCH;
    } else {
        dx = direction_x[direction];
        dy = direction_y[direction];
    }
    input->wheel_x += dx * unit;
    input->wheel_y += dy * unit;
    client_stream_wheel(stream, input_whole(&input->wheel_x), input_whole(&input->wheel_y));
    return true;
}

static gboolean
input_event(GtkEventControllerLegacy *controller, GdkEvent *event, void *user_data)
{
    struct client_input *input = user_data;

    (void)controller;
    switch (gdk_event_get_event_type(event)) {
    case GDK_KEY_PRESS:
        return input_key(input, event, true);
    case GDK_KEY_RELEASE:
        return input_key(input, event, false);
    case GDK_MOTION_NOTIFY:
        input_move(input, event);
        return FALSE; /* the window looks at it too, for its toolbar */
    case GDK_BUTTON_PRESS:
        return input_button(input, event, true);
    case GDK_BUTTON_RELEASE:
        return input_button(input, event, false);
    case GDK_SCROLL:
        return input_scroll(input, event);
    default:
        return FALSE;
    }
}

struct client_input *
client_input_new(ClientPicture *picture, struct client_session *session,
                 void (*full_screen)(void *user_data), void *user_data)
{
    struct client_input *input = g_new0(struct client_input, 1);

    input->picture = picture;
    input->session = session;
    input->full_screen = full_screen;
    input->user_data = user_data;
    input->locks = -1;
    input->controller = gtk_event_controller_legacy_new();
    g_signal_connect(input->controller, "event", G_CALLBACK(input_event), input);
    gtk_widget_add_controller(GTK_WIDGET(picture), input->controller);
    return input;
}

void
client_input_free(struct client_input *input)
{
    if (!input)
        return;
    gtk_widget_remove_controller(GTK_WIDGET(input->picture), input->controller);
    g_free(input);
}

void
client_input_release(struct client_input *input)
{
    struct client_stream *stream = input_stream(input);

    memset(input->down, 0, sizeof(input->down));
    input->locks = -1;
    input->wheel_x = 0;
    input->wheel_y = 0;
    if (stream)
        client_stream_release_all(stream);
}

void
client_input_ctrl_alt_del(struct client_input *input)
{
    static const uint16_t codes[] = {KEY_LEFTCTRL, KEY_LEFTALT, KEY_DELETE};
    struct client_stream *stream = input_stream(input);
    int i;

    for (i = 0; stream && i < 3; i++)
        client_stream_key(stream, codes[i], true);
    for (i = 2; stream && i >= 0; i--)
        client_stream_key(stream, codes[i], false);
}

static GdkCursor *
cursor_make(const struct client_cursor *shape)
{
    size_t stride = (size_t)shape->width * 4;
    GBytes *bytes = g_bytes_new(shape->rgba, stride * shape->height);
    GdkTexture *texture =
        gdk_memory_texture_new(shape->width, shape->height, GDK_MEMORY_R8G8B8A8, bytes, stride);
    GdkCursor *cursor = gdk_cursor_new_from_texture(texture, MIN(shape->hot_x, shape->width - 1),
                                                    MIN(shape->hot_y, shape->height - 1), NULL);

    g_object_unref(texture);
    g_bytes_unref(bytes);
    return cursor;
}

void
client_input_cursor(struct client_input *input)
{
    const struct client_cursor *shape = client_session_cursor(input->session);
    bool live = client_session_status(input->session).state == CLIENT_STATE_LIVE;
    g_autoptr(GdkCursor) cursor = NULL;

    if (shape && shape->width > 0 && shape->height > 0)
        cursor = cursor_make(shape);
    else if (live && client_stream_cursor_hidden(client_session_stream(input->session)))
        cursor = gdk_cursor_new_from_name("none", NULL);
    gtk_widget_set_cursor(GTK_WIDGET(input->picture), live ? cursor : NULL);
}
