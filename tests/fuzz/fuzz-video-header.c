/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of a film's access units: u8 codec, u8 key, u16 width, u16 height, then the unit.
 * What fits one size must fit no other. The seeds are units of protocol/video's encoders.
 */
#include <stdlib.h>

#include "protocol/codec/video-check.h"
#include "protocol/wire/reader.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vdp_reader reader;
    enum vdp_video_codec codec;
    uint16_t width;
    uint16_t height;
    bool key;

    vdp_reader_init(&reader, data, size);
    codec = (vdp_reader_u8(&reader) & 1) != 0 ? VDP_VIDEO_H264 : VDP_VIDEO_VP8;
    key = (vdp_reader_u8(&reader) & 1) != 0;
    width = (uint16_t)(vdp_reader_u16(&reader) & 0x0ffe);
    height = (uint16_t)(vdp_reader_u16(&reader) & 0x0ffe);
    if (reader.error != 0) {
        return 0;
    }
    /* Without a key frame nothing need name a size. */
    if (vdp_video_header_fits(codec, reader.at, reader.left, width, height, key) && key &&
        vdp_video_header_fits(codec, reader.at, reader.left, (uint16_t)(width + 2), height, key)) {
        abort();
    }
    return 0;
}
