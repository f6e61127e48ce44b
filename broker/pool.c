/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pool.h"

#include <string.h>

#include "broker/schedule.h"

static void
free_pool(gpointer pool)
{
    broker_pool_free(pool);
}

struct broker_pools *
broker_pools_new(void)
{
    struct broker_pools *pools = g_new0(struct broker_pools, 1);

    pools->items = g_ptr_array_new_with_free_func(free_pool);
    return pools;
}

void
broker_pools_free(struct broker_pools *pools)
{
    if (pools == NULL) {
        return;
    }
    g_ptr_array_unref(pools->items);
    g_free(pools);
}

const struct broker_pool *
broker_pools_find(const struct broker_pools *pools, const char *name)
{
    guint i;

    for (i = 0; i < pools->items->len; i++) {
        const struct broker_pool *pool = g_ptr_array_index(pools->items, i);

        if (strcmp(pool->name, name) == 0) {
            return pool;
        }
    }
    return NULL;
}

unsigned
broker_pool_spares(const struct broker_pool *pool, int64_t now_ms)
{
    return broker_schedule_running(pool->schedules, pool->spares_running, now_ms);
}

unsigned
broker_pool_parked(const struct broker_pool *pool, int64_t now_ms)
{
    return broker_schedule_parked(pool->schedules, pool->spares_parked, now_ms);
}

bool
broker_pool_forks(const struct broker_pool *pool)
{
    return pool->clone != BROKER_CLONE_DISK &&
           (pool->display == BROKER_DISPLAY_AUTO || pool->display == BROKER_DISPLAY_DBUS);
}

const char *
broker_display_name(unsigned display)
{
    static const char *const names[] = {"auto", "dbus", "spice", "qxl"};

    return names[display < G_N_ELEMENTS(names) ? display : BROKER_DISPLAY_AUTO];
}

struct broker_pool *
broker_pool_new(const char *name, const char *path)
{
    struct broker_pool *pool = g_new0(struct broker_pool, 1);

    pool->name = g_strdup(name);
    pool->path = g_strdup(path);
    pool->description = g_strdup(name);
    pool->max_per_user = 1;
    pool->allow = g_ptr_array_new_with_free_func(g_free);
    pool->deny = g_ptr_array_new_with_free_func(g_free);
    pool->schedules = g_ptr_array_new_with_free_func(broker_schedule_free);
    pool->cpu = 2;
    pool->overcommit = BROKER_OVERCOMMIT_CPU;
    pool->monitors = BROKER_MONITORS;
    pool->trash_ms = BROKER_TRASH_MS;
    pool->canary_start_ms = 300000;
    pool->canary_frame_ms = 5000;
    pool->canary_echo_ms = 2000;
    pool->canary_tap = g_strdup("a");
    pool->memory_mb = 2048;
    pool->restrain_count = 3;
    pool->restrain_ms = INT64_C(10) * 60 * 1000;
    pool->disconnected_ms = INT64_C(2) * 60 * 60 * 1000;
    return pool;
}

void
broker_pool_free(struct broker_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    g_free(pool->name);
    g_free(pool->path);
    g_free(pool->description);
    g_ptr_array_unref(pool->allow);
    g_ptr_array_unref(pool->deny);
    g_ptr_array_unref(pool->schedules);
    g_free(pool->image);
    g_free(pool->canary_tap);
    g_free(pool->bridge);
    g_free(pool);
}
