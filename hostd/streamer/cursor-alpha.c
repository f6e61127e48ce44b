/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/cursor-alpha.h"

#include <stdbool.h>

static bool
is_premultiplied(const uint8_t *rgba, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        const uint8_t *p = rgba + i * 4;

        if (p[0] > p[3] || p[1] > p[3] || p[2] > p[3]) {
            return false;
        }
    }
    return true;
}

static uint8_t
divide_by_alpha(uint8_t colour, uint8_t alpha)
{
    return alpha == 0 ? 0 : (uint8_t)((colour * 255u + alpha / 2u) / alpha);
}

void
streamer_cursor_straighten(uint8_t *rgba, size_t count)
{
    size_t i;

    if (!is_premultiplied(rgba, count)) {
        return;
    }
    for (i = 0; i < count; i++) {
        uint8_t *p = rgba + i * 4;

        p[0] = divide_by_alpha(p[0], p[3]);
        p[1] = divide_by_alpha(p[1], p[3]);
        p[2] = divide_by_alpha(p[2], p[3]);
    }
}
