/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/store.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define NOW   INT64_C(1800000000000)

struct fixture {
    char *folder;
    char *path;
    struct store *store;
};

static void
setup(struct fixture *f, gconstpointer data)
{
    GError *error = NULL;

    (void)data;
    f->folder = g_dir_make_tmp("vedette-store-XXXXXX", NULL);
    f->path = g_build_filename(f->folder, "vedette.db", NULL);
    f->store = store_open(f->path, &error);
    g_assert_no_error(error);
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

static void
put_host(struct store *store)
{
    struct store_host host = {.name = "alpha", .joined_ms = NOW};

    g_assert_true(store_host_put(store, &host, NULL));
}

static struct store_desktop
make_desktop(const char *id, unsigned slot)
{
    struct store_desktop desktop = {.host = "alpha",
                                    .slot = slot,
                                    .pool = "lab",
                                    .image = "tiny",
                                    .revision = 3,
                                    .epoch = 1,
                                    .cpu = 2,
                                    .memory_mb = 512,
                                    .accel_any = true,
                                    .display = 3,
                                    .created_ms = NOW};

    g_strlcpy(desktop.id, id, sizeof(desktop.id));
    g_strlcpy(desktop.owner, "kim", sizeof(desktop.owner));
    g_strlcpy(desktop.origin, "d-0000000f", sizeof(desktop.origin));
    desktop.stopped = true;
    desktop.polite = true;
    return desktop;
}

/* A host, a desktop, a session on it and a stream: what a ticket refers to. */
static void
put_session(struct store *store)
{
    struct store_desktop desktop = make_desktop("d-00000001", 4);
    struct store_session session = {.id = "s-1",
                                    .user = "kim",
                                    .pool = "lab",
                                    .desktop = "d-00000001",
                                    .created_ms = NOW,
                                    .disconnected_ms = NOW,
                                    .account = "{\"name\":\"kim\"}"};
    struct store_userdisk disk = {.pool = "lab", .user = "kim", .host = "alpha", .created_ms = NOW};
    struct store_stream stream = {.id = "x-1",
                                  .session = "s-1",
                                  .desktop = "d-00000001",
                                  .gateway = "gw",
                                  .url = "wss://localhost:8443/uplink",
                                  .created_ms = NOW};
    GError *error = NULL;

    put_host(store);
    store_desktop_put(store, &desktop, &error);
    g_assert_no_error(error);
    store_session_put(store, &session, &error);
    g_assert_no_error(error);
    store_stream_put(store, &stream, &error);
    g_assert_no_error(error);
    store_userdisk_put(store, &disk, &error);
    g_assert_no_error(error);
}

/* What was said with a publication is kept, and the next one of the image replaces it. */
static void
test_rollout_comes_back(struct fixture *f, gconstpointer data)
{
    struct store_rollout row = {
        .image = "tiny", .revision = 1, .began_ms = NOW, .ask_ms = 0, .end_ms = 60000};
    const struct store_rollout *kept;
    GArray *rows;

    (void)data;
    g_assert_true(store_rollout_put(f->store, &row, NULL));
    row.revision = 2;
    row.ask_ms = STORE_ROLLOUT_POOL;
    g_assert_true(store_rollout_put(f->store, &row, NULL));
    store_free(f->store);
    f->store = store_open(f->path, NULL);
    rows = store_rollouts_load(f->store, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    kept = &g_array_index(rows, struct store_rollout, 0);
    g_assert_cmpstr(kept->image, ==, "tiny");
    g_assert_cmpuint(kept->revision, ==, 2);
    g_assert_cmpint(kept->began_ms, ==, NOW);
    g_assert_cmpint(kept->ask_ms, ==, STORE_ROLLOUT_POOL);
    g_assert_cmpint(kept->end_ms, ==, 60000);
    g_array_unref(rows);
}

static struct store_ticket
make_ticket(const char *user)
{
    struct store_ticket ticket = {
        .kind = STORE_TICKET_CLIENT, .stream = "x-1", .session = "s-1", .expires_ms = NOW + 30000};

    g_strlcpy(ticket.user, user, sizeof(ticket.user));
    return ticket;
}

static void
test_rows_come_back(struct fixture *f, gconstpointer data)
{
    GArray *rows;
    struct store_desktop *desktop;
    struct store_session *session;
    struct store_stream *stream;

    (void)data;
    put_session(f->store);
    store_free(f->store);
    f->store = store_open(f->path, NULL);
    g_assert_nonnull(f->store);
    rows = store_hosts_load(f->store, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    g_assert_cmpstr(g_array_index(rows, struct store_host, 0).name, ==, "alpha");
    g_array_unref(rows);
    rows = store_desktops_load(f->store, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    desktop = &g_array_index(rows, struct store_desktop, 0);
    g_assert_cmpstr(desktop->id, ==, "d-00000001");
    g_assert_cmpstr(desktop->pool, ==, "lab");
    g_assert_cmpuint(desktop->slot, ==, 4);
    g_assert_cmpuint(desktop->revision, ==, 3);
    g_assert_cmpuint(desktop->memory_mb, ==, 512);
    g_assert_true(desktop->accel_any);
    g_assert_cmpuint(desktop->display, ==, 3);
    g_assert_cmpstr(desktop->owner, ==, "kim");
    g_assert_cmpstr(desktop->origin, ==, "d-0000000f");
    g_assert_true(desktop->stopped);
    g_assert_true(desktop->polite);
    g_assert_false(desktop->gone);
    g_array_unref(rows);
    rows = store_sessions_load(f->store, NULL);
    session = &g_array_index(rows, struct store_session, 0);
    g_assert_cmpstr(session->user, ==, "kim");
    g_assert_cmpstr(session->desktop, ==, "d-00000001");
    g_assert_cmpint(session->disconnected_ms, ==, NOW);
    g_assert_cmpstr(session->account, ==, "{\"name\":\"kim\"}");
    g_array_unref(rows);
    rows = store_userdisks_load(f->store, NULL);
    g_assert_cmpuint(rows->len, ==, 1);
    g_assert_cmpstr(g_array_index(rows, struct store_userdisk, 0).host, ==, "alpha");
    g_array_unref(rows);
    g_assert_true(store_userdisk_remove(f->store, "lab", "kim", NULL));
    rows = store_userdisks_load(f->store, NULL);
    g_assert_cmpuint(rows->len, ==, 0);
    g_array_unref(rows);
    rows = store_streams_load(f->store, NULL);
    stream = &g_array_index(rows, struct store_stream, 0);
    g_assert_cmpstr(stream->url, ==, "wss://localhost:8443/uplink");
    g_assert_false(stream->joined);
    g_array_unref(rows);
}

static void
test_slot_has_one_desktop(struct fixture *f, gconstpointer data)
{
    struct store_desktop second = make_desktop("d-00000002", 4);
    GError *error = NULL;

    (void)data;
    put_session(f->store);
    g_assert_false(store_desktop_put(f->store, &second, &error));
    g_assert_error(error, STORE_ERROR, STORE_ERROR_IO);
    g_clear_error(&error);
    second.slot = 5;
    g_assert_true(store_desktop_put(f->store, &second, NULL));
}

static void
test_desktop_with_session_stays(struct fixture *f, gconstpointer data)
{
    (void)data;
    put_session(f->store);
    g_assert_false(store_desktop_remove(f->store, "d-00000001", NULL));
    g_assert_true(store_session_remove(f->store, "s-1", NULL));
    g_assert_true(store_desktop_remove(f->store, "d-00000001", NULL));
}

static void
test_transaction_is_taken_back(struct fixture *f, gconstpointer data)
{
    struct store_desktop desktop = make_desktop("d-00000009", 9);
    GArray *rows;

    (void)data;
    put_host(f->store);
    g_assert_true(store_begin(f->store, NULL));
    g_assert_true(store_desktop_put(f->store, &desktop, NULL));
    g_assert_false(store_end(f->store, false, NULL));
    rows = store_desktops_load(f->store, NULL);
    g_assert_cmpuint(rows->len, ==, 0);
    g_array_unref(rows);
}

static void
test_second_opener_is_refused(struct fixture *f, gconstpointer data)
{
    GError *error = NULL;
    struct store *second = store_open(f->path, &error);

    (void)data;
    g_assert_null(second);
    g_assert_error(error, STORE_ERROR, STORE_ERROR_BUSY);
    g_assert_nonnull(strstr(error->message, "another broker"));
    g_clear_error(&error);
}

static void
test_ticket_is_redeemed_once(struct fixture *f, gconstpointer data)
{
    struct store_ticket ticket = make_ticket("kim");
    struct store_ticket got;
    int successes = 0;
    int i;

    (void)data;
    put_session(f->store);
    g_assert_true(store_ticket_put(f->store, TOKEN, &ticket, NULL));
    g_assert_cmpint(store_ticket_redeem(f->store, TOKEN, STORE_TICKET_UPLINK, NOW + 1, &got, NULL),
                    ==, STORE_NONE);
    for (i = 0; i < 100; i++) {
        if (store_ticket_redeem(f->store, TOKEN, STORE_TICKET_CLIENT, NOW + 1, &got, NULL) ==
            STORE_OK) {
            successes++;
        }
    }
    g_assert_cmpint(successes, ==, 1);
    g_assert_cmpstr(got.stream, ==, "x-1");
    g_assert_cmpstr(got.session, ==, "s-1");
    g_assert_cmpstr(got.user, ==, "kim");
}

static void
test_ticket_expires(struct fixture *f, gconstpointer data)
{
    struct store_ticket ticket = make_ticket("kim");
    struct store_ticket got;

    (void)data;
    put_session(f->store);
    g_assert_true(store_ticket_put(f->store, TOKEN, &ticket, NULL));
    g_assert_cmpint(
        store_ticket_redeem(f->store, TOKEN, STORE_TICKET_CLIENT, NOW + 30000, &got, NULL), ==,
        STORE_NONE);
    g_assert_cmpint(
        store_ticket_redeem(f->store, TOKEN, STORE_TICKET_CLIENT, NOW + 29999, &got, NULL), ==,
        STORE_OK);
}

static void
test_ticket_of_another_user_is_refused(struct fixture *f, gconstpointer data)
{
    struct store_ticket ticket = make_ticket("lee");
    struct store_ticket got;

    (void)data;
    put_session(f->store);
    g_assert_true(store_ticket_put(f->store, TOKEN, &ticket, NULL));
    g_assert_cmpint(store_ticket_redeem(f->store, TOKEN, STORE_TICKET_CLIENT, NOW + 1, &got, NULL),
                    ==, STORE_NONE);
}

static void
test_ticket_dies_with_its_session(struct fixture *f, gconstpointer data)
{
    struct store_ticket ticket = make_ticket("kim");
    struct store_ticket got;

    (void)data;
    put_session(f->store);
    g_assert_true(store_ticket_put(f->store, TOKEN, &ticket, NULL));
    g_assert_true(store_session_remove(f->store, "s-1", NULL));
    g_assert_cmpint(store_ticket_redeem(f->store, TOKEN, STORE_TICKET_CLIENT, NOW + 1, &got, NULL),
                    ==, STORE_NONE);
}

static void
test_tokens_are_not_in_the_file(struct fixture *f, gconstpointer data)
{
    struct store_ticket ticket = make_ticket("kim");
    static const char *const suffixes[] = {"", "-wal"};
    size_t i;

    (void)data;
    put_session(f->store);
    g_assert_true(store_ticket_put(f->store, TOKEN, &ticket, NULL));
    g_assert_true(store_login_put(f->store, TOKEN, "kim", NOW, NULL));
    g_assert_true(store_join_token_put(f->store, TOKEN, "beta", NOW + 1, NULL));
    for (i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        char *path = g_strconcat(f->path, suffixes[i], NULL);
        char *text = NULL;
        gsize size = 0;

        if (g_file_get_contents(path, &text, &size, NULL)) {
            g_assert_null(memmem(text, size, TOKEN, strlen(TOKEN)));
        }
        g_free(text);
        g_free(path);
    }
}

static void
test_join_token_works_once_for_its_host(struct fixture *f, gconstpointer data)
{
    (void)data;
    g_assert_true(store_join_token_put(f->store, TOKEN, "beta", NOW + 1000, NULL));
    g_assert_cmpint(store_join_token_redeem(f->store, TOKEN, "gamma", NOW, NULL), ==, STORE_NONE);
    g_assert_cmpint(store_join_token_redeem(f->store, TOKEN, "beta", NOW + 1000, NULL), ==,
                    STORE_NONE);
    g_assert_cmpint(store_join_token_redeem(f->store, TOKEN, "beta", NOW, NULL), ==, STORE_OK);
    g_assert_cmpint(store_join_token_redeem(f->store, TOKEN, "beta", NOW, NULL), ==, STORE_NONE);
}

static void
test_login_ends_after_idle_time(struct fixture *f, gconstpointer data)
{
    char user[STORE_NAME_MAX + 1] = "";

    (void)data;
    g_assert_true(store_login_put(f->store, TOKEN, "kim", NOW, NULL));
    g_assert_cmpint(store_login_find(f->store, TOKEN, NOW + 900000, 1000000, user, NULL), ==,
                    STORE_OK);
    g_assert_cmpstr(user, ==, "kim");
    /* The use above moved the idle clock. */
    g_assert_cmpint(store_login_find(f->store, TOKEN, NOW + 1800000, 1000000, user, NULL), ==,
                    STORE_OK);
    g_assert_cmpint(store_login_find(f->store, TOKEN, NOW + 2800000, 1000000, user, NULL), ==,
                    STORE_NONE);
    g_assert_cmpint(store_login_find(f->store, TOKEN, NOW + 1800000, 1000000, user, NULL), ==,
                    STORE_NONE);
}

static void
test_throttle_is_kept_and_forgotten(struct fixture *f, gconstpointer data)
{
    struct store_throttle row = {.account = "kim",
                                 .source = "192.0.2.1",
                                 .failures = 7,
                                 .since_ms = NOW,
                                 .last_ms = NOW,
                                 .until_ms = NOW + 4000};
    struct store_throttle got = {.failures = 0};

    (void)data;
    g_assert_true(store_throttle_put(f->store, &row, NULL));
    store_free(f->store);
    f->store = store_open(f->path, NULL);
    g_assert_cmpint(store_throttle_get(f->store, "kim", "192.0.2.1", &got, NULL), ==, STORE_OK);
    g_assert_cmpuint(got.failures, ==, 7);
    g_assert_cmpint(got.until_ms, ==, NOW + 4000);
    g_assert_cmpint(store_throttle_get(f->store, "kim", "192.0.2.2", &got, NULL), ==, STORE_NONE);
    g_assert_true(store_prune(f->store, NOW + 25 * 3600 * INT64_C(1000), 1000, NULL));
    g_assert_cmpint(store_throttle_get(f->store, "kim", "192.0.2.1", &got, NULL), ==, STORE_NONE);
}

/* The child acknowledges each committed desktop through a pipe and is killed in the middle. */
static void
write_until_killed(const char *path, int fd)
{
    struct store *store = store_open(path, NULL);
    unsigned slot;

    put_host(store);
    for (slot = 0; slot < 100000; slot++) {
        char id[STORE_ID_MAX + 1];
        struct store_desktop desktop;

        g_snprintf(id, sizeof(id), "d-%08x", slot);
        desktop = make_desktop(id, slot);
        if (!store_desktop_put(store, &desktop, NULL) ||
            write(fd, &slot, sizeof(slot)) != (ssize_t)sizeof(slot)) {
            _exit(1);
        }
    }
    _exit(0);
}

static void
test_acknowledged_rows_survive_a_kill(struct fixture *f, gconstpointer data)
{
    int pipes[2];
    unsigned slot = 0;
    unsigned acknowledged = 0;
    GArray *rows;
    pid_t pid;

    (void)data;
    g_clear_pointer(&f->store, store_free);
    g_assert_cmpint(pipe(pipes), ==, 0);
    pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        write_until_killed(f->path, pipes[1]);
    }
    close(pipes[1]);
    while (read(pipes[0], &slot, sizeof(slot)) == (ssize_t)sizeof(slot)) {
        acknowledged = slot + 1;
        if (acknowledged == 20) {
            kill(pid, SIGKILL);
        }
    }
    waitpid(pid, NULL, 0);
    close(pipes[0]);
    g_assert_cmpuint(acknowledged, >=, 20);
    f->store = store_open(f->path, NULL);
    g_assert_nonnull(f->store);
    rows = store_desktops_load(f->store, NULL);
    g_assert_cmpuint(rows->len, >=, acknowledged);
    g_assert_cmpuint(rows->len, <=, acknowledged + 1);
    g_array_unref(rows);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(struct fixture *f, gconstpointer data);
    } tests[] = {
        {"/store/rows-come-back-after-reopening", test_rows_come_back},
        {"/store/rollout-comes-back", test_rollout_comes_back},
        {"/store/slot-of-a-host-holds-one-desktop", test_slot_has_one_desktop},
        {"/store/desktop-with-a-session-cannot-be-removed", test_desktop_with_session_stays},
        {"/store/transaction-is-taken-back-whole", test_transaction_is_taken_back},
        {"/store/second-opener-is-refused-with-the-reason", test_second_opener_is_refused},
        {"/store/ticket-is-redeemed-exactly-once-of-a-hundred", test_ticket_is_redeemed_once},
        {"/store/ticket-expires", test_ticket_expires},
        {"/store/ticket-of-another-user-is-refused", test_ticket_of_another_user_is_refused},
        {"/store/ticket-dies-with-its-session", test_ticket_dies_with_its_session},
        {"/store/tokens-are-not-in-the-file", test_tokens_are_not_in_the_file},
        {"/store/join-token-works-once-for-its-host", test_join_token_works_once_for_its_host},
        {"/store/login-ends-after-idle-time", test_login_ends_after_idle_time},
        {"/store/throttle-survives-and-is-forgotten", test_throttle_is_kept_and_forgotten},
        {"/store/acknowledged-rows-survive-kill-9", test_acknowledged_rows_survive_a_kill},
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct fixture, NULL, setup, tests[i].run, teardown);
    }
    return g_test_run();
}
