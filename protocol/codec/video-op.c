/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/video-op.h"

#include <string.h>

#include "protocol/wire/reader.h"

int
vdp_video_check(const struct vdp_grid *grid, uint8_t id, uint8_t codec, const struct vdp_rect *rect)
{
    if (id >= VDP_VIDEO_REGIONS || (codec != VDP_VIDEO_H264 && codec != VDP_VIDEO_VP8) ||
        ((rect->x | rect->y | rect->width | rect->height) & 1) != 0 ||
        rect->width < VDP_VIDEO_MIN_SIDE || rect->height < VDP_VIDEO_MIN_SIDE ||
        rect->width > VDP_VIDEO_MAX_WIDTH ||
        (uint32_t)rect->width * rect->height > VDP_VIDEO_MAX_AREA ||
        rect->x + rect->width > grid->width || rect->y + rect->height > grid->height) {
        return VDP_ERR_RANGE;
    }
    return 0;
}

int
vdp_video_get(const struct vdp_grid *grid, const uint8_t *body, size_t size,
              struct vdp_video *ret_video)
{
    struct vdp_video video = {0};
    struct vdp_reader reader;

    vdp_reader_init(&reader, body, size);
    video.id = vdp_reader_u8(&reader);
    video.codec = vdp_reader_u8(&reader);
    video.flags = vdp_reader_u8(&reader);
    video.rect.x = vdp_reader_u16(&reader);
    video.rect.y = vdp_reader_u16(&reader);
    video.rect.width = vdp_reader_u16(&reader);
    video.rect.height = vdp_reader_u16(&reader);
    if (reader.error != 0) {
        return reader.error;
    }
    video.data = reader.at;
    video.size = reader.left;
    *ret_video = video;
    if (video.flags == VDP_VIDEO_END) {
        if (video.rect.x != 0 || video.rect.y != 0 || video.rect.width != 0 ||
            video.rect.height != 0 || video.id >= VDP_VIDEO_REGIONS) {
            return VDP_ERR_RANGE;
        }
        return video.size == 0 ? 0 : VDP_ERR_TRAILING;
    }
    if ((video.flags & ~VDP_VIDEO_KEY) != 0 || video.size > VDP_VIDEO_MAX_UNIT) {
        return VDP_ERR_RANGE;
    }
    if (video.size == 0) {
        return VDP_ERR_TRUNCATED;
    }
    return vdp_video_check(grid, video.id, video.codec, &video.rect);
}

int
vdp_video_follow(struct vdp_video *regions, const struct vdp_video *video)
{
    struct vdp_video *region = &regions[video->id];

    if (video->flags == 0 && (region->codec != video->codec ||
                              memcmp(&region->rect, &video->rect, sizeof(video->rect)) != 0)) {
        return VDP_ERR_STATE;
    }
    region->codec = video->flags == VDP_VIDEO_END ? 0 : video->codec;
    region->rect = video->rect;
    return 0;
}

void
vdp_video_place(const struct vdp_grid *grid, uint8_t *pixels, const uint8_t *marks, uint8_t mask,
                const struct vdp_rect *rect, const uint8_t *bgrx)
{
    uint32_t end_x = (uint32_t)rect->x + rect->width;
    uint32_t x;
    uint32_t y;

    for (y = rect->y; y < (uint32_t)rect->y + rect->height; y++) {
        const uint8_t *row_marks = marks + (size_t)y / VDP_TILE * grid->across;
        uint8_t *to = pixels + (size_t)y * grid->width * 4;

        for (x = rect->x; x < end_x;) {
            uint32_t end = (x / VDP_TILE + 1) * VDP_TILE;

            end = end < end_x ? end : end_x;
            if ((row_marks[x / VDP_TILE] & mask) == 0) {
                memcpy(to + x * 4, bgrx, (end - x) * (size_t)4);
            }
            bgrx += (end - x) * (size_t)4;
            x = end;
        }
    }
}
