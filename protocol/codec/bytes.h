/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_BYTES_H
#define VDP_BYTES_H

/* bytes: four of them in a plain word. Not used outside protocol/codec. */

#include <stdint.h>

/* Compilers turn these into one load or store where the machine allows it. */
static inline uint32_t
vdp_load_u32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline void
vdp_store_u32(uint8_t *to, uint32_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    to[2] = (uint8_t)(value >> 16);
    to[3] = (uint8_t)(value >> 24);
}

/* Four bytes at a time in a plain word; none of these carries from byte to byte. */
static inline uint32_t
vdp_mean_bytes(uint32_t a, uint32_t b)
{
    return (a | b) - (((a ^ b) >> 1) & 0x7f7f7f7fu);
}

static inline uint32_t
vdp_add_bytes(uint32_t a, uint32_t b)
{
    return ((a & 0x7f7f7f7fu) + (b & 0x7f7f7f7fu)) ^ ((a ^ b) & 0x80808080u);
}

static inline uint32_t
vdp_sub_bytes(uint32_t a, uint32_t b)
{
    return ((a | 0x80808080u) - (b & 0x7f7f7f7fu)) ^ ((a ^ ~b) & 0x80808080u);
}

static inline uint32_t
vdp_green_of(uint32_t pixel)
{
    uint32_t green = pixel >> 8 & 0xff;

    return green | green << 16;
}

#endif
