/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_X11_SCREEN_H
#define STREAMER_X11_SCREEN_H

/*
 * x11-screen: one X display over xcb: damage, pixels through shared memory, cursor, input, size.
 * Part of capture-x11. Every call may wait for the X server, so none is made on the main loop;
 * one thread at a time, but for x11_screen_cut().
 */

#include <stdbool.h>
#include <stdint.h>

#include "hostd/streamer/shadow.h"

struct x11_screen;

/*
 * Opens the display and puts its picture and cursor into the shadow. NULL and *ret_error (g_free)
 * when it cannot be reached, lacks an extension, or has no 32 bit BGRX pixels.
 */
struct x11_screen *x11_screen_open(const char *display, struct streamer_shadow *shadow,
                                   char **ret_error);
void x11_screen_close(struct x11_screen *screen); /* accepts NULL */

int x11_screen_fd(const struct x11_screen *screen);
/* Ends every wait for the server. Any thread. */
void x11_screen_cut(struct x11_screen *screen);

/* Takes the events that have come, without waiting. False when the server is gone. */
bool x11_screen_read(struct x11_screen *screen);
/* True when the shadow is behind the screen. */
bool x11_screen_is_damaged(const struct x11_screen *screen);
/* Brings the shadow up to date. False when the server is gone or memory is short. */
bool x11_screen_grab(struct x11_screen *screen);

void x11_screen_key(struct x11_screen *screen, uint16_t code, bool down); /* evdev code */
void x11_screen_pointer(struct x11_screen *screen, uint16_t x, uint16_t y);
void x11_screen_motion(struct x11_screen *screen, int16_t dx, int16_t dy);
void x11_screen_button(struct x11_screen *screen, uint8_t button, bool down); /* X's number */
/* A wish: servers without RandR or with fixed modes stay as they are. */
void x11_screen_set_size(struct x11_screen *screen, uint16_t width, uint16_t height);
/* Sends what was queued by the calls above. */
void x11_screen_flush(struct x11_screen *screen);

#endif
