/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/streamer.h"

#include <string.h>

#include "hostd/streamer/lastscreen.h"
#include "hostd/streamer/streamer-private.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define MAX_LEAVING      8u /* streams that flush their GOAWAY; more are dropped at once */
#define RESTART_RETRY_MS 500

static const struct streamer_stream_events stream_events;

static gboolean
dispatch_source(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs source_funcs = {.dispatch = dispatch_source};

static GSource *
new_source(GSourceFunc callback, gpointer data)
{
    GSource *source = g_source_new(&source_funcs, sizeof(GSource));

    g_source_set_callback(source, callback, data, NULL);
    g_source_set_ready_time(source, -1);
    g_source_attach(source, g_main_context_get_thread_default());
    return source;
}

static void
free_source(GSource *source)
{
    g_source_destroy(source);
    g_source_unref(source);
}

static void
tell(struct streamer *streamer)
{
    g_source_set_ready_time(streamer->told, 0);
}

/* Nobody looks any more. When another client took over, the screen is hers and goes on. */
static void
give_picture(struct streamer *streamer)
{
    json_t *message = NULL;

    if (streamer->owes_picture && streamer->keeps_picture && streamer->active == NULL &&
        streamer->capture != NULL) {
        message = streamer_lastscreen_message(capture_shadow(streamer->capture));
    }
    streamer->owes_picture = false;
    if (message != NULL) {
        streamer->events->left(message, streamer->user_data);
    }
}

static gboolean
run_told(gpointer data)
{
    struct streamer *streamer = data;

    g_source_set_ready_time(streamer->told, -1);
    give_picture(streamer);
    streamer->events->changed(streamer->user_data);
    return G_SOURCE_CONTINUE;
}

static void
set_text(struct streamer *streamer, const char *text)
{
    g_free(streamer->text);
    streamer->text = g_strdup(text);
}

/* Capture. */

static void
capture_changed(void *user_data)
{
    struct streamer *streamer = user_data;
    uint16_t width;
    uint16_t height;

    if (streamer_shadow_size(capture_shadow(streamer->capture), &width, &height) &&
        (width != streamer->width || height != streamer->height)) {
        streamer->width = width;
        streamer->height = height;
        tell(streamer);
    }
    streamer_pump_changed(streamer->pump);
}

static void
capture_was_lost(const char *text, void *user_data)
{
    struct streamer *streamer = user_data;

    vd_notice("streamer", "the display is gone: %s", text);
    set_text(streamer, text);
    streamer_set_capture(streamer, NULL);
}

static const struct capture_events capture_events = {
    .changed = capture_changed,
    .lost = capture_was_lost,
    .point = streamer_input_point,
};

const struct capture_events *
streamer_capture_events(void)
{
    return &capture_events;
}

void
streamer_set_capture(struct streamer *streamer, struct capture *capture)
{
    streamer_pump_set_capture(streamer->pump, NULL);
    capture_free(streamer->capture);
    streamer->capture = capture;
    streamer->width = 0;
    streamer->height = 0;
    if (capture != NULL) {
        streamer_pump_set_capture(streamer->pump, capture);
        capture_changed(streamer);
        streamer_input_follow(streamer);
    }
    tell(streamer);
}

/* Streams. */

static void
sink_send(GBytes *bytes, uint8_t channel, void *user_data)
{
    struct streamer *streamer = user_data;

    streamer_stream_send(streamer->active, bytes, channel);
}

static size_t
sink_unsent(void *user_data)
{
    struct streamer *streamer = user_data;

    return streamer_stream_unsent(streamer->active);
}

static void
sink_fence(uint32_t number, uint8_t channel, void *user_data)
{
    struct streamer *streamer = user_data;

    streamer_stream_fence(streamer->active, number, channel);
}

static const struct streamer_sink sink = {
    .send = sink_send, .unsent = sink_unsent, .fence = sink_fence};

/* The active stream is not active any more: nobody holds a key and nobody looks. */
static void
leave_active(struct streamer *streamer)
{
    streamer_pump_detach(streamer->pump);
    if (streamer->capture != NULL) {
        capture_release_all(streamer->capture);
    }
    streamer->active = NULL;
    streamer_motion_drop(&streamer->motion);
    streamer->owes_picture = true; /* given with the news, which follow whenever this is called */
    streamer_wish_drop(&streamer->wish);
}

/* The stream stays until its GOAWAY has left; it is none of the two any more. */
static void
move_to_leaving(struct streamer *streamer, struct streamer_stream *stream)
{
    if (stream == streamer->active) {
        leave_active(streamer);
    } else if (stream == streamer->candidate) {
        streamer->candidate = NULL;
    } else {
        return;
    }
    if (streamer->leaving->len == MAX_LEAVING) {
        streamer_stream_free(g_ptr_array_remove_index(streamer->leaving, 0));
    }
    g_ptr_array_add(streamer->leaving, stream);
}

static void
stream_changed(struct streamer_stream *stream, void *user_data)
{
    struct streamer *streamer = user_data;

    if (streamer_stream_state(stream) == STREAMER_CLOSING) {
        move_to_leaving(streamer, stream);
    }
    tell(streamer);
}

static void
stream_live(struct streamer_stream *stream, void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream != streamer->candidate) {
        return;
    }
    if (streamer->active != NULL) {
        streamer_stream_goaway(streamer->active, VDP_GOAWAY_TAKEN_OVER, 0,
                               "another device shows this session now");
    }
    streamer->candidate = NULL;
    streamer->active = stream;
    vd_info("streamer", "stream %s is live", streamer_stream_id(stream));
    streamer_pump_attach(streamer->pump, &sink, streamer_stream_capabilities(stream), streamer);
}

static void
stream_closed(struct streamer_stream *stream, const char *text, void *user_data)
{
    struct streamer *streamer = user_data;

    vd_info("streamer", "stream %s ended: %s", streamer_stream_id(stream), text);
    set_text(streamer, text);
    if (stream == streamer->active) {
        leave_active(streamer);
    } else if (stream == streamer->candidate) {
        streamer->candidate = NULL;
    } else {
        g_ptr_array_remove(streamer->leaving, stream);
    }
    streamer_stream_free(stream);
    tell(streamer);
}

static gboolean
run_timer(gpointer data)
{
    struct streamer *streamer = data;

    g_source_set_ready_time(streamer->timer, -1);
    streamer_input_follow(streamer);
    return G_SOURCE_CONTINUE;
}

static int
stream_ack(struct streamer_stream *stream, const struct vdp_ack *ack, void *user_data)
{
    struct streamer *streamer = user_data;

    return stream == streamer->active ? streamer_pump_ack(streamer->pump, ack) : 0;
}

static void
stream_refresh(struct streamer_stream *stream, void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream == streamer->active) {
        streamer_pump_refresh(streamer->pump);
    }
}

static void
stream_have(struct streamer_stream *stream, const struct vdp_have *have, void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream == streamer->active) {
        streamer_pump_have(streamer->pump, have);
    }
}

static void
stream_fence(struct streamer_stream *stream, uint32_t number, void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream == streamer->active) {
        streamer_pump_fence(streamer->pump, number);
    }
}

static void
stream_drained(struct streamer_stream *stream, void *user_data)
{
    struct streamer *streamer = user_data;

    if (stream == streamer->active) {
        streamer_pump_drained(streamer->pump);
    }
}

static const struct streamer_stream_events stream_events = {
    .changed = stream_changed,
    .live = stream_live,
    .key = streamer_input_key,
    .pointer = streamer_input_pointer,
    .button = streamer_input_button,
    .wheel = streamer_input_wheel,
    .motion = streamer_input_motion,
    .release_all = streamer_input_release_all,
    .locks = streamer_input_locks,
    .text = streamer_input_text,
    .set_size = streamer_input_set_size,
    .monitors = streamer_input_monitors,
    .most_monitors = streamer_input_most_monitors,
    .ack = stream_ack,
    .refresh = stream_refresh,
    .have = stream_have,
    .fence = stream_fence,
    .drained = stream_drained,
    .closed = stream_closed,
};

/* Orders. */

struct streamer *
streamer_new(const struct streamer_events *events, void *user_data)
{
    struct streamer_pump *pump = streamer_pump_new();
    struct streamer *streamer;

    if (pump == NULL) {
        return NULL;
    }
    streamer = g_new0(struct streamer, 1);
    streamer->pump = pump;
    streamer->events = events;
    streamer->user_data = user_data;
    streamer->leaving = g_ptr_array_new();
    streamer->text = g_strdup("");
    streamer_wish_limit(&streamer->wish, 1);
    streamer->timer = new_source(run_timer, streamer);
    streamer->told = new_source(run_told, streamer);
    return streamer;
}

void
streamer_free(struct streamer *streamer)
{
    guint i;

    if (streamer == NULL) {
        return;
    }
    if (streamer->active != NULL) {
        struct streamer_stream *stream = streamer->active;

        leave_active(streamer);
        streamer_stream_free(stream);
    }
    streamer_stream_free(streamer->candidate);
    for (i = 0; i < streamer->leaving->len; i++) {
        streamer_stream_free(g_ptr_array_index(streamer->leaving, i));
    }
    g_ptr_array_free(streamer->leaving, TRUE);
    streamer_pump_free(streamer->pump);
    capture_free(streamer->capture);
    free_source(streamer->timer);
    free_source(streamer->told);
    g_free(streamer->text);
    g_free(streamer);
}

static bool
has_id(const struct streamer_stream *stream, const char *id)
{
    return stream != NULL && strcmp(streamer_stream_id(stream), id) == 0;
}

void
streamer_dial(struct streamer *streamer, const struct streamer_dial *dial)
{
    if (has_id(streamer->active, dial->stream) || has_id(streamer->candidate, dial->stream)) {
        return;
    }
    if (streamer->candidate != NULL) {
        streamer_stream_goaway(streamer->candidate, VDP_GOAWAY_TAKEN_OVER, 0,
                               "a newer stream was ordered");
    }
    streamer->candidate = streamer_stream_new(dial, &stream_events, streamer);
    tell(streamer);
}

void
streamer_hangup(struct streamer *streamer, const char *stream, enum vdp_goaway_reason reason,
                const char *text)
{
    if (has_id(streamer->active, stream)) {
        streamer_stream_goaway(streamer->active, reason, 0, text);
    } else if (has_id(streamer->candidate, stream)) {
        streamer_stream_goaway(streamer->candidate, reason, 0, text);
    }
}

void
streamer_notice(struct streamer *streamer, const char *stream, const struct vdp_notice *notice)
{
    if (has_id(streamer->active, stream)) {
        streamer_stream_notice(streamer->active, notice);
    }
}

void
streamer_keep_picture(struct streamer *streamer, bool keep)
{
    streamer->keeps_picture = keep;
}

void
streamer_allow_monitors(struct streamer *streamer, unsigned most)
{
    streamer_wish_limit(&streamer->wish, most);
    streamer_input_follow(streamer);
}

bool
streamer_say_restart(struct streamer *streamer)
{
    bool nobody = streamer->active == NULL && streamer->leaving->len == 0;

    if (streamer->active != NULL) {
        streamer_stream_goaway(streamer->active, VDP_GOAWAY_RESTART, RESTART_RETRY_MS,
                               "the streamer restarts");
    }
    return nobody;
}

void
streamer_status(struct streamer *streamer, struct streamer_status *ret_status)
{
    static const char *const names[] = {"dialling", "waiting", "streaming", "idle"};
    const struct streamer_stream *stream =
        streamer->active != NULL ? streamer->active : streamer->candidate;

    memset(ret_status, 0, sizeof(*ret_status));
    ret_status->display = streamer->capture != NULL;
    ret_status->width = streamer->width;
    ret_status->height = streamer->height;
    ret_status->stream = stream != NULL ? streamer_stream_id(stream) : NULL;
    ret_status->state = stream != NULL ? names[streamer_stream_state(stream)] : "idle";
    if (streamer->active != NULL && streamer->candidate != NULL) {
        ret_status->next = streamer_stream_id(streamer->candidate);
    }
    ret_status->text = streamer->text;
    streamer_pump_stats(streamer->pump, &ret_status->stats);
}
