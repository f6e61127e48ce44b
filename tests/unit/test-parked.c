/* SPDX-License-Identifier: Apache-2.0 */
/* When desktops are parked and brought back: spares, sessions, desktops of one's own. */
#include "broker/placement.h"
#include "broker/reconcile.h"
#include "broker/schedule.h"

#include <string.h>

#include "broker-fixture.h"

static void
setup(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    fixture_world(w, 4);
    w->pool->spares_parked = 2;
}

static void
teardown(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    fixture_world_clear(w);
}

/* The only action at this time, or NULL when there is none. */
static const struct broker_action *
decide(struct fixture_world *w, int64_t now_ms)
{
    g_clear_pointer(&w->actions, g_array_unref);
    w->actions = broker_reconcile(w->model, w->pools, now_ms);
    g_assert_cmpuint(w->actions->len, <=, 1);
    return w->actions->len == 0 ? NULL : &g_array_index(w->actions, struct broker_action, 0);
}

static const struct broker_action *
expect(struct fixture_world *w, enum broker_action_kind kind)
{
    const struct broker_action *action = decide(w, NOW);

    g_assert_nonnull(action);
    g_assert_cmpint(action->kind, ==, kind);
    return action;
}

static struct broker_desktop *
parked(struct fixture_world *w, const char *id)
{
    struct broker_desktop *desktop = fixture_desktop(w->model, w->pool, "a", id, 1, BROKER_PARKED);

    desktop->row.parked = true;
    return desktop;
}

static void
test_running_ones_first(struct fixture_world *w, gconstpointer data)
{
    (void)data;
    g_assert_false(expect(w, BROKER_CREATE)->parked);
    fixture_desktop(w->model, w->pool, "a", "d-1", 1, BROKER_READY);
    g_assert_true(expect(w, BROKER_CREATE)->parked);
    parked(w, "d-2")->state = BROKER_STARTING; /* on its way */
    g_assert_true(expect(w, BROKER_CREATE)->parked);
    parked(w, "d-3");
    g_assert_null(decide(w, NOW));
    g_assert_cmpuint(broker_pool_count(w->model, w->pool, NOW).parked, ==, 2);
    w->pool->spares_parked = 1;
    expect(w, BROKER_STOP);
}

static void
test_parked_one_comes_before_a_new_one(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *spare = parked(w, "d-1");

    (void)data;
    g_assert_true(expect(w, BROKER_WAKE)->desktop == spare);
    spare->row.parked = false;
    g_assert_cmpuint(broker_pool_count(w->model, w->pool, NOW).starting, ==, 1);
    spare->state = BROKER_READY;
    fixture_session(w->model, "s-1", "kim", "lab", "");
    g_assert_true(expect(w, BROKER_ASSIGN)->desktop == spare);
}

/* Bringing one back takes all of its memory; where that is not to be had one is started. */
static void
test_no_memory_to_bring_it_back(struct fixture_world *w, gconstpointer data)
{
    struct broker_host *other = fixture_host(w->model, "b", 8192, 1);
    char text[BROKER_PLACEMENT_TEXT];

    (void)data;
    w->host->memory_free_mb = w->pool->memory_mb - 1;
    g_assert_false(broker_placement_has_room(w->model, parked(w, "d-1"), text));
    g_assert_nonnull(strstr(text, "are left"));
    g_assert_true(expect(w, BROKER_CREATE)->host == other);
}

/* The night: what was running is parked and not thrown away. */
static void
test_surplus_is_parked(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *spare = fixture_desktop(w->model, w->pool, "a", "d-1", 1, BROKER_READY);

    (void)data;
    w->pool->spares_running = 0;
    g_assert_true(expect(w, BROKER_PARK)->desktop == spare);
    spare->row.parked = true;
    parked(w, "d-2");
    g_assert_null(decide(w, NOW));
    fixture_desktop(w->model, w->pool, "a", "d-3", 1, BROKER_READY);
    expect(w, BROKER_STOP);
}

static void
test_schedule(struct fixture_world *w, gconstpointer data)
{
    struct broker_schedule *night = broker_schedule_new("night", 1);
    char why[200];

    (void)data;
    g_assert_true(broker_schedule_set_from(night, "00:00", why));
    g_assert_true(broker_schedule_set_until(night, "00:00", why)); /* all day */
    g_ptr_array_add(w->pool->schedules, night);
    g_assert_cmpuint(broker_pool_parked(w->pool, NOW), ==, 2); /* it says nothing of them */
    night->has_parked = true;
    night->parked = 7;
    g_assert_cmpuint(broker_pool_parked(w->pool, NOW), ==, 7);
    g_assert_cmpuint(broker_pool_spares(w->pool, NOW), ==, 0);
}

static void
test_old_and_tight(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *spare = parked(w, "d-1");

    (void)data;
    fixture_desktop(w->model, w->pool, "a", "d-2", 1, BROKER_READY);
    w->pool->spares_parked = 1;
    g_assert_null(decide(w, NOW));
    w->host->tight = true;
    g_assert_true(expect(w, BROKER_STOP)->desktop == spare);
    broker_model_remove_desktop(w->model, spare);
    g_assert_null(decide(w, NOW)); /* and none is made there */
    w->host->tight = false;
    spare = parked(w, "d-3");
    spare->row.revision = 0;
    g_assert_true(expect(w, BROKER_STOP)->desktop == spare);
}

/* Its clock parks a session once; another clock may end it all the same. */
static void
test_session(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop =
        fixture_desktop(w->model, w->pool, "a", "d-1", 1, BROKER_READY);
    struct broker_session *session = fixture_session(w->model, "s-1", "kim", "lab", "d-1");
    const struct broker_action *action;

    (void)data;
    w->pool->spares_running = w->pool->spares_parked = 0;
    w->pool->disconnected_ms = 60000;
    w->pool->disconnected_expire = BROKER_EXPIRE_PARK;
    w->pool->absolute_ms = 600000;
    session->row.disconnected_ms = NOW;
    action = decide(w, NOW + 60000);
    g_assert_cmpint(action->kind, ==, BROKER_PARK);
    g_assert_true(action->desktop == desktop);
    desktop->row.parked = true;
    g_assert_null(decide(w, NOW + 60000));
    desktop->state = BROKER_PARKED;
    w->host->tight = true; /* it is somebody's */
    g_assert_null(decide(w, NOW + 120000));
    g_assert_cmpuint(broker_pool_count(w->model, w->pool, NOW).assigned, ==, 1);
    g_assert_cmpint(decide(w, NOW + 600000)->kind, ==, BROKER_END);
}

static void
test_own(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *own = parked(w, "d-1");

    (void)data;
    w->pool->spares_running = w->pool->spares_parked = 0;
    w->pool->dedicated = true;
    g_strlcpy(own->row.owner, "kim", sizeof(own->row.owner));
    g_assert_null(decide(w, NOW));
    w->host->row.drained = true; /* what is switched off loses what is not on its disk */
    g_assert_null(decide(w, NOW));
    w->host->row.drained = false;
    fixture_session(w->model, "s-1", "kim", "lab", "");
    g_assert_true(expect(w, BROKER_WAKE)->desktop == own);
}

/* What is parked takes no memory, and what is on its way back takes all of it at once. */
static void
test_memory(struct fixture_world *w, gconstpointer data)
{
    struct broker_desktop *desktop = parked(w, "d-1");
    struct broker_placement placement;

    (void)data;
    w->host->memory_mb = 2 * w->pool->memory_mb + BROKER_RESERVED_MB - 1;
    placement = broker_placement_find(w->model, w->pool, NULL);
    g_assert_true(placement.host == w->host);
    broker_placement_clear(&placement);
    desktop->row.parked = false;
    placement = broker_placement_find(w->model, w->pool, NULL);
    g_assert_null(placement.host);
    broker_placement_clear(&placement);
}

int
main(int argc, char **argv)
{
#define ADD(name, fn) g_test_add("/parked/" name, struct fixture_world, NULL, setup, fn, teardown)
    g_test_init(&argc, &argv, NULL);
    ADD("running-ones-first", test_running_ones_first);
    ADD("comes-before-a-new-one", test_parked_one_comes_before_a_new_one);
    ADD("no-memory-to-bring-it-back", test_no_memory_to_bring_it_back);
    ADD("surplus-is-parked", test_surplus_is_parked);
    ADD("schedule", test_schedule);
    ADD("old-and-tight", test_old_and_tight);
    ADD("session", test_session);
    ADD("own", test_own);
    ADD("memory", test_memory);
    return g_test_run();
}
