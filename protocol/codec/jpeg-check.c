/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/jpeg.h"

#include "protocol/wire/reader.h"

enum marker {
    MARKER_SOI = 0xd8,
    MARKER_EOI = 0xd9,
    MARKER_SOS = 0xda,
    MARKER_SOF0 = 0xc0,
    MARKER_DHT = 0xc4,
    MARKER_DRI = 0xdd,
    MARKER_DQT = 0xdb,
};

static uint16_t
big_endian(struct vdp_reader *reader)
{
    uint16_t high = vdp_reader_u8(reader);

    return (uint16_t)(high << 8 | vdp_reader_u8(reader));
}

static bool
is_frame_of(const uint8_t *segment, size_t size, uint16_t width, uint16_t height)
{
    return size >= 6 && segment[0] == 8 && (segment[1] << 8 | segment[2]) == height &&
           (segment[3] << 8 | segment[4]) == width && segment[5] == 3;
}

/* APPn and comments carry nothing that is needed, but writers put them. */
static bool
is_harmless(uint8_t marker)
{
    return marker == MARKER_DHT || marker == MARKER_DQT || marker == MARKER_DRI ||
           (marker >= 0xe0 && marker <= 0xef) || marker == 0xfe;
}

/* Between the frame header and the end there is one scan of all components and no other header. */
static int
check_scan(const uint8_t *data, size_t size)
{
    size_t i;

    for (i = 0; i + 1 < size; i++) {
        if (data[i] != 0xff || data[i + 1] == 0 || (data[i + 1] >= 0xd0 && data[i + 1] <= 0xd7)) {
            continue; /* entropy coded data, or a restart within it */
        }
        return data[i + 1] == MARKER_EOI && i + 2 == size ? 0 : VDP_ERR_CORRUPT;
    }
    return VDP_ERR_CORRUPT;
}

int
vdp_jpeg_check(const uint8_t *data, size_t size, uint16_t width, uint16_t height)
{
    struct vdp_reader reader;
    bool has_frame = false;

    vdp_reader_init(&reader, data, size);
    if (big_endian(&reader) != (0xff00 | MARKER_SOI)) {
        return VDP_ERR_CORRUPT;
    }
    while (reader.error == 0) {
        uint8_t fill = vdp_reader_u8(&reader);
        uint8_t marker = vdp_reader_u8(&reader);
        uint16_t length = big_endian(&reader);
        const uint8_t *segment = vdp_reader_bytes(&reader, length < 2 ? 0 : length - 2u);

        if (reader.error != 0 || fill != 0xff || length < 2) {
            break;
        }
        if (marker == MARKER_SOS) {
            return has_frame && length > 2 && segment[0] == 3 ? check_scan(reader.at, reader.left)
                                                              : VDP_ERR_CORRUPT;
        }
        if (marker == MARKER_SOF0 && !has_frame) {
            has_frame = is_frame_of(segment, length - 2u, width, height);
            if (!has_frame) {
                break;
            }
        } else if (!is_harmless(marker)) {
            break;
        }
    }
    return VDP_ERR_CORRUPT;
}
