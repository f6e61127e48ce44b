/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/stream-private.h"

#include <string.h>

#include "protocol/base/clock.h"

static int
record_hello(struct client_stream *stream, const struct vdp_record *record)
{
    struct vdp_buffer buffer = {0};
    struct vdp_hello hello;
    int r = vdp_get_hello(record, &hello);

    if (r < 0)
        return r;
    if (hello.version_min > VDP_VERSION_MAX || hello.version_max < VDP_VERSION_MIN)
        return VDP_ERR_VERSION;
    stream->live = true;
    if (stream->wanted.width > 0) {
        vdp_put_set_size(&buffer, &stream->wanted);
        stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
    }
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
    r = vdp_decoder_resize(stream->decoder, surface.width, surface.height);
    if (r < 0)
        return r;
    stream->surface = surface;
    stream->has_surface = true;
    stream->events->surface(surface.width, surface.height, stream->user_data);
    return 0;
}

/* The picture is not what the host believes: counted and mended, never hidden. */
static void
record_mismatch(struct client_stream *stream)
{
    struct vdp_buffer buffer = {0};

    stream->stats.mismatches++;
    vdp_put_refresh(&buffer);
    stream_send(stream, &buffer, VDP_CHANNEL_DISPLAY);
}

static int
record_frame(struct client_stream *stream, const struct vdp_record *record)
{
    struct client_frame frame = {0};
    struct stream_pending *pending;
    struct vdp_frame head;
    int64_t before = vd_monotonic_us();
    int r = vdp_get_frame(record, &head);

    if (r < 0)
        return r;
    if (!stream->has_surface || head.surface != stream->surface.id)
        return VDP_ERR_STATE;
    frame.key = (head.flags & VDP_FRAME_KEY) != 0;
    r = vdp_decoder_frame(stream->decoder, head.ops, head.ops_size, frame.key, &frame.dirty);
    if (r < 0)
        return r;
    if (vdp_decoder_verdict(stream->decoder) == VDP_VERDICT_WRONG)
        record_mismatch(stream);
    frame.id = head.id;
    frame.input_serial = head.input_serial;
    frame.settled = (head.flags & VDP_FRAME_SETTLED) != 0;
    frame.size = head.ops_size;
    frame.decode_us = (unsigned)(vd_monotonic_us() - before);
    stream->stats.frames++;
    stream->stats.decode_us += frame.decode_us;
    stream->stats.capture_us = head.capture_us;
    pending = &stream->pending[stream->pending_count++];
    *pending = (struct stream_pending){head.id, frame.decode_us, vd_monotonic_us()};
    stream_expect_present(stream);
    stream->events->frame(&frame, stream->user_data);
    return 0;
}

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
    case VDP_SURFACE:
        return record_surface(stream, record);
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
