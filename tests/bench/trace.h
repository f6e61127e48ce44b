/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BENCH_TRACE_H
#define VEDETTE_BENCH_TRACE_H

/* trace: what happens on the desktop of the codec bench; always the same pictures. */

#include <stddef.h>
#include <stdint.h>

#include "protocol/codec/codec.h"

#define SCREEN_WIDTH  1920
#define SCREEN_HEIGHT 1080

struct screen;

struct trace {
    const char *name;
    const char *what;
    unsigned steps;
    /* Puts the screen where the trace begins; not measured. NULL: an empty peer. */
    void (*prepare)(struct screen *screen);
    /* Draws step 0..steps-1 and names what it touched. */
    void (*step)(struct screen *screen, unsigned step, struct vdp_rect *ret_damage);
};

struct screen *screen_new(void);
void screen_free(struct screen *screen);
const uint8_t *screen_pixels(const struct screen *screen);

const struct trace *trace_list(size_t *ret_count);

#endif
