/* SPDX-License-Identifier: Apache-2.0 */
/* Rectangles that go through a video codec: what it covers, and what is exact on top. */
#include <string.h>

#include "protocol/codec/encoder-state.h"
#include "protocol/codec/pixels.h"
#include "protocol/codec/video-op.h"

/*
 * A tile of a region of which this share equals its left neighbour is text or a surface, and sent
 * exactly. Decoded films have flat skies, so this is more than what makes a still a photograph.
 */
#define TEXT_EVENNESS 128u

#define FLAGS_AT (VDP_OP_HEADER_SIZE + 2) /* in a VIDEO */

unsigned
vdp_image_evenness(const struct vdp_image *image, const struct vdp_rect *rect)
{
    uint32_t repeats = 0;
    uint32_t row;

    for (row = 0; row < rect->height; row++) {
        repeats += vdp_pixel_ops()->count_repeats(
            image->pixels + (rect->y + row) * image->stride + rect->x * 4u, rect->width);
    }
    return repeats * 256 / ((uint32_t)rect->width * rect->height);
}

int
vdp_encoder_set_video(struct vdp_encoder *encoder, const struct vdp_video_source *source)
{
    if (source == NULL) {
        encoder->video.encode = NULL;
        return 0;
    }
    if (vdp_video_check(&encoder->grid, source->id, source->codec, &source->rect) != 0) {
        return VDP_ERR_RANGE;
    }
    if (encoder->video_open &&
        (source->id != encoder->video.id || source->codec != encoder->video.codec ||
         memcmp(&source->rect, &encoder->video.rect, sizeof(source->rect)) != 0)) {
        encoder->video_key = true;
    }
    if (!encoder->video_open) {
        encoder->video_key = true;
    }
    encoder->video = *source;
    return 0;
}

void
vdp_encoder_video_key(struct vdp_encoder *encoder)
{
    encoder->video_key = true;
}

const uint8_t *
vdp_encoder_changed(const struct vdp_encoder *encoder)
{
    return encoder->differed;
}

/* The part of a row in which both differ; false when they are equal. */
static bool
changed_span(const uint8_t *a, const uint8_t *b, uint32_t width, uint32_t *left, uint32_t *right)
{
    uint32_t first = 0;
    uint32_t end = width;

    if (vdp_pixel_ops()->equal(a, b, width)) {
        return false;
    }
    while (vdp_pixel_ops()->equal(a + first * 4, b + first * 4, 1)) {
        first++;
    }
    while (vdp_pixel_ops()->equal(a + (end - 1) * 4, b + (end - 1) * 4, 1)) {
        end--;
    }
    *left = first < *left ? first : *left;
    *right = end > *right ? end : *right;
    return true;
}

struct vdp_rect
vdp_encoder_changed_box(const struct vdp_encoder *encoder, const struct vdp_image *image,
                        const struct vdp_rect *within)
{
    struct vdp_rect box = {0};
    uint32_t left = within->width;
    uint32_t right = 0;
    uint32_t top = within->height;
    uint32_t bottom = 0;
    uint32_t row;

    if (encoder->shadow == NULL || image->width != encoder->grid.width ||
        image->height != encoder->grid.height || within->x + within->width > image->width ||
        within->y + within->height > image->height) {
        return box;
    }
    for (row = 0; row < within->height; row++) {
        size_t y = within->y + row;

        if (changed_span(image->pixels + y * image->stride + within->x * 4u,
                         encoder->shadow + (y * encoder->grid.width + within->x) * 4, within->width,
                         &left, &right)) {
            top = row < top ? row : top;
            bottom = row + 1;
        }
    }
    if (bottom > top) {
        box = (struct vdp_rect){(uint16_t)(within->x + left), (uint16_t)(within->y + top),
                                (uint16_t)(right - left), (uint16_t)(bottom - top)};
    }
    return box;
}

/* The part of a tile that the video covers; false when there is none. */
static bool
covered_part(const struct vdp_encoder *encoder, uint32_t tile, struct vdp_rect *ret_part)
{
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
    const struct vdp_rect *video = &encoder->video.rect;
    uint32_t left = rect.x > video->x ? rect.x : video->x;
    uint32_t top = rect.y > video->y ? rect.y : video->y;
    uint32_t right = rect.x + rect.width;
    uint32_t bottom = rect.y + rect.height;

    if (right > (uint32_t)video->x + video->width) {
        right = (uint32_t)video->x + video->width;
    }
    if (bottom > (uint32_t)video->y + video->height) {
        bottom = (uint32_t)video->y + video->height;
    }
    if (left >= right || top >= bottom) {
        return false;
    }
    *ret_part = (struct vdp_rect){(uint16_t)left, (uint16_t)top, (uint16_t)(right - left),
                                  (uint16_t)(bottom - top)};
    return true;
}

bool
vdp_encoder_in_video(const struct vdp_encoder *encoder, uint32_t tile)
{
    struct vdp_rect part;

    return encoder->video.encode != NULL && covered_part(encoder, tile, &part);
}

static bool
same_pixels(const struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t x,
            uint32_t y, uint32_t width)
{
    return width == 0 || vdp_pixel_ops()->equal(
                             image->pixels + y * image->stride + x * 4,
                             encoder->shadow + ((size_t)y * encoder->grid.width + x) * 4, width);
}

/* Whether what lies around part in its tile is as the peer has it. */
static bool
rest_is_known(const struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t tile,
              const struct vdp_rect *part)
{
    struct vdp_rect rect = vdp_grid_rect(&encoder->grid, tile);
    uint32_t right = (uint32_t)part->x + part->width;
    uint32_t y;

    if (memcmp(&rect, part, sizeof(rect)) == 0) {
        return true;
    }
    if (!encoder->known[tile]) {
        return false;
    }
    for (y = rect.y; y < (uint32_t)rect.y + rect.height; y++) {
        bool beside = y >= part->y && y < (uint32_t)part->y + part->height;
        bool same = beside ? same_pixels(encoder, image, rect.x, y, part->x - rect.x) &&
                                 same_pixels(encoder, image, right, y, rect.x + rect.width - right)
                           : same_pixels(encoder, image, rect.x, y, rect.width);

        if (!same) {
            return false;
        }
    }
    return true;
}

static void
keep_part(struct vdp_encoder *encoder, const struct vdp_image *image, const struct vdp_rect *part)
{
    uint32_t y;

    for (y = part->y; y < (uint32_t)part->y + part->height; y++) {
        vdp_pixel_ops()->copy(encoder->shadow + ((size_t)y * encoder->grid.width + part->x) * 4,
                              image->pixels + y * image->stride + part->x * 4u, part->width);
    }
}

/* Leaves in wanted what must go exactly on top. Returns how many tiles the video alone brings. */
static uint32_t
settle_tiles(struct vdp_encoder *encoder, const struct vdp_image *image)
{
    uint32_t brought = 0;
    uint32_t tile;

    encoder->lossy_clock++;
    for (tile = 0; tile < encoder->grid.count; tile++) {
        struct vdp_rect part;

        if (!covered_part(encoder, tile, &part)) {
            continue;
        }
        encoder->wanted[tile] = !rest_is_known(encoder, image, tile, &part) ||
                                vdp_image_evenness(image, &part) >= TEXT_EVENNESS;
        if (!encoder->wanted[tile]) {
            keep_part(encoder, image, &part);
            encoder->known[tile] = 1;
            encoder->lossy[tile] = encoder->lossy_clock;
            brought++;
        } else {
            encoder->known[tile] = 0; /* the film goes over it first: all of the tile must come */
        }
    }
    return brought;
}

static uint32_t
list_wanted(struct vdp_encoder *encoder)
{
    uint32_t count = 0;
    uint32_t tile;

    for (tile = 0; tile < encoder->grid.count; tile++) {
        if (encoder->wanted[tile]) {
            encoder->changed[count++] = (uint16_t)tile;
        }
    }
    return count;
}

/*
 * Appends the operation. With ret_data NULL it is complete, without data; else data begins at
 * *ret_data, and vdp_op_end() is the caller's. 0 or an error, which stays in out.
 */
static int
put_op(struct vdp_buffer *out, const struct vdp_video *video, size_t *ret_data)
{
    size_t start = vdp_op_begin(out, VDP_OP_VIDEO);

    vdp_buffer_put_u8(out, video->id);
    vdp_buffer_put_u8(out, video->codec);
    vdp_buffer_put_u8(out, video->flags);
    vdp_buffer_put_u16(out, video->rect.x);
    vdp_buffer_put_u16(out, video->rect.y);
    vdp_buffer_put_u16(out, video->rect.width);
    vdp_buffer_put_u16(out, video->rect.height);
    if (ret_data == NULL) {
        return vdp_op_end(out, start);
    }
    *ret_data = out->size;
    return out->error;
}

/* Says that the peer may forget a region that is no more. */
int
vdp_encoder_end_video(struct vdp_encoder *encoder, struct vdp_buffer *out)
{
    const struct vdp_video end = {
        encoder->video.id, encoder->video.codec, VDP_VIDEO_END, {0}, NULL, 0};

    if (!encoder->video_open || encoder->video.encode != NULL) {
        return 0;
    }
    encoder->video_open = false;
    return put_op(out, &end, NULL);
}

uint32_t
vdp_encoder_hide_video(struct vdp_encoder *encoder, uint32_t changed)
{
    uint32_t hidden = 0;
    uint32_t i;

    for (i = 0; encoder->video.encode != NULL && i < changed; i++) {
        if (vdp_encoder_in_video(encoder, encoder->changed[i])) {
            encoder->wanted[encoder->changed[i]] = 0;
            hidden++;
        }
    }
    return hidden;
}

int
vdp_encoder_put_video(struct vdp_encoder *encoder, const struct vdp_image *image, uint32_t count,
                      struct vdp_buffer *out, uint32_t *ret_brought)
{
    struct vdp_video video = {
        encoder->video.id, encoder->video.codec, 0, encoder->video.rect, NULL, 0};
    size_t start = out->size;
    bool key = encoder->video_key || !encoder->video_open;
    uint32_t i;
    size_t at;

    *ret_brought = 0;
    for (i = 0; i < count && !vdp_encoder_in_video(encoder, encoder->changed[i]); i++) {
    }
    if (i == count) {
        return (int)count;
    }
    (void)put_op(out, &video, &at);
    if (encoder->video.encode(image, &video.rect, &key, out, encoder->video.user_data) != 0 ||
        out->error != 0 || out->size == at || out->size - at > VDP_VIDEO_MAX_UNIT ||
        vdp_op_end(out, start) != 0) {
        /* The codec may have seen a picture that the peer never will. */
        out->size = start;
        encoder->video_key = true;
        return out->error != 0 ? VDP_ERR_NOMEM : (int)count;
    }
    out->data[start + FLAGS_AT] = key ? VDP_VIDEO_KEY : 0;
    encoder->video_key = false;
    encoder->video_open = true;
    *ret_brought = settle_tiles(encoder, image);
    return (int)list_wanted(encoder);
}
