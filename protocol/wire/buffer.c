/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/buffer.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/wire/error.h"

#define MIN_CAPACITY 256u

void
vdp_buffer_clear(struct vdp_buffer *buffer)
{
    free(buffer->data);
    memset(buffer, 0, sizeof(*buffer));
}

void
vdp_buffer_reset(struct vdp_buffer *buffer)
{
    buffer->size = 0;
    buffer->error = 0;
}

uint8_t *
vdp_buffer_reserve(struct vdp_buffer *buffer, size_t size)
{
    size_t capacity = buffer->capacity < MIN_CAPACITY ? MIN_CAPACITY : buffer->capacity;
    uint8_t *data;

    if (buffer->error != 0) {
        return NULL;
    }
    if (buffer->data != NULL && size <= buffer->capacity - buffer->size) {
        return buffer->data + buffer->size;
    }
    if (size > SIZE_MAX / 4 || buffer->size > SIZE_MAX / 4) {
        buffer->error = VDP_ERR_NOMEM;
        return NULL;
    }
    while (capacity - buffer->size < size) {
        capacity *= 2;
    }
    data = realloc(buffer->data, capacity);
    if (data == NULL) {
        buffer->error = VDP_ERR_NOMEM;
        return NULL;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return data + buffer->size;
}

void
vdp_buffer_put(struct vdp_buffer *buffer, const void *data, size_t size)
{
    uint8_t *room = vdp_buffer_reserve(buffer, size);

    if (room != NULL && size > 0) {
        memcpy(room, data, size);
        buffer->size += size;
    }
}

static void
put_little_endian(struct vdp_buffer *buffer, uint64_t value, size_t size)
{
    uint8_t bytes[8];
    size_t i;

    for (i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    vdp_buffer_put(buffer, bytes, size);
}

void
vdp_buffer_put_u8(struct vdp_buffer *buffer, uint8_t value)
{
    put_little_endian(buffer, value, 1);
}

void
vdp_buffer_put_u16(struct vdp_buffer *buffer, uint16_t value)
{
    put_little_endian(buffer, value, 2);
}

void
vdp_buffer_put_u32(struct vdp_buffer *buffer, uint32_t value)
{
    put_little_endian(buffer, value, 4);
}

void
vdp_buffer_put_u64(struct vdp_buffer *buffer, uint64_t value)
{
    put_little_endian(buffer, value, 8);
}
