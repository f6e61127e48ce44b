/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_METER_H
#define HOSTD_METER_H

/*
 * meter: sums of processor time over the last minute, and what they say. Pure.
 *
 * The overhead is other / guest, in tenths of a per cent: how much processor time was spent on
 * desktops beside what the guests themselves worked, over what they worked.
 *
 *   guest  under KVM, what the virtual processors ran in the guests (guest_time of their threads);
 *          under TCG, all that these threads used, for translation and the guest's work cannot be
 *          told apart
 *   other  the rest of what the machines' processes used (emulated devices, and under KVM what the
 *          virtual processors' threads spent outside their guests), all of the streamers, hostd
 *          itself and the tools that it ran
 *
 * Machines count from when they are ready: what a start takes is over by then.
 */

#include <stdbool.h>
#include <stdint.h>

#define HOSTD_METER_WINDOW_S 60
#define HOSTD_METER_SLOT_S   5 /* what leaves the window leaves it in steps of this */
#define HOSTD_METER_SLOTS    (HOSTD_METER_WINDOW_S / HOSTD_METER_SLOT_S)
/*
 * Guests that have used less than this share of the processors they were given say nothing: an idle
 * machine's timers cost as much outside the guest as in it, and that disturbs nobody.
 */
#define HOSTD_METER_BASE_PERCENT 5u
/* A figure that is there stays until they use less than this. */
#define HOSTD_METER_LEAST_PERCENT 2u
#define HOSTD_METER_MAX           1000000u /* tenths of a per cent; more is said as this */

enum hostd_meter_kind {
    HOSTD_METER_GUEST,
    HOSTD_METER_OTHER,
    HOSTD_METER_TOTAL,  /* of all processors, idle or not */
    HOSTD_METER_BUSY,   /* and what of it was used by anybody */
    HOSTD_METER_STOLEN, /* or taken away */
    HOSTD_METER_KINDS,
};

/* All zero is an empty one. */
struct hostd_meter {
    struct {
        int64_t number; /* of the slot since the clock's beginning; 0: unused */
        uint64_t us[HOSTD_METER_KINDS];
    } slots[HOSTD_METER_SLOTS];
};

/* now_us is monotonic and above 0. */
void hostd_meter_add(struct hostd_meter *meter, int64_t now_us, enum hostd_meter_kind kind,
                     uint64_t us);
/* Microseconds of the window that ends now. */
uint64_t hostd_meter_sum(const struct hostd_meter *meter, int64_t now_us,
                         enum hostd_meter_kind kind);

/*
 * False when the guests, with so many virtual processors, have not used enough to tell; told: there
 * was a figure the last time.
 */
bool hostd_meter_overhead(const struct hostd_meter *meter, int64_t now_us, unsigned vcpus,
                          bool told, unsigned *ret);
/* kind over TOTAL, in tenths of a per cent; false when nothing was measured. */
bool hostd_meter_share(const struct hostd_meter *meter, int64_t now_us, enum hostd_meter_kind kind,
                       unsigned *ret);

#endif
