/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/deadlines.h"

#include <string.h>

#include "broker-fixture.h"
#include "broker/desired.h"
#include "broker/reconcile.h"

#define MINUTE INT64_C(60000)

/* Revision 2 of "tiny" was published at NOW; kim works on revision 1. */
struct world {
    struct broker_model *model;
    struct broker_pools *pools;
    struct broker_pool *pool;
    struct broker_host *host;
    struct broker_desktop *desktop;
    struct broker_session *session;
};

static void
publish(struct broker_host *host, unsigned revision)
{
    guint i;

    for (i = 0; i < host->images->len; i++) {
        struct broker_image *image = &g_array_index(host->images, struct broker_image, i);

        image->published = image->revision == revision;
    }
}

static void
say(struct world *w, unsigned revision, int64_t ask_ms, int64_t end_ms)
{
    struct store_rollout row = {
        .image = "tiny", .revision = revision, .began_ms = NOW, .ask_ms = ask_ms, .end_ms = end_ms};

    broker_model_put_rollout(w->model, &row);
}

static void
setup(struct world *w, gconstpointer data)
{
    (void)data;
    w->model = broker_model_new();
    w->pools = broker_pools_new();
    w->pool = fixture_pool(w->pools, "lab", 4, 0);
    w->host = fixture_host(w->model, "a", 8192, 3);
    w->desktop = fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_READY);
    w->desktop->row.old_ms = NOW;
    w->session = fixture_session(w->model, "s-1", "kim", "lab", "d-00000001");
    publish(w->host, 2);
}

static void
teardown(struct world *w, gconstpointer data)
{
    (void)data;
    broker_pools_free(w->pools);
    broker_model_free(w->model);
}

static void
expect(struct world *w, int64_t ask_ms, int64_t warn_ms, int64_t end_ms)
{
    struct broker_deadlines deadlines = broker_deadlines_of(w->model, w->session, w->pool);

    g_assert_cmpint(deadlines.ask_ms, ==, ask_ms);
    g_assert_cmpint(deadlines.warn_ms, ==, warn_ms);
    g_assert_cmpint(deadlines.end_ms, ==, end_ms);
}

static void
test_publication_counts_more(struct world *w, gconstpointer data)
{
    (void)data;
    expect(w, 0, 0, 0);
    g_assert_false(broker_deadlines_run(w->model, w->pool));
    w->pool->soft_ms = 10 * MINUTE;
    w->pool->hard_ms = 120 * MINUTE;
    g_assert_true(broker_deadlines_run(w->model, w->pool));
    expect(w, NOW + 10 * MINUTE, NOW + 105 * MINUTE, NOW + 120 * MINUTE);
    say(w, 2, STORE_ROLLOUT_POOL, 20 * MINUTE);
    expect(w, NOW + 10 * MINUTE, NOW + 15 * MINUTE, NOW + 20 * MINUTE);
    say(w, 2, 5 * MINUTE, 0);
    expect(w, NOW + 5 * MINUTE, 0, 0);
    say(w, 2, 0, 0);
    expect(w, 0, 0, 0);
    g_assert_false(broker_deadlines_run(w->model, w->pool));
}

/* Published again: nobody's time is over because it was said before. */
static void
test_published_again(struct world *w, gconstpointer data)
{
    (void)data;
    w->desktop->row.old_ms = NOW - 1000 * MINUTE;
    w->pool->hard_ms = 120 * MINUTE;
    expect(w, 0, NOW - 895 * MINUTE, NOW - 880 * MINUTE);
    say(w, 2, STORE_ROLLOUT_POOL, STORE_ROLLOUT_POOL);
    expect(w, 0, NOW + 105 * MINUTE, NOW + 120 * MINUTE);
    w->desktop->row.old_ms = NOW + 5 * MINUTE; /* a spare that was left, given later */
    expect(w, 0, NOW + 110 * MINUTE, NOW + 125 * MINUTE);
}

static void
test_left_alone(struct world *w, gconstpointer data)
{
    (void)data;
    say(w, 2, MINUTE, 2 * MINUTE);
    expect(w, NOW + MINUTE, NOW + 90000, NOW + 2 * MINUTE);
    g_strlcpy(w->desktop->row.owner, "kim", sizeof(w->desktop->row.owner));
    expect(w, 0, 0, 0);
    w->desktop->row.owner[0] = '\0';
    w->pool->revision = 3; /* a pinned pool has its own deadlines only */
    expect(w, 0, 0, 0);
    w->pool->revision = 0;
    publish(w->host, 3); /* another one is in force now */
    expect(w, 0, 0, 0);
    publish(w->host, 0);
    expect(w, 0, 0, 0);
    w->session->row.desktop[0] = '\0';
    expect(w, 0, 0, 0);
}

static struct broker_action
decide(struct world *w, int64_t now_ms, unsigned count)
{
    GArray *actions = broker_reconcile(w->model, w->pools, now_ms);
    struct broker_action first = {0};

    g_assert_cmpuint(actions->len, ==, count);
    if (count > 0) {
        first = g_array_index(actions, struct broker_action, 0);
    }
    g_array_unref(actions);
    return first;
}

/* From the publication to the end, and a rollback in between. */
static void
test_clock(struct world *w, gconstpointer data)
{
    struct broker_action action;

    (void)data;
    w->desktop->row.old_ms = 0;
    decide(w, NOW, 0);
    say(w, 2, 0, 30 * MINUTE);
    action = decide(w, NOW + 5, 1);
    g_assert_cmpint(action.kind, ==, BROKER_AGE);
    g_assert_cmpint(action.at_ms, ==, NOW + 5);
    w->desktop->row.old_ms = NOW + 5;
    decide(w, NOW + 4 + 30 * MINUTE, 0);
    action = decide(w, NOW + 5 + 30 * MINUTE, 1);
    g_assert_cmpint(action.kind, ==, BROKER_END);
    g_assert_true(action.session == w->session && !action.failed);
    publish(w->host, 1);
    decide(w, NOW + 60 * MINUTE, 0);
    expect(w, 0, 0, 0);
}

/* "ends", "newer" or "": what the host is told to show at this time. */
static const char *
notice_at(struct world *w, int64_t now_ms)
{
    json_t *list = broker_desired(w->model, w->pools, "a", "CA", now_ms);
    json_t *notice = json_object_get(json_object_get(json_array_get(list, 0), "stream"), "notice");
    const char *what = json_object_get(notice, "ends_ms") != NULL       ? "ends"
                       : json_is_true(json_object_get(notice, "newer")) ? "newer"
                                                                        : "";

    json_decref(list);
    return what;
}

static void
test_notices(struct world *w, gconstpointer data)
{
    struct store_stream row = {.id = "x-1", .session = "s-1", .url = "wss://gw/uplink"};

    (void)data;
    broker_model_add_stream(w->model, &row);
    say(w, 2, 10 * MINUTE, 120 * MINUTE);
    g_assert_cmpstr(notice_at(w, NOW + 10 * MINUTE - 1), ==, "");
    g_assert_cmpstr(notice_at(w, NOW + 10 * MINUTE), ==, "newer");
    g_assert_cmpstr(notice_at(w, NOW + 105 * MINUTE), ==, "ends");
    publish(w->host, 1);
    g_assert_cmpstr(notice_at(w, NOW + 105 * MINUTE), ==, "");
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(struct world *w, gconstpointer data);
    } tests[] = {
        {"/deadlines/publication-counts-more-than-the-pool", test_publication_counts_more},
        {"/deadlines/published-again-counts-anew", test_published_again},
        {"/deadlines/who-is-left-alone", test_left_alone},
        {"/deadlines/clock-strikes-and-rollback-cancels", test_clock},
        {"/deadlines/notices", test_notices},
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct world, NULL, setup, tests[i].run, teardown);
    }
    return g_test_run();
}
