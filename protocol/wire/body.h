/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_BODY_H
#define VDP_BODY_H

/* body: what the message files share; not used outside protocol/wire. */

#include <stdbool.h>

#include "protocol/wire/messages.h"
#include "protocol/wire/reader.h"

/* Appends the header of a record of this type; the caller then appends exactly size bytes. */
void vdp_body_begin(struct vdp_buffer *out, uint16_t type, size_t size);

/* 0 < width, height <= VDP_MAX_SIDE and no more than VDP_MAX_PIXELS. */
bool vdp_body_is_surface(uint32_t width, uint32_t height);

/* Well-formed UTF-8 without control characters: safe to show to a person. */
bool vdp_body_is_text(const char *text, size_t size);

#endif
