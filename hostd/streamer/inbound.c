/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/inbound.h"

#include <stdlib.h>

#include "protocol/wire/record.h"

struct streamer_inbound {
    const struct streamer_inbound_events *events;
    void *user_data;
    struct vdp_framer *framer;
    bool live;
    int error; /* sticky */
};

struct streamer_inbound *
streamer_inbound_new(const struct streamer_inbound_events *events, void *user_data)
{
    struct streamer_inbound *inbound = calloc(1, sizeof(*inbound));

    if (inbound == NULL) {
        return NULL;
    }
    inbound->framer = vdp_framer_new(STREAMER_MAX_INBOUND);
    if (inbound->framer == NULL) {
        free(inbound);
        return NULL;
    }
    inbound->events = events;
    inbound->user_data = user_data;
    return inbound;
}

void
streamer_inbound_free(struct streamer_inbound *inbound)
{
    if (inbound != NULL) {
        vdp_framer_free(inbound->framer);
        free(inbound);
    }
}

static int
take_hello(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    struct vdp_hello hello;
    int result = vdp_get_hello(record, &hello);

    if (result == 0) {
        result = inbound->events->hello(&hello, inbound->user_data);
    }
    inbound->live = result == 0;
    return result;
}

static int
take_control(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    struct vdp_goaway goaway;
    struct vdp_ping ping;
    int result = 0;

    if (record->type == VDP_GOAWAY) {
        result = vdp_get_goaway(record, &goaway);
        if (result == 0) {
            inbound->events->goaway(&goaway, inbound->user_data);
        }
    } else {
        result = vdp_get_ping(record, &ping);
        if (result == 0 && record->type == VDP_PING) {
            inbound->events->ping(&ping, inbound->user_data);
        } else if (result == 0) {
            inbound->events->pong(&ping, inbound->user_data);
        }
    }
    return result;
}

static int
take_pointing(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    struct vdp_pointer pointer;
    struct vdp_button button;
    struct vdp_wheel wheel;
    struct vdp_motion motion;
    int result;

    if (record->type == VDP_POINTER) {
        result = vdp_get_pointer(record, &pointer);
        if (result == 0) {
            inbound->events->pointer(&pointer, inbound->user_data);
        }
    } else if (record->type == VDP_BUTTON) {
        result = vdp_get_button(record, &button);
        if (result == 0) {
            inbound->events->button(&button, inbound->user_data);
        }
    } else if (record->type == VDP_MOTION) {
        result = vdp_get_motion(record, &motion);
        if (result == 0) {
            inbound->events->motion(&motion, inbound->user_data);
        }
    } else {
        result = vdp_get_wheel(record, &wheel);
        if (result == 0) {
            inbound->events->wheel(&wheel, inbound->user_data);
        }
    }
    return result;
}

/* RELEASE_ALL and REFRESH say all with their type. */
static int
take_bare(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    if (record->size != 0) {
        return VDP_ERR_TRAILING;
    }
    if (record->type == VDP_REFRESH) {
        inbound->events->refresh(inbound->user_data);
    } else {
        inbound->events->release_all(inbound->user_data);
    }
    return 0;
}

static int
take_typing(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    struct vdp_key key;
    struct vdp_locks locks;
    struct vdp_text text;
    int result;

    if (record->type == VDP_KEY) {
        result = vdp_get_key(record, &key);
        if (result == 0) {
            inbound->events->key(&key, inbound->user_data);
        }
    } else if (record->type == VDP_LOCKS) {
        result = vdp_get_locks(record, &locks);
        if (result == 0) {
            inbound->events->locks(&locks, inbound->user_data);
        }
    } else {
        result = vdp_get_text(record, &text);
        if (result == 0) {
            inbound->events->text(&text, inbound->user_data);
        }
    }
    return result;
}

static int
take_wish(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    struct vdp_set_size size;
    struct vdp_monitors monitors;
    int result;

    if (record->type == VDP_MONITORS) {
        result = vdp_get_monitors(record, &monitors);
        if (result == 0) {
            inbound->events->monitors(&monitors, inbound->user_data);
        }
    } else {
        result = vdp_get_set_size(record, &size);
        if (result == 0) {
            inbound->events->set_size(&size, inbound->user_data);
        }
    }
    return result;
}

static int
take_record(struct streamer_inbound *inbound, const struct vdp_record *record)
{
    struct vdp_ack ack;
    struct vdp_have have;
    int result;

    switch (record->type) {
    case VDP_HELLO:
        return take_hello(inbound, record);
    case VDP_GOAWAY:
    case VDP_PING:
    case VDP_PONG:
        return take_control(inbound, record);
    case VDP_POINTER:
    case VDP_BUTTON:
    case VDP_WHEEL:
    case VDP_MOTION:
        return take_pointing(inbound, record);
    case VDP_RELEASE_ALL:
    case VDP_REFRESH:
        return take_bare(inbound, record);
    case VDP_KEY:
    case VDP_LOCKS:
    case VDP_TEXT:
        return take_typing(inbound, record);
    case VDP_SET_SIZE:
    case VDP_MONITORS:
        return take_wish(inbound, record);
    case VDP_ACK:
        result = vdp_get_ack(record, &ack);
        return result == 0 ? inbound->events->ack(&ack, inbound->user_data) : result;
    case VDP_HAVE:
        result = vdp_get_have(record, &have);
        if (result == 0) {
            inbound->events->have(&have, inbound->user_data);
        }
        return result;
    default:
        return VDP_ERR_STATE;
    }
}

int
streamer_inbound_push(struct streamer_inbound *inbound, const uint8_t *data, size_t size)
{
    struct vdp_record record;
    size_t taken;
    int result;

    while (inbound->error == 0 && size > 0) {
        result = vdp_framer_push(inbound->framer, data, size, &taken);
        if (result < 0) {
            inbound->error = result;
            break;
        }
        data += taken;
        size -= taken;
        while ((result = vdp_framer_next(inbound->framer, &record)) == 1) {
            result = vdp_message_permit(&record, false, inbound->live);
            if (result == 0) {
                result = take_record(inbound, &record);
            }
            if (result < 0) {
                break;
            }
        }
        inbound->error = result < 0 ? result : 0;
    }
    return inbound->error;
}
