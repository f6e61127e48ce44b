/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/video-check.h"

#include <string.h>

#define MAX_SPS    256u /* bytes that are looked at */
#define BASELINE   66u
#define MAX_CYCLE  255u
#define VP8_HEADER 10u

enum nal {
    NAL_SLICE = 1,
    NAL_IDR = 5,
    NAL_SEI = 6,
    NAL_SPS = 7,
    NAL_PPS = 8,
    NAL_AUD = 9,
    NAL_FILLER = 12
};

struct bits {
    uint8_t data[MAX_SPS]; /* without emulation prevention */
    size_t size, at;       /* bits */
    bool failed;
};

static unsigned
get_bit(struct bits *bits)
{
    unsigned bit;

    if (bits->at >= bits->size) {
        bits->failed = true;
        return 0;
    }
    bit = bits->data[bits->at / 8] >> (7 - bits->at % 8) & 1u;
    bits->at++;
    return bit;
}

/* Exp-Golomb, unsigned. */
static uint32_t
get_number(struct bits *bits)
{
    unsigned zeros = 0;
    uint32_t value = 1;

    while (!bits->failed && get_bit(bits) == 0) {
        zeros++;
    }
    if (zeros > 20) {
        bits->failed = true; /* nothing that we read is so large */
    }
    for (; zeros > 0 && !bits->failed; zeros--) {
        value = value << 1 | get_bit(bits);
    }
    return value - 1;
}

static void
read_escaped(struct bits *bits, const uint8_t *data, size_t size)
{
    size_t count = 0;
    unsigned zeros = 0;
    size_t i;

    for (i = 0; i < size && count < MAX_SPS; i++) {
        if (zeros >= 2 && data[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = data[i] == 0 ? zeros + 1 : 0;
        bits->data[count++] = data[i];
    }
    bits->size = count * 8;
}

static void
skip_order(struct bits *bits)
{
    uint32_t type = get_number(bits);
    uint32_t count;

    if (type == 0) {
        (void)get_number(bits);
    } else if (type == 1) {
        (void)get_bit(bits);
        (void)get_number(bits);
        (void)get_number(bits);
        count = get_number(bits);
        bits->failed = bits->failed || count > MAX_CYCLE;
        for (; count > 0 && !bits->failed; count--) {
            (void)get_number(bits);
        }
    } else if (type != 2) {
        bits->failed = true;
    }
}

/* Of a sequence parameter set, without the byte that says what it is. */
static bool
size_fits(const uint8_t *data, size_t size, uint16_t width, uint16_t height)
{
    struct bits bits = {.failed = false};
    uint32_t across;
    uint32_t down;
    uint32_t crop[4] = {0};
    unsigned i;

    if (size < 4 || data[0] != BASELINE) {
        return false;
    }
    read_escaped(&bits, data + 3, size - 3);
    (void)get_number(&bits); /* id */
    (void)get_number(&bits); /* length of frame numbers */
    skip_order(&bits);
    (void)get_number(&bits); /* reference frames */
    (void)get_bit(&bits);
    across = get_number(&bits) + 1;
    down = get_number(&bits) + 1;
    if (get_bit(&bits) == 0) {
        return false; /* fields */
    }
    (void)get_bit(&bits);
    if (get_bit(&bits) != 0) {
        for (i = 0; i < 4; i++) {
            crop[i] = get_number(&bits);
        }
    }
    return !bits.failed && across == (width + 15u) / 16 && down == (height + 15u) / 16 &&
           crop[0] < 8 && crop[1] < 8 && crop[2] < 8 && crop[3] < 8 &&
           across * 16 - 2 * (crop[0] + crop[1]) == width &&
           down * 16 - 2 * (crop[2] + crop[3]) == height;
}

/* The next start code at or after data; size when there is none. */
static size_t
find_start(const uint8_t *data, size_t size, size_t at)
{
    for (; at + 3 <= size; at++) {
        if (data[at] == 0 && data[at + 1] == 0 && data[at + 2] == 1) {
            return at;
        }
    }
    return size;
}

static bool
h264_fits(const uint8_t *data, size_t size, uint16_t width, uint16_t height, bool key)
{
    size_t at = find_start(data, size, 0);
    bool has_size = false;
    bool has_idr = false;

    while (at < size) {
        size_t body = at + 3;
        size_t end = find_start(data, size, body);

        if (body == size) {
            return false;
        }
        switch (data[body] & 0x1f) {
        case NAL_SPS:
            if (!size_fits(data + body + 1, end - body - 1, width, height)) {
                return false;
            }
            has_size = true;
            break;
        case NAL_IDR:
            has_idr = true;
            break;
        case NAL_SLICE:
        case NAL_SEI:
        case NAL_PPS:
        case NAL_AUD:
        case NAL_FILLER:
            break;
        default:
            return false;
        }
        at = end;
    }
    return !key || (has_size && has_idr);
}

static bool
vp8_fits(const uint8_t *data, size_t size, uint16_t width, uint16_t height, bool key)
{
    if (size < 3) {
        return false;
    }
    if ((data[0] & 1) != 0) {
        return !key;
    }
    /* The upper two bits of each side ask for scaling, which nobody does. */
    return size >= VP8_HEADER && data[3] == 0x9d && data[4] == 0x01 && data[5] == 0x2a &&
           (data[6] | data[7] << 8) == width && (data[8] | data[9] << 8) == height;
}

bool
vdp_video_header_fits(enum vdp_video_codec codec, const uint8_t *data, size_t size, uint16_t width,
                      uint16_t height, bool key)
{
    return codec == VDP_VIDEO_H264  ? h264_fits(data, size, width, height, key)
           : codec == VDP_VIDEO_VP8 ? vp8_fits(data, size, width, height, key)
                                    : false;
}
