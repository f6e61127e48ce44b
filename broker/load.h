/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_LOAD_H
#define BROKER_LOAD_H

/* load: how a host bears its desktops, as it says itself. hostd/meter.h has what is measured. */

#include <stdbool.h>

#define BROKER_LOAD_WINDOW_MS 60000u /* of those figures that have no window in their names */

/* Names and bounds: broker_load_figures. What is no size or time is in tenths of a per cent. */
enum broker_load_figure {
    BROKER_LOAD_OVERHEAD, /* other over guest */
    BROKER_LOAD_GUEST_MS, /* processor time of the guests themselves */
    BROKER_LOAD_OTHER_MS, /* and that was spent on desktops beside it */
    BROKER_LOAD_GUEST_MB, /* memory that guests were given */
    BROKER_LOAD_OTHER_MB, /* and that is held for desktops beyond it, at least */
    BROKER_LOAD_BUSY,     /* of all processors, by anybody */
    BROKER_LOAD_STEAL,
    BROKER_LOAD_CPU_SOME10, /* PSI: somebody waited for a processor, of the last 10 s */
    BROKER_LOAD_CPU_SOME60,
    BROKER_LOAD_MEMORY_SOME10,
    BROKER_LOAD_MEMORY_SOME60,
    BROKER_LOAD_MEMORY_FULL10, /* nobody could do anything for want of memory */
    BROKER_LOAD_MEMORY_FULL60,
    BROKER_LOAD_IO_SOME10,
    BROKER_LOAD_IO_SOME60,
    BROKER_LOADS,
};

struct broker_load_name {
    const char *name; /* in reports */
    unsigned max;     /* a host that says more says nonsense */
};
extern const struct broker_load_name broker_load_figures[BROKER_LOADS];

struct broker_load {
    bool known[BROKER_LOADS];
    unsigned value[BROKER_LOADS]; /* 0 unless known */
};

/* The part of so many processors that desktops took in the window; 0 when it is not known. */
unsigned broker_load_share(const struct broker_load *load, unsigned cpus);

/* So busy that a host that is not comes before it. */
bool broker_load_is_busy(const struct broker_load *load);

#endif
