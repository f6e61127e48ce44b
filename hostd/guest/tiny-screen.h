/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_TINY_SCREEN_H
#define VEDETTE_GUEST_TINY_SCREEN_H

/*
 * screen: a display through kernel mode setting, by ioctl: preferred mode, one frame buffer, the
 * hardware cursor. Functions return 0 or a negative errno.
 */

#include "hostd/guest/tiny-canvas.h"

struct screen {
    int fd; /* -1 when closed */
    uint32_t connector, crtc;
    int width, height; /* of the mode in force; 0: dark */
    uint32_t handle, frame, pitch;
    uint64_t size;
    uint8_t *memory; /* the mapped frame buffer */
    uint32_t cursor; /* buffer handle, 0 when there is none */
    bool has_cursor; /* it is shown here */
};

/* Finds up to most displays of a card, in the card's order: their number. */
int screen_open(struct screen *screens, int most, const char *path);

/*
 * Asks the display for its modes and switches to the preferred one, or off when nothing is
 * connected. *ret_changed tells whether the size is another than before; the contents are undefined
 * then and want a whole screen_show().
 */
int screen_update_mode(struct screen *screen, bool *ret_changed);

/* Copies the canvas' damage out, draws the crosshair over it and tells the device. Clears the
 * damage. */
int screen_show(struct screen *screen, struct canvas *canvas, int cross_x, int cross_y);

/* Shows the arrow there, in pixels of this display, or no arrow when that is outside. */
int screen_set_cursor(struct screen *screen, int x, int y);

#define CROSS_REACH 20 /* pixels from the pointer to the tips of the crosshair */

#endif
