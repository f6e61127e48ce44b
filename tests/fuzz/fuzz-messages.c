/* SPDX-License-Identifier: Apache-2.0 */
/* Every decoder: u16 type, then a body. What is accepted must encode to the same bytes again. */
#include "protocol/wire/messages.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define TRY(name, type)                                                                            \
    {                                                                                              \
        struct type message;                                                                       \
        return vdp_get_##name(record, &message) == 0 ? vdp_put_##name(out, &message) : 1;          \
    }

/* 0: accepted and encoded into out; 1: refused. Anything else is a mistake of ours. */
static int
try_decode(const struct vdp_record *record, struct vdp_buffer *out)
{
    switch (record->type) {
    case VDP_TICKET:
        TRY(ticket, vdp_token)
    case VDP_UPLINK:
        TRY(uplink, vdp_token)
    case VDP_HELLO:
        TRY(hello, vdp_hello)
    case VDP_GOAWAY:
        TRY(goaway, vdp_goaway)
    case VDP_PING:
        TRY(ping, vdp_ping)
    case VDP_KEY:
        TRY(key, vdp_key)
    case VDP_POINTER:
        TRY(pointer, vdp_pointer)
    case VDP_BUTTON:
        TRY(button, vdp_button)
    case VDP_WHEEL:
        TRY(wheel, vdp_wheel)
    case VDP_MOTION:
        TRY(motion, vdp_motion)
    case VDP_NOTICE:
        TRY(notice, vdp_notice)
    case VDP_LOCKS:
        TRY(locks, vdp_locks)
    case VDP_TEXT:
        TRY(text, vdp_text)
    case VDP_SET_SIZE:
        TRY(set_size, vdp_set_size)
    case VDP_MONITORS:
        TRY(monitors, vdp_monitors)
    case VDP_LAYOUT:
        TRY(layout, vdp_layout)
    case VDP_CURSOR_SHAPE:
        TRY(cursor_shape, vdp_cursor_shape)
    case VDP_CURSOR_USE:
        TRY(cursor_use, vdp_cursor_use)
    case VDP_CURSOR_WARP:
        TRY(cursor_warp, vdp_cursor_warp)
    case VDP_SURFACE:
        TRY(surface, vdp_surface)
    case VDP_FRAME:
        TRY(frame, vdp_frame)
    case VDP_ACK:
        TRY(ack, vdp_ack)
    case VDP_HAVE:
        TRY(have, vdp_have)
    case VDP_RELEASE_ALL:
    case VDP_REFRESH:
        (void)vdp_get_empty(record);
        return 1;
    default:
        return 1;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vdp_buffer out = {0};
    struct vdp_record record = {0};
    int result;

    if (size < 2) {
        return 0;
    }
    record.type = (uint16_t)(data[0] | data[1] << 8);
    record.size = size - 2;
    record.body = record.size > 0 ? data + 2 : NULL;
    result = try_decode(&record, &out);
    if (result != 0 && result != 1) {
        abort(); /* decoded, but our own encoder refuses it */
    }
    if (result == 0 && record.type != VDP_HELLO &&
        (out.size != record.size + VDP_RECORD_HEADER_SIZE ||
         memcmp(out.data + VDP_RECORD_HEADER_SIZE, data + 2, record.size) != 0)) {
        abort();
    }
    vdp_buffer_clear(&out);
    return 0;
}
