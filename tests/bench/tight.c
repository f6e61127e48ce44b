/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/tight.h"

#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define BLOCK          64u
#define MAX_PIXELS     65536u /* of a rectangle */
#define MAX_PALETTE    256u
#define HASH_SIZE      1024u
#define RECT_HEADER    12u /* x, y, width, height, encoding */
#define MIN_COMPRESSED 12u /* smaller data is sent as it is */

enum stream { STREAM_FULL, STREAM_MONO, STREAM_PALETTE, STREAM_COUNT };

struct palette {
    uint32_t colour[HASH_SIZE]; /* with bit 24 set; 0 is an empty slot */
    uint16_t index[HASH_SIZE];
    unsigned count; /* MAX_PALETTE + 1: too many */
};

struct tight {
    uint16_t width, height;
    uint8_t *shadow;
    bool empty; /* the peer has nothing yet */
    z_stream streams[STREAM_COUNT];
    struct palette palette;
    uint8_t raw[MAX_PIXELS * 3];
    uint8_t compressed[MAX_PIXELS * 3 + 65536];
};

struct tight *
tight_new(uint16_t width, uint16_t height)
{
    struct tight *tight = calloc(1, sizeof(*tight));
    unsigned i;

    if (tight == NULL || (tight->shadow = calloc((size_t)width * height, 4)) == NULL) {
        abort();
    }
    tight->width = width;
    tight->height = height;
    tight->empty = true;
    for (i = 0; i < STREAM_COUNT; i++) {
        if (deflateInit(&tight->streams[i], 1) != Z_OK) {
            abort();
        }
    }
    return tight;
}

void
tight_free(struct tight *tight)
{
    unsigned i;

    for (i = 0; i < STREAM_COUNT; i++) {
        (void)deflateEnd(&tight->streams[i]);
    }
    free(tight->shadow);
    free(tight);
}

static size_t
compress_raw(struct tight *tight, enum stream which, size_t size)
{
    z_stream *stream = &tight->streams[which];
    size_t compressed;

    if (size < MIN_COMPRESSED) {
        return size;
    }
    stream->next_in = tight->raw;
    stream->avail_in = (uInt)size;
    stream->next_out = tight->compressed;
    stream->avail_out = sizeof(tight->compressed);
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in != 0) {
        abort();
    }
    compressed = sizeof(tight->compressed) - stream->avail_out;
    return compressed + (compressed < 128 ? 1 : compressed < 16384 ? 2 : 3);
}

static uint32_t
colour_at(const struct vdp_image *image, unsigned x, unsigned y)
{
    const uint8_t *pixel = image->pixels + y * image->stride + x * 4u;

    return 0x1000000u | (uint32_t)pixel[2] << 16 | (uint32_t)pixel[1] << 8 | pixel[0];
}

static unsigned
find_slot(const struct palette *palette, uint32_t colour)
{
    unsigned slot = (colour * 2654435761u >> 22) % HASH_SIZE;

    while (palette->colour[slot] != 0 && palette->colour[slot] != colour) {
        slot = (slot + 1) % HASH_SIZE;
    }
    return slot;
}

static void
count_colours(struct palette *palette, const struct vdp_image *image, struct vdp_rect rect,
              unsigned limit)
{
    uint32_t last = 0;
    unsigned x;
    unsigned y;

    memset(palette, 0, sizeof(*palette));
    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        for (x = rect.x; x < (unsigned)rect.x + rect.width; x++) {
            uint32_t colour = colour_at(image, x, y);
            unsigned slot;

            if (colour == last) {
                continue;
            }
            last = colour;
            slot = find_slot(palette, colour);
            if (palette->colour[slot] == 0) {
                if (palette->count == limit) {
                    palette->count = MAX_PALETTE + 1;
                    return;
                }
                palette->colour[slot] = colour;
                palette->index[slot] = (uint16_t)palette->count++;
            }
        }
    }
}

static size_t
encode_indexed(struct tight *tight, const struct vdp_image *image, struct vdp_rect rect)
{
    unsigned bits = tight->palette.count == 2 ? 1 : 8;
    size_t row_size = bits == 1 ? (rect.width + 7u) / 8 : rect.width;
    uint32_t last = 0;
    unsigned index = 0;
    unsigned x;
    unsigned y;

    memset(tight->raw, 0, row_size * rect.height);
    for (y = 0; y < rect.height; y++) {
        for (x = 0; x < rect.width; x++) {
            uint32_t colour = colour_at(image, rect.x + x, rect.y + y);

            if (colour != last) {
                index = tight->palette.index[find_slot(&tight->palette, colour)];
                last = colour;
            }
            if (bits == 8) {
                tight->raw[y * row_size + x] = (uint8_t)index;
            } else {
                tight->raw[y * row_size + x / 8] |= (uint8_t)(index << (7 - x % 8));
            }
        }
    }
    return 3 + tight->palette.count * 3u +
           compress_raw(tight, bits == 1 ? STREAM_MONO : STREAM_PALETTE, row_size * rect.height);
}

static size_t
encode_full(struct tight *tight, const struct vdp_image *image, struct vdp_rect rect)
{
    uint8_t *to = tight->raw;
    unsigned x;
    unsigned y;

    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        const uint8_t *from = image->pixels + y * image->stride + rect.x * 4u;

        for (x = 0; x < rect.width; x++, from += 4) {
            *to++ = from[2];
            *to++ = from[1];
            *to++ = from[0];
        }
    }
    return 1 + compress_raw(tight, STREAM_FULL, (size_t)(to - tight->raw));
}

static size_t
encode_rect(struct tight *tight, const struct vdp_image *image, struct vdp_rect rect)
{
    unsigned area = (unsigned)rect.width * rect.height;
    unsigned limit = area / 8 < MAX_PALETTE ? area / 8 : MAX_PALETTE;

    count_colours(&tight->palette, image, rect, limit < 2 ? 2 : limit);
    if (tight->palette.count == 1) {
        return RECT_HEADER + 4;
    }
    if (tight->palette.count <= MAX_PALETTE) {
        return RECT_HEADER + encode_indexed(tight, image, rect);
    }
    return RECT_HEADER + encode_full(tight, image, rect);
}

/* Compares a block with the shadow and takes it over when it differs. */
static bool
block_changed(struct tight *tight, const struct vdp_image *image, struct vdp_rect rect)
{
    bool changed = tight->empty;
    unsigned y;

    for (y = rect.y; y < (unsigned)rect.y + rect.height; y++) {
        const uint8_t *fresh = image->pixels + y * image->stride + rect.x * 4u;
        uint8_t *old = tight->shadow + ((size_t)y * tight->width + rect.x) * 4;

        if (changed || memcmp(fresh, old, rect.width * 4u) != 0) {
            changed = true;
            memcpy(old, fresh, rect.width * 4u);
        }
    }
    return changed;
}

static uint16_t
minimum(unsigned a, unsigned b)
{
    return (uint16_t)(a < b ? a : b);
}

size_t
tight_update(struct tight *tight, const struct vdp_image *image, struct vdp_rect damage)
{
    unsigned end_x = (unsigned)damage.x + damage.width;
    unsigned end_y = (unsigned)damage.y + damage.height;
    size_t bytes = 4; /* the update's own header */
    unsigned x;
    unsigned y;

    for (y = damage.y / BLOCK * BLOCK; y < end_y; y += BLOCK) {
        struct vdp_rect run = {0};

        for (x = damage.x / BLOCK * BLOCK; x < end_x; x += BLOCK) {
            struct vdp_rect block = {(uint16_t)x, (uint16_t)y, minimum(BLOCK, tight->width - x),
                                     minimum(BLOCK, tight->height - y)};
            bool changed = block_changed(tight, image, block);

            if (run.width > 0 && (!changed || (run.width + block.width) * BLOCK > MAX_PIXELS)) {
                bytes += encode_rect(tight, image, run);
                run.width = 0;
            }
            if (changed && run.width == 0) {
                run = block;
            } else if (changed) {
                run.width = (uint16_t)(run.width + block.width);
            }
        }
        if (run.width > 0) {
            bytes += encode_rect(tight, image, run);
        }
    }
    tight->empty = false;
    return bytes;
}
