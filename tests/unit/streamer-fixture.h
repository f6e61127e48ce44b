/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_FIXTURE_H
#define STREAMER_FIXTURE_H

/* streamer-fixture: a generated trace and waiting on conditions, for the streamer's tests. */

#include <glib.h>
#include <stdbool.h>

#include "hostd/streamer/trace.h"

#define FIXTURE_WIDTH  200
#define FIXTURE_HEIGHT 136

/* The colour that pixel x, y of step has: B G R 255 in memory. */
uint32_t fixture_pixel(unsigned step, unsigned x, unsigned y);

/*
 * A trace of FIXTURE_WIDTH x FIXTURE_HEIGHT: step 0 is the whole surface at 0 us, each further one
 * of steps a rectangle interval_us later.
 */
GBytes *fixture_trace(unsigned steps, uint64_t interval_us);
/* The picture after all steps, stride FIXTURE_WIDTH * 4; g_free(). */
uint8_t *fixture_picture(unsigned steps);

/* Runs the default main context until done(data) or 30 s are over, which fails the test. */
void fixture_wait(bool (*done)(void *data), void *data);

#endif
