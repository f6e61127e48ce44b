/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/poolfile.h"
#include "broker/poolfolder.h"

#include <glib/gstdio.h>
#include <string.h>

#include "broker/poolvalue.h"

#define MINIMAL "[Pool]\nMax=4\n[Image]\nName=tiny\n"

static GPtrArray *
errors_new(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

/* Expects exactly these lines, in this order; expected ends with NULL. */
static void
expect_errors(const char *text, const char *const *expected)
{
    GPtrArray *errors = errors_new();
    struct broker_pool *pool = broker_pool_parse("lab", "lab.pool", text, strlen(text), errors);
    guint i;

    g_assert_null(pool);
    for (i = 0; i < errors->len && expected[i] != NULL; i++) {
        g_assert_cmpstr(g_ptr_array_index(errors, i), ==, expected[i]);
    }
    g_assert_cmpuint(errors->len, ==, g_strv_length((char **)expected));
    g_ptr_array_unref(errors);
}

static struct broker_pool *
expect_pool(const char *text)
{
    GPtrArray *errors = errors_new();
    struct broker_pool *pool = broker_pool_parse("lab", "lab.pool", text, strlen(text), errors);

    g_assert_cmpuint(errors->len, ==, 0);
    g_assert_nonnull(pool);
    g_ptr_array_unref(errors);
    return pool;
}

static void
test_whole_file(void)
{
    struct broker_pool *pool = expect_pool("# comment\n"
                                           "[Pool]\n"
                                           "Description=Linux lab\n"
                                           "Type=floating\n"
                                           "Max=120\n"
                                           "MaxPerUser=1\n"
                                           "Allow=@students  kim\n"
                                           "Allow=@staff\n"
                                           "Deny=@suspended\n"
                                           "[Image]\n"
                                           "Name=fedora-lab\n"
                                           "Revision=7\n"
                                           "Refresh=logoff\n"
                                           "[Machine]\n"
                                           "CPU=4\n"
                                           "Memory=4G\n"
                                           "Accel=any\n"
                                           "Display=qxl\n"
                                           "Clone=disk\n"
                                           "[Display]\n"
                                           "LastScreen=yes\n"
                                           "Monitors=2\n"
                                           "[Placement]\n"
                                           "Overcommit=16\n"
                                           "[Spares]\n"
                                           "Running=6\n"
                                           "Restrain=5/1h\n"
                                           "[Session]\n"
                                           "Disconnected=1h 30min\n"
                                           "OnDisconnectExpire=logoff\n");

    g_assert_cmpstr(pool->name, ==, "lab");
    g_assert_cmpstr(pool->description, ==, "Linux lab");
    g_assert_cmpuint(pool->max, ==, 120);
    g_assert_cmpuint(pool->allow->len, ==, 3);
    g_assert_cmpstr(g_ptr_array_index(pool->allow, 0), ==, "@students");
    g_assert_cmpstr(g_ptr_array_index(pool->allow, 2), ==, "@staff");
    g_assert_cmpstr(g_ptr_array_index(pool->deny, 0), ==, "@suspended");
    g_assert_cmpstr(pool->image, ==, "fedora-lab");
    g_assert_cmpuint(pool->revision, ==, 7);
    g_assert_cmpuint(pool->cpu, ==, 4);
    g_assert_cmpuint(pool->memory_mb, ==, 4096);
    g_assert_true(pool->accel_any);
    g_assert_cmpuint(pool->display, ==, BROKER_DISPLAY_QXL);
    g_assert_cmpstr(broker_display_name(pool->display), ==, "qxl");
    g_assert_cmpuint(pool->clone, ==, BROKER_CLONE_DISK);
    g_assert_false(broker_pool_forks(pool));
    g_assert_true(pool->last_screen);
    g_assert_cmpuint(pool->monitors, ==, 2);
    g_assert_cmpuint(pool->overcommit, ==, 16);
    g_assert_cmpuint(pool->spares_running, ==, 6);
    g_assert_cmpuint(pool->restrain_count, ==, 5);
    g_assert_cmpint(pool->restrain_ms, ==, 3600000);
    g_assert_cmpint(pool->disconnected_ms, ==, 5400000);
    broker_pool_free(pool);
}

static void
test_expiry(void)
{
    static const char *const parked[] = {
        "lab.pool:6: OnAbsoluteExpire=park cannot be had; use OnAbsoluteExpire=logoff", NULL};
    static const char *const unknown[] = {
        "lab.pool:6: OnAbsoluteExpire=halt: logoff or shutdown is wanted", NULL};
    struct broker_pool *pool =
        expect_pool(MINIMAL "[Session]\nOnDisconnectExpire=shutdown\nOnAbsoluteExpire=shutdown\n");

    g_assert_cmpuint(pool->disconnected_expire, ==, BROKER_EXPIRE_SHUTDOWN);
    g_assert_cmpuint(pool->input_idle_expire, ==, BROKER_EXPIRE_LOGOFF);
    g_assert_cmpuint(pool->absolute_expire, ==, BROKER_EXPIRE_SHUTDOWN);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "[Session]\nOnDisconnectExpire=park\nOnInputIdleExpire=park\n");
    g_assert_cmpuint(pool->disconnected_expire, ==, BROKER_EXPIRE_PARK);
    g_assert_cmpuint(pool->input_idle_expire, ==, BROKER_EXPIRE_PARK);
    broker_pool_free(pool);
    expect_errors(MINIMAL "[Session]\nOnAbsoluteExpire=park\n", parked);
    expect_errors(MINIMAL "[Session]\nOnAbsoluteExpire=halt\n", unknown);
}

static void
test_defaults(void)
{
    struct broker_pool *pool = expect_pool(MINIMAL);

    g_assert_cmpstr(pool->description, ==, "lab");
    g_assert_cmpuint(pool->allow->len, ==, 0);
    g_assert_cmpuint(pool->revision, ==, 0);
    g_assert_false(pool->accel_any);
    g_assert_false(pool->last_screen);
    g_assert_cmpuint(pool->monitors, ==, BROKER_MONITORS);
    g_assert_cmpuint(pool->display, ==, BROKER_DISPLAY_AUTO);
    g_assert_true(broker_pool_forks(pool));
    g_assert_cmpuint(pool->overcommit, ==, BROKER_OVERCOMMIT_CPU);
    g_assert_cmpint(pool->disconnected_ms, ==, 7200000);
    broker_pool_free(pool);
}

static void
test_monitors_are_one_to_four(void)
{
    static const char *const none[] = {
        "lab.pool:6: Monitors=0: a whole number from 1 to 4 is wanted", NULL};
    static const char *const five[] = {
        "lab.pool:6: Monitors=5: a whole number from 1 to 4 is wanted", NULL};

    expect_errors(MINIMAL "[Display]\nMonitors=0\n", none);
    expect_errors(MINIMAL "[Display]\nMonitors=5\n", five);
}

static void
test_last_screen_is_no_or_yes(void)
{
    static const char *const errors[] = {
        "lab.pool:6: LastScreen=Yes: no or yes is wanted",
        "lab.pool:7: 'LastScreen' was already given in line 6",
        "lab.pool:8: unknown key 'LastScren' in [Display]; did you mean 'LastScreen'?",
        "lab.pool:10: key 'LastScreen' belongs to [Display], not to [Machine]",
        NULL,
    };
    struct broker_pool *pool = expect_pool(MINIMAL "[Display]\nLastScreen=no\n");

    g_assert_false(pool->last_screen);
    broker_pool_free(pool);
    expect_errors(MINIMAL "[Display]\nLastScreen=Yes\nLastScreen=no\nLastScren=no\n"
                          "[Machine]\nLastScreen=yes\n",
                  errors);
}

static void
test_empty_resets_a_list(void)
{
    struct broker_pool *pool = expect_pool("[Pool]\nMax=1\nAllow=kim lee\nAllow=\nAllow=choi\n"
                                           "[Image]\nName=tiny\n");

    g_assert_cmpuint(pool->allow->len, ==, 1);
    g_assert_cmpstr(g_ptr_array_index(pool->allow, 0), ==, "choi");
    broker_pool_free(pool);
}

static void
test_many_mistakes_at_once(void)
{
    static const char *const expected[] = {
        "lab.pool:2: unknown key 'Descripton' in [Pool]; did you mean 'Description'?",
        "lab.pool:4: Max=many: a whole number from 1 to 10000 is wanted",
        "lab.pool:5: 'Max' was already given in line 4",
        "lab.pool:9: unknown section [Machin]; did you mean [Machine]?",
        "lab.pool:12: Running=-4: a whole number from 0 to 10000 is wanted",
        NULL};

    expect_errors("[Pool]\n"
                  "Descripton=Broken\n"
                  "Type=floating\n"
                  "Max=many\n"
                  "Max=3\n"
                  "[Image]\n"
                  "Name=tiny\n"
                  "\n"
                  "[Machin]\n"
                  "CPU=1\n"
                  "[Spares]\n"
                  "Running=-4\n",
                  expected);
}

/* A file that only leaves forking to the host is right: its desktops are booted. */
static void
test_forking_ruled_out(void)
{
    static const char *const expected[] = {
        "lab.pool:7: Clone=fork needs Display=dbus: what SPICE shows cannot be forked", NULL};
    struct broker_pool *pool = expect_pool(MINIMAL "[Machine]\nDisplay=spice\n");

    g_assert_false(broker_pool_forks(pool));
    broker_pool_free(pool);
    expect_errors(MINIMAL "[Machine]\nDisplay=spice\nClone=fork\n", expected);
}

static void
test_missing_keys(void)
{
    static const char *const expected[] = {"lab.pool:1: 'Max' is missing in [Pool]",
                                           "lab.pool:1: 'Name' is missing in [Image]", NULL};

    expect_errors("", expected);
}

static void
test_units_are_mandatory(void)
{
    static const char *const expected[] = {
        "lab.pool:6: Memory=512: the unit must be M, G or T, such as 512M or 4G",
        "lab.pool:8: Disconnected=30: the unit must be ms, s, min, h or d, such as 30s or 5min",
        "lab.pool:10: Restrain=3/10: the unit must be ms, s, min, h or d, such as 30s or 5min",
        NULL};

    expect_errors(MINIMAL "[Machine]\nMemory=512\n[Session]\nDisconnected=30\n"
                          "[Spares]\nRestrain=3/10\n",
                  expected);
}

static void
test_dedicated(void)
{
    struct broker_pool *pool = expect_pool("[Pool]\nType=dedicated\nMax=1\n[Image]\nName=tiny\n"
                                           "[Trash]\nKeep=1h\n");

    g_assert_true(pool->dedicated);
    g_assert_cmpint(pool->trash_ms, ==, 3600000);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "SoftDeadline=4h\nHardDeadline=1d\n[Trash]\nKeep=never\n");
    g_assert_cmpint(pool->soft_ms, ==, 4 * 3600000);
    g_assert_cmpint(pool->hard_ms, ==, 24 * 3600000);
    g_assert_false(pool->dedicated);
    g_assert_cmpint(pool->trash_ms, ==, 0);
    broker_pool_free(pool);
}

static void
test_userdisk(void)
{
    static const char *const dedicated[] = {
        "lab.pool:7: [UserDisk] is for Type=floating: a dedicated desktop keeps its own disk",
        NULL};
    static const char *const image[] = {
        "lab.pool:6: [UserDisk] needs Account=user in [Session]: whose home would it be?", NULL};
    static const char *const several[] = {
        "lab.pool:9: [UserDisk] needs MaxPerUser=1: the disk can be in one desktop only", NULL};
    struct broker_pool *pool =
        expect_pool(MINIMAL "[Session]\nAccount=user\n[UserDisk]\nSize=10G\n");

    g_assert_true(pool->accounts);
    g_assert_cmpuint(pool->userdisk_mb, ==, 10240);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL);
    g_assert_false(pool->accounts);
    g_assert_cmpuint(pool->userdisk_mb, ==, 0);
    broker_pool_free(pool);
    expect_errors("[Pool]\nType=dedicated\nMax=1\n[Image]\nName=tiny\n[UserDisk]\nSize=1G\n",
                  dedicated);
    expect_errors(MINIMAL "[UserDisk]\nSize=1G\n", image);
    expect_errors("[Pool]\nMax=4\nMaxPerUser=2\n[Image]\nName=tiny\n[Session]\nAccount=user\n"
                  "[UserDisk]\nSize=1G\n",
                  several);
}

static void
test_network(void)
{
    static const char *const expected[] = {
        "lab.pool:6: Network=br0: 'none' or 'bridge:' and the name of a bridge on the hosts, as "
        "bridge:br0",
        NULL};
    struct broker_pool *pool = expect_pool(MINIMAL "[Machine]\nNetwork=bridge:br-lab.7\n");

    g_assert_cmpstr(pool->bridge, ==, "br-lab.7");
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "[Machine]\nNetwork=none\n");
    g_assert_null(pool->bridge);
    broker_pool_free(pool);
    expect_errors(MINIMAL "[Machine]\nNetwork=br0\n", expected);
}

static void
test_overhead(void)
{
    static const char *const wrong[] = {"15",
                                        "0%",
                                        "0.0%",
                                        "1000.1%",
                                        "15.25%",
                                        "15.%",
                                        ".5%",
                                        "-1%",
                                        "15 %",
                                        "many",
                                        "99999999999999999999%",
                                        "15%%"};
    struct broker_pool *pool = expect_pool(MINIMAL);
    char *text;
    size_t i;

    g_assert_cmpuint(pool->overhead_max, ==, 0);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "[Placement]\nOverheadMax=15%\n");
    g_assert_cmpuint(pool->overhead_max, ==, 150);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "[Placement]\nOverheadMax=0.1%\n");
    g_assert_cmpuint(pool->overhead_max, ==, 1);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "[Placement]\nOverheadMax=1000%\n");
    g_assert_cmpuint(pool->overhead_max, ==, 10000);
    broker_pool_free(pool);
    pool = expect_pool(MINIMAL "[Placement]\nOverheadMax=none\n");
    g_assert_cmpuint(pool->overhead_max, ==, 0);
    broker_pool_free(pool);
    for (i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *file = g_strdup_printf(MINIMAL "[Placement]\nOverheadMax=%s\n", wrong[i]);
        g_autofree char *message = g_strdup_printf(
            "lab.pool:6: OverheadMax=%s: 'none' or a share with at most one decimal is wanted, "
            "such as 15%% or 7.5%%, from 0.1%% to 1000%%",
            wrong[i]);
        const char *const expected[] = {message, NULL};

        expect_errors(file, expected);
    }
    text = broker_value_percent_text(150);
    g_assert_cmpstr(text, ==, "15%");
    g_free(text);
    text = broker_value_percent_text(1);
    g_assert_cmpstr(text, ==, "0.1%");
    g_free(text);
}

static void
test_bad_principals(void)
{
    static const char *const expected[] = {"lab.pool:3: '*': no wildcards; name users and @groups",
                                           "lab.pool:3: '@' is neither a user nor a @group",
                                           "lab.pool:4: 'a/b' is neither a user nor a @group",
                                           NULL};

    expect_errors("[Pool]\nMax=1\nAllow=* @ kim\nDeny=a/b\n[Image]\nName=tiny\n", expected);
}

static void
test_misplaced_key(void)
{
    static const char *const expected[] = {
        "lab.pool:5: key 'Memory' belongs to [Machine], not to [Image]",
        "lab.pool:6: Revision=0: 'latest' or a whole number from 1 to 1000000 is wanted", NULL};

    expect_errors(MINIMAL "Memory=1G\nRevision=0\n", expected);
}

static void
test_spares_within_max(void)
{
    static const char *const expected[] = {"lab.pool:6: Running=5 is more than Max=4", NULL};

    expect_errors(MINIMAL "[Spares]\nRunning=5\n", expected);
}

static void
test_values(void)
{
    char why[BROKER_VALUE_TEXT];
    int64_t value = 0;
    int64_t other = 0;

    g_assert_true(broker_value_duration("1d2h3min4s5ms", 0, INT64_MAX / 8, &value, why));
    g_assert_cmpint(value, ==, ((26 * 60 + 3) * 60 + 4) * 1000 + 5);
    g_assert_false(broker_value_duration("", 0, 1000, &value, why));
    g_assert_false(broker_value_duration("5 min", 0, 1000000, &value, why));
    g_assert_false(broker_value_duration("2s", 0, 1999, &value, why));
    g_assert_true(broker_value_duration("2s", 0, 2000, &value, why));
    g_assert_false(broker_value_duration("99999999999999999999s", 0, INT64_MAX, &value, why));
    g_assert_false(broker_value_memory("9000000000000000000T", 0, INT64_MAX, &value, why));
    g_assert_true(broker_value_memory("1T", 0, 1048576, &value, why));
    g_assert_false(broker_value_memory("1025G", 0, 1048576, &value, why));
    g_assert_false(broker_value_memory("64m", 0, 1048576, &value, why));
    g_assert_true(broker_value_rate("3/10min", &value, &other, why));
    g_assert_cmpint(value, ==, 3);
    g_assert_cmpint(other, ==, 600000);
    g_assert_false(broker_value_rate("0/10min", &value, &other, why));
    g_assert_false(broker_value_rate("3", &value, &other, why));
    g_assert_false(broker_value_number("1x", 0, 9, &value, why));
}

static void
write_file(const char *dir, const char *name, const char *text)
{
    char *path = g_build_filename(dir, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_free(path);
}

static void
remove_file(const char *dir, const char *name)
{
    char *path = g_build_filename(dir, name, NULL);

    g_assert_cmpint(g_remove(path), ==, 0);
    g_free(path);
}

static void
test_folder(void)
{
    char *dir = g_dir_make_tmp("vedette-pools-XXXXXX", NULL);
    GPtrArray *errors = NULL;
    struct broker_pools *pools;

    write_file(dir, "b.pool", MINIMAL);
    write_file(dir, "a.pool", MINIMAL);
    write_file(dir, "notes.txt", "anything");
    pools = broker_pools_load(dir, &errors);
    g_assert_nonnull(pools);
    g_assert_null(errors);
    g_assert_cmpuint(pools->items->len, ==, 2);
    g_assert_nonnull(broker_pools_find(pools, "a"));
    g_assert_null(broker_pools_find(pools, "notes"));
    broker_pools_free(pools);

    /* Errors of all files come together, and one bad file is no set. */
    write_file(dir, "c.pool", "[Pool]\nMax=0\n[Image]\nName=tiny\n");
    write_file(dir, "d.pool", "[Pool]\nMax=1\nMaxx=1\n[Image]\nName=tiny\n");
    write_file(dir, "B.pool", MINIMAL);
    pools = broker_pools_load(dir, &errors);
    g_assert_null(pools);
    g_assert_cmpuint(errors->len, ==, 3);
    g_assert_nonnull(strstr(g_ptr_array_index(errors, 0), "c.pool:2: Max=0"));
    g_assert_nonnull(strstr(g_ptr_array_index(errors, 1), "d.pool:3: unknown key 'Maxx'"));
    g_assert_nonnull(strstr(g_ptr_array_index(errors, 2), "exists already"));
    g_ptr_array_unref(errors);
    remove_file(dir, "a.pool");
    remove_file(dir, "b.pool");
    remove_file(dir, "B.pool");
    remove_file(dir, "c.pool");
    remove_file(dir, "d.pool");
    remove_file(dir, "notes.txt");
    g_assert_cmpint(g_rmdir(dir), ==, 0);
    errors = NULL;
    g_assert_null(broker_pools_load(dir, &errors));
    g_assert_cmpuint(errors->len, ==, 1);
    g_ptr_array_unref(errors);
    g_free(dir);
}

static void
test_schedules(void)
{
    static const char *const expected[] = {
        "lab.pool:5: [Schedule a b]: a name of letters, digits, '.', '_' and '-' is wanted",
        "lab.pool:7: From=noon: days and a time such as 'Mon..Fri 07:30', 'Sat,Sun 09:00' or "
        "'07:30' are wanted",
        "lab.pool:8: Until=25:00: a time such as '09:30' is wanted",
        "lab.pool:9: unknown key 'Stopped' in [Schedule early]; From, Until, Running and Parked "
        "are known",
        NULL};
    static const char *const missing[] = {"lab.pool:5: 'Until' is missing in [Schedule early]",
                                          NULL};
    static const char *const sum[] = {
        "lab.pool:5: [Schedule early]: Running=2 and Parked=3 are more than Max=4", NULL};
    static const char *const spares[] = {"lab.pool:7: Running=2 and Parked=3 are more than Max=4",
                                         NULL};
    static const char *const many[] = {"lab.pool:5: [Schedule early]: Running=5 is more than Max=4",
                                       NULL};

    expect_errors(MINIMAL "[Schedule a b]\n[Schedule early]\nFrom=noon\nUntil=25:00\nStopped=1\n",
                  expected);
    expect_errors(MINIMAL "[Schedule early]\nFrom=07:30\nRunning=1\n", missing);
    expect_errors(MINIMAL "[Schedule early]\nFrom=07:30\nUntil=08:30\nRunning=5\n", many);
    expect_errors(MINIMAL "[Schedule early]\nFrom=07:30\nUntil=08:30\nRunning=2\nParked=3\n", sum);
    expect_errors(MINIMAL "[Spares]\nRunning=2\nParked=3\n", spares);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/poolfile/forking-ruled-out", test_forking_ruled_out);
    g_test_add_func("/poolfile/whole-file-is-read", test_whole_file);
    g_test_add_func("/poolfile/defaults-without-optional-keys", test_defaults);
    g_test_add_func("/poolfile/what-clocks-do", test_expiry);
    g_test_add_func("/poolfile/monitors-are-one-to-four", test_monitors_are_one_to_four);
    g_test_add_func("/poolfile/last-screen-is-no-or-yes", test_last_screen_is_no_or_yes);
    g_test_add_func("/poolfile/empty-value-resets-a-list", test_empty_resets_a_list);
    g_test_add_func("/poolfile/five-mistakes-give-five-lines", test_many_mistakes_at_once);
    g_test_add_func("/poolfile/missing-keys-are-named", test_missing_keys);
    g_test_add_func("/poolfile/units-are-mandatory", test_units_are_mandatory);
    g_test_add_func("/poolfile/dedicated", test_dedicated);
    g_test_add_func("/poolfile/user-disk-needs-its-user", test_userdisk);
    g_test_add_func("/poolfile/network-is-a-bridge", test_network);
    g_test_add_func("/poolfile/overhead-is-a-share-or-none", test_overhead);
    g_test_add_func("/poolfile/bad-principals-are-refused", test_bad_principals);
    g_test_add_func("/poolfile/misplaced-key-names-its-section", test_misplaced_key);
    g_test_add_func("/poolfile/spares-fit-into-max", test_spares_within_max);
    g_test_add_func("/poolfile/schedules", test_schedules);
    g_test_add_func("/poolvalue/values-with-units", test_values);
    g_test_add_func("/poolfile/folder-is-all-or-nothing", test_folder);
    return g_test_run();
}
