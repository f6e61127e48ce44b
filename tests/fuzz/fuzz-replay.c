/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded trace: every rectangle that is handed out lies inside the surface and the data. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "hostd/streamer/trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct streamer_trace trace;
    struct streamer_trace_frame frame;
    struct vdp_rect rect;
    const uint8_t *pixels;
    volatile uint8_t sum = 0;
    int64_t last_us = 0;

    if (streamer_trace_open(&trace, data, size) < 0) {
        return 0;
    }
    while (streamer_trace_next(&trace, &frame) == 1) {
        size_t at = 0;
        unsigned count = 0;

        assert(frame.time_us >= last_us);
        last_us = frame.time_us;
        while (streamer_trace_rect(&frame, &at, &rect, &pixels) == 1) {
            size_t bytes = (size_t)rect.width * rect.height * 4;

            assert(bytes > 0 && rect.x + rect.width <= trace.width);
            assert(rect.y + rect.height <= trace.height);
            sum = (uint8_t)(sum + pixels[0] + pixels[bytes - 1]);
            count++;
        }
        assert(count == frame.count);
    }
    return 0;
}
