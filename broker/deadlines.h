/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_DEADLINES_H
#define BROKER_DEADLINES_H

/*
 * deadlines: when a session on an old revision is asked to change, and when it ends. Pure.
 *
 * They are the pool's SoftDeadline= and HardDeadline=, or what was said with the publication of the
 * revision that is in force, and count from when the desktop became old or, if that is later, from
 * the publication.
 */

#include "broker/model.h"
#include "broker/pool.h"

#define BROKER_ASK_MIN_MS      INT64_C(1000) /* what a publication may say */
#define BROKER_END_MIN_MS      INT64_C(10000)
#define BROKER_DEADLINE_MAX_MS (30 * INT64_C(86400000))

/* Moments; 0: never. */
struct broker_deadlines {
    int64_t ask_ms;  /* its user is told that a newer desktop waits */
    int64_t warn_ms; /* she is told when the session ends */
    int64_t end_ms;  /* it ends */
};

/* Whether the pool has any now. */
bool broker_deadlines_run(const struct broker_model *model, const struct broker_pool *pool);

struct broker_deadlines broker_deadlines_of(const struct broker_model *model,
                                            const struct broker_session *session,
                                            const struct broker_pool *pool);

#endif
