/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/wire/messages.h"
#include "protocol/wire/reader.h"

/* A body's memory grows with the bytes that came, so that a header alone reserves little. */
#define FIRST_CAPACITY 4096u

#define FRAGMENT_CHANNELS (VDP_CHANNEL_BULK - VDP_CHANNEL_FRAGMENTS + 1u)

struct body {
    uint8_t *data; /* owned; kept from message to message */
    size_t used;
    size_t capacity;
};

/* What came of a message whose last fragment is still to come. */
struct assembly {
    struct body body;
    bool open;
    uint16_t type;
    uint8_t flags;
};

struct vdp_framer {
    size_t max_body;                        /* bytes; fixed at creation */
    uint8_t header[VDP_RECORD_HEADER_SIZE]; /* filled before body */
    size_t header_used;                     /* bytes, <= sizeof header */
    struct vdp_record record;               /* valid once the header is complete */
    struct body own;                        /* of a record that is a whole message */
    struct body *body; /* where the bytes go: own, or that of the channel's assembly */
    size_t body_start; /* bytes of it that earlier fragments brought */
    bool collected;    /* the record was handed out; the next push begins another */
    struct assembly assemblies[FRAGMENT_CHANNELS];
    int error;
};

struct vdp_framer *
vdp_framer_new(size_t max_body)
{
    struct vdp_framer *framer = calloc(1, sizeof(*framer));

    if (framer != NULL) {
        framer->max_body = max_body;
        framer->body = &framer->own;
    }
    return framer;
}

/* Tickets, tokens and passwords travel in these; pixels need no wiping and would pay for it. */
static bool
is_secret(const struct vdp_framer *framer)
{
    uint16_t type = framer->record.type;

    return type == VDP_JSON || type == VDP_TICKET || type == VDP_UPLINK;
}

static void
wipe_own(struct vdp_framer *framer)
{
    if (framer->own.used > 0 && is_secret(framer)) {
        explicit_bzero(framer->own.data, framer->own.used);
    }
}

void
vdp_framer_free(struct vdp_framer *framer)
{
    unsigned i;

    if (framer == NULL) {
        return;
    }
    wipe_own(framer);
    for (i = 0; i < FRAGMENT_CHANNELS; i++) {
        free(framer->assemblies[i].body.data);
    }
    free(framer->own.data);
    free(framer);
}

static bool
is_complete(const struct vdp_framer *framer)
{
    return framer->header_used == VDP_RECORD_HEADER_SIZE &&
           framer->body->used == framer->body_start + framer->record.size;
}

static void
begin_record(struct vdp_framer *framer)
{
    wipe_own(framer);
    framer->header_used = 0;
    framer->collected = false;
    memset(&framer->record, 0, sizeof(framer->record));
}

/* Chooses where the body goes, by what its channel has under way. */
static int
begin_body(struct vdp_framer *framer)
{
    const struct vdp_record *record = &framer->record;
    bool more = (record->flags & VDP_RECORD_MORE) != 0;
    uint8_t flags = record->flags & (uint8_t)~VDP_RECORD_MORE;
    struct assembly *assembly = NULL;

    if (record->channel >= VDP_CHANNEL_FRAGMENTS) {
        assembly = &framer->assemblies[record->channel - VDP_CHANNEL_FRAGMENTS];
    }
    if (assembly == NULL || (!more && !assembly->open)) {
        framer->body = &framer->own;
        framer->body_start = 0;
        framer->own.used = 0;
        return more ? VDP_ERR_RANGE : 0;
    }
    if (more && (record->size == 0 || is_secret(framer))) {
        return VDP_ERR_RANGE;
    }
    if (!assembly->open) {
        assembly->open = true;
        assembly->type = record->type;
        assembly->flags = flags;
        assembly->body.used = 0;
    } else if (assembly->type != record->type || assembly->flags != flags) {
        return VDP_ERR_RANGE;
    }
    framer->body = &assembly->body;
    framer->body_start = assembly->body.used;
    return 0;
}

static int
parse_header(struct vdp_framer *framer)
{
    struct vdp_record *record = &framer->record;
    const struct vdp_message_info *info;
    struct vdp_reader reader;
    size_t limit = framer->max_body;
    int result;

    vdp_reader_init(&reader, framer->header, sizeof(framer->header));
    record->type = vdp_reader_u16(&reader);
    record->channel = vdp_reader_u8(&reader);
    record->flags = vdp_reader_u8(&reader);
    record->size = vdp_reader_u32(&reader);
    if (record->channel > VDP_CHANNEL_BULK ||
        (record->flags & ~(VDP_RECORD_CRITICAL | VDP_RECORD_MORE)) != 0) {
        return VDP_ERR_RANGE;
    }
    result = begin_body(framer);
    if (result != 0) {
        return result;
    }
    info = vdp_message_find(record->type);
    if (info != NULL && info->max_body < limit) {
        limit = info->max_body;
    }
    if (framer->body_start > limit || record->size > limit - framer->body_start) {
        return VDP_ERR_TOO_BIG;
    }
    return 0;
}

/* Makes room for at least one more byte, at most for the whole record. */
static int
grow_body(struct vdp_framer *framer)
{
    struct body *body = framer->body;
    size_t capacity = body->capacity * 2;
    uint8_t *data;

    if (body->used < body->capacity) {
        return 0;
    }
    if (capacity < FIRST_CAPACITY) {
        capacity = FIRST_CAPACITY;
    }
    if (capacity > framer->body_start + framer->record.size && body == &framer->own) {
        capacity = framer->record.size;
    }
    if (body != &framer->own) {
        data = realloc(body->data, capacity);
    } else {
        data = malloc(capacity); /* realloc() would leave a copy behind */
    }
    if (data == NULL) {
        return VDP_ERR_NOMEM;
    }
    if (body == &framer->own) {
        if (body->used > 0) {
            memcpy(data, body->data, body->used);
        }
        wipe_own(framer);
        free(body->data);
    }
    body->data = data;
    body->capacity = capacity;
    return 0;
}

static size_t
minimum(size_t a, size_t b)
{
    return a < b ? a : b;
}

int
vdp_framer_push(struct vdp_framer *framer, const void *data, size_t size, size_t *ret_taken)
{
    const uint8_t *bytes = data;
    size_t taken = 0;

    if (framer->error == 0 && framer->collected) {
        begin_record(framer);
    }
    while (framer->error == 0 && taken < size && !is_complete(framer)) {
        struct body *body;
        size_t part;

        if (framer->header_used < VDP_RECORD_HEADER_SIZE) {
            part = minimum(VDP_RECORD_HEADER_SIZE - framer->header_used, size - taken);
            memcpy(framer->header + framer->header_used, bytes + taken, part);
            framer->header_used += part;
            if (framer->header_used == VDP_RECORD_HEADER_SIZE) {
                framer->error = parse_header(framer);
            }
        } else {
            framer->error = grow_body(framer);
            if (framer->error != 0) {
                break;
            }
            body = framer->body;
            part = minimum(framer->body_start + framer->record.size, body->capacity) - body->used;
            part = minimum(part, size - taken);
            memcpy(body->data + body->used, bytes + taken, part);
            body->used += part;
        }
        taken += part;
        if (framer->error == 0 && is_complete(framer) &&
            (framer->record.flags & VDP_RECORD_MORE) != 0) {
            begin_record(framer);
        }
    }
    if (framer->error != 0) {
        return framer->error;
    }
    *ret_taken = taken;
    return 0;
}

int
vdp_framer_next(struct vdp_framer *framer, struct vdp_record *ret_record)
{
    if (framer->error != 0) {
        return framer->error;
    }
    if (framer->collected || !is_complete(framer)) {
        return 0;
    }
    if (framer->body != &framer->own) {
        framer->record.size = framer->body->used;
        framer->body_start = 0;
        framer->assemblies[framer->record.channel - VDP_CHANNEL_FRAGMENTS].open = false;
    }
    framer->record.body = framer->record.size > 0 ? framer->body->data : NULL;
    framer->collected = true;
    *ret_record = framer->record;
    return 1;
}

void
vdp_record_header(uint8_t ret_header[VDP_RECORD_HEADER_SIZE], uint16_t type, uint8_t channel,
                  uint8_t flags, uint32_t size)
{
    ret_header[0] = (uint8_t)type;
    ret_header[1] = (uint8_t)(type >> 8);
    ret_header[2] = channel;
    ret_header[3] = flags;
    ret_header[4] = (uint8_t)size;
    ret_header[5] = (uint8_t)(size >> 8);
    ret_header[6] = (uint8_t)(size >> 16);
    ret_header[7] = (uint8_t)(size >> 24);
}
