/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_READER_H
#define VDP_READER_H

/*
 * reader: a cursor over received bytes that cannot leave them.
 *
 * Errors are sticky: read every field, then ask vdp_reader_end() once. After an error every field
 * reads as zero.
 */

#include <stddef.h>
#include <stdint.h>

struct vdp_reader {
    const uint8_t *at; /* borrowed */
    size_t left;       /* bytes */
    int error;         /* 0 or VDP_ERR_TRUNCATED */
};

void vdp_reader_init(struct vdp_reader *reader, const void *data, size_t size);
uint8_t vdp_reader_u8(struct vdp_reader *reader);
uint16_t vdp_reader_u16(struct vdp_reader *reader);
uint32_t vdp_reader_u24(struct vdp_reader *reader);
uint32_t vdp_reader_u32(struct vdp_reader *reader);
uint64_t vdp_reader_u64(struct vdp_reader *reader);
/* Returns size borrowed bytes, or NULL with the error set; never NULL for what is there. */
const uint8_t *vdp_reader_bytes(struct vdp_reader *reader, size_t size);
/* 0 when everything was read and nothing is left, else VDP_ERR_TRUNCATED or VDP_ERR_TRAILING. */
int vdp_reader_end(const struct vdp_reader *reader);

#endif
