/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_ACTIVITY_H
#define VDP_ACTIVITY_H

/*
 * activity: how often and how lately each tile changed. Pure; times are milliseconds of any clock
 * and may wrap. Not used outside protocol/codec.
 */

#include <stdbool.h>
#include <stdint.h>

#define VDP_RESTLESS_TIMES 3u    /* drawn so often ... */
#define VDP_RESTLESS_MS    1000u /* ... within this time: a video or something like it */

struct vdp_activity {
    uint32_t changed_ms; /* last change of any kind */
    uint32_t drawn_ms[VDP_RESTLESS_TIMES];
    uint8_t next;  /* the oldest of drawn_ms */
    uint8_t times; /* entries of drawn_ms in use */
};

/* Other pixels, drawn or moved here. */
void vdp_activity_changed(struct vdp_activity *tile, uint32_t now_ms);
/* New pixels that did not come from elsewhere in the picture. */
void vdp_activity_drawn(struct vdp_activity *tile, uint32_t now_ms);
bool vdp_activity_is_restless(const struct vdp_activity *tile, uint32_t now_ms);
/* Milliseconds until it was left alone for quiet_ms; 0: it was. */
uint32_t vdp_activity_wait(const struct vdp_activity *tile, uint32_t quiet_ms, uint32_t now_ms);

#endif
