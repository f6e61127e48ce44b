/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_VIDEO_OP_H
#define VDP_VIDEO_OP_H

/* video-op: the operation VIDEO as bytes. Not used outside protocol/codec. */

#include "protocol/codec/tiles.h"
#include "protocol/codec/video.h"

/* 0, or VDP_ERR_RANGE when a region may not be so. */
int vdp_video_check(const struct vdp_grid *grid, uint8_t id, uint8_t codec,
                    const struct vdp_rect *rect);
/* Reads the body and checks it against the surface. */
int vdp_video_get(const struct vdp_grid *grid, const uint8_t *body, size_t size,
                  struct vdp_video *ret_video);
/*
 * A region goes on only as it began: another rectangle or codec takes a key frame, or it is
 * VDP_ERR_STATE. regions: VDP_VIDEO_REGIONS of them, zeros at first.
 */
int vdp_video_follow(struct vdp_video *regions, const struct vdp_video *video);
/* Writes to a picture without gaps, but not to tiles of which marks has a bit of mask. */
void vdp_video_place(const struct vdp_grid *grid, uint8_t *pixels, const uint8_t *marks,
                     uint8_t mask, const struct vdp_rect *rect, const uint8_t *bgrx);

#endif
