/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_MIX_H
#define VDP_MIX_H

/* mix: what a stream's bytes were spent on, for people who want to know why it is slow. */

#include <stddef.h>
#include <stdint.h>

/* Bytes of operations, headers included. */
struct vdp_mix {
    uint64_t exact;  /* tiles and parts of them as they are */
    uint64_t reused; /* moved or shown before */
    uint64_t photo;  /* JPEG */
    uint64_t film;   /* a video codec */
};

/* Adds the operations of a frame that the decoder took; what is cut off is left out. */
void vdp_mix_add(struct vdp_mix *mix, const uint8_t *ops, size_t size);
/* Per cent of all of them; 0 while there are none. */
unsigned vdp_mix_share(const struct vdp_mix *mix, uint64_t part);

#endif
