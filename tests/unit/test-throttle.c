/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/throttle.h"

#include <glib/gstdio.h>

#define NOW  INT64_C(1800000000000)
#define HOUR INT64_C(3600000)

struct fixture {
    char *folder;
    char *path;
    struct store *store;
};

static void
setup(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->folder = g_dir_make_tmp("vedette-throttle-XXXXXX", NULL);
    f->path = g_build_filename(f->folder, "vedette.db", NULL);
    f->store = store_open(f->path, NULL);
    g_assert_nonnull(f->store);
}

static void
teardown(struct fixture *f, gconstpointer data)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    size_t i;

    (void)data;
    store_free(f->store);
    for (i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        char *path = g_strconcat(f->path, suffixes[i], NULL);

        g_remove(path);
        g_free(path);
    }
    g_assert_cmpint(g_rmdir(f->folder), ==, 0);
    g_free(f->path);
    g_free(f->folder);
}

/* Somebody who tries again every second: in no hour are more than twenty guesses evaluated. */
static void
test_at_most_twenty_an_hour(void)
{
    struct store_throttle row = {.failures = 0};
    GArray *times = g_array_new(FALSE, FALSE, sizeof(int64_t));
    int64_t now;
    guint first = 0;
    guint most = 0;

    for (now = NOW; now < NOW + 24 * HOUR; now += 1000) {
        if (row.until_ms > now) {
            continue;
        }
        broker_throttle_count(&row, now);
        g_array_append_val(times, now);
        while (g_array_index(times, int64_t, first) <= now - HOUR) {
            first++;
        }
        most = MAX(most, times->len - first);
    }
    g_assert_cmpuint(most, >=, BROKER_THROTTLE_FREE);
    g_assert_cmpuint(most, <=, 20);
    g_array_unref(times);
}

static void
test_survives_reopening(struct fixture *f, gconstpointer data)
{
    unsigned i;

    (void)data;
    for (i = 0; i < BROKER_THROTTLE_FREE; i++) {
        g_assert_true(broker_throttle_charge(f->store, "Kim", "192.0.2.1", NOW));
    }
    g_assert_false(broker_throttle_charge(f->store, "kim", "192.0.2.1", NOW + 1));
    store_free(f->store);
    f->store = store_open(f->path, NULL);
    g_assert_false(broker_throttle_allows(f->store, "KIM", "192.0.2.1", NOW + 29999));
    g_assert_true(broker_throttle_allows(f->store, "kim", "192.0.2.1", NOW + 30000));
    g_assert_true(broker_throttle_allows(f->store, "kim", "192.0.2.2", NOW + 1));
    g_assert_true(broker_throttle_allows(f->store, "lee", "192.0.2.1", NOW + 1));
}

static void
test_success_forgives(struct fixture *f, gconstpointer data)
{
    unsigned i;

    (void)data;
    for (i = 0; i < 500; i++) {
        g_assert_true(broker_throttle_charge(f->store, "kim", "192.0.2.1", NOW));
        broker_throttle_forgive(f->store, "kim", "192.0.2.1");
    }
}

static void
test_account_over_all_sources(struct fixture *f, gconstpointer data)
{
    unsigned evaluated = 0;
    unsigned i;

    (void)data;
    for (i = 0; i < 300; i++) {
        char source[32];

        g_snprintf(source, sizeof(source), "192.0.2.%u", i);
        evaluated += broker_throttle_charge(f->store, "kim", source, NOW + i) ? 1 : 0;
    }
    g_assert_cmpuint(evaluated, ==, BROKER_THROTTLE_ACCOUNT);
    g_assert_true(broker_throttle_allows(f->store, "kim", "198.51.100.1", NOW + HOUR));
}

static void
test_clock_that_went_back(struct fixture *f, gconstpointer data)
{
    unsigned i;

    (void)data;
    for (i = 0; i < BROKER_THROTTLE_FREE; i++) {
        g_assert_true(broker_throttle_charge(f->store, "kim", "192.0.2.1", NOW));
    }
    g_assert_true(broker_throttle_allows(f->store, "kim", "192.0.2.1", NOW - 24 * HOUR));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/throttle/at-most-twenty-guesses-an-hour", test_at_most_twenty_an_hour);
    g_test_add("/throttle/survives-reopening", struct fixture, NULL, setup, test_survives_reopening,
               teardown);
    g_test_add("/throttle/success-forgives", struct fixture, NULL, setup, test_success_forgives,
               teardown);
    g_test_add("/throttle/account-over-all-sources", struct fixture, NULL, setup,
               test_account_over_all_sources, teardown);
    g_test_add("/throttle/clock-that-went-back", struct fixture, NULL, setup,
               test_clock_that_went_back, teardown);
    return g_test_run();
}
