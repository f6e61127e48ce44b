/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/capture.h"

#include <glib.h>
#include <limits.h>
#include <linux/input-event-codes.h>

#define NOTCH 120 /* units of a wheel record */
/* One record turns the wheel at most this far: 16 bit of units are 273 notches, no hand does that.
 */
#define MAX_NOTCHES 32

struct capture {
    const struct capture_events *events;
    void *user_data;
    const struct capture_backend *backend;
    void *state;
    struct streamer_shadow *shadow;
    bool keys[CAPTURE_MAX_KEY + 1];
    uint8_t locks; /* that the guest has, as far as we know */
    bool buttons[CAPTURE_MAX_BUTTON + 1];
    int wheel_x, wheel_y; /* what is left, below a notch */
    uint32_t given;       /* serial of the newest input that went to the back end */
    int serial;           /* atomic */

    GSource *wake; /* always attached; ready when an event waits */
    GMutex lock;   /* the two below */
    bool changed;
    char *lost_text;
    bool lost_was_told;
};

static gboolean
dispatch_wake(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)callback;
    (void)source;
    return callback(data);
}

static GSourceFuncs wake_funcs = {.dispatch = dispatch_wake};

static gboolean
deliver_events(gpointer data)
{
    struct capture *capture = data;
    const struct capture_events *events = capture->events;
    void *user_data = capture->user_data;
    char *lost = NULL;
    bool changed;

    g_source_set_ready_time(capture->wake, -1);
    g_mutex_lock(&capture->lock);
    changed = capture->changed;
    capture->changed = false;
    if (capture->lost_text != NULL && !capture->lost_was_told) {
        capture->lost_was_told = true;
        lost = g_strdup(capture->lost_text);
    }
    g_mutex_unlock(&capture->lock);
    if (changed && lost == NULL) {
        events->changed(user_data);
    }
    if (lost != NULL) {
        events->lost(lost, user_data);
        g_free(lost);
    }
    return G_SOURCE_CONTINUE;
}

static void
note_changed(void *user_data)
{
    struct capture *capture = user_data;

    g_mutex_lock(&capture->lock);
    capture->changed = true;
    g_mutex_unlock(&capture->lock);
    g_source_set_ready_time(capture->wake, 0);
}

struct capture *
capture_new(const struct capture_events *events, void *user_data)
{
    struct capture *capture = g_new0(struct capture, 1);

    capture->events = events;
    capture->user_data = user_data;
    g_mutex_init(&capture->lock);
    capture->wake = g_source_new(&wake_funcs, sizeof(GSource));
    g_source_set_callback(capture->wake, deliver_events, capture, NULL);
    g_source_set_ready_time(capture->wake, -1);
    g_source_attach(capture->wake, g_main_context_get_thread_default());
    capture->shadow = streamer_shadow_new(note_changed, capture);
    return capture;
}

void
capture_set_backend(struct capture *capture, const struct capture_backend *backend, void *state)
{
    g_assert(capture->backend == NULL);
    capture->backend = backend;
    capture->state = state;
}

void
capture_free(struct capture *capture)
{
    if (capture == NULL) {
        return;
    }
    streamer_shadow_mute(capture->shadow);
    if (capture->backend != NULL) {
        capture->backend->free(capture->state);
    }
    g_source_destroy(capture->wake);
    g_source_unref(capture->wake);
    streamer_shadow_unref(capture->shadow);
    g_mutex_clear(&capture->lock);
    g_free(capture->lost_text);
    g_free(capture);
}

struct streamer_shadow *
capture_shadow(struct capture *capture)
{
    return capture->shadow;
}

void
capture_set_size(struct capture *capture, uint16_t width, uint16_t height)
{
    const struct vdp_area area = {0, 0, width, height};

    capture_set_monitors(capture, &area, 1);
}

void
capture_set_monitors(struct capture *capture, const struct vdp_area *areas, unsigned count)
{
    if (capture->backend->set_monitors != NULL) {
        capture->backend->set_monitors(capture->state, areas, count);
    } else if (capture->backend->set_size != NULL) {
        capture->backend->set_size(capture->state, areas[0].width, areas[0].height);
    }
}

/* The keys of enum vdp_lock, by their bits. */
static const uint16_t lock_keys[] = {KEY_SCROLLLOCK, KEY_NUMLOCK, KEY_CAPSLOCK};

void
capture_key(struct capture *capture, uint32_t serial, uint16_t code, bool down)
{
    size_t i;

    /* A release of what is not down is dropped; a press of what is down is the guest's repeat. */
    if (code == 0 || code > CAPTURE_MAX_KEY || (!down && !capture->keys[code])) {
        return;
    }
    for (i = 0; down && !capture->keys[code] && i < G_N_ELEMENTS(lock_keys); i++) {
        capture->locks ^= lock_keys[i] == code ? 1u << i : 0;
    }
    capture->keys[code] = down;
    capture->given = serial;
    capture->backend->key(capture->state, serial, code, down);
}

void
capture_pointer(struct capture *capture, uint32_t serial, uint16_t x, uint16_t y)
{
    uint16_t width;
    uint16_t height;

    if (!streamer_shadow_size(capture->shadow, &width, &height)) {
        return;
    }
    /* A client may still think of the size before a change. */
    x = x < width ? x : (uint16_t)(width - 1);
    y = y < height ? y : (uint16_t)(height - 1);
    capture->given = serial;
    capture->backend->pointer(capture->state, serial, x, y);
}

bool
capture_point(struct capture *capture, uint16_t x, uint16_t y)
{
    return capture->events->point != NULL && capture->events->point(x, y, capture->user_data);
}

void
capture_pointed(struct capture *capture)
{
    if (capture->backend->pointed != NULL) {
        capture->backend->pointed(capture->state);
    }
}

bool
capture_motion(struct capture *capture, uint32_t serial, int dx, int dy)
{
    if (capture->backend->motion == NULL) {
        return false;
    }
    if (dx != 0 || dy != 0) {
        capture->given = serial;
        capture->backend->motion(capture->state, serial, dx, dy);
    }
    return true;
}

void
capture_button(struct capture *capture, uint32_t serial, uint8_t button, bool down)
{
    if (button == 0 || button > CAPTURE_MAX_BUTTON || capture->buttons[button] == down) {
        return;
    }
    capture->buttons[button] = down;
    capture->given = serial;
    capture->backend->button(capture->state, serial, button, down);
}

void
capture_locks(struct capture *capture, uint32_t serial, uint8_t locks)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(lock_keys); i++) {
        /* One that is held turns its lock by itself. */
        if (((capture->locks ^ locks) & 1u << i) != 0 && !capture->keys[lock_keys[i]]) {
            capture_key(capture, serial, lock_keys[i], true);
            capture_key(capture, serial, lock_keys[i], false);
        }
    }
}

void
capture_guest_locks(struct capture *capture, uint8_t locks)
{
    capture->locks = locks;
}

static int
take_notches(int *units, int delta)
{
    int notches;

    /* Turning back starts anew instead of first undoing half a notch. */
    if ((delta > 0 && *units < 0) || (delta < 0 && *units > 0)) {
        *units = 0;
    }
    *units += delta;
    notches = *units / NOTCH;
    *units -= notches * NOTCH;
    return CLAMP(notches, -MAX_NOTCHES, MAX_NOTCHES);
}

void
capture_wheel(struct capture *capture, uint32_t serial, int dx, int dy)
{
    int x = take_notches(&capture->wheel_x, dx);
    int y = take_notches(&capture->wheel_y, dy);

    if (x != 0 || y != 0) {
        capture->given = serial;
        capture->backend->wheel(capture->state, serial, x, y);
    }
}

void
capture_release_all(struct capture *capture)
{
    uint32_t serial = capture->given;
    uint16_t code;
    uint8_t button;

    for (code = 1; code <= CAPTURE_MAX_KEY; code++) {
        capture_key(capture, serial, code, false);
    }
    for (button = 1; button <= CAPTURE_MAX_BUTTON; button++) {
        capture_button(capture, serial, button, false);
    }
    capture->wheel_x = 0;
    capture->wheel_y = 0;
}

void
capture_pace(struct capture *capture, bool watched)
{
    if (capture->backend->pace != NULL) {
        capture->backend->pace(capture->state, watched);
    }
}

uint32_t
capture_input_serial(struct capture *capture)
{
    return (uint32_t)g_atomic_int_get(&capture->serial);
}

void
capture_delivered(struct capture *capture, uint32_t serial)
{
    g_atomic_int_set(&capture->serial, (int)serial);
}

void
capture_lost(struct capture *capture, const char *text)
{
    g_mutex_lock(&capture->lock);
    if (capture->lost_text == NULL) {
        capture->lost_text = g_strdup(text);
    }
    g_mutex_unlock(&capture->lock);
    g_source_set_ready_time(capture->wake, 0);
}
