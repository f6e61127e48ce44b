/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/video/pipe.h"

#include "protocol/video/video.h"

#define FRAME_NS (1000000000u / VDP_VIDEO_FPS)

/* GST_BIN() without the function that it is made of. */
static GstBin *
as_bin(struct vdp_pipe *pipe)
{
    return (GstBin *)(void *)pipe->pipeline;
}

static bool
make(struct vdp_pipe *pipe, const char *factory)
{
    const struct vdp_gst *gst = pipe->gst;

    pipe->pipeline = gst->pipeline_new(NULL);
    pipe->source = gst->element_factory_make("appsrc", NULL);
    pipe->sink = gst->element_factory_make("appsink", NULL);
    pipe->element = gst->element_factory_make(factory, NULL);
    if (pipe->source != NULL && pipe->sink != NULL && pipe->element != NULL) {
        return gst->bin_add(as_bin(pipe), pipe->source) &&
               gst->bin_add(as_bin(pipe), pipe->element) && gst->bin_add(as_bin(pipe), pipe->sink);
    }
    if (pipe->source != NULL) {
        gst->object_unref(pipe->source);
    }
    if (pipe->sink != NULL) {
        gst->object_unref(pipe->sink);
    }
    if (pipe->element != NULL) {
        gst->object_unref(pipe->element);
    }
    return false;
}

static bool
link_all(struct vdp_pipe *pipe, const char *caps_in, const char *caps_out)
{
    const struct vdp_gst *gst = pipe->gst;
    GstCaps *in = gst->caps_from_string(caps_in);
    GstCaps *out = gst->caps_from_string(caps_out);
    bool linked = in != NULL && out != NULL;

    if (linked) {
        g_object_set(pipe->source, "caps", in, "format", GST_FORMAT_TIME, "max-bytes", (guint64)0,
                     NULL);
        g_object_set(pipe->sink, "sync", FALSE, "async", FALSE, "max-buffers", 2u,
                     "enable-last-sample", FALSE, NULL);
        linked = gst->element_link_filtered(pipe->source, pipe->element, in) &&
                 gst->element_link_filtered(pipe->element, pipe->sink, out);
    }
    if (in != NULL) {
        gst->mini_object_unref((GstMiniObject *)(void *)in);
    }
    if (out != NULL) {
        gst->mini_object_unref((GstMiniObject *)(void *)out);
    }
    return linked;
}

bool
vdp_pipe_open(struct vdp_pipe *pipe, const char *factory, const struct vdp_pipe_setting *settings,
              const char *caps_in, const char *caps_out)
{
    const struct vdp_gst *gst = vdp_gst_load();
    GstBus *bus;

    *pipe = (struct vdp_pipe){.gst = gst};
    if (gst == NULL || !vdp_gst_plugin(gst, "coreelements") || !vdp_gst_plugin(gst, "app")) {
        return false;
    }
    if (!make(pipe, factory)) {
        vdp_pipe_close(pipe);
        return false;
    }
    for (; settings->name != NULL; settings++) {
        gst->util_set_object_arg(G_OBJECT(pipe->element), settings->name, settings->value);
    }
    if (!link_all(pipe, caps_in, caps_out) ||
        gst->element_set_state(pipe->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
        vdp_pipe_close(pipe);
        return false;
    }
    /* Nobody reads its messages: what fails gives no sample. */
    bus = gst->element_get_bus(pipe->pipeline);
    gst->bus_set_flushing(bus, TRUE);
    gst->object_unref(bus);
    return true;
}

void
vdp_pipe_close(struct vdp_pipe *pipe)
{
    if (pipe->pipeline != NULL) {
        (void)pipe->gst->element_set_state(pipe->pipeline, GST_STATE_NULL);
        pipe->gst->object_unref(pipe->pipeline);
    }
    *pipe = (struct vdp_pipe){0};
}

GstSample *
vdp_pipe_run(struct vdp_pipe *pipe, GstBuffer *buffer)
{
    GstFlowReturn flow = GST_FLOW_ERROR;
    GstSample *sample = NULL;

    buffer->pts = pipe->count * FRAME_NS;
    buffer->dts = buffer->pts;
    buffer->duration = FRAME_NS;
    pipe->count++;
    g_signal_emit_by_name(pipe->source, "push-buffer", buffer, &flow);
    pipe->gst->mini_object_unref((GstMiniObject *)(void *)buffer);
    if (flow == GST_FLOW_OK) {
        g_signal_emit_by_name(pipe->sink, "try-pull-sample",
                              (guint64)VDP_VIDEO_TIME_LIMIT_MS * 1000000, &sample);
    }
    return sample;
}

void
vdp_pipe_force_key(struct vdp_pipe *pipe)
{
    GstStructure *structure = pipe->gst->structure_new(
        "GstForceKeyUnit", "running-time", G_TYPE_UINT64, (guint64)-1, "all-headers",
        G_TYPE_BOOLEAN, TRUE, "count", G_TYPE_UINT, 0u, NULL);
    GstEvent *event = pipe->gst->event_new_custom(GST_EVENT_CUSTOM_UPSTREAM, structure);

    (void)pipe->gst->element_send_event(pipe->sink, event);
}
