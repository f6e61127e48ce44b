/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/stream-private.h"

#include <string.h>

#include "protocol/base/clock.h"

static int
record_hello(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_hello hello;
    int r = vdp_get_hello(record, &hello);

    if (r < 0)
        return r;
    if (hello.version_min > VDP_VERSION_MAX || hello.version_max < VDP_VERSION_MIN)
        return VDP_ERR_VERSION;
    stream->live = true;
    stream->host_has = hello.monitors;
    stream_send_wanted(stream);
    stream->events->live(stream->user_data);
    return 0;
}

static int
record_goaway(struct client_stream *stream, const struct vdp_record *record)
{
    struct client_stream_end end = {.cause = CLIENT_STREAM_GOAWAY};
    struct vdp_goaway goaway;
    g_autofree char *text = NULL;
    int r = vdp_get_goaway(record, &goaway);

    if (r < 0)
        return r;
    if (goaway.text_size > 0)
        text = g_utf8_make_valid(goaway.text, (gssize)goaway.text_size);
    end.goaway = (enum vdp_goaway_reason)goaway.reason;
    end.retry_ms = goaway.retry_ms;
    end.text = text ? text : "";
    stream_finish(stream, &end);
    return 0;
}

static int
record_ping(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_buffer buffer = {0};
    struct vdp_ping ping;
    int r = vdp_get_ping(record, &ping);

    if (r < 0)
        return r;
    if (record->type == VDP_PONG) {
        int64_t rtt = vd_monotonic_us() - (int64_t)ping.stamp;

        /* A stamp that is not ours says nothing. */
        if (rtt >= 0 && rtt < G_USEC_PER_SEC * 60)
            stream->stats.rtt_us = (unsigned)rtt;
        return 0;
    }
    vdp_put_pong(&buffer, &ping);
    stream_send(stream, &buffer, VDP_CHANNEL_CONTROL);
    return 0;
}

static int
record_surface(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_surface surface;
    int r = vdp_get_surface(record, &surface);

    if (r < 0)
        return r;
    if (surface.width == 0 || surface.height == 0 || surface.width > VDP_MAX_SIDE ||
        surface.height > VDP_MAX_SIDE || (uint64_t)surface.width * surface.height > VDP_MAX_PIXELS)
        return VDP_ERR_RANGE;
    stream->surface = surface;
    stream->has_surface = true;
    stream->layout.count = 0;
    return client_canvas_resize(stream->canvas, surface.width, surface.height) ? 0
                                                                               : VDP_ERR_TOO_BIG;
}

static int
record_layout(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_layout layout;
    unsigned i;
    int r = vdp_get_layout(record, &layout);

    if (r < 0)
        return r;
    if (!stream->has_surface || layout.surface != stream->surface.id)
        return VDP_ERR_STATE;
    for (i = 0; i < layout.count; i++)
        if (layout.at[i].x + layout.at[i].width > stream->surface.width ||
            layout.at[i].y + layout.at[i].height > stream->surface.height)
            return VDP_ERR_RANGE;
    stream->layout = layout;
    if (stream->events->layout)
        stream->events->layout(stream->user_data);
    return 0;
}

static void
canvas_resized(int error, void *user_data)
{
    struct client_stream *stream = user_data;

    if (error != 0)
        stream_nonsense(stream, error);
    else
        stream->events->surface(stream->user_data);
}

/* Asks for a key frame. */
static void
record_refresh(struct client_stream *stream)
{
    struct vdp_buffer buffer = {0};

    vdp_put_refresh(&buffer);
    stream_send(stream, &buffer, VDP_CHANNEL_DISPLAY);
}

static int
record_frame(struct client_stream *stream, const struct vdp_record *record)
{
    struct client_frame frame = {0};
    struct vdp_frame head;
    int r = vdp_get_frame(record, &head);

    if (r < 0)
        return r;
    if (!stream->has_surface || head.surface != stream->surface.id)
        return VDP_ERR_STATE;
    frame.id = head.id;
    frame.input_serial = head.input_serial;
    frame.key = (head.flags & VDP_FRAME_KEY) != 0;
    frame.settled = (head.flags & VDP_FRAME_SETTLED) != 0;
    stream->stats.capture_us = head.capture_us;
    vdp_mix_add(&stream->stats.mix, head.ops, head.ops_size);
    return client_canvas_frame(stream->canvas, &frame, head.ops, head.ops_size) ? 0
                                                                                : VDP_ERR_TOO_BIG;
}

static void
canvas_decoded(const struct client_frame *frame, int error, void *user_data)
{
    struct client_stream *stream = user_data;

    if (error != 0) {
        stream_nonsense(stream, error);
        return;
    }
    /* The picture is not what the host believes: counted and mended, never hidden. */
    stream->stats.mismatches += frame->wrong;
    if (frame->wrong || frame->film_failed)
        record_refresh(stream);
    stream->stats.frames++;
    stream->stats.decode_us += frame->decode_us;
    stream->pending[stream->pending_count++] = (struct stream_pending){
        .frame = frame->id,
        .decode_us = frame->decode_us,
        .received_us = frame->received_us,
        .decoded_us = frame->decoded_us,
    };
    stream_expect_present(stream);
    stream->events->frame(frame, stream->user_data);
}

static void
canvas_digested(const struct vdp_have *have, void *user_data)
{
    struct client_stream *stream = user_data;

    if (!stream->opened && vdp_put_have(&stream->have, have) < 0)
        vdp_buffer_clear(&stream->have);
}

const struct client_canvas_events stream_canvas_events = {
    .resized = canvas_resized,
    .decoded = canvas_decoded,
    .digested = canvas_digested,
};

static int
record_cursor_shape(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_cursor_shape shape;
    int r = vdp_get_cursor_shape(record, &shape);

    if (r < 0)
        return r;
    if (!client_cursors_add(&stream->cursors, &shape))
        return VDP_ERR_NOMEM;
    stream->events->cursor(stream->user_data);
    return 0;
}

static int
record_cursor_use(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_cursor_use use;
    int r = vdp_get_cursor_use(record, &use);

    if (r < 0)
        return r;
    client_cursors_use(&stream->cursors, &use);
    stream->events->cursor(stream->user_data);
    return 0;
}

static int
record_notice(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_notice notice;
    int r = vdp_get_notice(record, &notice);

    if (r < 0)
        return r;
    stream->events->notice(&notice, stream->user_data);
    return 0;
}

static int
record_cursor_warp(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_cursor_warp warp;
    int r = vdp_get_cursor_warp(record, &warp);

    if (r < 0)
        return r;
    if (stream->events->warp)
        stream->events->warp(warp.x, warp.y, stream->user_data);
    return 0;
}

int
stream_record(struct client_stream *stream, const struct vdp_record *record)
{
    int r = vdp_message_permit(record, true, stream->live);

    if (r < 0)
        return r;
    if (r > 0)
        return 0; /* unknown, and may be skipped */
    switch (record->type) {
    case VDP_HELLO:
        return record_hello(stream, record);
    case VDP_GOAWAY:
        return record_goaway(stream, record);
    case VDP_PING:
    case VDP_PONG:
        return record_ping(stream, record);
    case VDP_NOTICE:
        return record_notice(stream, record);
    case VDP_SURFACE:
        return record_surface(stream, record);
    case VDP_LAYOUT:
        return record_layout(stream, record);
    case VDP_FRAME:
        return record_frame(stream, record);
    case VDP_CURSOR_SHAPE:
        return record_cursor_shape(stream, record);
    case VDP_CURSOR_USE:
        return record_cursor_use(stream, record);
    case VDP_CURSOR_WARP:
        return record_cursor_warp(stream, record);
    default:
        return VDP_ERR_STATE;
    }
}
