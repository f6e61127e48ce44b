/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CAPTURE_X11_H
#define STREAMER_CAPTURE_X11_H

/*
 * capture-x11: an X display, for desktops in containers and for benches that show the same X
 * applications through several systems.
 *
 * The X server is spoken to on a thread of its own, so that one which hangs stops nothing else.
 * Changes are gathered for a moment and then read through shared memory; nothing is read while
 * nobody looks, and less often while the encoder is behind.
 */

#include "hostd/streamer/capture.h"

/*
 * display is a name as in DISPLAY. Waits for the server, so it is for the start of a program; the
 * picture is there at return. NULL and *ret_error (g_free) when it cannot be shown.
 */
struct capture *capture_x11_new(const char *display, const struct capture_events *events,
                                void *user_data, char **ret_error);

#endif
