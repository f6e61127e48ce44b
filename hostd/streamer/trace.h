/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_TRACE_H
#define STREAMER_TRACE_H

/*
 * trace: a recorded screen, for tests and benches that need no machine. Pure, no I/O.
 *
 *   trace := "VDTRACE1" | u16 width | u16 height | frame*                        little endian
 *   frame := u64 microseconds since the start | u16 count | rect*
 *   rect  := u16 x | u16 y | u16 width | u16 height | width * height * 4 bytes B G R X
 *
 * Times do not fall from frame to frame. The surface is black before the first frame.
 */

#include <stddef.h>
#include <stdint.h>

#include "protocol/codec/codec.h"
#include "protocol/wire/buffer.h"

#define STREAMER_TRACE_HEADER_SIZE 12u
#define STREAMER_MAX_TRACE_RECTS   1024u /* in one frame */
#define STREAMER_MAX_TRACE_PIXELS  (4096u * 4096u)
#define STREAMER_MAX_TRACE         (512u * 1024u * 1024u) /* bytes of a file */

struct streamer_trace {
    const uint8_t *data; /* borrowed */
    size_t size;
    size_t offset; /* of the next frame */
    int64_t last_us;
    uint16_t width, height;
};

struct streamer_trace_frame {
    int64_t time_us;
    uint16_t count;
    const uint8_t *rects; /* borrowed; already checked */
    size_t size;
};

/* 0, VDP_ERR_TRUNCATED, VDP_ERR_CORRUPT (no trace) or VDP_ERR_RANGE. */
int streamer_trace_open(struct streamer_trace *trace, const uint8_t *data, size_t size);
/* 1 and the next frame with all of its rectangles checked, 0 at the end, or an error as above. */
int streamer_trace_next(struct streamer_trace *trace, struct streamer_trace_frame *ret_frame);
/*
 * Walks the rectangles of a frame: 1 and the rectangle with its pixels, 0 at the end. *at starts at
 * 0.
 */
int streamer_trace_rect(const struct streamer_trace_frame *frame, size_t *at,
                        struct vdp_rect *ret_rect, const uint8_t **ret_pixels);

/* Writing: a header, then for each frame its head and that many rectangles. */
void streamer_trace_put_header(struct vdp_buffer *out, uint16_t width, uint16_t height);
void streamer_trace_put_frame(struct vdp_buffer *out, uint64_t time_us, uint16_t count);
void streamer_trace_put_rect(struct vdp_buffer *out, struct vdp_rect rect, const uint8_t *pixels,
                             size_t stride);

#endif
