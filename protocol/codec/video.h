/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_VIDEO_H
#define VDP_VIDEO_H

/*
 * video: a rectangle of the picture that goes through a video codec, and the pixels on both sides
 * of it. docs/PROTOCOL.md, "Operations", VIDEO. The codecs themselves are elsewhere
 * (protocol/video, a browser): encoder and decoder call back. What a video shows is inexact: the
 * encoder remembers that tile by tile, as for JPEG, and tiles that look like text are sent exactly
 * on top.
 */

#include "protocol/codec/codec.h"

#define VDP_VIDEO_REGIONS   4u                   /* ids 0 to 3 */
#define VDP_VIDEO_MIN_SIDE  16u                  /* pixels */
#define VDP_VIDEO_MAX_UNIT  (4u * 1024u * 1024u) /* bytes of one access unit */
#define VDP_VIDEO_MAX_AREA  (4096u * 2304u)      /* pixels */
#define VDP_VIDEO_MAX_WIDTH 4096u

enum vdp_video_codec {
    VDP_VIDEO_H264 = 1, /* constrained baseline, a byte stream, one access unit, no reordering */
    VDP_VIDEO_VP8 = 2,
};

enum vdp_video_flag {
    VDP_VIDEO_KEY = 0x01, /* decodes without what came before */
    VDP_VIDEO_END = 0x02, /* the region is no more: no data, a rectangle of zeros */
};

struct vdp_video {
    uint8_t id, codec, flags;
    struct vdp_rect rect; /* even in all four, inside the surface */
    const uint8_t *data;  /* borrowed */
    size_t size;
};

/* Encoder */

/*
 * Appends one access unit that shows rect of image; with *key it must be a key frame, and *key says
 * afterwards whether it is one. Anything but 0: nothing was appended, this frame goes without.
 */
typedef int (*vdp_video_encode_fn)(const struct vdp_image *image, const struct vdp_rect *rect,
                                   bool *key, struct vdp_buffer *out, void *user_data);

struct vdp_video_source {
    uint8_t id, codec;
    struct vdp_rect rect; /* sides even and of VDP_VIDEO_MIN_SIDE at least */
    vdp_video_encode_fn encode;
    void *user_data;
};

/*
 * From the next frame on source shows its rectangle whenever that changes; NULL: nobody does, and
 * vdp_encoder_refine() brings the exact pixels. Another rectangle or codec begins with a key frame.
 * VDP_ERR_RANGE when it does not fit the surface. A new surface ends it. Nothing happens while the
 * encoder is strict.
 */
int vdp_encoder_set_video(struct vdp_encoder *encoder, const struct vdp_video_source *source);
/* The next access unit is a key frame. */
void vdp_encoder_video_key(struct vdp_encoder *encoder);
/*
 * Per tile, row by row: 1 when the last frame found it changed and no copy brought it. Borrowed,
 * valid until a resize.
 */
const uint8_t *vdp_encoder_changed(const struct vdp_encoder *encoder);
/*
 * The bounding box of the pixels within `within` in which image differs from the last frame; empty
 * when there are none. To be called before vdp_encoder_frame().
 */
struct vdp_rect vdp_encoder_changed_box(const struct vdp_encoder *encoder,
                                        const struct vdp_image *image,
                                        const struct vdp_rect *within);
/* How much of a rectangle equals its left neighbour, in 1/256: text and surfaces near 256. */
unsigned vdp_image_evenness(const struct vdp_image *image, const struct vdp_rect *rect);

/* Decoder */

/*
 * Called within vdp_decoder_frame() for every VIDEO, in order; answers 0 or an error for the whole
 * frame. It may call vdp_decoder_place_video() at once or when the frame is decoded, but before the
 * next one. Without this function a VIDEO is an error.
 */
typedef int (*vdp_video_decode_fn)(const struct vdp_video *video, void *user_data);
void vdp_decoder_set_video(struct vdp_decoder *decoder, vdp_video_decode_fn decode,
                           void *user_data);
/* Writes B G R X pixels without gaps, but not over tiles that this frame brings exactly. */
void vdp_decoder_place_video(struct vdp_decoder *decoder, const struct vdp_rect *rect,
                             const uint8_t *bgrx);

/* Pixels: BT.601, Y 16 to 235, colours at half the resolution. Width and height are even. */

struct vdp_yuv {
    uint8_t *y, *u, *v; /* NV12: v is u + 1 */
    size_t y_stride, uv_stride;
    unsigned uv_step; /* bytes from one U to the next: 1, NV12 2 */
};

/* The planes within one block: I420, or NV12, without gaps; width * height * 3 / 2 bytes. */
struct vdp_yuv vdp_yuv_block(uint8_t *block, uint32_t width, uint32_t height, bool nv12);
void vdp_yuv_from_bgrx(const struct vdp_yuv *to, const uint8_t *bgrx, size_t stride, uint32_t width,
                       uint32_t height);
/* X becomes 255. */
void vdp_yuv_to_bgrx(uint8_t *bgrx, size_t stride, const struct vdp_yuv *from, uint32_t width,
                     uint32_t height);

#endif
