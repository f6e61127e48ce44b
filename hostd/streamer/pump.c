/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/pump.h"

#include <stdlib.h>
#include <string.h>

#include "hostd/streamer/cursors.h"
#include "hostd/streamer/encode.h"
#include "hostd/streamer/pacing.h"
#include "hostd/streamer/quality.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define REFRESH_INTERVAL_US 250000
#define RETRY_US            1000000        /* after the encoder had no memory */
#define SAMPLES             128u           /* encode times kept */
#define CURSOR_LIMIT        (512u * 1024u) /* bytes: a guest that changes its cursor without end */
#define ACK_UNIT_US         125
#define FEW_TILES           8u      /* encoded at once: less than 1 ms, and no thread is woken */
#define HAVE_US             2000000 /* for HAVE, which was sent with HELLO */
#define MAX_STEPS           4u      /* in a row, before other sources get their turn */
#define SURFACE_ID          0u
#define MAX_FILM_REFRESHES  3u /* then the client's video decoder is given up */

struct streamer_pump {
    struct capture *capture; /* borrowed, or NULL */
    struct streamer_encode *encode;
    GSource *timer;

    const struct streamer_sink *sink; /* NULL: nobody is there */
    void *user_data;
    uint32_t generation;      /* counts connections, so that a job knows for which it worked */
    uint16_t width, height;   /* of the last SURFACE; 0 before the first */
    struct vdp_layout layout; /* that the client knows of it; count 0: none */
    bool needs_reset;         /* next frame is a key frame */
    bool is_settled;          /* the last frame that was sent had that flag */
    int64_t refreshed_us;     /* when a frame that starts anew was last encoded */
    int64_t refine_us;        /* inexact tiles can be mended then; 0: there are none */
    struct streamer_quality quality;
    int64_t retry_us;        /* no job before */
    int64_t have_due_us;     /* no first frame before HAVE came, or this; 0: none is awaited */
    uint32_t cursor_seen;    /* serial of the shadow */
    size_t cursor_queued;    /* bytes of cursor records since the line was last empty */
    uint64_t capabilities;   /* of the client */
    struct vdp_buffer frame; /* the record that is being handed to the line; empty: none */
    size_t frame_at;         /* bytes of it that were handed over, its header included */
    struct streamer_cursors cursors;
    struct streamer_pacing pacing;

    int64_t film_until_us;   /* when the film ends if nothing moves any more; 0: there is none */
    unsigned film_refreshes; /* REFRESHes while there was one, on this connection */

    struct streamer_stats stats;
    int64_t touched_us; /* when the user last did anything, or came */
    uint32_t samples_us[SAMPLES];
    uint32_t sample_count;
};

static void step(struct streamer_pump *pump);

static gboolean
dispatch_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs timer_funcs = {.dispatch = dispatch_timer};

static gboolean
run_timer(gpointer data)
{
    struct streamer_pump *pump = data;

    g_source_set_ready_time(pump->timer, -1);
    step(pump);
    return G_SOURCE_CONTINUE;
}

/* Sends and empties buffer. */
static void
send_buffer(struct streamer_pump *pump, struct vdp_buffer *buffer, uint8_t channel)
{
    GBytes *bytes;

    if (buffer->error != 0 || buffer->size == 0) {
        vdp_buffer_clear(buffer);
        return;
    }
    bytes = g_bytes_new_with_free_func(buffer->data, buffer->size, free, buffer->data);
    pump->stats.bytes += buffer->size;
    *buffer = (struct vdp_buffer){0};
    pump->sink->send(bytes, channel, pump->user_data);
    g_bytes_unref(bytes);
}

static void
send_cursor(struct streamer_pump *pump)
{
    struct streamer_cursor cursor = {0};
    struct vdp_buffer out = {0};
    struct vdp_cursor_use use = {0};
    bool is_new = false;

    if (pump->cursor_queued > CURSOR_LIMIT) {
        if (pump->sink->unsent(pump->user_data) > 0) {
            return; /* drained() comes back here */
        }
        pump->cursor_queued = 0;
    }
    if (!streamer_shadow_take_cursor(capture_shadow(pump->capture), &pump->cursor_seen, &cursor)) {
        return;
    }
    use.visible = cursor.visible;
    if (cursor.rgba == NULL) {
        /* Hidden before it ever had a shape: there is nothing that could be named. */
        return;
    }
    use.id = streamer_cursors_find(&pump->cursors, &cursor, &is_new);
    if (is_new) {
        struct vdp_cursor_shape shape = {use.id,       cursor.width, cursor.height,
                                         cursor.hot_x, cursor.hot_y, cursor.rgba};

        vdp_put_cursor_shape(&out, &shape);
    }
    vdp_put_cursor_use(&out, &use);
    pump->cursor_queued += out.size;
    send_buffer(pump, &out, VDP_CHANNEL_CURSOR);
}

/* The client has another layout than this one, and knows what to do with it. */
static bool
wants_layout(const struct streamer_pump *pump, const struct vdp_layout *layout)
{
    return (pump->capabilities & VDP_CAP_LAYOUT) != 0 &&
           (pump->layout.count != layout->count ||
            memcmp(pump->layout.at, layout->at, sizeof(layout->at)) != 0);
}

static void
send_surface(struct streamer_pump *pump, const struct streamer_encode_result *result)
{
    struct vdp_surface surface = {SURFACE_ID, result->width, result->height};
    struct vdp_buffer out = {0};

    if (pump->width != result->width || pump->height != result->height) {
        pump->width = result->width;
        pump->height = result->height;
        pump->layout.count = 0;
        vdp_put_surface(&out, &surface);
    }
    if (wants_layout(pump, &result->layout)) {
        pump->layout = result->layout;
        pump->layout.surface = SURFACE_ID;
        vdp_put_layout(&out, &pump->layout);
    }
    send_buffer(pump, &out, VDP_CHANNEL_DISPLAY);
}

static void
send_fence(struct streamer_pump *pump, bool full, int64_t now_us)
{
    uint32_t number = streamer_pacing_fence(&pump->pacing, full, now_us);

    if (number != 0) {
        pump->sink->fence(number, VDP_CHANNEL_DISPLAY, pump->user_data);
    }
}

/* Hands the next part, at most most bytes of the body, to the line. */
static void
send_part(struct streamer_pump *pump, size_t most, int64_t now_us)
{
    size_t left = pump->frame.size - pump->frame_at;
    bool whole = pump->frame_at == VDP_RECORD_HEADER_SIZE && left <= most;
    size_t part = MIN(left, most);
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    struct vdp_buffer out = {0};

    if (whole) {
        out = pump->frame;
        pump->frame = (struct vdp_buffer){0};
    } else {
        vdp_record_header(header, VDP_FRAME, VDP_CHANNEL_DISPLAY, part < left ? VDP_RECORD_MORE : 0,
                          (uint32_t)part);
        vdp_buffer_put(&out, header, sizeof(header));
        vdp_buffer_put(&out, pump->frame.data + pump->frame_at, part);
        if (out.error != 0) {
            g_error("no memory for a fragment of %zu bytes", part);
        }
        pump->frame_at += part;
    }
    streamer_pacing_handed(&pump->pacing, out.size, now_us);
    send_buffer(pump, &out, VDP_CHANNEL_DISPLAY);
    if (part == left) {
        vdp_buffer_clear(&pump->frame);
        streamer_pacing_end(&pump->pacing, now_us);
    }
    send_fence(pump, false, now_us);
}

/* Bytes that the line has not sent. Whatever was acknowledged needs no look into the kernel. */
static size_t
unsent(struct streamer_pump *pump)
{
    return streamer_congestion_in_flight(&pump->pacing.congestion) > 0
               ? pump->sink->unsent(pump->user_data)
               : 0;
}

/* Hands over what the line has room for. False while a part of the frame is left. */
static bool
push_frame(struct streamer_pump *pump)
{
    while (pump->frame.size > 0) {
        int64_t now_us = vd_monotonic_us();
        size_t most = streamer_pacing_fragment(&pump->pacing);

        if (most == 0) {
            send_fence(pump, true, now_us);
            return false; /* an answer comes back here */
        }
        if (unsent(pump) > streamer_pacing_unsent_limit(&pump->pacing)) {
            g_source_set_ready_time(pump->timer, now_us + STREAMER_UNSENT_POLL_US);
            return false;
        }
        send_part(pump, (pump->capabilities & VDP_CAP_FRAGMENTS) != 0 ? most : SIZE_MAX, now_us);
    }
    return true;
}

static void
send_frame(struct streamer_pump *pump, const struct streamer_encode_result *result, bool settled)
{
    int64_t now_us = vd_monotonic_us();
    int64_t capture_us = result->since_us > 0 ? now_us - result->since_us : 0;
    struct vdp_frame frame = {0};

    frame.id = streamer_pacing_begin(&pump->pacing, now_us);
    frame.input_serial = result->input_serial;
    frame.capture_us = capture_us < UINT32_MAX ? (uint32_t)capture_us : UINT32_MAX;
    frame.surface = SURFACE_ID;
    frame.flags = (uint8_t)((result->key ? VDP_FRAME_KEY : 0) | (settled ? VDP_FRAME_SETTLED : 0));
    frame.ops = result->ops.data;
    frame.ops_size = result->ops.size;
    if (vdp_put_frame(&pump->frame, &frame) < 0) {
        /* The client misses what the encoder believes it has. */
        vd_warning("pump", "no memory for a frame of %zu bytes", frame.ops_size);
        vdp_buffer_clear(&pump->frame);
        streamer_pacing_end(&pump->pacing, now_us);
        pump->needs_reset = true;
        return;
    }
    pump->frame_at = VDP_RECORD_HEADER_SIZE;
    pump->is_settled = settled;
    pump->stats.frames++;
    pump->stats.host_us = frame.capture_us;
    vdp_mix_add(&pump->stats.mix, frame.ops, frame.ops_size);
    (void)push_frame(pump);
}

static void
count_job(struct streamer_pump *pump, const struct streamer_encode_result *result)
{
    pump->stats.tiles_sent += (uint64_t)result->tiles;
    pump->stats.tiles_compared += result->tiles_compared;
    if (result->tiles > 0) {
        pump->samples_us[pump->sample_count++ % SAMPLES] = result->encode_us;
    }
}

/* Sends what was encoded, if it is news and its client is still there; the next starts anew. */
static void
use_encoded(struct streamer_pump *pump, struct streamer_encode_result *result)
{
    bool settled;

    if (pump->sink == NULL || result->generation != pump->generation) {
        vdp_buffer_clear(&result->ops);
        return;
    }
    if (result->tiles < 0) {
        vd_warning("pump", "cannot encode: %s", vdp_strerror(result->tiles));
        pump->needs_reset = true;
        pump->retry_us = vd_monotonic_us() + RETRY_US;
    } else {
        count_job(pump, result);
        pump->refine_us = result->refine_us;
        pump->film_until_us = result->film_until_us;
        settled = result->refine_us == 0 && pump->capture != NULL && !pump->needs_reset &&
                  streamer_shadow_damaged_since(capture_shadow(pump->capture)) == 0;
        /* An unchanged picture is news only when the last frame had promised more. */
        if (result->tiles > 0 || result->key || (settled && !pump->is_settled) ||
            wants_layout(pump, &result->layout)) {
            send_surface(pump, result);
            send_frame(pump, result, settled);
        }
    }
    vdp_buffer_clear(&result->ops);
}

static void
take_encoded(struct streamer_encode_result *result, void *user_data)
{
    struct streamer_pump *pump = user_data;

    use_encoded(pump, result);
    step(pump);
}

/* What the encoder should know of the client and its line. */
static struct streamer_encode_order
make_order(struct streamer_pump *pump)
{
    struct streamer_encode_order order = {
        .generation = pump->generation,
        .input_serial = capture_input_serial(pump->capture),
        .line.rate = streamer_congestion_rate(&pump->pacing.congestion),
    };

    if (pump->film_refreshes < MAX_FILM_REFRESHES) {
        order.line.codecs =
            ((pump->capabilities & VDP_CAP_H264) != 0 ? VDP_VIDEO_BIT(VDP_VIDEO_H264) : 0) |
            ((pump->capabilities & VDP_CAP_VP8) != 0 ? VDP_VIDEO_BIT(VDP_VIDEO_VP8) : 0);
    }
    return order;
}

/* Encodes the newest picture. True when it is done, false while the worker has it. */
static bool
encode(struct streamer_pump *pump, struct streamer_shadow *shadow, int64_t now_us)
{
    struct streamer_encode_result result;
    struct streamer_encode_order order = make_order(pump);

    order.reset = pump->needs_reset;
    if ((pump->capabilities & VDP_CAP_JPEG) != 0) {
        order.lossy = streamer_quality_next(
            &pump->quality, streamer_quality_capacity(&pump->pacing.congestion), now_us);
    }

    if (!pump->needs_reset && pump->film_until_us == 0 &&
        streamer_shadow_damaged_tiles(shadow) <= FEW_TILES) {
        streamer_encode_now(pump->encode, shadow, &order, &result);
        use_encoded(pump, &result);
        return true;
    }
    streamer_encode_start(pump->encode, shadow, &order);
    pump->have_due_us = 0; /* a client that promised it and sent none gets everything */
    if (pump->needs_reset) {
        pump->refreshed_us = now_us;
        pump->needs_reset = false;
    }
    return false;
}

/* Nothing changed: what the client has inexactly is mended, at most in a frame an interval. */
static bool
refine(struct streamer_pump *pump, struct streamer_shadow *shadow, int64_t now_us)
{
    struct streamer_encode_order order = make_order(pump);
    int64_t wait_us;

    if (pump->refine_us == 0) {
        return false;
    }
    order.refine_budget =
        streamer_quality_refine_bytes(streamer_quality_capacity(&pump->pacing.congestion));
    wait_us = streamer_pacing_spare(&pump->pacing, pump->refine_us, unsent(pump), now_us);
    if (wait_us == STREAMER_WAIT_FOR_EVENT) {
        send_fence(pump, true, now_us);
    }
    if (wait_us == 0) {
        streamer_encode_start(pump->encode, shadow, &order);
    } else {
        g_source_set_ready_time(pump->timer, wait_us > 0 ? now_us + wait_us : -1);
    }
    return false;
}

/* The one place that decides what happens next. False when that is nothing for now. */
static bool
step_once(struct streamer_pump *pump)
{
    struct streamer_shadow *shadow;
    uint16_t width;
    uint16_t height;
    int64_t now_us = vd_monotonic_us();
    int64_t since_us;
    int64_t wait_us;

    if (pump->sink == NULL || pump->capture == NULL) {
        return false;
    }
    shadow = capture_shadow(pump->capture);
    send_cursor(pump);
    if (!push_frame(pump)) {
        return false; /* the newest picture wins: the next is encoded when this one has gone */
    }
    if (streamer_encode_is_busy(pump->encode) || !streamer_shadow_size(shadow, &width, &height)) {
        return false;
    }
    since_us = streamer_shadow_damaged_since(shadow);
    if (since_us == 0 && !pump->needs_reset) {
        return refine(pump, shadow, now_us);
    }
    if (pump->needs_reset) {
        since_us = now_us - STREAMER_GATHER_US;
    }
    wait_us = streamer_pacing_next(&pump->pacing, since_us, unsent(pump), now_us);
    if (wait_us == STREAMER_WAIT_FOR_EVENT) {
        send_fence(pump, true, now_us);
    }
    if (wait_us == 0 && now_us < MAX(pump->retry_us, pump->have_due_us)) {
        wait_us = MAX(pump->retry_us, pump->have_due_us) - now_us;
    }
    if (wait_us != 0) {
        g_source_set_ready_time(pump->timer, wait_us > 0 ? now_us + wait_us : -1);
        return false;
    }
    return encode(pump, shadow, now_us);
}

/* Called after everything that may matter. */
static void
step(struct streamer_pump *pump)
{
    unsigned i;

    for (i = 0; i < MAX_STEPS; i++) {
        if (!step_once(pump)) {
            return;
        }
    }
    g_source_set_ready_time(pump->timer, vd_monotonic_us());
}

struct streamer_pump *
streamer_pump_new(void)
{
    struct streamer_pump *pump = g_new0(struct streamer_pump, 1);

    pump->encode = streamer_encode_new(take_encoded, pump);
    if (pump->encode == NULL) {
        g_free(pump);
        return NULL;
    }
    pump->timer = g_source_new(&timer_funcs, sizeof(GSource));
    g_source_set_callback(pump->timer, run_timer, pump, NULL);
    g_source_set_ready_time(pump->timer, -1);
    g_source_attach(pump->timer, g_main_context_get_thread_default());
    return pump;
}

void
streamer_pump_free(struct streamer_pump *pump)
{
    if (pump == NULL) {
        return;
    }
    streamer_encode_free(pump->encode);
    vdp_buffer_clear(&pump->frame);
    g_source_destroy(pump->timer);
    g_source_unref(pump->timer);
    streamer_cursors_clear(&pump->cursors);
    g_free(pump);
}

void
streamer_pump_set_capture(struct streamer_pump *pump, struct capture *capture)
{
    pump->capture = capture;
    pump->cursor_seen = 0;
    pump->needs_reset = true;
    if (capture != NULL) {
        capture_pace(capture, pump->sink != NULL);
        step(pump);
    }
}

void
streamer_pump_attach(struct streamer_pump *pump, const struct streamer_sink *sink,
                     uint64_t capabilities, void *user_data)
{
    pump->sink = sink;
    pump->touched_us = vd_monotonic_us();
    pump->user_data = user_data;
    pump->generation++;
    pump->width = 0;
    pump->height = 0;
    pump->layout = (struct vdp_layout){0};
    pump->needs_reset = true;
    pump->is_settled = false;
    pump->refreshed_us = 0;
    pump->refine_us = 0;
    pump->quality = (struct streamer_quality){0};
    pump->retry_us = 0;
    pump->cursor_queued = 0;
    pump->cursor_seen = 0;
    streamer_cursors_clear(&pump->cursors);
    vdp_buffer_clear(&pump->frame);
    pump->capabilities = capabilities;
    pump->film_refreshes = 0;
    streamer_encode_peer_has(pump->encode, NULL);
    pump->have_due_us = (capabilities & VDP_CAP_HAVE) != 0 ? vd_monotonic_us() + HAVE_US : 0;
    streamer_pacing_init(&pump->pacing);
    /* The empty line's round trip, before anything else is on it. */
    sink->fence(streamer_congestion_mark(&pump->pacing.congestion, vd_monotonic_us()),
                VDP_CHANNEL_CONTROL, user_data);
    if (pump->capture != NULL) {
        capture_pace(pump->capture, true);
    }
    step(pump);
}

void
streamer_pump_detach(struct streamer_pump *pump)
{
    pump->sink = NULL;
    vdp_buffer_clear(&pump->frame);
    g_source_set_ready_time(pump->timer, -1);
    if (pump->capture != NULL) {
        capture_pace(pump->capture, false);
    }
}

void
streamer_pump_changed(struct streamer_pump *pump)
{
    step(pump);
}

void
streamer_pump_input(struct streamer_pump *pump)
{
    pump->touched_us = vd_monotonic_us();
    streamer_pacing_input(&pump->pacing, pump->touched_us);
}

void
streamer_pump_touched(struct streamer_pump *pump)
{
    pump->touched_us = vd_monotonic_us();
}

void
streamer_pump_drained(struct streamer_pump *pump)
{
    step(pump);
}

int
streamer_pump_ack(struct streamer_pump *pump, const struct vdp_ack *ack)
{
    int64_t client_us = ((int64_t)ack->decode + ack->present) * ACK_UNIT_US;
    int result = streamer_pacing_ack(&pump->pacing, ack->frame, client_us, vd_monotonic_us());

    if (result == 0) {
        pump->stats.decode_us = (uint32_t)ack->decode * ACK_UNIT_US;
        pump->stats.present_us = (uint32_t)ack->present * ACK_UNIT_US;
        step(pump);
    }
    return result;
}

void
streamer_pump_fence(struct streamer_pump *pump, uint32_t number)
{
    streamer_pacing_pong(&pump->pacing, number, vd_monotonic_us());
    step(pump);
}

void
streamer_pump_refresh(struct streamer_pump *pump)
{
    if (pump->film_until_us != 0 && ++pump->film_refreshes == MAX_FILM_REFRESHES) {
        vd_notice("pump", "the client asked anew too often: films go picture by picture");
    }
    /* Asked for again too soon: later, so that nobody can keep the encoder busy for good. */
    pump->needs_reset = true;
    pump->retry_us = MAX(pump->retry_us, pump->refreshed_us + REFRESH_INTERVAL_US);
    step(pump);
}

void
streamer_pump_have(struct streamer_pump *pump, const struct vdp_have *have)
{
    if (pump->have_due_us != 0) {
        streamer_encode_peer_has(pump->encode, have);
        pump->have_due_us = 0;
        step(pump);
    }
}

static int
compare_samples(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

void
streamer_pump_stats(struct streamer_pump *pump, struct streamer_stats *ret_stats)
{
    uint32_t sorted[SAMPLES];
    uint32_t count = MIN(pump->sample_count, SAMPLES);

    *ret_stats = pump->stats;
    memcpy(sorted, pump->samples_us, count * sizeof(sorted[0]));
    qsort(sorted, count, sizeof(sorted[0]), compare_samples);
    ret_stats->encode_p50_us = count > 0 ? sorted[count / 2] : 0;
    if (pump->sink != NULL) {
        const struct streamer_congestion *congestion = &pump->pacing.congestion;

        ret_stats->rtt_us = (uint32_t)MIN(streamer_congestion_base_us(congestion), UINT32_MAX);
        ret_stats->rate = (uint32_t)MIN(streamer_congestion_rate(congestion), UINT32_MAX);
        ret_stats->unacked = streamer_pacing_unacked(&pump->pacing);
    }
    ret_stats->idle_s = (uint32_t)((vd_monotonic_us() - pump->touched_us) / G_USEC_PER_SEC);
}
