/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/jpeg.h"
#include "protocol/codec/small.h"
#include "protocol/wire/error.h"

/* Apart from small.c, so that who only checks does not link the JPEG library. */
int
vdp_small_check(const uint8_t *data, size_t size, unsigned width, unsigned height)
{
    if (size > VDP_SMALL_MAX_BYTES || width == 0 || height == 0 || width > VDP_SMALL_SIDE ||
        height > VDP_SMALL_SIDE) {
        return VDP_ERR_CORRUPT;
    }
    return vdp_jpeg_check(data, size, (uint16_t)width, (uint16_t)height);
}
