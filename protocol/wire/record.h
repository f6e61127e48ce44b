/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_RECORD_H
#define VDP_RECORD_H

/*
 * record: cuts a byte stream into records and frames records into bytes.
 *
 * record := u16 type | u8 channel | u8 flags | u32 size | body            little endian
 *
 * The same framing carries VDP in a WebSocket (whose message boundaries mean nothing) and the
 * control messages on local sockets. docs/PROTOCOL.md, "Records". No I/O, no log, no globals; one
 * framer per connection and direction, one thread at a time. Errors are sticky: after a negative
 * return the only thing left to do is free it.
 */

#include <stddef.h>
#include <stdint.h>

#include "protocol/wire/error.h"

#define VDP_RECORD_HEADER_SIZE 8u
#define VDP_RECORD_MORE        0x01u /* a fragment; the next record of its channel goes on with it */
#define VDP_RECORD_CRITICAL    0x02u  /* an unknown type closes the connection */
#define VDP_FRAGMENT_SIZE      16384u /* bytes of a body that a sender puts into one fragment */

/* Channels order the sender's queue: lower goes first. */
enum vdp_channel {
    VDP_CHANNEL_CONTROL = 0,
    VDP_CHANNEL_INPUT = 1,
    VDP_CHANNEL_CURSOR = 2,
    VDP_CHANNEL_AUDIO = 3,
    VDP_CHANNEL_DISPLAY = 4,
    VDP_CHANNEL_CLIPBOARD = 5,
    VDP_CHANNEL_BULK = 6,
};

/* Channels from this one on may carry fragments; what is urgent is small. */
#define VDP_CHANNEL_FRAGMENTS VDP_CHANNEL_DISPLAY

struct vdp_record {
    uint16_t type;       /* enum vdp_type; unknown types are passed through */
    uint8_t channel;     /* enum vdp_channel */
    uint8_t flags;       /* without VDP_RECORD_MORE: a framer hands out whole messages only */
    const uint8_t *body; /* borrowed, see vdp_framer_next(); NULL when size is 0 */
    size_t size;         /* bytes */
};

struct vdp_framer;

/*
 * A message may come in several records of the same type, channel and flags, all but the last with
 * VDP_RECORD_MORE; records of other channels may stand between them. The framer puts the bodies
 * together, so its user never sees a fragment. An empty fragment that is not the last, another type
 * or flags in the middle, and fragments on channels below VDP_CHANNEL_FRAGMENTS are VDP_ERR_RANGE.
 *
 * Refuses bodies, and sums of fragments, above max_body bytes, and above the limit of their type in
 * messages.list.h, before allocating them. NULL when memory is short.
 */
struct vdp_framer *vdp_framer_new(size_t max_body);
void vdp_framer_free(struct vdp_framer *framer); /* accepts NULL */

/*
 * Copies up to size bytes into the framer; takes fewer, possibly none, when a complete record waits
 * to be collected. Returns 0 and sets *ret_taken, or VDP_ERR_TOO_BIG, VDP_ERR_RANGE (unknown flag
 * bits or channel) or VDP_ERR_NOMEM.
 */
int vdp_framer_push(struct vdp_framer *framer, const void *data, size_t size, size_t *ret_taken);

/*
 * Returns 1 and fills *ret_record, 0 when more bytes are needed, or the sticky error. The body
 * stays valid until the next call to push, next or free.
 */
int vdp_framer_next(struct vdp_framer *framer, struct vdp_record *ret_record);

/* Writes the header of a record whose body is size bytes. */
void vdp_record_header(uint8_t ret_header[VDP_RECORD_HEADER_SIZE], uint16_t type, uint8_t channel,
                       uint8_t flags, uint32_t size);

#endif
