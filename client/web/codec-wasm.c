/* SPDX-License-Identifier: Apache-2.0 */
/*
 * codec-wasm: the tile decoder as a page's worker sees it, one per WebAssembly instance.
 *
 * JavaScript asks for room with vedette_input(), copies a FRAME's operations there, calls
 * vedette_frame() and paints the dirty tiles from vedette_rgba(). Pointers are offsets into the
 * instance's memory and change when it grows: ask again after each call.
 *
 * JPEG is the browser's work: after vedette_frame() there are vedette_jpeg_count() of them; for
 * each JavaScript reads vedette_jpeg(i), decodes the bytes, copies RGBA to vedette_jpeg_room(i) and
 * calls vedette_jpeg_done(i), all before it gives the next frame: copies of that frame may read the
 * pixels. Films are its work too, in the same way: vedette_film_count(), vedette_film(i),
 * vedette_film_room(i) for the planes, vedette_film_done(i).
 */
#include <stdlib.h>

#include "protocol/codec/codec.h"
#include "protocol/codec/jpeg.h"
#include "protocol/codec/mix.h"
#include "protocol/codec/video.h"
#include "protocol/codec/video-check.h"
#include "protocol/wire/messages.h"

#define EXPORT(name) __attribute__((export_name(name)))

#define MAX_INPUT (64u * 1024u * 1024u) /* the largest FRAME record */

#define MAX_JPEGS 1024u
#define MAX_FILMS (2u * VDP_VIDEO_REGIONS) /* a region may end and another begin in a frame */

struct jpeg {
    uint32_t data, size; /* in vedette_input() */
    uint32_t x, y, width, height;
};

struct film {
    uint32_t data, size; /* in vedette_input(); size 0: the region has ended */
    uint32_t x, y, width, height;
    uint32_t id, codec, key;
};

static struct jpeg jpegs[MAX_JPEGS]; /* of the last frame */
static uint32_t jpeg_count;
static uint8_t *room;                /* for the pixels of one */
static struct film films[MAX_FILMS]; /* of the last frame */
static uint32_t film_count;
static struct vdp_decoder *decoder;
static uint8_t *input;
static size_t input_capacity;
static uint8_t *rgba; /* the picture as ImageData wants it */
static struct vdp_mix mix;
static uint8_t *digests;
static uint32_t digest_count;

EXPORT("vedette_input") uint8_t *vedette_input(size_t size);
EXPORT("vedette_resize") int vedette_resize(unsigned width, unsigned height);
EXPORT("vedette_frame") int vedette_frame(size_t size, int key);
EXPORT("vedette_jpeg_count") uint32_t vedette_jpeg_count(void);
EXPORT("vedette_jpeg") const struct jpeg *vedette_jpeg(uint32_t index);
EXPORT("vedette_jpeg_room") uint8_t *vedette_jpeg_room(uint32_t index);
EXPORT("vedette_jpeg_done") int vedette_jpeg_done(uint32_t index);
EXPORT("vedette_film_count") uint32_t vedette_film_count(void);
EXPORT("vedette_film") const struct film *vedette_film(uint32_t index);
EXPORT("vedette_film_room") uint8_t *vedette_film_room(uint32_t index);
EXPORT("vedette_film_done") int vedette_film_done(uint32_t index, int nv12);
EXPORT("vedette_verdict") int vedette_verdict(void);
EXPORT("vedette_pixels") const uint8_t *vedette_pixels(void);
EXPORT("vedette_rgba") const uint8_t *vedette_rgba(void);
EXPORT("vedette_dirty_tiles") const uint32_t *vedette_dirty_tiles(void);
EXPORT("vedette_dirty_count") size_t vedette_dirty_count(void);
EXPORT("vedette_digests") const uint8_t *vedette_digests(void);
EXPORT("vedette_digest_count") uint32_t vedette_digest_count(void);
EXPORT("vedette_mix") double vedette_mix(int part);

/* Room for size bytes of operations, or NULL. */
uint8_t *
vedette_input(size_t size)
{
    if (size > MAX_INPUT) {
        return NULL;
    }
    if (size > input_capacity || input == NULL) {
        uint8_t *data = realloc(input, size > 0 ? size : 1);

        if (data == NULL) {
            return NULL;
        }
        input = data;
        input_capacity = size;
    }
    return input;
}

/* Copies a rectangle of the picture into rgba. */
static void
convert(struct vdp_rect rect)
{
    struct vdp_image image = vdp_decoder_image(decoder);
    uint32_t x;
    uint32_t y;

    for (y = rect.y; y < (uint32_t)rect.y + rect.height; y++) {
        size_t at = (size_t)y * image.width + rect.x;
        const uint32_t *from = (const uint32_t *)(const void *)image.pixels + at;
        uint32_t *to = (uint32_t *)(void *)rgba + at;

        for (x = 0; x < rect.width; x++) {
            uint32_t pixel = from[x];

            to[x] = (pixel & 0xff00) | (pixel >> 16 & 0xff) | (pixel & 0xff) << 16 | 0xff000000u;
        }
    }
}

/* The decoder's way to JPEG: it is left to JavaScript. */
int
vdp_jpeg_decode(const uint8_t *data, size_t size, const struct vdp_rect *rect, uint8_t *pixels,
                size_t stride)
{
    (void)pixels;
    (void)stride;
    if (jpeg_count == MAX_JPEGS) {
        return VDP_ERR_RANGE;
    }
    jpegs[jpeg_count++] = (struct jpeg){
        (uint32_t)(data - input), (uint32_t)size, rect->x, rect->y, rect->width, rect->height};
    return 0;
}

uint32_t
vedette_jpeg_count(void)
{
    return jpeg_count;
}

/* Six u32: offset from vedette_input(), bytes, x, y, width, height. */
const struct jpeg *
vedette_jpeg(uint32_t index)
{
    return index < jpeg_count ? &jpegs[index] : NULL;
}

/* Where its width * height RGBA pixels go; NULL when memory is short. */
uint8_t *
vedette_jpeg_room(uint32_t index)
{
    uint8_t *data;

    if (index >= jpeg_count) {
        return NULL;
    }
    data = realloc(room, (size_t)jpegs[index].width * jpegs[index].height * 4);
    if (data != NULL) {
        room = data;
    }
    return data;
}

/* Paints what is in the room; 0 or a vdp_error. */
int
vedette_jpeg_done(uint32_t index)
{
    struct vdp_rect rect;
    size_t i;

    if (index >= jpeg_count || room == NULL) {
        return VDP_ERR_STATE;
    }
    rect = (struct vdp_rect){(uint16_t)jpegs[index].x, (uint16_t)jpegs[index].y,
                             (uint16_t)jpegs[index].width, (uint16_t)jpegs[index].height};
    for (i = 0; i < (size_t)rect.width * rect.height; i++) {
        uint8_t red = room[i * 4];

        room[i * 4] = room[i * 4 + 2];
        room[i * 4 + 2] = red;
        room[i * 4 + 3] = 255;
    }
    vdp_decoder_place(decoder, &rect, room);
    convert(rect);
    return 0;
}

/* The decoder's way to films: it is left to JavaScript, but no size that the headers lie about. */
static int
take_film(const struct vdp_video *video, void *user_data)
{
    const struct vdp_rect *rect = &video->rect;
    bool key = video->flags == VDP_VIDEO_KEY;

    (void)user_data;
    if (film_count == MAX_FILMS ||
        (video->flags != VDP_VIDEO_END &&
         !vdp_video_header_fits((enum vdp_video_codec)video->codec, video->data, video->size,
                                rect->width, rect->height, key))) {
        return VDP_ERR_RANGE;
    }
    films[film_count++] = (struct film){(uint32_t)(video->data - input),
                                        video->flags == VDP_VIDEO_END ? 0 : (uint32_t)video->size,
                                        rect->x,
                                        rect->y,
                                        rect->width,
                                        rect->height,
                                        video->id,
                                        video->codec,
                                        key};
    return 0;
}

uint32_t
vedette_film_count(void)
{
    return film_count;
}

/* Nine u32: offset from vedette_input(), bytes (0: it ended), x, y, width, height, id, codec, key.
 */
const struct film *
vedette_film(uint32_t index)
{
    return index < film_count ? &films[index] : NULL;
}

/* Where its planes go, width * height * 3 / 2 bytes, and behind them its pixels; NULL: no memory.
 */
uint8_t *
vedette_film_room(uint32_t index)
{
    size_t area;
    uint8_t *data;

    if (index >= film_count || films[index].size == 0) {
        return NULL;
    }
    area = (size_t)films[index].width * films[index].height;
    data = realloc(room, area * 3 / 2 + 3 + area * 4);
    if (data != NULL) {
        room = data;
    }
    return data;
}

/* Paints the planes, I420 or NV12, that are in the room; 0 or a vdp_error. */
int
vedette_film_done(uint32_t index, int nv12)
{
    const struct film *film = vedette_film(index);
    struct vdp_rect rect;
    struct vdp_yuv yuv;
    uint8_t *pixels;

    if (film == NULL || film->size == 0 || room == NULL) {
        return VDP_ERR_STATE;
    }
    rect = (struct vdp_rect){(uint16_t)film->x, (uint16_t)film->y, (uint16_t)film->width,
                             (uint16_t)film->height};
    pixels = room + (((size_t)film->width * film->height * 3 / 2 + 3) & ~(size_t)3);
    yuv = vdp_yuv_block(room, film->width, film->height, nv12 != 0);
    vdp_yuv_to_bgrx(pixels, (size_t)film->width * 4, &yuv, film->width, film->height);
    vdp_decoder_place_video(decoder, &rect, pixels);
    convert(rect);
    return 0;
}

/* A new surface; 0 or a vdp_error. */
int
vedette_resize(unsigned width, unsigned height)
{
    const struct vdp_rect all = {.width = (uint16_t)width, .height = (uint16_t)height};
    uint8_t *data;
    int error;

    if (width > VDP_MAX_SIDE || height > VDP_MAX_SIDE) {
        return VDP_ERR_RANGE;
    }
    if (decoder == NULL) {
        decoder = vdp_decoder_new();
    }
    if (decoder == NULL) {
        return VDP_ERR_NOMEM;
    }
    vdp_decoder_set_video(decoder, take_film, NULL);
    jpeg_count = 0;
    film_count = 0;
    error = vdp_decoder_resize(decoder, (uint16_t)width, (uint16_t)height);
    if (error != 0) {
        return error;
    }
    data = realloc(rgba, (size_t)width * height * 4);
    if (data == NULL) {
        return VDP_ERR_NOMEM;
    }
    rgba = data;
    convert(all);
    return 0;
}

/* Decodes size bytes of vedette_input(); 0 or a vdp_error. */
int
vedette_frame(size_t size, int key)
{
    const uint32_t *tiles;
    struct vdp_rect box;
    uint32_t across;
    size_t count;
    size_t i;
    int error;

    if (decoder == NULL || rgba == NULL || size > input_capacity) {
        return VDP_ERR_STATE;
    }
    jpeg_count = 0;
    film_count = 0;
    error = vdp_decoder_frame(decoder, input, size, key != 0, &box);
    if (error != 0) {
        return error;
    }
    vdp_mix_add(&mix, input, size);
    tiles = vdp_decoder_dirty_tiles(decoder, &count);
    across = (vdp_decoder_image(decoder).width + VDP_TILE - 1u) / VDP_TILE;
    for (i = 0; i < count; i++) {
        struct vdp_image image = vdp_decoder_image(decoder);
        uint32_t x = tiles[i] % across * VDP_TILE;
        uint32_t y = tiles[i] / across * VDP_TILE;
        struct vdp_rect rect = {
            .x = (uint16_t)x,
            .y = (uint16_t)y,
            .width = (uint16_t)(image.width - x < VDP_TILE ? image.width - x : VDP_TILE),
            .height = (uint16_t)(image.height - y < VDP_TILE ? image.height - y : VDP_TILE),
        };

        convert(rect);
    }
    return 0;
}

/* What the digest of the last frame said: 0 none, 1 right, 2 wrong: send REFRESH. */
int
vedette_verdict(void)
{
    return decoder != NULL ? (int)vdp_decoder_verdict(decoder) : 0;
}

/* The picture as the decoder holds it, B G R X. */
const uint8_t *
vedette_pixels(void)
{
    return decoder != NULL ? vdp_decoder_image(decoder).pixels : NULL;
}

const uint8_t *
vedette_rgba(void)
{
    return rgba;
}

const uint32_t *
vedette_dirty_tiles(void)
{
    size_t count;

    return decoder != NULL ? vdp_decoder_dirty_tiles(decoder, &count) : NULL;
}

size_t
vedette_dirty_count(void)
{
    size_t count = 0;

    if (decoder != NULL) {
        (void)vdp_decoder_dirty_tiles(decoder, &count);
    }
    return count;
}

/* Bytes so far by kind: 0 exact, 1 reused, 2 photo, 3 film. */
double
vedette_mix(int part)
{
    const uint64_t parts[] = {mix.exact, mix.reused, mix.photo, mix.film};

    return part >= 0 && part < 4 ? (double)parts[part] : 0;
}

/* Digests of the tiles as they are, for HAVE, or NULL when there is no picture. */
const uint8_t *
vedette_digests(void)
{
    uint32_t count = decoder != NULL ? vdp_decoder_digests(decoder, NULL, 0) : 0;
    uint8_t *data = count > 0 ? realloc(digests, (size_t)count * 4) : NULL;

    if (data == NULL) {
        return NULL;
    }
    digests = data;
    digest_count = vdp_decoder_digests(decoder, digests, count);
    return digests;
}

/* How many of 4 bytes vedette_digests() wrote. */
uint32_t
vedette_digest_count(void)
{
    return digest_count;
}
