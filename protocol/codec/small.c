/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/small.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/codec/jpeg.h"
#include "protocol/wire/error.h"

/* Of the JPEG: letters keep their shape at the first, noise fits at the second. */
static const unsigned qualities[] = {75, 40};

/* side, or what it becomes when the longest one becomes VDP_SMALL_SIDE; never 0. */
static uint16_t
shorten(uint16_t side, uint16_t longest)
{
    uint32_t scaled = side;

    if (longest > VDP_SMALL_SIDE) {
        scaled = (side * VDP_SMALL_SIDE + longest / 2u) / longest;
    }
    return (uint16_t)(scaled > 0 ? scaled : 1);
}

/* The average of a box of the image. */
static void
average(const struct vdp_image *image, const struct vdp_rect *box, uint8_t *ret_pixel)
{
    uint64_t sums[3] = {0};
    uint32_t count = (uint32_t)box->width * box->height;
    uint32_t x;
    uint32_t y;
    unsigned i;

    for (y = box->y; y < (uint32_t)box->y + box->height; y++) {
        const uint8_t *pixel = image->pixels + y * image->stride + box->x * 4u;

        for (x = 0; x < box->width; x++, pixel += 4) {
            sums[0] += pixel[0];
            sums[1] += pixel[1];
            sums[2] += pixel[2];
        }
    }
    for (i = 0; i < 3; i++) {
        ret_pixel[i] = (uint8_t)((sums[i] + count / 2) / count);
    }
    ret_pixel[3] = 255;
}

int
vdp_small_scale(const struct vdp_image *image, struct vdp_small *ret_small)
{
    uint16_t longest = image->width > image->height ? image->width : image->height;
    struct vdp_small small = {.width = shorten(image->width, longest),
                              .height = shorten(image->height, longest)};
    uint32_t x;
    uint32_t y;

    memset(ret_small, 0, sizeof(*ret_small));
    if (image->width == 0 || image->height == 0) {
        return VDP_ERR_RANGE;
    }
    small.pixels = malloc((size_t)small.width * small.height * 4);
    if (small.pixels == NULL) {
        return VDP_ERR_NOMEM;
    }
    for (y = 0; y < small.height; y++) {
        uint32_t top = y * image->height / small.height;
        uint32_t bottom = (y + 1) * image->height / small.height;

        for (x = 0; x < small.width; x++) {
            uint32_t left = x * image->width / small.width;
            uint32_t right = (x + 1) * image->width / small.width;
            struct vdp_rect box = {(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                                   (uint16_t)(bottom - top)};

            average(image, &box, small.pixels + ((size_t)y * small.width + x) * 4);
        }
    }
    *ret_small = small;
    return 0;
}

void
vdp_small_clear(struct vdp_small *small)
{
    free(small->pixels);
    memset(small, 0, sizeof(*small));
}

static int
encode(const struct vdp_small *small, struct vdp_buffer *out)
{
    struct vdp_jpeg_writer *writer = vdp_jpeg_writer_new();
    struct vdp_image image = {small->pixels, small->width * 4u, small->width, small->height};
    struct vdp_rect whole = {0, 0, small->width, small->height};
    size_t before = out->size;
    int result = writer != NULL ? VDP_ERR_TOO_BIG : VDP_ERR_NOMEM;
    size_t i;

    for (i = 0; i < sizeof(qualities) / sizeof(qualities[0]) && result == VDP_ERR_TOO_BIG; i++) {
        out->size = before;
        result = vdp_jpeg_encode(writer, &image, &whole, qualities[i], out);
        if (result == 0 && out->size - before > VDP_SMALL_MAX_BYTES) {
            result = VDP_ERR_TOO_BIG;
        }
    }
    if (result < 0) {
        out->size = before;
    }
    vdp_jpeg_writer_free(writer);
    return result;
}

int
vdp_small_make(const struct vdp_image *image, struct vdp_buffer *out, uint16_t *ret_width,
               uint16_t *ret_height)
{
    struct vdp_small small;
    int result = vdp_small_scale(image, &small);

    if (result == 0) {
        result = encode(&small, out);
        *ret_width = small.width;
        *ret_height = small.height;
        vdp_small_clear(&small);
    }
    return result;
}
