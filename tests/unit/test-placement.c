/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/placement.h"

#include <string.h>

#include "broker-fixture.h"
#include "broker/access.h"
#include "broker/groups.h"
#include "broker/pressure.h"

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
    w->pool = fixture_pool(w->pools, "lab", 10, 1);
}

static void
teardown(struct world *w, gconstpointer data)
{
    (void)data;
    broker_pools_free(w->pools);
    broker_model_free(w->model);
}

static void
expect_host(struct world *w, const char *name)
{
    struct broker_placement placement = broker_placement_find(w->model, w->pool, NULL);

    g_assert_nonnull(placement.host);
    g_assert_cmpstr(placement.host->row.name, ==, name);
    broker_placement_clear(&placement);
}

/* No host passes; the first one failed this rule with this sentence. */
static void
expect_refusal(struct world *w, enum broker_rule rule, const char *text)
{
    struct broker_placement placement = broker_placement_find(w->model, w->pool, NULL);
    const struct broker_refusal *refusal;

    g_assert_null(placement.host);
    g_assert_cmpuint(placement.refusals->len, ==, w->model->hosts->len);
    refusal = &g_array_index(placement.refusals, struct broker_refusal, 0);
    g_assert_cmpint(refusal->rule, ==, rule);
    g_assert_cmpstr(refusal->text, ==, text);
    broker_placement_clear(&placement);
}

static void
test_most_memory_wins(struct world *w, gconstpointer data)
{
    (void)data;
    fixture_host(w->model, "b", 2048, 1);
    fixture_host(w->model, "a", 2048, 1);
    expect_host(w, "a");
    fixture_host(w->model, "c", 4096, 1);
    expect_host(w, "c");
}

static void
test_promised_memory_counts(struct world *w, gconstpointer data)
{
    (void)data;
    fixture_host(w->model, "a", 1024, 1);
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_UNSEEN);
    fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_READY);
    expect_host(w, "a");
    w->pool->memory_mb = 257;
    expect_refusal(w, BROKER_RULE_MEMORY, "Memory=257M is wanted, 256M are left of 1024M");
    /* A fork shares most of what it has. */
    broker_model_desktop(w->model, "d-00000002")->promise_mb = 76;
    expect_host(w, "a");
}

static void
test_measured_memory_counts(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);

    (void)data;
    host->memory_free_mb = 500;
    /* The host knows of this one and has taken it off. */
    fixture_desktop(w->model, w->pool, "a", "d-00000001", 1, BROKER_STARTING);
    expect_host(w, "a");
    fixture_desktop(w->model, w->pool, "a", "d-00000002", 1, BROKER_UNSEEN);
    expect_refusal(w, BROKER_RULE_MEMORY, "Memory=256M is wanted, 244M are left of 8192M");
}

static void
test_accel_repeats_the_probe(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);

    (void)data;
    w->pool->accel_any = false;
    expect_refusal(w, BROKER_RULE_ACCEL,
                   "the pool wants Accel=kvm and the host has no usable KVM: emulated KVM: 1.4 M "
                   "instructions/s");
    host->kvm = true;
    expect_host(w, "a");
}

static void
test_host_states(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);

    (void)data;
    host->row.drained = true;
    expect_refusal(w, BROKER_RULE_DRAINED, "the host is drained");
    host->connected = false;
    expect_refusal(w, BROKER_RULE_CONNECTED, "the host is not connected");
    host->row.revoked = true;
    expect_refusal(w, BROKER_RULE_REVOKED, "the host was revoked");
}

static void
test_image_rules(struct world *w, gconstpointer data)
{
    (void)data;
    fixture_host(w->model, "a", 8192, 0);
    expect_refusal(w, BROKER_RULE_IMAGE, "the host has no revision of image 'tiny'");
    fixture_host(w->model, "b", 1024, 3);
    expect_host(w, "b");
    w->pool->revision = 7;
    expect_refusal(w, BROKER_RULE_IMAGE, "the host does not have image tiny:7");
}

static void
test_cpu_rules(struct world *w, gconstpointer data)
{
    (void)data;
    fixture_host(w->model, "a", 65536, 1);
    w->pool->cpu = 5;
    expect_refusal(w, BROKER_RULE_CPU, "CPU=5 is more than the 4 of the host");
    w->pool->cpu = 4;
    for (int i = 0; i < 8; i++) {
        char id[STORE_ID_MAX + 1];

        expect_host(w, "a");
        g_snprintf(id, sizeof(id), "d-%08x", i);
        fixture_desktop(w->model, w->pool, "a", id, 1, BROKER_READY);
    }
    expect_refusal(w, BROKER_RULE_CPU,
                   "32 virtual processors are given, CPU=4 more exceed 8 for each of 4");
}

static void
say(struct broker_host *host, enum broker_load_figure figure, unsigned value)
{
    host->load.known[figure] = true;
    host->load.value[figure] = value;
}

struct news {
    unsigned passed, back;
    char *text; /* the last one */
};

static void
on_news(const struct broker_host *host, bool passed, const char *text, void *user_data)
{
    struct news *news = user_data;

    g_assert_cmpstr(host->row.name, ==, "a");
    news->passed += passed ? 1 : 0;
    news->back += passed ? 0 : 1;
    g_free(news->text);
    news->text = g_strdup(text);
}

/* Twice: what was said once is not said again. */
static void
judge(struct world *w, struct news *news, unsigned passed, unsigned back)
{
    broker_pressure_judge(w->model, w->pools, on_news, news);
    broker_pressure_judge(w->model, w->pools, on_news, news);
    g_assert_cmpuint(news->passed, ==, passed);
    g_assert_cmpuint(news->back, ==, back);
}

static void
test_overhead(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);
    struct broker_pool *other = fixture_pool(w->pools, "other", 10, 1);
    struct news news = {0};

    (void)data;
    say(host, BROKER_LOAD_OVERHEAD, 173);
    judge(w, &news, 0, 0); /* no pool has a line */
    expect_host(w, "a");
    w->pool->overhead_max = 173;
    other->overhead_max = 1000;
    judge(w, &news, 0, 0); /* on the line is not beyond it */
    w->pool->overhead_max = 150;
    judge(w, &news, 1, 0);
    g_assert_cmpstr(news.text, ==, "overhead is 17.3 %, OverheadMax=15% of pool 'lab'");
    expect_refusal(w, BROKER_RULE_OVERHEAD,
                   "its overhead of 17.3 % has passed OverheadMax=15%; it gets desktops again "
                   "from 13.5 % down");
    g_assert_cmpstr(broker_rule_name(BROKER_RULE_OVERHEAD), ==, "overhead");
    g_assert_false(broker_host_is_over(host, other));
    say(host, BROKER_LOAD_OVERHEAD, 136); /* not yet back */
    judge(w, &news, 1, 0);
    expect_refusal(w, BROKER_RULE_OVERHEAD,
                   "its overhead of 13.6 % has passed OverheadMax=15%; it gets desktops again "
                   "from 13.5 % down");
    say(host, BROKER_LOAD_OVERHEAD, 135);
    judge(w, &news, 1, 1);
    expect_host(w, "a");
    g_free(news.text);
}

/* The guests went idle, the file was changed, the host is away: each ends it. */
static void
test_overhead_ends(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);
    struct news news = {0};

    (void)data;
    w->pool->overhead_max = 1;
    say(host, BROKER_LOAD_OVERHEAD, 2);
    judge(w, &news, 1, 0);
    host->load.known[BROKER_LOAD_OVERHEAD] = false;
    judge(w, &news, 1, 1);
    expect_host(w, "a");
    host->load.known[BROKER_LOAD_OVERHEAD] = true;
    judge(w, &news, 2, 1);
    w->pool->overhead_max = 0;
    judge(w, &news, 2, 2);
    g_assert_cmpstr(news.text, ==, "overhead is 0.2 %, OverheadMax=none of pool 'lab'");
    expect_host(w, "a");
    w->pool->overhead_max = 1;
    judge(w, &news, 3, 2);
    host->connected = false;
    judge(w, &news, 3, 2);
    g_assert_cmpuint(host->over->len, ==, 0);
    g_free(news.text);
}

static void
test_memory_pressure(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);
    struct broker_placement placement;
    struct news news = {0};

    (void)data;
    say(host, BROKER_LOAD_MEMORY_FULL10, BROKER_PRESSURE_MEMORY);
    judge(w, &news, 0, 0);
    say(host, BROKER_LOAD_MEMORY_FULL10, 123);
    judge(w, &news, 1, 0);
    g_assert_cmpstr(news.text, ==, "memory pressure is 12.3 % of the last 10 s");
    expect_refusal(w, BROKER_RULE_PRESSURE,
                   "everything on it waited for memory during 12.3 % of the last 10 s; beyond 10 % "
                   "it gets no desktops, until that is 5 % again");
    placement = broker_placement_find(w->model, w->pool, NULL);
    g_assert_true(placement.delayed);
    broker_placement_clear(&placement);
    /* With a host that would not do in any case there is nothing to wait for. */
    w->pool->memory_mb = 65536;
    placement = broker_placement_find(w->model, w->pool, NULL);
    g_assert_false(placement.delayed);
    broker_placement_clear(&placement);
    w->pool->memory_mb = 256;
    say(host, BROKER_LOAD_MEMORY_FULL10, 51);
    judge(w, &news, 1, 0);
    say(host, BROKER_LOAD_MEMORY_FULL10, 50);
    judge(w, &news, 1, 1);
    expect_host(w, "a");
    g_free(news.text);
}

static void
test_processor_pressure(struct world *w, gconstpointer data)
{
    struct broker_host *host = fixture_host(w->model, "a", 8192, 1);
    struct news news = {0};

    (void)data;
    say(host, BROKER_LOAD_CPU_SOME10, 950);
    say(host, BROKER_LOAD_CPU_SOME60, 950);
    say(host, BROKER_LOAD_GUEST_MS, 100000);
    say(host, BROKER_LOAD_OTHER_MS, 20000);
    judge(w, &news, 0, 0); /* desktops take half of four processors, not more */
    expect_host(w, "a");
    say(host, BROKER_LOAD_OTHER_MS, 21000);
    say(host, BROKER_LOAD_CPU_SOME60, 600);
    judge(w, &news, 0, 0); /* that was a start */
    say(host, BROKER_LOAD_CPU_SOME60, 901);
    judge(w, &news, 1, 0);
    expect_refusal(w, BROKER_RULE_PRESSURE,
                   "its desktops waited for a processor during 95.0 % of the last 10 s; beyond "
                   "90 % it gets no more of them, until that is 70 % again");
    say(host, BROKER_LOAD_CPU_SOME10, 701);
    say(host, BROKER_LOAD_CPU_SOME60, 100);
    judge(w, &news, 1, 0);
    say(host, BROKER_LOAD_CPU_SOME10, 700);
    judge(w, &news, 1, 1);
    say(host, BROKER_LOAD_CPU_SOME60, 950);
    judge(w, &news, 1, 1);
    expect_host(w, "a");
    /* A host that is back says what is so now. */
    say(host, BROKER_LOAD_CPU_SOME10, 950);
    judge(w, &news, 2, 1);
    host->connected = false;
    judge(w, &news, 2, 1);
    g_assert_cmpuint(host->pressed, ==, 0);
    g_free(news.text);
}

static void
test_busy_hosts_come_last(struct world *w, gconstpointer data)
{
    struct broker_host *large = fixture_host(w->model, "large", 8192, 1);
    struct broker_host *small = fixture_host(w->model, "small", 2048, 1);

    (void)data;
    say(large, BROKER_LOAD_BUSY, 800);
    expect_host(w, "large");
    say(large, BROKER_LOAD_BUSY, 801);
    expect_host(w, "small");
    say(small, BROKER_LOAD_BUSY, 900);
    expect_host(w, "large"); /* then memory decides again */
    small->load.known[BROKER_LOAD_BUSY] = false;
    expect_host(w, "small");
    small->row.drained = true;
    expect_host(w, "large"); /* better than none */
}

static bool
is_member(const char *user, const char *group, void *user_data)
{
    (void)user_data;
    return strcmp(user, "kim") == 0 && strcmp(group, "staff") == 0;
}

static void
test_access(struct world *w, gconstpointer data)
{
    struct broker_access access;

    (void)data;
    g_assert_true(broker_access_check(w->pool, "kim", is_member, NULL).allowed);
    access = broker_access_check(w->pool, "lee", is_member, NULL);
    g_assert_false(access.allowed);
    g_assert_cmpstr(access.text, ==, "no Allow= of pool 'lab' names 'lee'");
    g_ptr_array_add(w->pool->deny, g_strdup("@staff"));
    access = broker_access_check(w->pool, "kim", is_member, NULL);
    g_assert_false(access.allowed);
    g_assert_cmpstr(access.text, ==, "Deny=@staff refuses 'kim'");
    g_ptr_array_set_size(w->pool->deny, 0);
    g_ptr_array_set_size(w->pool->allow, 0);
    g_assert_false(broker_access_check(w->pool, "kim", is_member, NULL).allowed);
    g_ptr_array_add(w->pool->allow, g_strdup("@staff"));
    g_assert_true(broker_access_check(w->pool, "kim", is_member, NULL).allowed);
    /* A user who is called like a group is not the group. */
    g_assert_false(broker_access_check(w->pool, "@staff", is_member, NULL).allowed);
    g_assert_false(broker_access_check(w->pool, "staff", is_member, NULL).allowed);
}

static void
set_flag(void *user_data)
{
    *(bool *)user_data = true;
}

static void
never(void *user_data)
{
    (void)user_data;
    g_assert_not_reached();
}

static void
learn(struct broker_groups *groups, const char *user)
{
    bool known = false;

    broker_groups_ask(groups, user, set_flag, &known, NULL);
    while (!known) {
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
test_system_groups(struct world *w, gconstpointer data)
{
    struct broker_groups *groups = broker_groups_new();

    (void)w;
    (void)data;
    g_assert_false(broker_groups_are_known(groups, "root"));
    g_assert_false(broker_groups_member("root", "root", groups)); /* nothing is guessed */
    learn(groups, "root");
    g_assert_true(broker_groups_are_known(groups, "root"));
    g_assert_true(broker_groups_member("root", "root", groups));
    g_assert_false(broker_groups_member("root", "no-such-group", groups));
    learn(groups, "no-such-user");
    g_assert_false(broker_groups_member("no-such-user", "root", groups));
    /* One that still waits at the end is destroyed, not called. */
    broker_groups_ask(groups, "daemon", never, g_strdup("waits"), g_free);
    broker_groups_free(groups);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(struct world *w, gconstpointer data);
    } tests[] = {
        {"/placement/most-memory-wins-then-the-name", test_most_memory_wins},
        {"/placement/promised-memory-counts", test_promised_memory_counts},
        {"/placement/measured-memory-counts", test_measured_memory_counts},
        {"/placement/accel-repeats-the-probe", test_accel_repeats_the_probe},
        {"/placement/revoked-away-and-drained-hosts-get-nothing", test_host_states},
        {"/placement/image-must-be-there", test_image_rules},
        {"/placement/processors-are-overcommitted-within-bounds", test_cpu_rules},
        {"/placement/overhead-has-a-line-and-a-way-back", test_overhead},
        {"/placement/overhead-ends-with-its-cause", test_overhead_ends},
        {"/placement/memory-pressure-delays", test_memory_pressure},
        {"/placement/processor-pressure-of-desktops-delays", test_processor_pressure},
        {"/placement/busy-hosts-come-last", test_busy_hosts_come_last},
        {"/access/deny-beats-allow-and-absence-is-nobody", test_access},
        {"/access/groups-come-from-the-system", test_system_groups},
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct world, NULL, setup, tests[i].run, teardown);
    }
    return g_test_run();
}
