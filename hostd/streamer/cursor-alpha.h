/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CURSOR_ALPHA_H
#define STREAMER_CURSOR_ALPHA_H

/* cursor-alpha: takes premultiplied colours out of a cursor's shape. Pure. */

#include <stddef.h>
#include <stdint.h>

/*
 * QEMU hands on what the guest drew. Guests with a DRM driver draw premultiplied; a shape in which
 * no colour is brighter than its alpha is taken for one of those and divided. count is in pixels.
 */
void streamer_cursor_straighten(uint8_t *rgba, size_t count);

#endif
