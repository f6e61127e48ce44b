/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/peers/look.h"

#include <err.h>
#include <math.h>
#include <stdio.h>

#include "tests/bench/peers/mark.h"

bool
look_equal(const uint32_t *a, const uint32_t *b, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++)
        if ((a[i] ^ b[i]) & 0xffffff)
            return false;
    return true;
}

double
look_psnr(const uint32_t *a, const uint32_t *b, size_t pixels)
{
    double sum = 0;

    for (size_t i = 0; i < pixels; i++)
        for (int shift = 0; shift < 24; shift += 8) {
            int difference = (int)(a[i] >> shift & 0xff) - (int)(b[i] >> shift & 0xff);

            sum += difference * difference;
        }
    return sum > 0 ? fmin(99, 10 * log10(255.0 * 255.0 * 3 * (double)pixels / sum)) : 99;
}

static double
luma(uint32_t pixel)
{
    return 0.299 * (pixel >> 16 & 0xff) + 0.587 * (pixel >> 8 & 0xff) + 0.114 * (pixel & 0xff);
}

static double
block_ssim(const uint32_t *a, const uint32_t *b, int stride)
{
    double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0, ma, mb, va, vb, cov;
    const double c1 = 6.5025, c2 = 58.5225;

    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++) {
            double p = luma(a[y * stride + x]), q = luma(b[y * stride + x]);

            sa += p;
            sb += q;
            saa += p * p;
            sbb += q * q;
            sab += p * q;
        }
    ma = sa / 64;
    mb = sb / 64;
    va = saa / 64 - ma * ma;
    vb = sbb / 64 - mb * mb;
    cov = sab / 64 - ma * mb;
    return (2 * ma * mb + c1) * (2 * cov + c2) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
}

double
look_ssim(const uint32_t *a, const uint32_t *b, int width, int height)
{
    double sum = 0;
    size_t count = 0;

    for (int y = 0; y + 8 <= height; y += 4)
        for (int x = 0; x + 8 <= width; x += 4, count++)
            sum += block_ssim(a + (size_t)y * (size_t)width + x, b + (size_t)y * (size_t)width + x,
                              width);
    return count > 0 ? sum / (double)count : 0;
}

long
look_edges(const uint32_t *pixels, int width, int x, int y)
{
    const uint32_t *at = pixels + (size_t)y * (size_t)width + x;
    long sum = 0;

    for (int row = 0; row + 1 < MARK_HEIGHT; row++)
        for (int column = 0; column + 1 < MARK_WIDTH; column++) {
            double here = luma(at[row * width + column]);
            long right = (long)fabs(luma(at[row * width + column + 1]) - here);
            long below = (long)fabs(luma(at[(row + 1) * width + column]) - here);

            sum += column % MARK_CELL == MARK_CELL - 1 ? right : -right;
            sum += row % MARK_CELL == MARK_CELL - 1 ? below : -below;
        }
    return sum;
}

void
look_save(const char *path, const uint32_t *pixels, int width, int height)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        warn("%s", path);
        return;
    }
    fprintf(file, "P6\n%d %d\n255\n", width, height);
    for (int i = 0; i < width * height; i++) {
        unsigned char colours[3] = {pixels[i] >> 16 & 0xff, pixels[i] >> 8 & 0xff,
                                    pixels[i] & 0xff};

        fwrite(colours, 1, 3, file);
    }
    if (fclose(file) != 0)
        warn("%s", path);
}
