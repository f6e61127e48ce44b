/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/capture-dbus.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "hostd/streamer/dbus-axis.h"
#include "hostd/streamer/dbus-head.h"
#include "hostd/streamer/dbus-locks.h"
#include "hostd/streamer/keymap.h"
#include "protocol/base/log.h"

#define CONSOLE_PATH       "/org/qemu/Display1/Console_0"
#define KEYBOARD_INTERFACE "org.qemu.Display1.Keyboard"
#define MOUSE_INTERFACE    "org.qemu.Display1.Mouse"

#define MAX_POINTER_CALLS 8 /* beyond that, positions wait and the newest wins */

enum { WHEEL_UP = 3, WHEEL_DOWN = 4, WHEEL_LEFT = 7, WHEEL_RIGHT = 8 };

/* What waits for a position that is under way by the owner's road. */
struct waiting {
    const char *interface; /* NULL: a position */
    const char *method;
    GVariant *parameters;
    uint16_t x, y;
    uint32_t serial;
};

struct dbus {
    int references;          /* atomic: callbacks and the capture hold one each */
    struct capture *capture; /* NULL after dbus_free(); the rest is for the owner's thread */
    GDBusConnection *bus;    /* NULL until authenticated */
    struct streamer_wall *wall;
    struct dbus_head *heads[STREAMER_HEADS]; /* of bus */
    struct dbus_locks *locks;                /* of bus */
    gulong closed_id;

    struct vdp_area wishes[STREAMER_HEADS];
    unsigned wish_count; /* 0: none yet */
    unsigned seen;       /* heads that have a listener and are wanted */
    unsigned calls;      /* without an answer */
    bool overflowed;     /* input was dropped */
    bool pointer_waits;
    uint16_t pointer_x, pointer_y;
    uint32_t pointer_serial;
    bool pointing;   /* a position is under way by the owner's road: other input waits for it */
    GQueue *waiting; /* of struct waiting */
};

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
        streamer_wall_unref(dbus->wall);
        g_queue_free(dbus->waiting);
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
static void take_turns(struct dbus *dbus);

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
        take_turns(dbus);
        if (dbus->overflowed && dbus->calls == 0) {
            /* A release may be among what was dropped. */
            dbus->overflowed = false;
            capture_release_all(dbus->capture);
        }
    }
    unref_dbus(dbus);
    g_free(call);
}

/* False when there is no room: input was dropped. */
static bool
has_room(struct dbus *dbus)
{
    if (dbus->calls + g_queue_get_length(dbus->waiting) < DBUS_MAX_CALLS) {
        return true;
    }
    if (!dbus->overflowed) {
        vd_warning("capture-dbus", "QEMU takes no input, dropping it");
        dbus->overflowed = true;
    }
    return false;
}

static bool
has_to_wait(const struct dbus *dbus)
{
    return dbus->pointing || !g_queue_is_empty(dbus->waiting);
}

/* Takes ownership of parameters. */
static void
wait_for_turn(struct dbus *dbus, const struct waiting *waiting)
{
    g_queue_push_tail(dbus->waiting, g_memdup2(waiting, sizeof(*waiting)));
}

/* Consumes a floating parameters. */
static void
send_call(struct dbus *dbus, const char *interface, const char *method, GVariant *parameters,
          uint32_t serial)
{
    struct input_call *call = g_new0(struct input_call, 1);

    call->dbus = ref_dbus(dbus);
    call->serial = serial;
    dbus->calls++;
    g_dbus_connection_call(dbus->bus, NULL, CONSOLE_PATH, interface, method, parameters, NULL,
                           G_DBUS_CALL_FLAGS_NONE, G_MAXINT, NULL, input_done, call);
}

/* Consumes a floating parameters. */
static void
call_input(struct dbus *dbus, const char *interface, const char *method, GVariant *parameters,
           uint32_t serial)
{
    if (dbus->bus == NULL || !has_room(dbus)) {
        g_variant_unref(g_variant_ref_sink(parameters));
    } else if (has_to_wait(dbus)) {
        wait_for_turn(dbus, &(struct waiting){interface, method, g_variant_ref_sink(parameters), 0,
                                              0, serial});
    } else {
        send_call(dbus, interface, method, parameters, serial);
    }
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

/*
 * SetAbsPosition is told pixels of one head and makes of them the tablet's axis, which spans all
 * heads: too few steps for the wall. So with several heads positions go by the owner's road, one at
 * a time. QEMU reads that road and this one as it likes: what comes behind a position waits for it,
 * and a position for all calls before it.
 */
static void
point(struct dbus *dbus, uint32_t serial, uint16_t x, uint16_t y)
{
    uint16_t width = 1, height = 1;
    uint32_t head_width, head_height;

    streamer_shadow_size(capture_shadow(dbus->capture), &width, &height);
    dbus->pointing = true;
    dbus->pointer_serial = serial;
    if (capture_point(dbus->capture, dbus_axis(x, width), dbus_axis(y, height))) {
        return;
    }
    dbus->pointing = false;
    /* Nobody is there who could: near is better than nowhere. */
    if (streamer_wall_size(dbus->wall, 0, &head_width, &head_height)) {
        send_call(dbus, MOUSE_INTERFACE, "SetAbsPosition",
                  g_variant_new("(uu)", x * head_width / width, y * head_height / height), serial);
    }
}

/* Of positions that follow each other the newest is enough. */
static void
point_in_turn(struct dbus *dbus, uint32_t serial, uint16_t x, uint16_t y)
{
    struct waiting *last = g_queue_peek_tail(dbus->waiting);

    dbus->pointer_waits = false;
    if (last != NULL && last->interface == NULL) {
        *last = (struct waiting){NULL, NULL, NULL, x, y, serial};
    } else if (dbus->bus != NULL && has_room(dbus)) {
        wait_for_turn(dbus, &(struct waiting){NULL, NULL, NULL, x, y, serial});
        take_turns(dbus);
    }
}

static void
take_turns(struct dbus *dbus)
{
    struct waiting *next;

    while (!dbus->pointing && (next = g_queue_peek_head(dbus->waiting)) != NULL) {
        if (next->interface == NULL && dbus->calls > 0) {
            return; /* the last answer comes back here */
        }
        (void)g_queue_pop_head(dbus->waiting);
        if (next->interface == NULL) {
            point(dbus, next->serial, next->x, next->y);
        } else {
            send_call(dbus, next->interface, next->method, next->parameters, next->serial);
            g_variant_unref(next->parameters);
        }
        g_free(next);
    }
}

static void
dbus_pointed(void *state)
{
    struct dbus *dbus = state;

    if (dbus->pointing) {
        dbus->pointing = false;
        capture_delivered(dbus->capture, dbus->pointer_serial);
        take_turns(dbus);
    }
}

static void
dbus_pointer(void *state, uint32_t serial, uint16_t x, uint16_t y)
{
    struct dbus *dbus = state;

    if (has_to_wait(dbus) || streamer_wall_lit(dbus->wall) > 1) {
        point_in_turn(dbus, serial, x, y);
        return;
    }
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

static void
locks_changed(uint8_t locks, void *user_data)
{
    struct dbus *dbus = user_data;

    capture_guest_locks(dbus->capture, locks);
}

/* Heads. */

static void
follow_wishes(struct dbus *dbus)
{
    static const struct vdp_area off;
    unsigned i;

    streamer_wall_want(dbus->wall, dbus->wishes, dbus->wish_count);
    for (i = 0; i < STREAMER_HEADS; i++) {
        /* A head that was dark may be lit already, and then says nothing unless it is asked. */
        if (i < dbus->wish_count && i >= dbus->seen) {
            dbus_head_register(dbus->heads[i]);
        }
        dbus_head_wish(dbus->heads[i], i < dbus->wish_count ? &dbus->wishes[i] : &off);
    }
    dbus->seen = dbus->wish_count;
}

static void
dbus_set_monitors(void *state, const struct vdp_area *areas, unsigned count)
{
    struct dbus *dbus = state;

    memcpy(dbus->wishes, areas, count * sizeof(*areas));
    dbus->wish_count = count;
    if (dbus->bus != NULL) {
        follow_wishes(dbus);
    }
}

static void
head_lost(const char *text, void *user_data)
{
    struct dbus *dbus = user_data;

    capture_lost(dbus->capture, text);
}

static void
see_heads(struct dbus *dbus)
{
    unsigned i;

    for (i = 0; i < STREAMER_HEADS; i++) {
        dbus->heads[i] = dbus_head_new(dbus->bus, dbus->wall, i, head_lost, dbus);
    }
    dbus_head_register(dbus->heads[0]);
    dbus->seen = 1;
    if (dbus->wish_count > 0) {
        follow_wishes(dbus);
    }
}

/* Connections. */

static void
bus_closed(GDBusConnection *bus, gboolean vanished, GError *error, gpointer data)
{
    struct dbus *dbus = data;

    (void)bus;
    (void)vanished;
    lose(dbus, "QEMU closed the display connection", error);
}

static void
drop_bus(GDBusConnection *bus)
{
    g_dbus_connection_close(bus, NULL, NULL, NULL);
    g_object_unref(bus);
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
        dbus->locks = dbus_locks_new(bus, CONSOLE_PATH, locks_changed, dbus);
        see_heads(dbus);
    } else if (bus != NULL) {
        drop_bus(bus);
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
    struct waiting *waiting;
    unsigned i;

    dbus->capture = NULL;
    for (i = 0; i < STREAMER_HEADS; i++) {
        dbus_head_free(dbus->heads[i]);
        dbus->heads[i] = NULL;
    }
    if (dbus->bus != NULL) {
        dbus_locks_free(dbus->locks);
        g_signal_handler_disconnect(dbus->bus, dbus->closed_id);
        drop_bus(dbus->bus);
        dbus->bus = NULL;
    }
    while ((waiting = g_queue_pop_head(dbus->waiting)) != NULL) {
        g_clear_pointer(&waiting->parameters, g_variant_unref);
        g_free(waiting);
    }
    unref_dbus(dbus);
}

static const struct capture_backend dbus_backend = {
    .name = "dbus",
    .free = dbus_free,
    .set_monitors = dbus_set_monitors,
    .key = dbus_key,
    .pointer = dbus_pointer,
    .pointed = dbus_pointed,
    .button = dbus_button,
    .wheel = dbus_wheel,
};

struct capture *
capture_dbus_new(int fd, const struct capture_events *events, void *user_data)
{
    struct dbus *dbus = g_new0(struct dbus, 1);
    GIOStream *stream = dbus_head_stream(fd);
    struct capture *capture = capture_new(events, user_data);

    dbus->references = 1;
    dbus->capture = capture;
    dbus->wall = streamer_wall_new(capture_shadow(capture));
    dbus->waiting = g_queue_new();
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
