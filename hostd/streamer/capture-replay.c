/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/capture-replay.h"

#include <gio/gio.h>

#include "hostd/streamer/trace.h"
#include "protocol/base/clock.h"

struct replay {
    struct capture *capture;
    GBytes *data;
    struct streamer_trace trace;
    struct streamer_trace_frame frame; /* the next one to show */
    int64_t start_us;
    GSource *timer; /* NULL when nothing is to be played */
};

static gboolean show_due_frames(gpointer data);

static gboolean
dispatch_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs timer_funcs = {.dispatch = dispatch_timer};

static void
drop_timer(struct replay *replay)
{
    if (replay->timer != NULL) {
        g_source_destroy(replay->timer);
        g_source_unref(replay->timer);
        replay->timer = NULL;
    }
}

static void
show_frame(struct replay *replay)
{
    struct vdp_rect rect;
    const uint8_t *pixels;
    size_t at = 0;

    while (streamer_trace_rect(&replay->frame, &at, &rect, &pixels) == 1) {
        streamer_shadow_write(capture_shadow(replay->capture), rect.x, rect.y, rect.width,
                              rect.height, pixels, (size_t)rect.width * 4);
    }
}

/* False when there is no further frame. */
static bool
load_next(struct replay *replay)
{
    int result = streamer_trace_next(&replay->trace, &replay->frame);

    if (result < 0) {
        capture_lost(replay->capture, "the trace is damaged");
    }
    return result == 1;
}

static gboolean
show_due_frames(gpointer data)
{
    struct replay *replay = data;
    int64_t elapsed_us = vd_monotonic_us() - replay->start_us;

    while (replay->frame.time_us <= elapsed_us) {
        show_frame(replay);
        if (!load_next(replay)) {
            drop_timer(replay);
            return G_SOURCE_REMOVE;
        }
    }
    g_source_set_ready_time(replay->timer, replay->start_us + replay->frame.time_us);
    return G_SOURCE_CONTINUE;
}

static void
replay_pace(void *state, bool watched)
{
    struct replay *replay = state;

    if (watched && replay->timer != NULL && replay->start_us == 0) {
        replay->start_us = vd_monotonic_us();
        g_source_set_ready_time(replay->timer, replay->start_us + replay->frame.time_us);
    }
}

static void
replay_key(void *state, uint32_t serial, uint16_t code, bool down)
{
    struct replay *replay = state;

    (void)code;
    (void)down;
    capture_delivered(replay->capture, serial);
}

static void
replay_pointer(void *state, uint32_t serial, uint16_t x, uint16_t y)
{
    struct replay *replay = state;

    (void)x;
    (void)y;
    capture_delivered(replay->capture, serial);
}

static void
replay_button(void *state, uint32_t serial, uint8_t button, bool down)
{
    struct replay *replay = state;

    (void)button;
    (void)down;
    capture_delivered(replay->capture, serial);
}

static void
replay_wheel(void *state, uint32_t serial, int notches_x, int notches_y)
{
    struct replay *replay = state;

    (void)notches_x;
    (void)notches_y;
    capture_delivered(replay->capture, serial);
}

static void
replay_free(void *state)
{
    struct replay *replay = state;

    drop_timer(replay);
    g_bytes_unref(replay->data);
    g_free(replay);
}

static const struct capture_backend replay_backend = {
    .name = "replay",
    .free = replay_free,
    .key = replay_key,
    .pointer = replay_pointer,
    .button = replay_button,
    .wheel = replay_wheel,
    .pace = replay_pace,
};

struct capture *
capture_replay_new(GBytes *data, const struct capture_events *events, void *user_data,
                   GError **error)
{
    struct replay *replay = g_new0(struct replay, 1);
    size_t size = 0;
    const uint8_t *bytes = g_bytes_get_data(data, &size);
    int result = streamer_trace_open(&replay->trace, bytes, size);

    if (result == 0) {
        result = streamer_trace_next(&replay->trace, &replay->frame);
    }
    if (result < 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "not a trace: %s",
                    vdp_strerror(result));
        g_free(replay);
        return NULL;
    }
    replay->data = g_bytes_ref(data);
    replay->capture = capture_new(events, user_data);
    capture_set_backend(replay->capture, &replay_backend, replay);
    streamer_shadow_resize(capture_shadow(replay->capture), replay->trace.width,
                           replay->trace.height);
    if (result == 1) {
        show_frame(replay);
        if (load_next(replay)) {
            replay->timer = g_source_new(&timer_funcs, sizeof(GSource));
            g_source_set_callback(replay->timer, show_due_frames, replay, NULL);
            g_source_set_ready_time(replay->timer, -1);
            g_source_attach(replay->timer, g_main_context_get_thread_default());
        }
    }
    return replay->capture;
}
