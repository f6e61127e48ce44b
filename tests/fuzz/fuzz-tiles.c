/* SPDX-License-Identifier: Apache-2.0 */
/* The tile decoder: u8 width, u8 height, then frames: u8 key, u16 size, operations. */
#include "protocol/codec/codec.h"

#include <stdlib.h>

#include "protocol/codec/video.h"
#include "protocol/wire/reader.h"
#include "tests/fuzz/fuzz.h"

static void
check_dirty(const struct vdp_decoder *decoder, struct vdp_rect dirty)
{
    struct vdp_image image = vdp_decoder_image(decoder);
    size_t count;
    const uint32_t *tiles = vdp_decoder_dirty_tiles(decoder, &count);
    size_t i;

    if (dirty.x + dirty.width > image.width || dirty.y + dirty.height > image.height) {
        abort();
    }
    for (i = 1; i < count; i++) {
        if (tiles[i] <= tiles[i - 1]) {
            abort();
        }
    }
}

/* The pixels of a film: any will do. */
static int
show_film(const struct vdp_video *video, void *user_data)
{
    static uint8_t pixels[256 * 256 * 4];

    if (video->rect.width > 255 || video->rect.height > 255) {
        abort(); /* the surface is smaller */
    }
    if ((video->flags & VDP_VIDEO_END) == 0) {
        vdp_decoder_place_video(user_data, &video->rect, pixels);
    }
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_reader reader;
    uint8_t width;
    uint8_t height;

    vdp_reader_init(&reader, data, size);
    width = vdp_reader_u8(&reader);
    height = vdp_reader_u8(&reader);
    if (decoder == NULL || vdp_decoder_resize(decoder, width, height) != 0) {
        vdp_decoder_free(decoder);
        return 0;
    }
    vdp_decoder_set_video(decoder, show_film, decoder);
    while (reader.left > 0) {
        uint8_t key = vdp_reader_u8(&reader);
        uint16_t frame_size = vdp_reader_u16(&reader);
        const uint8_t *ops = vdp_reader_bytes(&reader, frame_size);
        struct vdp_rect dirty;

        if (ops == NULL) {
            break;
        }
        if (vdp_decoder_frame(decoder, ops, frame_size, (key & 1) != 0, &dirty) == 0) {
            check_dirty(decoder, dirty);
        }
    }
    vdp_decoder_free(decoder);
    return 0;
}
