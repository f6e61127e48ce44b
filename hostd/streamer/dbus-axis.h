/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_DBUS_AXIS_H
#define STREAMER_DBUS_AXIS_H

/* dbus-axis: pixels as positions of QEMU's tablet. Part of capture-dbus. */

#include <stdint.h>

#define DBUS_AXIS_MAX 32767u /* INPUT_EVENT_ABS_MAX of QEMU */

/*
 * The position of pixel at of side (at most 8192) pixels. Guests scale it back in two ways, and
 * both give at: value * side / 32768 rounded down, as libinput and X do, and value * (side - 1) /
 * 32767 rounded, which makes the ends of the axis the first and last pixel.
 */
uint16_t dbus_axis(uint32_t at, uint32_t side);

#endif
