/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_CLOCK_H
#define VEDETTE_BASE_CLOCK_H

/* clock: monotonic time for durations, wall time for what a person or a database reads. */

#include <stdint.h>

int64_t vd_monotonic_us(void); /* CLOCK_MONOTONIC */
int64_t vd_wall_ms(void);      /* milliseconds since 1970-01-01 UTC */

#endif
