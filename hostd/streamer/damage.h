/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_DAMAGE_H
#define STREAMER_DAMAGE_H

/*
 * damage: a bounded list of rectangles that changed. Pure.
 *
 * Rectangles that overlap or touch are merged when that costs few extra pixels; when the list is
 * full it becomes its bounding box. Rectangles are not empty and lie inside the surface: the caller
 * sees to that.
 */

#include <stddef.h>

#include "protocol/codec/codec.h"

#define STREAMER_MAX_RECTS 32u

struct streamer_damage {
    struct vdp_rect rects[STREAMER_MAX_RECTS];
    size_t count;
};

void streamer_damage_clear(struct streamer_damage *damage);
void streamer_damage_add(struct streamer_damage *damage, struct vdp_rect rect);
/* Tiles that it touches; one that two rectangles touch counts twice. */
size_t streamer_damage_tiles(const struct streamer_damage *damage);

#endif
