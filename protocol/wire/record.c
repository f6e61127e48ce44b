/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/record.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/wire/messages.h"
#include "protocol/wire/reader.h"

/* A body's memory grows with the bytes that came, so that a header alone reserves little. */
#define FIRST_CAPACITY 4096u

struct vdp_framer {
    size_t max_body;                        /* bytes; fixed at creation */
    uint8_t header[VDP_RECORD_HEADER_SIZE]; /* filled before body */
    size_t header_used;                     /* bytes, <= sizeof header */
    struct vdp_record record;               /* valid once the header is complete */
    uint8_t *body;                          /* owned; kept from record to record */
    size_t body_used;                       /* bytes, <= record.size */
    size_t body_capacity;
    bool collected; /* the record was handed out; the next push begins another */
    int error;
};

struct vdp_framer *
vdp_framer_new(size_t max_body)
{
    struct vdp_framer *framer = calloc(1, sizeof(*framer));

    if (framer != NULL) {
        framer->max_body = max_body;
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
wipe_body(struct vdp_framer *framer)
{
    if (framer->body_used > 0 && is_secret(framer)) {
        explicit_bzero(framer->body, framer->body_used);
    }
}

void
vdp_framer_free(struct vdp_framer *framer)
{
    if (framer != NULL) {
        wipe_body(framer);
        free(framer->body);
        free(framer);
    }
}

static bool
is_complete(const struct vdp_framer *framer)
{
    return framer->header_used == VDP_RECORD_HEADER_SIZE &&
           framer->body_used == framer->record.size;
}

static void
begin_record(struct vdp_framer *framer)
{
    wipe_body(framer);
    framer->header_used = 0;
    framer->body_used = 0;
    framer->collected = false;
    memset(&framer->record, 0, sizeof(framer->record));
}

static int
parse_header(struct vdp_framer *framer)
{
    struct vdp_record *record = &framer->record;
    const struct vdp_message_info *info;
    struct vdp_reader reader;

    vdp_reader_init(&reader, framer->header, sizeof(framer->header));
    record->type = vdp_reader_u16(&reader);
    record->channel = vdp_reader_u8(&reader);
    record->flags = vdp_reader_u8(&reader);
    record->size = vdp_reader_u32(&reader);
    if (record->channel > VDP_CHANNEL_BULK || (record->flags & ~VDP_RECORD_CRITICAL) != 0) {
        return VDP_ERR_RANGE;
    }
    info = vdp_message_find(record->type);
    if (record->size > framer->max_body || (info != NULL && record->size > info->max_body)) {
        return VDP_ERR_TOO_BIG;
    }
    return 0;
}

/* Makes room for at least one more byte, at most for the whole body. */
static int
grow_body(struct vdp_framer *framer)
{
    size_t capacity = framer->body_capacity * 2;
    uint8_t *body;

    if (framer->body_used < framer->body_capacity) {
        return 0;
    }
    if (capacity < FIRST_CAPACITY) {
        capacity = FIRST_CAPACITY;
    }
    if (capacity > framer->record.size) {
        capacity = framer->record.size;
    }
    body = malloc(capacity); /* realloc() would leave a copy behind */
    if (body == NULL) {
        return VDP_ERR_NOMEM;
    }
    if (framer->body_used > 0) {
        memcpy(body, framer->body, framer->body_used);
    }
    wipe_body(framer);
    free(framer->body);
    framer->body = body;
    framer->body_capacity = capacity;
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
            part = minimum(framer->record.size, framer->body_capacity) - framer->body_used;
            part = minimum(part, size - taken);
            if (framer->error != 0) {
                break;
            }
            memcpy(framer->body + framer->body_used, bytes + taken, part);
            framer->body_used += part;
        }
        taken += part;
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
    framer->record.body = framer->record.size > 0 ? framer->body : NULL;
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
