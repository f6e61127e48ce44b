/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_VARINT_H
#define VDP_VARINT_H

/*
 * varint: small numbers in few bytes: seven bits a byte, lowest first, bit 7 says that more follow.
 * At most four bytes. Signed numbers are folded: 0, -1, 1, -2, ... Not used outside protocol/codec.
 */

#include <stdint.h>

#include "protocol/wire/buffer.h"
#include "protocol/wire/error.h"
#include "protocol/wire/reader.h"

#define VDP_VARINT_MAX ((1u << 28) - 1u)

static inline void
vdp_varint_put(struct vdp_buffer *out, uint32_t value)
{
    for (; value >= 0x80; value >>= 7) {
        vdp_buffer_put_u8(out, (uint8_t)(value | 0x80));
    }
    vdp_buffer_put_u8(out, (uint8_t)value);
}

/* A fifth byte is VDP_ERR_TRUNCATED in reader->error, as is the end of the bytes. */
static inline uint32_t
vdp_varint_get(struct vdp_reader *reader)
{
    uint32_t value = 0;
    unsigned shift;

    for (shift = 0; shift < 28; shift += 7) {
        uint8_t byte = vdp_reader_u8(reader);

        value |= (uint32_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            return value;
        }
    }
    reader->error = VDP_ERR_TRUNCATED;
    return 0;
}

static inline uint32_t
vdp_varint_fold(int32_t value)
{
    return value < 0 ? ~((uint32_t)value << 1) : (uint32_t)value << 1;
}

static inline int32_t
vdp_varint_unfold(uint32_t value)
{
    return (value & 1) != 0 ? -(int32_t)(value >> 1) - 1 : (int32_t)(value >> 1);
}

#endif
