/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/line.h"

#include <string.h>

#include "broker-fixture.h"
#include "broker/reconcile.h"

struct world {
    struct broker_model *model;
    struct broker_pools *pools;
    struct broker_pool *pool;
};

static void
setup(struct world *w, gconstpointer data)
{
    (void)data;
    w->model = broker_model_new();
    w->pools = broker_pools_new();
    w->pool = fixture_pool(w->pools, "lab", 20, 0);
    fixture_host(w->model, "a", 8192, 1);
}

static void
teardown(struct world *w, gconstpointer data)
{
    (void)data;
    broker_pools_free(w->pools);
    broker_model_free(w->model);
}

/* A session that waits since at_ms, whose client asks for ever. */
static struct broker_session *
wait_since(struct world *w, const char *id, const char *user, const char *pool, int64_t at_ms)
{
    struct broker_session *session = fixture_session(w->model, id, user, pool, "");

    session->queued_ms = session->row.created_ms = at_ms;
    session->polled_ms = at_ms + 3600000;
    return session;
}

/* Ids in the order of the line at that time, those whose turn it is not yet in brackets. */
static void
expect_line(struct world *w, int64_t now_ms, const char *expected)
{
    GArray *line = broker_line_new(w->model, now_ms);
    GString *text = g_string_new(NULL);
    guint i;

    for (i = 0; i < line->len; i++) {
        const struct broker_place *place = &g_array_index(line, struct broker_place, i);

        g_string_append_printf(text, place->at_ms <= now_ms ? "%s%s" : "%s(%s)", i > 0 ? " " : "",
                               place->session->row.id);
    }
    g_assert_cmpstr(text->str, ==, expected);
    g_string_free(text, TRUE);
    g_array_unref(line);
}

/* Who asks ten times is served once before the next user is. */
static void
test_one_turn_each(struct world *w, gconstpointer data)
{
    struct broker_session *lee;

    (void)data;
    wait_since(w, "k1", "kim", "lab", NOW);
    wait_since(w, "k2", "kim", "lab", NOW);
    wait_since(w, "k3", "kim", "lab", NOW);
    lee = wait_since(w, "l1", "lee", "lab", NOW + 30000);
    expect_line(w, NOW + 30000, "k1 l1 (k2) (k3)");
    g_assert_cmpuint(broker_line_position(w->model, lee, NOW + 30000), ==, 2);
    /* Her second turn comes after a minute, whoever comes later. */
    wait_since(w, "c1", "choi", "lab", NOW + 90000);
    expect_line(w, NOW + 90000, "k1 l1 k2 c1 (k3)");
}

static void
test_served(struct world *w, gconstpointer data)
{
    struct broker_session *first = wait_since(w, "k1", "kim", "lab", NOW);

    (void)data;
    wait_since(w, "k2", "kim", "lab", NOW);
    wait_since(w, "l1", "lee", "lab", NOW + 1000);
    expect_line(w, NOW + 1000, "k1 l1 (k2)");
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    g_strlcpy(first->row.desktop, "d-00000001", sizeof(first->row.desktop));
    g_assert_cmpuint(broker_line_position(w->model, first, NOW + 2000), ==, 0);
    broker_line_served(w->model, "kim", NOW + 2000);
    expect_line(w, NOW + 2000, "l1 k2"); /* at once, and behind who waited */
}

/* A client that stopped asking holds up nobody, not even its user. */
static void
test_abandoned(struct world *w, gconstpointer data)
{
    (void)data;
    wait_since(w, "k1", "kim", "lab", NOW)->polled_ms = NOW;
    wait_since(w, "k2", "kim", "lab", NOW);
    expect_line(w, NOW + BROKER_WAIT_CURRENT_MS - 1, "k1 (k2)");
    expect_line(w, NOW + BROKER_WAIT_CURRENT_MS, "k2");
}

/* What broker_reconcile() would start until nothing is left, each for a pool: "lab lab". */
static void
expect_starts(struct world *w, int64_t now_ms, const char *expected)
{
    GString *text = g_string_new(NULL);
    unsigned passes;

    for (passes = 0; passes < 50; passes++) {
        GArray *actions = broker_reconcile(w->model, w->pools, now_ms);
        struct broker_action action = {0};
        char id[STORE_ID_MAX + 1];

        if (actions->len > 0) {
            action = g_array_index(actions, struct broker_action, 0);
        }
        g_array_unref(actions);
        if (action.pool == NULL) {
            break;
        }
        g_assert_cmpint(action.kind, ==, BROKER_CREATE);
        g_string_append_printf(text, "%s%s", text->len > 0 ? " " : "", action.pool->name);
        g_snprintf(id, sizeof(id), "d-%08u", w->model->desktops->len + 1);
        fixture_desktop(w->model, action.pool, "a", id, 1, BROKER_STARTING);
    }
    g_assert_cmpstr(text->str, ==, expected);
    g_string_free(text, TRUE);
}

static void
test_one_start_each(struct world *w, gconstpointer data)
{
    (void)data;
    wait_since(w, "k1", "kim", "lab", NOW);
    wait_since(w, "k2", "kim", "lab", NOW);
    wait_since(w, "k3", "kim", "lab", NOW);
    wait_since(w, "l1", "lee", "lab", NOW);
    expect_starts(w, NOW, "lab lab");
    expect_starts(w, NOW + BROKER_LINE_TURN_MS - 1, "");
    expect_starts(w, NOW + BROKER_LINE_TURN_MS, "lab");
    w->pool->spares_running = 1; /* spares are beside that */
    expect_starts(w, NOW + BROKER_LINE_TURN_MS, "lab");
}

/* A desktop that runs anyway is given to whoever waits, and lee goes before kim's second. */
static void
test_ready_ones_do_not_idle(struct world *w, gconstpointer data)
{
    struct broker_session *kim[2] = {wait_since(w, "k1", "kim", "lab", NOW),
                                     wait_since(w, "k2", "kim", "lab", NOW)};
    struct broker_session *lee = wait_since(w, "l1", "lee", "lab", NOW + 500);
    struct broker_session *order[3] = {kim[0], lee, kim[1]};
    size_t i;

    (void)data;
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_READY);
    fixture_desktop(w->model, w->pool, "a", "d-00000003", 1, BROKER_READY);
    for (i = 0; i < G_N_ELEMENTS(order); i++) {
        GArray *actions = broker_reconcile(w->model, w->pools, NOW + 1000);
        struct broker_action action = g_array_index(actions, struct broker_action, 0);

        g_array_unref(actions);
        g_assert_cmpint(action.kind, ==, BROKER_ASSIGN);
        g_assert_true(action.session == order[i]);
        g_strlcpy(action.session->row.desktop, action.desktop->row.id,
                  sizeof(action.session->row.desktop));
        broker_line_served(w->model, action.session->row.user, NOW + 1000);
    }
}

/* Room on a host goes to people before spares, and to who waits longest, whatever the pool's name.
 */
static void
test_pools_in_the_order_of_their_people(struct world *w, gconstpointer data)
{
    (void)data;
    w->pool->spares_running = 2;
    fixture_pool(w->pools, "math", 4, 0);
    fixture_pool(w->pools, "zoo", 4, 0);
    wait_since(w, "k1", "kim", "math", NOW + 1000);
    wait_since(w, "l1", "lee", "zoo", NOW);
    expect_starts(w, NOW + 1000, "zoo math lab lab");
}

/* A pool that is set aside does not keep its people from another one. */
static void
test_set_aside(struct world *w, gconstpointer data)
{
    struct broker_pool *math = fixture_pool(w->pools, "math", 4, 0);

    (void)data;
    g_assert_true(
        broker_model_note_failure(w->model, "lab", 1, 3600000, "the desktop failed", NOW));
    wait_since(w, "k1", "kim", "lab", NOW);
    wait_since(w, "k2", "kim", math->name, NOW);
    expect_starts(w, NOW, "");
    expect_starts(w, NOW + BROKER_LINE_TURN_MS, "math");
    g_assert_true(broker_model_resume(w->model, "lab"));
    expect_starts(w, NOW + BROKER_LINE_TURN_MS, "lab");
    g_assert_false(broker_model_resume(w->model, "lab"));
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(struct world *w, gconstpointer data);
    } tests[] = {
        {"/line/one-turn-each", test_one_turn_each},
        {"/line/next-turn-when-served", test_served},
        {"/line/abandoned-holds-up-nobody", test_abandoned},
        {"/line/one-start-each", test_one_start_each},
        {"/line/ready-desktops-do-not-idle", test_ready_ones_do_not_idle},
        {"/line/pools-in-the-order-of-their-people", test_pools_in_the_order_of_their_people},
        {"/line/pool-set-aside-holds-up-nobody-elsewhere", test_set_aside},
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct world, NULL, setup, tests[i].run, teardown);
    }
    return g_test_run();
}
