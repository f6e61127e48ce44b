/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/store.h"

#include "broker/store/sqlite.h"

/* Hosts, desktops, sessions and streams: loaded once at start, written through afterwards. */

typedef void (*read_row_fn)(sqlite3_stmt *statement, void *ret_row);

static GArray *
load(struct store *store, const char *sql, size_t row_size, read_row_fn read_row, GError **error)
{
    GArray *rows = g_array_new(FALSE, TRUE, (guint)row_size);
    sqlite3_stmt *statement = store_statement(store, error, sql, "");
    enum store_result result;

    while ((result = store_step(store, statement, error)) == STORE_OK) {
        g_array_set_size(rows, rows->len + 1);
        read_row(statement, rows->data + (size_t)(rows->len - 1) * row_size);
    }
    if (result == STORE_FAILED) {
        g_array_unref(rows);
        return NULL;
    }
    return rows;
}

static void
read_host(sqlite3_stmt *statement, void *ret_row)
{
    struct store_host *row = ret_row;

    store_column(statement, 0, row->name, sizeof(row->name));
    row->drained = sqlite3_column_int(statement, 1) != 0;
    row->revoked = sqlite3_column_int(statement, 2) != 0;
    row->joined_ms = sqlite3_column_int64(statement, 3);
}

GArray *
store_hosts_load(struct store *store, GError **error)
{
    return load(store, "SELECT name, drained, revoked, joined_ms FROM hosts ORDER BY name",
                sizeof(struct store_host), read_host, error);
}

bool
store_host_put(struct store *store, const struct store_host *host, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "INSERT INTO hosts(name, drained, revoked, joined_ms) VALUES(?1,?2,?3,?4)"
        " ON CONFLICT(name) DO UPDATE SET drained=?2, revoked=?3, joined_ms=?4",
        "siii", host->name, (int64_t)host->drained, (int64_t)host->revoked, host->joined_ms);

    return store_finish(store, statement, error);
}

static void
read_desktop(sqlite3_stmt *statement, void *ret_row)
{
    struct store_desktop *row = ret_row;

    store_column(statement, 0, row->id, sizeof(row->id));
    store_column(statement, 1, row->host, sizeof(row->host));
    row->slot = (unsigned)sqlite3_column_int(statement, 2);
    store_column(statement, 3, row->pool, sizeof(row->pool));
    store_column(statement, 4, row->image, sizeof(row->image));
    row->revision = (unsigned)sqlite3_column_int(statement, 5);
    row->epoch = sqlite3_column_int64(statement, 6);
    row->cpu = (unsigned)sqlite3_column_int(statement, 7);
    row->memory_mb = (unsigned)sqlite3_column_int(statement, 8);
    row->accel_any = sqlite3_column_int(statement, 9) != 0;
    row->gone = sqlite3_column_int(statement, 10) != 0;
    row->created_ms = sqlite3_column_int64(statement, 11);
    row->display = (unsigned)sqlite3_column_int(statement, 12);
    store_column(statement, 13, row->owner, sizeof(row->owner));
    store_column(statement, 14, row->origin, sizeof(row->origin));
    row->stopped = sqlite3_column_int(statement, 15) != 0;
    row->old_ms = sqlite3_column_int64(statement, 16);
    row->polite = sqlite3_column_int(statement, 17) != 0;
    row->parked = sqlite3_column_int(statement, 18) != 0;
}

GArray *
store_desktops_load(struct store *store, GError **error)
{
    return load(store,
                "SELECT id, host, slot, pool, image, revision, epoch, cpu, memory_mb, accel_any,"
                " gone, created_ms, display, owner, origin, stopped, old_ms, polite, parked"
                " FROM desktops ORDER BY created_ms, id",
                sizeof(struct store_desktop), read_desktop, error);
}

bool
store_desktop_put(struct store *store, const struct store_desktop *desktop, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "INSERT INTO desktops(id, host, slot, pool, image, revision, epoch, cpu, memory_mb,"
        " accel_any, gone, created_ms, display, owner, origin, stopped, old_ms, polite, parked)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18,?19)"
        " ON CONFLICT(id) DO UPDATE SET host=?2, slot=?3, pool=?4, image=?5, revision=?6,"
        " epoch=?7, cpu=?8, memory_mb=?9, accel_any=?10, gone=?11, created_ms=?12, display=?13,"
        " owner=?14, origin=?15, stopped=?16, old_ms=?17, polite=?18, parked=?19",
        "ssissiiiiiiiissiiii", desktop->id, desktop->host, (int64_t)desktop->slot, desktop->pool,
        desktop->image, (int64_t)desktop->revision, desktop->epoch, (int64_t)desktop->cpu,
        (int64_t)desktop->memory_mb, (int64_t)desktop->accel_any, (int64_t)desktop->gone,
        desktop->created_ms, (int64_t)desktop->display, desktop->owner, desktop->origin,
        (int64_t)desktop->stopped, desktop->old_ms, (int64_t)desktop->polite,
        (int64_t)desktop->parked);

    return store_finish(store, statement, error);
}

bool
store_desktop_remove(struct store *store, const char *id, GError **error)
{
    return store_finish(
        store, store_statement(store, error, "DELETE FROM desktops WHERE id=?1", "s", id), error);
}

static void
read_session(sqlite3_stmt *statement, void *ret_row)
{
    struct store_session *row = ret_row;

    store_column(statement, 0, row->id, sizeof(row->id));
    store_column(statement, 1, row->user, sizeof(row->user));
    store_column(statement, 2, row->pool, sizeof(row->pool));
    store_column(statement, 3, row->desktop, sizeof(row->desktop));
    row->created_ms = sqlite3_column_int64(statement, 4);
    row->disconnected_ms = sqlite3_column_int64(statement, 5);
    store_column(statement, 6, row->account, sizeof(row->account));
}

GArray *
store_sessions_load(struct store *store, GError **error)
{
    return load(store,
                "SELECT id, user, pool, desktop, created_ms, disconnected_ms, account"
                " FROM sessions ORDER BY created_ms, id",
                sizeof(struct store_session), read_session, error);
}

bool
store_session_put(struct store *store, const struct store_session *session, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "INSERT INTO sessions(id, user, pool, desktop, created_ms, disconnected_ms, account)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7)"
        " ON CONFLICT(id) DO UPDATE SET user=?2, pool=?3, desktop=?4, created_ms=?5,"
        " disconnected_ms=?6, account=?7",
        "sssSiis", session->id, session->user, session->pool, session->desktop, session->created_ms,
        session->disconnected_ms, session->account);

    return store_finish(store, statement, error);
}

bool
store_session_remove(struct store *store, const char *id, GError **error)
{
    return store_finish(
        store, store_statement(store, error, "DELETE FROM sessions WHERE id=?1", "s", id), error);
}

static void
read_stream(sqlite3_stmt *statement, void *ret_row)
{
    struct store_stream *row = ret_row;

    store_column(statement, 0, row->id, sizeof(row->id));
    store_column(statement, 1, row->session, sizeof(row->session));
    store_column(statement, 2, row->desktop, sizeof(row->desktop));
    store_column(statement, 3, row->gateway, sizeof(row->gateway));
    store_column(statement, 4, row->url, sizeof(row->url));
    row->joined = sqlite3_column_int(statement, 5) != 0;
    row->created_ms = sqlite3_column_int64(statement, 6);
}

GArray *
store_streams_load(struct store *store, GError **error)
{
    return load(store,
                "SELECT id, session, desktop, gateway, url, joined, created_ms FROM streams"
                " ORDER BY created_ms, id",
                sizeof(struct store_stream), read_stream, error);
}

bool
store_stream_put(struct store *store, const struct store_stream *stream, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "INSERT INTO streams(id, session, desktop, gateway, url, joined, created_ms)"
        " VALUES(?1,?2,?3,?4,?5,?6,?7)"
        " ON CONFLICT(id) DO UPDATE SET session=?2, desktop=?3, gateway=?4, url=?5, joined=?6,"
        " created_ms=?7",
        "sssssii", stream->id, stream->session, stream->desktop, stream->gateway, stream->url,
        (int64_t)stream->joined, stream->created_ms);

    return store_finish(store, statement, error);
}

bool
store_stream_remove(struct store *store, const char *id, GError **error)
{
    return store_finish(
        store, store_statement(store, error, "DELETE FROM streams WHERE id=?1", "s", id), error);
}

static void
read_userdisk(sqlite3_stmt *statement, void *ret_row)
{
    struct store_userdisk *row = ret_row;

    store_column(statement, 0, row->pool, sizeof(row->pool));
    store_column(statement, 1, row->user, sizeof(row->user));
    store_column(statement, 2, row->host, sizeof(row->host));
    row->gone = sqlite3_column_int(statement, 3) != 0;
    row->created_ms = sqlite3_column_int64(statement, 4);
}

GArray *
store_userdisks_load(struct store *store, GError **error)
{
    return load(store,
                "SELECT pool, user, host, gone, created_ms FROM userdisks ORDER BY pool, user",
                sizeof(struct store_userdisk), read_userdisk, error);
}

bool
store_userdisk_put(struct store *store, const struct store_userdisk *disk, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "INSERT INTO userdisks(pool, user, host, gone, created_ms)"
        " VALUES(?1,?2,?3,?4,?5)"
        " ON CONFLICT(pool, user) DO UPDATE SET host=?3, gone=?4, created_ms=?5",
        "sssii", disk->pool, disk->user, disk->host, (int64_t)disk->gone, disk->created_ms);

    return store_finish(store, statement, error);
}

bool
store_userdisk_remove(struct store *store, const char *pool, const char *user, GError **error)
{
    return store_finish(store,
                        store_statement(store, error,
                                        "DELETE FROM userdisks WHERE pool=?1 AND user=?2", "ss",
                                        pool, user),
                        error);
}

static void
read_rollout(sqlite3_stmt *statement, void *ret_row)
{
    struct store_rollout *row = ret_row;

    store_column(statement, 0, row->image, sizeof(row->image));
    row->revision = (unsigned)sqlite3_column_int64(statement, 1);
    row->began_ms = sqlite3_column_int64(statement, 2);
    row->ask_ms = sqlite3_column_int64(statement, 3);
    row->end_ms = sqlite3_column_int64(statement, 4);
}

GArray *
store_rollouts_load(struct store *store, GError **error)
{
    return load(store,
                "SELECT image, revision, began_ms, ask_ms, end_ms FROM rollouts ORDER BY image",
                sizeof(struct store_rollout), read_rollout, error);
}

bool
store_rollout_put(struct store *store, const struct store_rollout *rollout, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "INSERT INTO rollouts(image, revision, began_ms, ask_ms, end_ms) VALUES(?1,?2,?3,?4,?5)"
        " ON CONFLICT(image) DO UPDATE SET revision=?2, began_ms=?3, ask_ms=?4, end_ms=?5",
        "siiii", rollout->image, (int64_t)rollout->revision, rollout->began_ms, rollout->ask_ms,
        rollout->end_ms);

    return store_finish(store, statement, error);
}
