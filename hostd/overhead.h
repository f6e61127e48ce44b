/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_OVERHEAD_H
#define HOSTD_OVERHEAD_H

/*
 * overhead: what desktops cost this host beyond the work of their guests, and how it bears that.
 *
 * Reads /proc, with no more rights than anybody has: stat and status are open to all, also of
 * machines under other users. What cannot be read is not counted. Each process is looked at every
 * HOSTD_METER_SLOT_S seconds, a fifth of them a second. Measured on a 2-core machine, a look at a
 * machine with one virtual processor takes 31 us of processor time, so that 400 desktops with their
 * streamers would take some 5 ms a second, in one piece.
 */

#include <jansson.h>

#include "hostd/kvm/probe.h"
#include "protocol/launch/launch.h"

struct hostd_overhead;

struct hostd_overhead *hostd_overhead_new(void);           /* never NULL */
void hostd_overhead_free(struct hostd_overhead *overhead); /* accepts NULL */

/* A machine that runs, and its streamer, pid 0 if there is none. */
struct hostd_running {
    struct vd_process machine, streamer;
    enum kvm_accel accel;
    unsigned cpu, memory_mb; /* that its guest was given */
    bool ready;              /* what it takes to become so is not counted */
};

/* Before each tend, for all machines: one that is not noted any more is forgotten. */
void hostd_overhead_note(struct hostd_overhead *overhead, const struct hostd_running *running);

/* Once a second. */
void hostd_overhead_tend(struct hostd_overhead *overhead);

/* The "load" object of an observed message. New reference. */
json_t *hostd_overhead_report(const struct hostd_overhead *overhead);

#endif
