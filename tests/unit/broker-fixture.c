/* SPDX-License-Identifier: Apache-2.0 */
#include "broker-fixture.h"

struct broker_host *
fixture_host(struct broker_model *model, const char *name, unsigned memory_mb, unsigned revision)
{
    struct store_host row = {.joined_ms = NOW};
    struct broker_image image = {.name = "tiny"};
    struct broker_host *host;

    g_strlcpy(row.name, name, sizeof(row.name));
    host = broker_model_add_host(model, &row);
    host->connected = true;
    host->cpus = 4;
    host->memory_mb = memory_mb;
    host->memory_free_mb = memory_mb;
    host->mips = 2;
    g_strlcpy(host->accel_text, "emulated KVM: 1.4 M instructions/s", sizeof(host->accel_text));
    for (image.revision = 1; image.revision <= revision; image.revision++) {
        g_array_append_val(host->images, image);
    }
    return host;
}

struct broker_pool *
fixture_pool(struct broker_pools *pools, const char *name, unsigned max, unsigned spares)
{
    struct broker_pool *pool = broker_pool_new(name, "test.pool");

    pool->image = g_strdup("tiny");
    pool->max = max;
    pool->spares_running = spares;
    pool->cpu = 1;
    pool->memory_mb = 256;
    pool->accel_any = true;
    g_ptr_array_add(pool->allow, g_strdup("kim"));
    g_ptr_array_add(pools->items, pool);
    return pool;
}

struct broker_desktop *
fixture_desktop(struct broker_model *model, const struct broker_pool *pool, const char *host,
                const char *id, unsigned revision, enum broker_state state)
{
    struct store_desktop row = {.slot = broker_model_free_slot(model, host),
                                .revision = revision,
                                .epoch = 1,
                                .cpu = pool->cpu,
                                .memory_mb = pool->memory_mb,
                                .accel_any = pool->accel_any,
                                .created_ms = NOW};
    struct broker_desktop *desktop;

    g_strlcpy(row.id, id, sizeof(row.id));
    g_strlcpy(row.host, host, sizeof(row.host));
    g_strlcpy(row.pool, pool->name, sizeof(row.pool));
    g_strlcpy(row.image, pool->image, sizeof(row.image));
    desktop = broker_model_add_desktop(model, &row);
    desktop->state = state;
    return desktop;
}

struct broker_session *
fixture_session(struct broker_model *model, const char *id, const char *user, const char *pool,
                const char *desktop)
{
    struct store_session row = {.created_ms = NOW};
    struct broker_session *session;

    g_strlcpy(row.id, id, sizeof(row.id));
    g_strlcpy(row.user, user, sizeof(row.user));
    g_strlcpy(row.pool, pool, sizeof(row.pool));
    g_strlcpy(row.desktop, desktop, sizeof(row.desktop));
    session = broker_model_add_session(model, &row);
    session->polled_ms = NOW;
    return session;
}

void
fixture_world(struct fixture_world *w, unsigned max)
{
    w->model = broker_model_new();
    w->pools = broker_pools_new();
    w->pool = fixture_pool(w->pools, "lab", max, 1);
    w->host = fixture_host(w->model, "a", 8192, 1);
    w->actions = NULL;
}

void
fixture_world_clear(struct fixture_world *w)
{
    g_clear_pointer(&w->actions, g_array_unref);
    broker_pools_free(w->pools);
    broker_model_free(w->model);
}
