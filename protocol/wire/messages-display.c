/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include "protocol/wire/body.h"

#define CURSOR_FIXED_SIZE 12u
#define FRAME_FIXED_SIZE  15u
#define HAVE_FIXED_SIZE   4u

static bool
is_valid_shape(const struct vdp_cursor_shape *message)
{
    return message->width > 0 && message->width <= VDP_MAX_CURSOR && message->height > 0 &&
           message->height <= VDP_MAX_CURSOR && message->hot_x < message->width &&
           message->hot_y < message->height;
}

static size_t
shape_size(const struct vdp_cursor_shape *message)
{
    return (size_t)message->width * message->height * 4;
}

int
vdp_put_cursor_shape(struct vdp_buffer *out, const struct vdp_cursor_shape *message)
{
    if (!is_valid_shape(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_CURSOR_SHAPE, CURSOR_FIXED_SIZE + shape_size(message));
    vdp_buffer_put_u32(out, message->id);
    vdp_buffer_put_u16(out, message->width);
    vdp_buffer_put_u16(out, message->height);
    vdp_buffer_put_u16(out, message->hot_x);
    vdp_buffer_put_u16(out, message->hot_y);
    vdp_buffer_put(out, message->rgba, shape_size(message));
    return out->error;
}

int
vdp_get_cursor_shape(const struct vdp_record *record, struct vdp_cursor_shape *ret_message)
{
    struct vdp_cursor_shape shape;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    shape.id = vdp_reader_u32(&reader);
    shape.width = vdp_reader_u16(&reader);
    shape.height = vdp_reader_u16(&reader);
    shape.hot_x = vdp_reader_u16(&reader);
    shape.hot_y = vdp_reader_u16(&reader);
    if (reader.error != 0) {
        return reader.error;
    }
    if (!is_valid_shape(&shape)) {
        return VDP_ERR_RANGE;
    }
    shape.rgba = vdp_reader_bytes(&reader, shape_size(&shape));
    error = vdp_reader_end(&reader);
    if (error == 0) {
        *ret_message = shape;
    }
    return error;
}

int
vdp_put_cursor_use(struct vdp_buffer *out, const struct vdp_cursor_use *message)
{
    if (message->visible > 1) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_CURSOR_USE, 5);
    vdp_buffer_put_u32(out, message->id);
    vdp_buffer_put_u8(out, message->visible);
    return out->error;
}

int
vdp_get_cursor_use(const struct vdp_record *record, struct vdp_cursor_use *ret_message)
{
    struct vdp_cursor_use use;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    use.id = vdp_reader_u32(&reader);
    use.visible = vdp_reader_u8(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && use.visible > 1) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = use;
    }
    return error;
}

int
vdp_put_cursor_warp(struct vdp_buffer *out, const struct vdp_cursor_warp *message)
{
    if (message->x >= VDP_MAX_SIDE || message->y >= VDP_MAX_SIDE) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_CURSOR_WARP, 4);
    vdp_buffer_put_u16(out, message->x);
    vdp_buffer_put_u16(out, message->y);
    return out->error;
}

int
vdp_get_cursor_warp(const struct vdp_record *record, struct vdp_cursor_warp *ret_message)
{
    struct vdp_cursor_warp warp;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    warp.x = vdp_reader_u16(&reader);
    warp.y = vdp_reader_u16(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && (warp.x >= VDP_MAX_SIDE || warp.y >= VDP_MAX_SIDE)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = warp;
    }
    return error;
}

int
vdp_put_surface(struct vdp_buffer *out, const struct vdp_surface *message)
{
    if (!vdp_body_is_surface(message->width, message->height)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_SURFACE, 6);
    vdp_buffer_put_u16(out, message->id);
    vdp_buffer_put_u16(out, message->width);
    vdp_buffer_put_u16(out, message->height);
    return out->error;
}

int
vdp_get_surface(const struct vdp_record *record, struct vdp_surface *ret_message)
{
    struct vdp_surface surface;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    surface.id = vdp_reader_u16(&reader);
    surface.width = vdp_reader_u16(&reader);
    surface.height = vdp_reader_u16(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !vdp_body_is_surface(surface.width, surface.height)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = surface;
    }
    return error;
}

int
vdp_put_frame(struct vdp_buffer *out, const struct vdp_frame *message)
{
    if ((message->flags & ~(VDP_FRAME_KEY | VDP_FRAME_SETTLED)) != 0) {
        return VDP_ERR_RANGE;
    }
    if (message->ops_size > vdp_message_find(VDP_FRAME)->max_body - FRAME_FIXED_SIZE) {
        return VDP_ERR_TOO_BIG;
    }
    vdp_body_begin(out, VDP_FRAME, FRAME_FIXED_SIZE + message->ops_size);
    vdp_buffer_put_u32(out, message->id);
    vdp_buffer_put_u32(out, message->input_serial);
    vdp_buffer_put_u32(out, message->capture_us);
    vdp_buffer_put_u16(out, message->surface);
    vdp_buffer_put_u8(out, message->flags);
    vdp_buffer_put(out, message->ops, message->ops_size);
    return out->error;
}

int
vdp_get_frame(const struct vdp_record *record, struct vdp_frame *ret_message)
{
    struct vdp_frame frame;
    struct vdp_reader reader;

    vdp_reader_init(&reader, record->body, record->size);
    frame.id = vdp_reader_u32(&reader);
    frame.input_serial = vdp_reader_u32(&reader);
    frame.capture_us = vdp_reader_u32(&reader);
    frame.surface = vdp_reader_u16(&reader);
    frame.flags = vdp_reader_u8(&reader);
    if (reader.error != 0) {
        return reader.error;
    }
    if ((frame.flags & ~(VDP_FRAME_KEY | VDP_FRAME_SETTLED)) != 0) {
        return VDP_ERR_RANGE;
    }
    frame.ops_size = reader.left;
    frame.ops = vdp_reader_bytes(&reader, reader.left);
    *ret_message = frame;
    return 0;
}

int
vdp_put_ack(struct vdp_buffer *out, const struct vdp_ack *message)
{
    vdp_body_begin(out, VDP_ACK, 9);
    vdp_buffer_put_u32(out, message->frame);
    vdp_buffer_put_u16(out, message->decode);
    vdp_buffer_put_u16(out, message->present);
    vdp_buffer_put_u8(out, message->queued);
    return out->error;
}

int
vdp_get_ack(const struct vdp_record *record, struct vdp_ack *ret_message)
{
    struct vdp_ack ack;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    ack.frame = vdp_reader_u32(&reader);
    ack.decode = vdp_reader_u16(&reader);
    ack.present = vdp_reader_u16(&reader);
    ack.queued = vdp_reader_u8(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0) {
        *ret_message = ack;
    }
    return error;
}

int
vdp_put_refresh(struct vdp_buffer *out)
{
    vdp_body_begin(out, VDP_REFRESH, 0);
    return out->error;
}

/* How many digests fit to the size is the codec's matter. */
static bool
is_good_have(const struct vdp_have *have)
{
    return have->width >= 1 && have->width <= VDP_MAX_SIDE && have->height >= 1 &&
           have->height <= VDP_MAX_SIDE && have->count >= 1 && have->count <= VDP_MAX_HAVE;
}

int
vdp_put_have(struct vdp_buffer *out, const struct vdp_have *message)
{
    if (!is_good_have(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_HAVE, HAVE_FIXED_SIZE + (size_t)message->count * 4);
    vdp_buffer_put_u16(out, message->width);
    vdp_buffer_put_u16(out, message->height);
    vdp_buffer_put(out, message->digests, (size_t)message->count * 4);
    return out->error;
}

int
vdp_get_have(const struct vdp_record *record, struct vdp_have *ret_message)
{
    struct vdp_have have = {0};
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    have.width = vdp_reader_u16(&reader);
    have.height = vdp_reader_u16(&reader);
    have.count = (uint32_t)(reader.left / 4);
    have.digests = vdp_reader_bytes(&reader, (size_t)have.count * 4);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_good_have(&have)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = have;
    }
    return error;
}
