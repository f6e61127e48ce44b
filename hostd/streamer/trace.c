/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/trace.h"

#include <string.h>

#include "protocol/wire/messages.h"

#define FRAME_HEAD_SIZE 10u
#define RECT_HEAD_SIZE  8u

static const char trace_magic[8] = {'V', 'D', 'T', 'R', 'A', 'C', 'E', '1'};

static uint16_t
get_u16(const uint8_t *data)
{
    return (uint16_t)(data[0] | data[1] << 8);
}

static uint64_t
get_u64(const uint8_t *data)
{
    uint64_t value = 0;
    int i;

    for (i = 7; i >= 0; i--) {
        value = value << 8 | data[i];
    }
    return value;
}

int
streamer_trace_open(struct streamer_trace *trace, const uint8_t *data, size_t size)
{
    if (size < STREAMER_TRACE_HEADER_SIZE) {
        return VDP_ERR_TRUNCATED;
    }
    if (memcmp(data, trace_magic, sizeof(trace_magic)) != 0) {
        return VDP_ERR_CORRUPT;
    }
    trace->data = data;
    trace->size = size;
    trace->offset = STREAMER_TRACE_HEADER_SIZE;
    trace->last_us = 0;
    trace->width = get_u16(data + 8);
    trace->height = get_u16(data + 10);
    if (trace->width == 0 || trace->height == 0 || trace->width > VDP_MAX_SIDE ||
        trace->height > VDP_MAX_SIDE ||
        (uint32_t)trace->width * trace->height > STREAMER_MAX_TRACE_PIXELS) {
        return VDP_ERR_RANGE;
    }
    return 0;
}

/* Size of a rectangle with its pixels, or 0 when it does not fit into the data or the surface. */
static size_t
measure_rect(const struct streamer_trace *trace, const uint8_t *data, size_t size)
{
    uint32_t width;
    uint32_t height;
    size_t bytes;

    if (size < RECT_HEAD_SIZE) {
        return 0;
    }
    width = get_u16(data + 4);
    height = get_u16(data + 6);
    if (width == 0 || height == 0 || get_u16(data) + width > trace->width ||
        get_u16(data + 2) + height > trace->height) {
        return 0;
    }
    bytes = (size_t)width * height * 4;
    return bytes <= size - RECT_HEAD_SIZE ? RECT_HEAD_SIZE + bytes : 0;
}

int
streamer_trace_next(struct streamer_trace *trace, struct streamer_trace_frame *ret_frame)
{
    const uint8_t *data = trace->data + trace->offset;
    size_t size = trace->size - trace->offset;
    size_t used = FRAME_HEAD_SIZE;
    uint64_t time_us;
    uint16_t count;
    uint16_t i;

    if (size == 0) {
        return 0;
    }
    if (size < FRAME_HEAD_SIZE) {
        return VDP_ERR_TRUNCATED;
    }
    time_us = get_u64(data);
    count = get_u16(data + 8);
    if (time_us > INT64_MAX / 2 || (int64_t)time_us < trace->last_us ||
        count > STREAMER_MAX_TRACE_RECTS) {
        return VDP_ERR_RANGE;
    }
    for (i = 0; i < count; i++) {
        size_t rect_size = measure_rect(trace, data + used, size - used);

        if (rect_size == 0) {
            return VDP_ERR_RANGE;
        }
        used += rect_size;
    }
    ret_frame->time_us = (int64_t)time_us;
    ret_frame->count = count;
    ret_frame->rects = data + FRAME_HEAD_SIZE;
    ret_frame->size = used - FRAME_HEAD_SIZE;
    trace->last_us = (int64_t)time_us;
    trace->offset += used;
    return 1;
}

int
streamer_trace_rect(const struct streamer_trace_frame *frame, size_t *at, struct vdp_rect *ret_rect,
                    const uint8_t **ret_pixels)
{
    const uint8_t *data = frame->rects + *at;

    if (*at == frame->size) {
        return 0;
    }
    ret_rect->x = get_u16(data);
    ret_rect->y = get_u16(data + 2);
    ret_rect->width = get_u16(data + 4);
    ret_rect->height = get_u16(data + 6);
    *ret_pixels = data + RECT_HEAD_SIZE;
    *at += RECT_HEAD_SIZE + (size_t)ret_rect->width * ret_rect->height * 4;
    return 1;
}

void
streamer_trace_put_header(struct vdp_buffer *out, uint16_t width, uint16_t height)
{
    vdp_buffer_put(out, trace_magic, sizeof(trace_magic));
    vdp_buffer_put_u16(out, width);
    vdp_buffer_put_u16(out, height);
}

void
streamer_trace_put_frame(struct vdp_buffer *out, uint64_t time_us, uint16_t count)
{
    vdp_buffer_put_u64(out, time_us);
    vdp_buffer_put_u16(out, count);
}

void
streamer_trace_put_rect(struct vdp_buffer *out, struct vdp_rect rect, const uint8_t *pixels,
                        size_t stride)
{
    uint32_t row;

    vdp_buffer_put_u16(out, rect.x);
    vdp_buffer_put_u16(out, rect.y);
    vdp_buffer_put_u16(out, rect.width);
    vdp_buffer_put_u16(out, rect.height);
    for (row = 0; row < rect.height; row++) {
        vdp_buffer_put(out, pixels + row * stride, (size_t)rect.width * 4);
    }
}
