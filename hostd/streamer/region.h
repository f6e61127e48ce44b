/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_REGION_H
#define STREAMER_REGION_H

/*
 * region: where on the screen a film runs. Pure; every function is told the time, in monotonic
 * microseconds.
 *
 * It counts how often each tile really changes: updates of the guest (which also come when the line
 * is too slow to show them), if the tile differed when the next frame was encoded. Neighbours that
 * have changed more than 10 times a second for 0.8 s, photographic for the most part and at least
 * 128 by 96 pixels, are a film. Its rectangle is what changes there, not the tiles: the last boxes
 * of changed pixels vote. It ends when less than half of it has moved for 0.4 s.
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/codec/codec.h"

#define STREAMER_REGION_HZ         10
#define STREAMER_REGION_STAY_HZ    6 /* once it is one */
#define STREAMER_REGION_ENTER_US   800000
#define STREAMER_REGION_LEAVE_US   400000
#define STREAMER_REGION_MIN_WIDTH  128u
#define STREAMER_REGION_MIN_HEIGHT 96u

struct streamer_region;

struct streamer_region *streamer_region_new(void);         /* never NULL */
void streamer_region_free(struct streamer_region *region); /* accepts NULL */
/* Forgets everything. */
void streamer_region_resize(struct streamer_region *region, uint16_t width, uint16_t height);

/* Where to look for changed pixels before a frame is encoded; false when nobody wants to know. */
bool streamer_region_wants_box(const struct streamer_region *region, struct vdp_rect *ret_within);
/* The box of the pixels that changed there; not an empty one. */
void streamer_region_add_box(struct streamer_region *region, const struct vdp_rect *box);
/*
 * After a frame: changed[tile] is 1 for tiles that differ from the frame before, ticks[tile] says
 * how many updates of the guest touched it since then.
 */
void streamer_region_frame(struct streamer_region *region, const struct vdp_image *image,
                           const uint8_t *changed, const uint8_t *ticks, int64_t now_us);

/* The film's rectangle, even in all four; false while there is none. */
bool streamer_region_rect(const struct streamer_region *region, int64_t now_us,
                          struct vdp_rect *ret_rect);
/* Until when the rectangle counts if nothing moves any more; 0 while there is none. */
int64_t streamer_region_until_us(const struct streamer_region *region);
/* Pictures a second, 0 while there is no film. */
unsigned streamer_region_fps(const struct streamer_region *region);

#endif
