/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/reader.h"

#include "protocol/wire/error.h"

static const uint8_t nothing[1];

void
vdp_reader_init(struct vdp_reader *reader, const void *data, size_t size)
{
    reader->at = data != NULL ? data : nothing;
    reader->left = data != NULL ? size : 0;
    reader->error = 0;
}

const uint8_t *
vdp_reader_bytes(struct vdp_reader *reader, size_t size)
{
    const uint8_t *bytes = reader->at;

    if (reader->error != 0 || size > reader->left) {
        reader->error = VDP_ERR_TRUNCATED;
        return NULL;
    }
    reader->at += size;
    reader->left -= size;
    return bytes;
}

static uint64_t
read_little_endian(struct vdp_reader *reader, size_t size)
{
    const uint8_t *bytes = vdp_reader_bytes(reader, size);
    uint64_t value = 0;

    if (bytes == NULL) {
        return 0;
    }
    while (size > 0) {
        value = value << 8 | bytes[--size];
    }
    return value;
}

uint8_t
vdp_reader_u8(struct vdp_reader *reader)
{
    return (uint8_t)read_little_endian(reader, 1);
}

uint16_t
vdp_reader_u16(struct vdp_reader *reader)
{
    return (uint16_t)read_little_endian(reader, 2);
}

uint32_t
vdp_reader_u24(struct vdp_reader *reader)
{
    return (uint32_t)read_little_endian(reader, 3);
}

uint32_t
vdp_reader_u32(struct vdp_reader *reader)
{
    return (uint32_t)read_little_endian(reader, 4);
}

uint64_t
vdp_reader_u64(struct vdp_reader *reader)
{
    return read_little_endian(reader, 8);
}

int
vdp_reader_end(const struct vdp_reader *reader)
{
    if (reader->error != 0) {
        return reader->error;
    }
    return reader->left > 0 ? VDP_ERR_TRAILING : 0;
}
