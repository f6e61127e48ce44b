/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "protocol/video/pipe.h"
#include "protocol/video/video.h"

#define MAX_SETTINGS 20u
#define MIN_BUDGET   500u /* bytes of a picture */
#define MAX_BUDGET   (1024u * 1024u)
#define ALIGN4(n)    (((n) + 3u) & ~3u)

/*
 * One thread each: the encoders of other desktops want the other processors. Rates are set by
 * set_rate(). Figures behind these settings: docs/DECISIONS.md, "Video".
 */
static const struct kind {
    enum vdp_video_codec codec;
    const char *factory, *plugin, *caps;
    const char *rate;       /* property */
    unsigned rate_per_kbit; /* in its unit */
    struct vdp_pipe_setting settings[MAX_SETTINGS];
} kinds[] = {
    {VDP_VIDEO_H264,
     "x264enc",
     "x264",
     "video/x-h264,stream-format=byte-stream,alignment=au,profile=constrained-baseline",
     "bitrate",
     1,
     {{"speed-preset", "ultrafast"},
      {"tune", "zerolatency"},
      {"pass", "qual"},
      {"quantizer", "19"},
      {"threads", "1"},
      {"sliced-threads", "false"},
      {"bframes", "0"},
      {"key-int-max", "2147483647"},
      {"vbv-buf-capacity", "400"},
      {"byte-stream", "true"},
      {NULL, NULL}}},
    {VDP_VIDEO_VP8,
     "vp8enc",
     "vpx",
     "video/x-vp8",
     "target-bitrate",
     1000,
     {{"deadline", "1"},
      {"cpu-used", "8"},
      {"end-usage", "cq"},
      {"cq-level", "9"},
      {"min-quantizer", "4"},
      {"max-quantizer", "50"},
      {"threads", "1"},
      {"lag-in-frames", "0"},
      {"keyframe-mode", "disabled"},
      {"buffer-initial-size", "300"},
      {"buffer-optimal-size", "300"},
      {"buffer-size", "400"},
      {NULL, NULL}}},
};

struct vdp_video_encoder {
    const struct kind *kind;
    struct vdp_pipe pipe;
    uint16_t width, height;
    uint32_t budget;
};

static void
set_rate(struct vdp_video_encoder *encoder, uint32_t budget)
{
    unsigned kbit;

    encoder->budget = budget < MIN_BUDGET ? MIN_BUDGET : budget > MAX_BUDGET ? MAX_BUDGET : budget;
    kbit = (unsigned)((uint64_t)encoder->budget * 8 * VDP_VIDEO_FPS / 1000);
    g_object_set(encoder->pipe.element, encoder->kind->rate, kbit * encoder->kind->rate_per_kbit,
                 NULL);
}

static bool
open_pipe(struct vdp_video_encoder *encoder)
{
    char caps[160];

    (void)g_snprintf(caps, sizeof(caps),
                     "video/x-raw,format=I420,width=%u,height=%u,framerate=%u/1,"
                     "colorimetry=bt601,pixel-aspect-ratio=1/1,interlace-mode=progressive",
                     encoder->width, encoder->height, VDP_VIDEO_FPS);
    return vdp_pipe_open(&encoder->pipe, encoder->kind->factory, encoder->kind->settings, caps,
                         encoder->kind->caps);
}

/* Whether it really encodes. The picture that it saw is black. */
static bool
try_out(struct vdp_video_encoder *encoder)
{
    struct vdp_rect all = {0, 0, encoder->width, encoder->height};
    struct vdp_image image = {NULL, (size_t)encoder->width * 4, encoder->width, encoder->height};
    uint8_t *black = calloc((size_t)encoder->width * encoder->height, 4);
    struct vdp_buffer out = {0};
    bool key = true;
    bool works;

    image.pixels = black;
    works = black != NULL && vdp_video_encoder_frame(encoder, &image, &all, &key, &out) == 0 && key;
    vdp_buffer_clear(&out);
    free(black);
    return works;
}

struct vdp_video_encoder *
vdp_video_encoder_new(vdp_video_codecs codecs, uint16_t width, uint16_t height, uint32_t budget)
{
    const struct vdp_gst *gst = vdp_gst_load();
    size_t i;

    for (i = 0; gst != NULL && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct vdp_video_encoder *encoder;

        if ((codecs & VDP_VIDEO_BIT(kinds[i].codec)) == 0 ||
            !vdp_gst_plugin(gst, kinds[i].plugin)) {
            continue;
        }
        encoder = g_new0(struct vdp_video_encoder, 1);
        encoder->kind = &kinds[i];
        encoder->width = width;
        encoder->height = height;
        if (open_pipe(encoder)) {
            set_rate(encoder, budget);
            if (try_out(encoder)) {
                return encoder;
            }
        }
        vdp_video_encoder_free(encoder);
    }
    return NULL;
}

void
vdp_video_encoder_free(struct vdp_video_encoder *encoder)
{
    if (encoder != NULL) {
        vdp_pipe_close(&encoder->pipe);
        g_free(encoder);
    }
}

enum vdp_video_codec
vdp_video_encoder_codec(const struct vdp_video_encoder *encoder)
{
    return encoder->kind->codec;
}

const char *
vdp_video_encoder_name(const struct vdp_video_encoder *encoder)
{
    return encoder->kind->factory;
}

void
vdp_video_encoder_set_budget(struct vdp_video_encoder *encoder, uint32_t budget)
{
    /* Small steps are not worth the encoder's start of a new rate. */
    if (budget > encoder->budget + encoder->budget / 8 ||
        budget < encoder->budget - encoder->budget / 8) {
        set_rate(encoder, budget);
    }
}

/* The picture as the element wants it: rows begin at multiples of four bytes. */
static GstBuffer *
planes_of(struct vdp_video_encoder *encoder, const struct vdp_image *image,
          const struct vdp_rect *rect)
{
    const struct vdp_gst *gst = encoder->pipe.gst;
    size_t stride = ALIGN4(rect->width);
    size_t half = ALIGN4(rect->width / 2u);
    size_t luma = stride * rect->height;
    size_t colour = half * (rect->height / 2u);
    GstBuffer *buffer = gst->buffer_new_allocate(NULL, luma + 2 * colour, NULL);
    GstMapInfo map;

    if (buffer == NULL || !gst->buffer_map(buffer, &map, GST_MAP_WRITE)) {
        return NULL;
    }
    vdp_yuv_from_bgrx(
        &(struct vdp_yuv){map.data, map.data + luma, map.data + luma + colour, stride, half, 1},
        image->pixels + rect->y * image->stride + rect->x * 4u, image->stride, rect->width,
        rect->height);
    gst->buffer_unmap(buffer, &map);
    return buffer;
}

int
vdp_video_encoder_frame(struct vdp_video_encoder *encoder, const struct vdp_image *image,
                        const struct vdp_rect *rect, bool *key, struct vdp_buffer *out)
{
    const struct vdp_gst *gst = encoder->pipe.gst;
    GstBuffer *buffer;
    GstSample *sample;
    GstMapInfo map;

    if (rect->width != encoder->width || rect->height != encoder->height) {
        return VDP_ERR_RANGE;
    }
    if (*key && encoder->pipe.count > 0) {
        vdp_pipe_force_key(&encoder->pipe);
    }
    buffer = planes_of(encoder, image, rect);
    sample = buffer != NULL ? vdp_pipe_run(&encoder->pipe, buffer) : NULL;
    if (sample == NULL) {
        return VDP_ERR_NOMEM;
    }
    buffer = gst->sample_get_buffer(sample);
    if (buffer != NULL && gst->buffer_map(buffer, &map, GST_MAP_READ)) {
        bool is_key = !GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT);
        bool fits = !*key || is_key;

        if (fits) {
            vdp_buffer_put(out, map.data, map.size);
        }
        gst->buffer_unmap(buffer, &map);
        gst->mini_object_unref((GstMiniObject *)(void *)sample);
        *key = is_key;
        return fits ? out->error : VDP_ERR_STATE;
    }
    gst->mini_object_unref((GstMiniObject *)(void *)sample);
    return VDP_ERR_NOMEM;
}
