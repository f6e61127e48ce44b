/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_DIGEST_H
#define VDP_DIGEST_H

/* digest: of a whole picture, B G R 255 without gaps: XXH3-64. Not used outside protocol/codec. */

#include <stddef.h>
#include <stdint.h>

uint64_t vdp_digest_picture(const uint8_t *pixels, size_t size);

#endif
