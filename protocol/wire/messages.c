/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include "protocol/wire/body.h"

#define DIRECTION_C VDP_FROM_CLIENT
#define DIRECTION_H VDP_FROM_HOST
#define DIRECTION_B VDP_BOTH
#define DIRECTION_G VDP_TO_GATEWAY
#define DIRECTION_L VDP_LOCAL
#define STATE_OPEN  VDP_OPEN
#define STATE_LIVE  VDP_LIVE
#define STATE_ANY   VDP_ANY

static const struct vdp_message_info infos[] = {
#define VDP_MESSAGE(NAME, name, number, direction, state, channel, max_body)                       \
    {number, #name, DIRECTION_##direction, STATE_##state, channel, max_body},
#include "protocol/wire/messages.list.h"
#undef VDP_MESSAGE
};

#define INFO_COUNT (sizeof(infos) / sizeof(infos[0]))

const struct vdp_message_info *
vdp_message_find(uint16_t type)
{
    size_t i;

    for (i = 0; i < INFO_COUNT; i++) {
        if (infos[i].type == type) {
            return &infos[i];
        }
    }
    return NULL;
}

const struct vdp_message_info *
vdp_message_list(size_t *ret_count)
{
    *ret_count = INFO_COUNT;
    return infos;
}

int
vdp_message_permit(const struct vdp_record *record, bool peer_is_host, bool live)
{
    const struct vdp_message_info *info = vdp_message_find(record->type);

    if (info == NULL) {
        return (record->flags & VDP_RECORD_CRITICAL) != 0 ? VDP_ERR_CRITICAL : 1;
    }
    if (info->direction != VDP_BOTH &&
        info->direction != (peer_is_host ? VDP_FROM_HOST : VDP_FROM_CLIENT)) {
        return VDP_ERR_STATE;
    }
    if (info->state != VDP_ANY && info->state != (live ? VDP_LIVE : VDP_OPEN)) {
        return VDP_ERR_STATE;
    }
    return record->size > info->max_body ? VDP_ERR_TOO_BIG : 0;
}

void
vdp_body_begin(struct vdp_buffer *out, uint16_t type, size_t size)
{
    const struct vdp_message_info *info = vdp_message_find(type);
    uint8_t header[VDP_RECORD_HEADER_SIZE];

    vdp_record_header(header, type, info != NULL ? info->channel : VDP_CHANNEL_CONTROL, 0,
                      (uint32_t)size);
    vdp_buffer_put(out, header, sizeof(header));
}

bool
vdp_body_is_surface(uint32_t width, uint32_t height)
{
    return width > 0 && width <= VDP_MAX_SIDE && height > 0 && height <= VDP_MAX_SIDE &&
           (uint64_t)width * height <= VDP_MAX_PIXELS;
}

/* Bytes of the UTF-8 character at text, or 0 when it is malformed, overlong or a surrogate. */
static size_t
character_size(const uint8_t *text, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = text[0] < 0x80 ? 1 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    uint32_t value = text[0];
    size_t i;

    if (need == 1) {
        return value >= 0x20 && value != 0x7f ? 1 : 0;
    }
    if (text[0] < 0xc0 || text[0] >= 0xf8 || need > size) {
        return 0;
    }
    value &= 0x7fu >> need;
    for (i = 1; i < need; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (value < smallest[need] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff) ||
        (value >= 0x80 && value < 0xa0)) {
        return 0;
    }
    return need;
}

bool
vdp_body_is_text(const char *text, size_t size)
{
    const uint8_t *at = (const uint8_t *)text;

    while (size > 0) {
        size_t step = character_size(at, size);

        if (step == 0) {
            return false;
        }
        at += step;
        size -= step;
    }
    return true;
}

int
vdp_get_empty(const struct vdp_record *record)
{
    return record->size > 0 ? VDP_ERR_TRAILING : 0;
}

int
vdp_put_json(struct vdp_buffer *out, const char *text, size_t size)
{
    if (size > vdp_message_find(VDP_JSON)->max_body) {
        return VDP_ERR_TOO_BIG;
    }
    vdp_body_begin(out, VDP_JSON, size);
    vdp_buffer_put(out, text, size);
    return out->error;
}
