/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_BUFFER_H
#define VDP_BUFFER_H

/*
 * buffer: bytes that grow, and little-endian fields at their end.
 *
 * Zero-initialised is empty. Errors are sticky: put everything, then look at error once.
 */

#include <stddef.h>
#include <stdint.h>

struct vdp_buffer {
    uint8_t *data; /* owned */
    size_t size;
    size_t capacity;
    int error; /* 0 or VDP_ERR_NOMEM */
};

void vdp_buffer_clear(struct vdp_buffer *buffer); /* frees; the buffer is empty again */
void vdp_buffer_reset(struct vdp_buffer *buffer); /* empties, keeps the memory */
/* Makes room for size more bytes and returns where they go, or NULL. Does not change size. */
uint8_t *vdp_buffer_reserve(struct vdp_buffer *buffer, size_t size);
void vdp_buffer_put(struct vdp_buffer *buffer, const void *data, size_t size);
void vdp_buffer_put_u8(struct vdp_buffer *buffer, uint8_t value);
void vdp_buffer_put_u16(struct vdp_buffer *buffer, uint16_t value);
void vdp_buffer_put_u32(struct vdp_buffer *buffer, uint32_t value);
void vdp_buffer_put_u64(struct vdp_buffer *buffer, uint64_t value);

#endif
