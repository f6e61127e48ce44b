/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_RECONCILE_PRIVATE_H
#define BROKER_RECONCILE_PRIVATE_H

/* reconcile-private: what the files of reconcile share. */

#include "broker/reconcile.h"

/* One look at the world, and what it comes to. */
struct broker_pass {
    const struct broker_model *model;
    const struct broker_pools *pools;
    int64_t now_ms;
    GArray *actions;
    GArray *line; /* struct broker_place: who waits */
    bool created; /* one CREATE a pass, so that each is placed on what the last one left */
};

/* A further action, for the caller to complete. */
struct broker_action *broker_pass_add(struct broker_pass *pass, enum broker_action_kind kind,
                                      const char *text);

/* revision: that the next desktop of the pool would be of. */
bool broker_desktop_is_outdated(const struct broker_model *model,
                                const struct broker_desktop *desktop,
                                const struct broker_pool *pool, unsigned revision);

/* spares.c: who waits gets a desktop, and each pool as many spares as it wants. */
void broker_reconcile_pools(struct broker_pass *pass);

#endif
