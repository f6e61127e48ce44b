/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_DIGEST_H
#define VDP_DIGEST_H

/*
 * digest: of a whole picture or a tile, B G R 255 without gaps: XXH3-64, for a tile its lower half.
 * Not used outside protocol/codec.
 */

#include <stddef.h>
#include <stdint.h>

uint64_t vdp_digest_picture(const uint8_t *pixels, size_t size);
uint32_t vdp_digest_tile(const uint8_t *pixels, size_t size);

#endif
