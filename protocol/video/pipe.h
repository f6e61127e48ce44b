/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_PIPE_H
#define VDP_PIPE_H

/*
 * pipe: one GStreamer element between a source and a sink of ours, fed and emptied in turn. Not
 * used outside protocol/video.
 */

#include <stdint.h>

#include "protocol/video/gst.h"

struct vdp_pipe {
    const struct vdp_gst *gst;
    GstElement *pipeline; /* owned, and all below with it */
    GstElement *source, *element, *sink;
    uint64_t count; /* of buffers that went in */
};

struct vdp_pipe_setting {
    const char *name, *value;
};

/* settings ends with a NULL name. False: the element, or what it needs, is not there. */
bool vdp_pipe_open(struct vdp_pipe *pipe, const char *factory,
                   const struct vdp_pipe_setting *settings, const char *caps_in,
                   const char *caps_out);
void vdp_pipe_close(struct vdp_pipe *pipe); /* zeros are fine */
/* Takes the buffer, gives what comes out; NULL when nothing does in time. */
GstSample *vdp_pipe_run(struct vdp_pipe *pipe, GstBuffer *buffer);
/* The next buffer becomes a key frame. */
void vdp_pipe_force_key(struct vdp_pipe *pipe);

#endif
