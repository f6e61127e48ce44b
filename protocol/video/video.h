/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_VIDEO_CODECS_H
#define VDP_VIDEO_CODECS_H

/*
 * video: video codecs, one picture in and one access unit out, and back. The only place of
 * GStreamer.
 *
 * GStreamer and its plug-ins are loaded when the first encoder or decoder is made; whoever sees no
 * video pays nothing, and where they are not installed vdp_video_encoder_new() and
 * vdp_video_decoder_new() say so. Every call comes back within VDP_VIDEO_TIME_LIMIT_MS. One thread
 * at a time per object.
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/codec/video.h"

#define VDP_VIDEO_TIME_LIMIT_MS 1000
/* Budgets are for pictures at this rate; at another one the bytes of a second differ. */
#define VDP_VIDEO_FPS 25u

/*
 * Sets the environment so that GStreamer neither scans for plug-ins nor starts a process. Call it
 * before the first thread starts.
 */
void vdp_video_prepare(void);

struct vdp_video_encoder;

/* Bit (1 << enum vdp_video_codec): codecs that may be used. */
typedef unsigned vdp_video_codecs;
#define VDP_VIDEO_BIT(codec) (1u << (codec))

/*
 * The best encoder of one of these codecs for pictures of that size (even), tried with one. NULL
 * when there is none. budget: bytes that a picture may have on average; see below.
 */
struct vdp_video_encoder *vdp_video_encoder_new(vdp_video_codecs codecs, uint16_t width,
                                                uint16_t height, uint32_t budget);
void vdp_video_encoder_free(struct vdp_video_encoder *encoder); /* accepts NULL */
enum vdp_video_codec vdp_video_encoder_codec(const struct vdp_video_encoder *encoder);
const char *vdp_video_encoder_name(const struct vdp_video_encoder *encoder); /* for a log */
/*
 * Quality is constant as long as pictures stay within budget bytes, averaged over some of them;
 * beyond it falls. Takes effect with one of the next pictures.
 */
void vdp_video_encoder_set_budget(struct vdp_video_encoder *encoder, uint32_t budget);
/*
 * Appends the access unit of rect of image, which has the encoder's size. *key asks for a key frame
 * and says whether it is one. After an error only vdp_video_encoder_free() makes sense.
 */
int vdp_video_encoder_frame(struct vdp_video_encoder *encoder, const struct vdp_image *image,
                            const struct vdp_rect *rect, bool *key, struct vdp_buffer *out);

/* What this machine decodes, by the plug-ins that are there. Loads nothing. */
vdp_video_codecs vdp_video_decodable(void);

struct vdp_video_decoder;

/* NULL when this machine does not decode it. */
struct vdp_video_decoder *vdp_video_decoder_new(enum vdp_video_codec codec, uint16_t width,
                                                uint16_t height);
void vdp_video_decoder_free(struct vdp_video_decoder *decoder); /* accepts NULL */
/*
 * The pixels of an access unit, which may be anything: B G R X without gaps, borrowed until the
 * next call. An access unit whose header names another size is refused before it is decoded. NULL:
 * it does not decode, or not in time; only vdp_video_decoder_free() makes sense.
 */
const uint8_t *vdp_video_decoder_frame(struct vdp_video_decoder *decoder, const uint8_t *data,
                                       size_t size);

#endif
