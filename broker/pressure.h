/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_PRESSURE_H
#define BROKER_PRESSURE_H

/*
 * pressure: which hosts have passed a line beyond which they get no further desktops. Pure.
 *
 * Each line has a lower one beside it, at which a host comes back, so that a figure that dances on
 * a line is no news. Values are in tenths of a per cent, of the kernel's pressure stall
 * information. docs/DECISIONS.md has the reasons for the numbers.
 */

#include "broker/model.h"
#include "broker/pool.h"

/* Somebody waits for a processor: passed when both the last 10 s and the last minute are above. */
#define BROKER_PRESSURE_CPU      900u
#define BROKER_PRESSURE_CPU_BACK 700u /* of the last 10 s */
/* It counts only when desktops are the cause: when they take this much of all processors. */
#define BROKER_PRESSURE_OURS 500u
/* Nobody can do anything for want of memory, of the last 10 s. */
#define BROKER_PRESSURE_MEMORY      100u
#define BROKER_PRESSURE_MEMORY_BACK 50u

/* Where a host that has passed a pool's OverheadMax comes back. */
unsigned broker_overhead_back(unsigned overhead_max);

/* "OverheadMax=15%", for g_free(). */
char *broker_overhead_text(const struct broker_pool *pool);

/* True when the host has passed the line of that pool. */
bool broker_host_is_over(const struct broker_host *host, const struct broker_pool *pool);

/* Once for each line that a host passes, and once when it is back. text names both with figures. */
typedef void (*broker_pressure_fn)(const struct broker_host *host, bool passed, const char *text,
                                   void *user_data);

/*
 * Looks at what the hosts said last and at the lines that are in force; sets pressed and over of
 * each host. Idempotent. note may be NULL.
 */
void broker_pressure_judge(struct broker_model *model, const struct broker_pools *pools,
                           broker_pressure_fn note, void *user_data);

#endif
