/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "protocol/codec/video-check.h"
#include "protocol/video/pipe.h"
#include "protocol/video/video.h"

#define ALIGN4(n) (((n) + 3u) & ~3u)

/* The best first. */
static const struct kind {
    enum vdp_video_codec codec;
    const char *factory, *plugin, *caps;
    struct vdp_pipe_setting settings[3];
} kinds[] = {
    {VDP_VIDEO_H264,
     "openh264dec",
     "openh264",
     "video/x-h264,stream-format=byte-stream,alignment=au,profile=constrained-baseline",
     {{NULL, NULL}}},
    {VDP_VIDEO_H264,
     "avdec_h264",
     "libav",
     "video/x-h264,stream-format=byte-stream,alignment=au",
     {{"max-threads", "1"}, {NULL, NULL}}},
    {VDP_VIDEO_VP8, "vp8dec", "vpx", "video/x-vp8", {{"threads", "1"}, {NULL, NULL}}},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct vdp_video_decoder {
    enum vdp_video_codec codec;
    struct vdp_pipe pipe;
    uint16_t width, height;
    uint8_t *pixels; /* owned */
};

static bool
open_pipe(struct vdp_pipe *pipe, const struct kind *kind, uint16_t width, uint16_t height)
{
    const struct vdp_gst *gst = vdp_gst_load();
    char caps[160];

    if (gst == NULL || !vdp_gst_plugin(gst, kind->plugin)) {
        return false;
    }
    (void)g_snprintf(caps, sizeof(caps), "%s,width=%u,height=%u,framerate=%u/1", kind->caps, width,
                     height, VDP_VIDEO_FPS);
    return vdp_pipe_open(pipe, kind->factory, kind->settings, caps, "video/x-raw,format=I420");
}

vdp_video_codecs
vdp_video_decodable(void)
{
    vdp_video_codecs codecs = 0;
    size_t i;

    for (i = 0; i < KINDS; i++) {
        if (vdp_gst_has_plugin(kinds[i].plugin)) {
            codecs |= VDP_VIDEO_BIT(kinds[i].codec);
        }
    }
    return codecs;
}

struct vdp_video_decoder *
vdp_video_decoder_new(enum vdp_video_codec codec, uint16_t width, uint16_t height)
{
    struct vdp_video_decoder *decoder = g_new0(struct vdp_video_decoder, 1);
    size_t i;

    decoder->codec = codec;
    decoder->width = width;
    decoder->height = height;
    decoder->pixels = malloc((size_t)width * height * 4);
    for (i = 0; decoder->pixels != NULL && i < KINDS; i++) {
        if (kinds[i].codec == codec && open_pipe(&decoder->pipe, &kinds[i], width, height)) {
            return decoder;
        }
    }
    vdp_video_decoder_free(decoder);
    return NULL;
}

void
vdp_video_decoder_free(struct vdp_video_decoder *decoder)
{
    if (decoder != NULL) {
        vdp_pipe_close(&decoder->pipe);
        free(decoder->pixels);
        g_free(decoder);
    }
}

/* Whether what came out is a picture of the size that was asked for. */
static bool
is_right(const struct vdp_video_decoder *decoder, GstSample *sample)
{
    const struct vdp_gst *gst = decoder->pipe.gst;
    GstCaps *caps = gst->sample_get_caps(sample);
    GstStructure *structure = caps != NULL ? gst->caps_get_structure(caps, 0) : NULL;
    const char *format = structure != NULL ? gst->structure_get_string(structure, "format") : NULL;
    int width = 0;
    int height = 0;

    return format != NULL && strcmp(format, "I420") == 0 &&
           gst->structure_get_int(structure, "width", &width) &&
           gst->structure_get_int(structure, "height", &height) && width == decoder->width &&
           height == decoder->height;
}

static bool
take_planes(struct vdp_video_decoder *decoder, GstSample *sample)
{
    const struct vdp_gst *gst = decoder->pipe.gst;
    GstBuffer *buffer = gst->sample_get_buffer(sample);
    size_t stride = ALIGN4(decoder->width);
    size_t half = ALIGN4(decoder->width / 2u);
    size_t luma = stride * decoder->height;
    size_t colour = half * (decoder->height / 2u);
    GstMapInfo map;
    bool fits;

    if (buffer == NULL || !is_right(decoder, sample) ||
        !gst->buffer_map(buffer, &map, GST_MAP_READ)) {
        return false;
    }
    fits = map.size >= luma + 2 * colour;
    if (fits) {
        vdp_yuv_to_bgrx(
            decoder->pixels, (size_t)decoder->width * 4,
            &(struct vdp_yuv){map.data, map.data + luma, map.data + luma + colour, stride, half, 1},
            decoder->width, decoder->height);
    }
    gst->buffer_unmap(buffer, &map);
    return fits;
}

const uint8_t *
vdp_video_decoder_frame(struct vdp_video_decoder *decoder, const uint8_t *data, size_t size)
{
    const struct vdp_gst *gst = decoder->pipe.gst;
    GstBuffer *buffer;
    GstSample *sample;
    bool taken;

    if (!vdp_video_header_fits(decoder->codec, data, size, decoder->width, decoder->height,
                               decoder->pipe.count == 0)) {
        return NULL;
    }
    buffer = gst->buffer_new_allocate(NULL, size, NULL);
    if (buffer == NULL) {
        return NULL;
    }
    (void)gst->buffer_fill(buffer, 0, data, size);
    sample = vdp_pipe_run(&decoder->pipe, buffer);
    if (sample == NULL) {
        return NULL;
    }
    taken = take_planes(decoder, sample);
    gst->mini_object_unref((GstMiniObject *)(void *)sample);
    return taken ? decoder->pixels : NULL;
}
