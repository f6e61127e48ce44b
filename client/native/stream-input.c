/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/stream-private.h"

#include <string.h>

#include "protocol/base/clock.h"

#define MAX_UNSENT_MOVES (64u * 1024u) /* bytes; beyond it only the newest position matters */

static uint32_t
input_time(void)
{
    return (uint32_t)vd_monotonic_us();
}

uint32_t
client_stream_key(struct client_stream *stream, uint16_t code, bool down)
{
    struct vdp_buffer buffer = {0};
    struct vdp_key key = {.time_us = input_time(), .code = code, .down = down};

    if (!stream->live)
        return 0;
    key.serial = ++stream->serial;
    vdp_put_key(&buffer, &key);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
    return key.serial;
}

void
client_stream_pointer(struct client_stream *stream, uint16_t x, uint16_t y)
{
    struct vdp_buffer buffer = {0};
    struct vdp_pointer pointer = {.time_us = input_time(), .x = x, .y = y};

    if (!stream->live || vdp_link_unsent(stream->link) > MAX_UNSENT_MOVES)
        return;
    pointer.serial = ++stream->serial;
    vdp_put_pointer(&buffer, &pointer);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

void
client_stream_button(struct client_stream *stream, uint8_t button, bool down)
{
    struct vdp_buffer buffer = {0};
    struct vdp_button press = {.time_us = input_time(), .button = button, .down = down};

    if (!stream->live)
        return;
    press.serial = ++stream->serial;
    vdp_put_button(&buffer, &press);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

void
client_stream_wheel(struct client_stream *stream, int16_t dx, int16_t dy)
{
    struct vdp_buffer buffer = {0};
    struct vdp_wheel wheel = {.time_us = input_time(), .dx = dx, .dy = dy};

    if (!stream->live || (dx == 0 && dy == 0))
        return;
    wheel.serial = ++stream->serial;
    vdp_put_wheel(&buffer, &wheel);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

void
client_stream_motion(struct client_stream *stream, int16_t dx, int16_t dy)
{
    struct vdp_buffer buffer = {0};
    struct vdp_motion motion = {.time_us = input_time(), .dx = dx, .dy = dy};

    if (!stream->live || (dx == 0 && dy == 0))
        return;
    motion.serial = ++stream->serial;
    vdp_put_motion(&buffer, &motion);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

void
client_stream_locks(struct client_stream *stream, uint8_t locks)
{
    struct vdp_buffer buffer = {0};
    struct vdp_locks message = {.time_us = input_time(), .locks = locks};

    if (!stream->live)
        return;
    message.serial = ++stream->serial;
    vdp_put_locks(&buffer, &message);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

bool
client_stream_text(struct client_stream *stream, const char *text)
{
    size_t left = strlen(text);

    if (!g_utf8_validate(text, -1, NULL))
        return false;
    while (stream->live && left > 0) {
        struct vdp_buffer buffer = {0};
        struct vdp_text message = {.time_us = input_time(), .text = text};
        const char *end = text + MIN(left, VDP_MAX_TYPED);

        if (left > VDP_MAX_TYPED) /* not through the middle of a character */
            end = g_utf8_find_prev_char(text, end + 1);
        message.size = (size_t)(end - text);
        message.serial = ++stream->serial;
        if (vdp_put_text(&buffer, &message) < 0)
            return false;
        stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
        text = end;
        left -= message.size;
    }
    return true;
}

void
client_stream_release_all(struct client_stream *stream)
{
    struct vdp_buffer buffer = {0};

    if (!stream->live)
        return;
    vdp_put_release_all(&buffer);
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

void
client_stream_set_size(struct client_stream *stream, uint16_t width, uint16_t height,
                       uint16_t scale)
{
    stream->wanted = (struct vdp_monitors){.count = 0};
    if (width > 0 && height > 0)
        stream->wanted = (struct vdp_monitors){1, {{0, 0, width, height, scale ? scale : 120}}};
    stream_send_wanted(stream);
}

bool
client_stream_set_monitors(struct client_stream *stream, const struct vdp_monitors *monitors)
{
    struct vdp_buffer buffer = {0};
    bool good = vdp_put_monitors(&buffer, monitors) == 0;

    vdp_buffer_clear(&buffer);
    if (good) {
        stream->wanted = *monitors;
        stream_send_wanted(stream);
    }
    return good;
}

void
stream_send_wanted(struct client_stream *stream)
{
    const struct vdp_monitor *first = &stream->wanted.at[0];
    struct vdp_buffer buffer = {0};

    if (!stream->live || stream->wanted.count == 0)
        return;
    if (stream->wanted.count > 1 && stream->host_has > 1)
        vdp_put_monitors(&buffer, &stream->wanted);
    else
        vdp_put_set_size(&buffer,
                         &(struct vdp_set_size){first->width, first->height, first->scale});
    stream_send(stream, &buffer, VDP_CHANNEL_INPUT);
}

unsigned
client_stream_most_monitors(const struct client_stream *stream)
{
    return MAX(stream->host_has, 1);
}

const struct vdp_layout *
client_stream_layout(const struct client_stream *stream)
{
    return &stream->layout;
}

void
client_stream_goaway(struct client_stream *stream, enum vdp_goaway_reason reason, const char *text)
{
    struct vdp_buffer buffer = {0};
    struct vdp_goaway goaway = {
        .reason = (uint8_t)reason,
        .text = text,
        .text_size = strlen(text),
    };

    vdp_put_goaway(&buffer, &goaway);
    stream_send(stream, &buffer, VDP_CHANNEL_CONTROL);
}
