/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of memory that is shared with an X server: pictures go to it or come from it without a
 * copy through the socket. */
#ifndef BENCH_PEERS_SCREEN_H
#define BENCH_PEERS_SCREEN_H

#include <stdint.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <X11/Xlib.h>
#include <X11/extensions/XShm.h>

struct screen {
    Display *display;
    XShmSegmentInfo segment;
    XImage *image;
    uint32_t *pixels;
};

/* Ends the program with a line where the display cannot be opened or has no 32-bit pixels or no
 * shared memory. */
Display *screen_display_open(void);
struct screen *screen_new(Display *display, int width, int height);
void screen_free(struct screen *screen);
int64_t screen_now_ns(void);

#endif
