/* SPDX-License-Identifier: Apache-2.0 */
/* What changed pool files would do, told before they do it. */
#include "broker/plan.h"

#include <string.h>

#include "broker-fixture.h"
#include "broker/poolfile.h"
#include "broker/poolvalue.h"

struct world {
    struct broker_model *model;
    struct broker_pools *now, *then;
};

static void
setup(struct world *w, gconstpointer data)
{
    struct broker_pool *pool;

    (void)data;
    w->model = broker_model_new();
    w->now = broker_pools_new();
    w->then = broker_pools_new();
    pool = fixture_pool(w->now, "lab", 4, 2);
    fixture_host(w->model, "a", 8192, 2);
    fixture_desktop(w->model, pool, "a", "d-00000001", 2, BROKER_READY);
    fixture_desktop(w->model, pool, "a", "d-00000002", 2, BROKER_READY);
    fixture_desktop(w->model, pool, "a", "d-00000003", 2, BROKER_READY);
    fixture_session(w->model, "s-1", "kim", "lab", "d-00000003");
}

static void
teardown(struct world *w, gconstpointer data)
{
    (void)data;
    broker_pools_free(w->now);
    broker_pools_free(w->then);
    broker_model_free(w->model);
}

/* The plan as one line: change, keys, effects. */
static void
expect(struct world *w, const char *wanted)
{
    json_t *plan = broker_plan(w->model, w->now, w->then, NOW);
    GString *text = g_string_new(NULL);
    json_t *entry;
    json_t *item;
    size_t i;
    size_t j;

    json_array_foreach(plan, i, entry)
    {
        g_string_append_printf(text, "%s %s", json_string_value(json_object_get(entry, "change")),
                               json_string_value(json_object_get(entry, "pool")));
        json_array_foreach(json_object_get(entry, "keys"), j, item)
        {
            const char *from = json_string_value(json_object_get(item, "from"));

            if (from != NULL) {
                g_string_append_printf(text, " %s:%s>%s",
                                       json_string_value(json_object_get(item, "key")), from,
                                       json_string_value(json_object_get(item, "to")));
            }
        }
        json_array_foreach(json_object_get(entry, "effects"), j, item)
        {
            g_string_append_printf(text, "; %s", json_string_value(item));
        }
        g_string_append(text, ". ");
    }
    g_assert_cmpstr(text->str, ==, wanted);
    g_string_free(text, TRUE);
    json_decref(plan);
}

static void
test_the_same_files_change_nothing(struct world *w, gconstpointer data)
{
    (void)data;
    fixture_pool(w->then, "lab", 4, 2);
    expect(w, "");
}

static void
test_another_machine_replaces_spares_and_no_session(struct world *w, gconstpointer data)
{
    struct broker_pool *pool = fixture_pool(w->then, "lab", 4, 2);

    (void)data;
    pool->memory_mb = 2048;
    expect(w, "changed lab Memory:256M>2G; 2 spares that no longer fit will be replaced; 1 session "
              "goes on as it is. ");
}

static void
test_spares_follow_their_number(struct world *w, gconstpointer data)
{
    struct broker_pool *pool = fixture_pool(w->then, "lab", 4, 3);

    (void)data;
    expect(w, "changed lab Running:2>3; 1 spare will be started; 1 session goes on as it is. ");
    pool->spares_running = 0;
    expect(w, "changed lab Running:2>0; 2 spares will be stopped; 1 session goes on as it is. ");
}

static void
test_pools_come_and_go(struct world *w, gconstpointer data)
{
    (void)data;
    fixture_pool(w->then, "new", 4, 2);
    expect(w, "removed lab; 2 spares will be stopped; 1 session goes on until it ends. "
              "added new; 2 spares will be started. ");
}

static void
append(const char *section, const char *key, const char *value, void *user_data)
{
    g_string_append_printf(user_data, "[%s]\n%s=%s\n", section, key, value);
}

/* What is told of a pool, read again, is the same pool. */
static void
test_values_can_be_read_again(void)
{
    static const char text[] =
        "[Pool]\nDescription=Room\nMax=7\nMaxPerUser=2\nAllow=kim @staff\n"
        "Deny=lee\n[Image]\nName=tiny\nRevision=3\n[Machine]\nCPU=2\n"
        "Memory=1536M\nAccel=any\nDisplay=spice\n[Spares]\nRunning=2\n"
        "Restrain=5/90s\n[Schedule early]\nFrom=Mon..Fri 06:00\nUntil=08:30\n"
        "Running=5\n[Session]\nDisconnected=36h\n[Placement]\nOverheadMax=7.5%\n";
    GPtrArray *errors = g_ptr_array_new_with_free_func(g_free);
    struct broker_pool *pool = broker_pool_parse("lab", "lab.pool", text, strlen(text), errors);
    GString *first = g_string_new(NULL);
    GString *second = g_string_new(NULL);
    GString *file = g_string_new(NULL);
    struct broker_pool *again;
    char **lines;
    size_t i;

    g_assert_nonnull(pool);
    broker_pool_visit(pool, append, first);
    /* A file has each section once. */
    lines = g_strsplit(first->str, "\n", -1);
    for (i = 0; lines[i] != NULL && lines[i + 1] != NULL; i += 2) {
        if (i == 0 || strcmp(lines[i], lines[i - 2]) != 0) {
            g_string_append_printf(file, "%s\n", lines[i]);
        }
        g_string_append_printf(file, "%s\n", lines[i + 1]);
    }
    again = broker_pool_parse("lab", "lab.pool", file->str, file->len, errors);
    g_assert_cmpuint(errors->len, ==, 0);
    g_assert_nonnull(again);
    broker_pool_visit(again, append, second);
    g_assert_cmpstr(second->str, ==, first->str);
    g_assert_nonnull(strstr(first->str, "[Schedule early]\nFrom=Mon..Fri 06:00\n"));
    g_assert_nonnull(strstr(first->str, "Memory=1536M\n"));
    g_assert_nonnull(strstr(first->str, "Restrain=5/90s\n"));
    g_assert_nonnull(strstr(first->str, "Disconnected=36h\n"));
    g_assert_nonnull(strstr(first->str, "OverheadMax=7.5%\n"));
    g_strfreev(lines);
    g_string_free(first, TRUE);
    g_string_free(second, TRUE);
    g_string_free(file, TRUE);
    broker_pool_free(pool);
    broker_pool_free(again);
    g_ptr_array_unref(errors);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function) g_test_add("/plan/" path, struct world, NULL, setup, function, teardown)
    ADD("the-same-files-change-nothing", test_the_same_files_change_nothing);
    ADD("another-machine-replaces-spares-and-no-session",
        test_another_machine_replaces_spares_and_no_session);
    ADD("spares-follow-their-number", test_spares_follow_their_number);
    ADD("pools-come-and-go", test_pools_come_and_go);
    g_test_add_func("/plan/values-can-be-read-again", test_values_can_be_read_again);
    return g_test_run();
}
