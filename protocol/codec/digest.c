/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/digest.h"

#define XXH_INLINE_ALL /* for wasm32 there is no library to link with */
#include <xxhash.h>

uint64_t
vdp_digest_picture(const uint8_t *pixels, size_t size)
{
    return XXH3_64bits(pixels, size);
}

uint32_t
vdp_digest_tile(const uint8_t *pixels, size_t size)
{
    return (uint32_t)XXH3_64bits(pixels, size);
}
