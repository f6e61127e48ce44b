/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/mark.h"

#define PROOF 0xa5c3u

static uint32_t
mark_bits(uint16_t number)
{
    return ((uint32_t)number << 16) | (uint16_t)(number ^ PROOF);
}

void
mark_draw(uint32_t *pixels, size_t stride, uint16_t number)
{
    uint32_t bits = mark_bits(number);

    for (size_t y = 0; y < MARK_HEIGHT; y++)
        for (size_t x = 0; x < MARK_WIDTH; x++) {
            size_t cell = y / MARK_CELL * 8 + x / MARK_CELL;

            pixels[y * stride + x] = (bits >> (31 - cell)) & 1 ? 0xffffff : 0;
        }
}

static unsigned int
pixel_luma(uint32_t pixel)
{
    return ((pixel >> 16 & 0xff) * 77 + (pixel >> 8 & 0xff) * 150 + (pixel & 0xff) * 29) >> 8;
}

bool
mark_read(const uint32_t *pixels, size_t stride, uint16_t *number)
{
    uint32_t bits = 0;

    for (size_t cell = 0; cell < 32; cell++) {
        const uint32_t *at =
            pixels + (cell / 8 * MARK_CELL + 1) * stride + cell % 8 * MARK_CELL + 1;
        unsigned int sum = pixel_luma(at[0]) + pixel_luma(at[1]) + pixel_luma(at[stride]) +
                           pixel_luma(at[stride + 1]);

        bits = bits << 1 | (sum > 510 ? 1 : 0);
    }
    *number = (uint16_t)(bits >> 16);
    return bits == mark_bits(*number);
}
