/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BROKER_FIXTURE_H
#define TESTS_BROKER_FIXTURE_H

/* broker-fixture: a small world for the broker's pure functions. */

#include "broker/model.h"
#include "broker/pool.h"

#define NOW INT64_C(1800000000000)

/* A connected host with this much memory that has revisions 1 to revision of image "tiny". */
struct broker_host *fixture_host(struct broker_model *model, const char *name, unsigned memory_mb,
                                 unsigned revision);
/* Floating, Max=max, Running=spares, 256 MB, one CPU, Accel=any, Allow=kim. Owned by pools. */
struct broker_pool *fixture_pool(struct broker_pools *pools, const char *name, unsigned max,
                                 unsigned spares);
/* A desktop of the pool as it is now, at revision, on host, in state. */
struct broker_desktop *fixture_desktop(struct broker_model *model, const struct broker_pool *pool,
                                       const char *host, const char *id, unsigned revision,
                                       enum broker_state state);
/* A session of user; desktop "" waits and has just asked. Connected otherwise. */
struct broker_session *fixture_session(struct broker_model *model, const char *id, const char *user,
                                       const char *pool, const char *desktop);

/* What broker_reconcile() is asked about: a pool "lab" with one spare, a host "a" of 8 GB. */
struct fixture_world {
    struct broker_model *model;
    struct broker_pools *pools;
    struct broker_pool *pool;
    struct broker_host *host;
    GArray *actions; /* what it said last, or NULL */
};
void fixture_world(struct fixture_world *w, unsigned max);
void fixture_world_clear(struct fixture_world *w);

#endif
