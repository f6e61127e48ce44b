/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_X11_SIZE_H
#define STREAMER_X11_SIZE_H

/* x11-size: asks an X server for another size over RandR. Part of capture-x11; waits for answers.
 */

#include <stdbool.h>
#include <stdint.h>
#include <xcb/xcb.h>

/* Makes a mode of that size when the server has none. False when it stays as it was. */
bool x11_size_set(xcb_connection_t *connection, xcb_window_t root, uint16_t width, uint16_t height);

#endif
