/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/dbus-axis.h"

/*
 * In pixels, the first way wants [at, at + 1) and the second, within a thousandth, [at - 1/2, at +
 * 1/2) * side / (side - 1). The middle of what is common to both is at + 1/4 + at / (2 * (side -
 * 1)), a quarter of a pixel from either end at least.
 */
uint16_t
dbus_axis(uint32_t at, uint32_t side)
{
    uint64_t last = side - 1;
    uint64_t value;

    if (side < 2) {
        return 0;
    }
    value = (4 * at * last + last + 2 * at) * (DBUS_AXIS_MAX + 1) / (4 * last * side);
    return (uint16_t)(value < DBUS_AXIS_MAX ? value : DBUS_AXIS_MAX);
}
