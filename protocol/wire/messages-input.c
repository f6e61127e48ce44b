/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include "protocol/wire/body.h"

#define TEXT_HEAD 8u /* bytes before the text */

static bool
is_valid_key(const struct vdp_key *message)
{
    return message->code > 0 && message->code <= VDP_MAX_KEY && message->down <= 1;
}

int
vdp_put_key(struct vdp_buffer *out, const struct vdp_key *message)
{
    if (!is_valid_key(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_KEY, 11);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put_u16(out, message->code);
    vdp_buffer_put_u8(out, message->down);
    return out->error;
}

int
vdp_get_key(const struct vdp_record *record, struct vdp_key *ret_message)
{
    struct vdp_key key;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    key.serial = vdp_reader_u32(&reader);
    key.time_us = vdp_reader_u32(&reader);
    key.code = vdp_reader_u16(&reader);
    key.down = vdp_reader_u8(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_key(&key)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = key;
    }
    return error;
}

static bool
is_valid_pointer(const struct vdp_pointer *message)
{
    return message->x < VDP_MAX_SIDE && message->y < VDP_MAX_SIDE;
}

int
vdp_put_pointer(struct vdp_buffer *out, const struct vdp_pointer *message)
{
    if (!is_valid_pointer(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_POINTER, 12);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put_u16(out, message->x);
    vdp_buffer_put_u16(out, message->y);
    return out->error;
}

int
vdp_get_pointer(const struct vdp_record *record, struct vdp_pointer *ret_message)
{
    struct vdp_pointer pointer;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    pointer.serial = vdp_reader_u32(&reader);
    pointer.time_us = vdp_reader_u32(&reader);
    pointer.x = vdp_reader_u16(&reader);
    pointer.y = vdp_reader_u16(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_pointer(&pointer)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = pointer;
    }
    return error;
}

static bool
is_valid_button(const struct vdp_button *message)
{
    return message->button > 0 && message->button <= VDP_MAX_BUTTON && message->down <= 1;
}

int
vdp_put_button(struct vdp_buffer *out, const struct vdp_button *message)
{
    if (!is_valid_button(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_BUTTON, 10);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put_u8(out, message->button);
    vdp_buffer_put_u8(out, message->down);
    return out->error;
}

int
vdp_get_button(const struct vdp_record *record, struct vdp_button *ret_message)
{
    struct vdp_button button;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    button.serial = vdp_reader_u32(&reader);
    button.time_us = vdp_reader_u32(&reader);
    button.button = vdp_reader_u8(&reader);
    button.down = vdp_reader_u8(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_button(&button)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = button;
    }
    return error;
}

int
vdp_put_wheel(struct vdp_buffer *out, const struct vdp_wheel *message)
{
    vdp_body_begin(out, VDP_WHEEL, 12);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put_u16(out, (uint16_t)message->dx);
    vdp_buffer_put_u16(out, (uint16_t)message->dy);
    return out->error;
}

int
vdp_get_wheel(const struct vdp_record *record, struct vdp_wheel *ret_message)
{
    struct vdp_wheel wheel;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    wheel.serial = vdp_reader_u32(&reader);
    wheel.time_us = vdp_reader_u32(&reader);
    wheel.dx = (int16_t)vdp_reader_u16(&reader);
    wheel.dy = (int16_t)vdp_reader_u16(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0) {
        *ret_message = wheel;
    }
    return error;
}

static bool
is_valid_motion(const struct vdp_motion *message)
{
    return message->dx >= -VDP_MAX_MOTION && message->dx <= VDP_MAX_MOTION &&
           message->dy >= -VDP_MAX_MOTION && message->dy <= VDP_MAX_MOTION;
}

int
vdp_put_motion(struct vdp_buffer *out, const struct vdp_motion *message)
{
    if (!is_valid_motion(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_MOTION, 12);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put_u16(out, (uint16_t)message->dx);
    vdp_buffer_put_u16(out, (uint16_t)message->dy);
    return out->error;
}

int
vdp_get_motion(const struct vdp_record *record, struct vdp_motion *ret_message)
{
    struct vdp_motion motion;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    motion.serial = vdp_reader_u32(&reader);
    motion.time_us = vdp_reader_u32(&reader);
    motion.dx = (int16_t)vdp_reader_u16(&reader);
    motion.dy = (int16_t)vdp_reader_u16(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_motion(&motion)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = motion;
    }
    return error;
}

static bool
is_valid_locks(const struct vdp_locks *message)
{
    return message->locks <= (VDP_LOCK_SCROLL | VDP_LOCK_NUM | VDP_LOCK_CAPS);
}

int
vdp_put_locks(struct vdp_buffer *out, const struct vdp_locks *message)
{
    if (!is_valid_locks(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_LOCKS, 9);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put_u8(out, message->locks);
    return out->error;
}

int
vdp_get_locks(const struct vdp_record *record, struct vdp_locks *ret_message)
{
    struct vdp_locks locks;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    locks.serial = vdp_reader_u32(&reader);
    locks.time_us = vdp_reader_u32(&reader);
    locks.locks = vdp_reader_u8(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_locks(&locks)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = locks;
    }
    return error;
}

static bool
is_valid_text(const struct vdp_text *message)
{
    return message->size > 0 && message->size <= VDP_MAX_TYPED &&
           vdp_body_is_text(message->text, message->size);
}

int
vdp_put_text(struct vdp_buffer *out, const struct vdp_text *message)
{
    if (!is_valid_text(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_TEXT, TEXT_HEAD + message->size);
    vdp_buffer_put_u32(out, message->serial);
    vdp_buffer_put_u32(out, message->time_us);
    vdp_buffer_put(out, message->text, message->size);
    return out->error;
}

int
vdp_get_text(const struct vdp_record *record, struct vdp_text *ret_message)
{
    struct vdp_text text;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    text.serial = vdp_reader_u32(&reader);
    text.time_us = vdp_reader_u32(&reader);
    text.size = record->size > TEXT_HEAD ? record->size - TEXT_HEAD : 0;
    text.text = (const char *)vdp_reader_bytes(&reader, text.size);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_text(&text)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = text;
    }
    return error;
}

int
vdp_put_release_all(struct vdp_buffer *out)
{
    vdp_body_begin(out, VDP_RELEASE_ALL, 0);
    return out->error;
}

static bool
is_valid_set_size(const struct vdp_set_size *message)
{
    return vdp_body_is_surface(message->width, message->height) &&
           message->scale >= VDP_MIN_SCALE && message->scale <= VDP_MAX_SCALE;
}

int
vdp_put_set_size(struct vdp_buffer *out, const struct vdp_set_size *message)
{
    if (!is_valid_set_size(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_SET_SIZE, 6);
    vdp_buffer_put_u16(out, message->width);
    vdp_buffer_put_u16(out, message->height);
    vdp_buffer_put_u16(out, message->scale);
    return out->error;
}

int
vdp_get_set_size(const struct vdp_record *record, struct vdp_set_size *ret_message)
{
    struct vdp_set_size set_size;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    set_size.width = vdp_reader_u16(&reader);
    set_size.height = vdp_reader_u16(&reader);
    set_size.scale = vdp_reader_u16(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_set_size(&set_size)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = set_size;
    }
    return error;
}
