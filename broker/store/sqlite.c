/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "broker/store/schema.h"
#include "protocol/base/fd.h"

G_DEFINE_QUARK(store - error - quark, store_error)

static void
set_error(struct store *store, GError **error, const char *doing)
{
    g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "%s: %s", doing, sqlite3_errmsg(store->db));
}

void
store_hash(const char *token, char ret_hash[STORE_HASH_CHARS + 1])
{
    char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);

    g_strlcpy(ret_hash, hash, STORE_HASH_CHARS + 1);
    g_free(hash);
}

static bool
bind_value(sqlite3_stmt *statement, int index, char type, va_list *args)
{
    const char *text;

    if (type == 'i') {
        return sqlite3_bind_int64(statement, index, va_arg(*args, int64_t)) == SQLITE_OK;
    }
    text = va_arg(*args, const char *);
    if (type == 'S' && text[0] == '\0') {
        return sqlite3_bind_null(statement, index) == SQLITE_OK;
    }
    return sqlite3_bind_text(statement, index, text, -1, SQLITE_TRANSIENT) == SQLITE_OK;
}

sqlite3_stmt *
store_statement(struct store *store, GError **error, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement = g_hash_table_lookup(store->statements, sql);
    va_list args;
    int i;

    if (statement == NULL) {
        if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK) {
            set_error(store, error, "preparing a statement");
            return NULL;
        }
        g_hash_table_insert(store->statements, (gpointer)sql, statement);
    }
    sqlite3_reset(statement);
    va_start(args, types);
    for (i = 0; types[i] != '\0'; i++) {
        if (!bind_value(statement, i + 1, types[i], &args)) {
            va_end(args);
            set_error(store, error, "binding a value");
            return NULL;
        }
    }
    va_end(args);
    return statement;
}

enum store_result
store_step(struct store *store, sqlite3_stmt *statement, GError **error)
{
    int code;

    if (statement == NULL) {
        return STORE_FAILED;
    }
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        return STORE_OK;
    }
    if (code != SQLITE_DONE) {
        set_error(store, error, "writing the database");
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return code == SQLITE_DONE ? STORE_NONE : STORE_FAILED;
}

bool
store_finish(struct store *store, sqlite3_stmt *statement, GError **error)
{
    enum store_result result;

    do {
        result = store_step(store, statement, error);
    } while (result == STORE_OK);
    return result == STORE_NONE;
}

void
store_column(sqlite3_stmt *statement, int column, char *ret_text, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    g_strlcpy(ret_text, text != NULL ? text : "", size);
}

static bool
execute(struct store *store, const char *sql, GError **error)
{
    if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        set_error(store, error, "running a statement");
        return false;
    }
    return true;
}

bool
store_begin(struct store *store, GError **error)
{
    g_assert(store->depth == 0);
    if (!execute(store, "BEGIN IMMEDIATE", error)) {
        return false;
    }
    store->depth = 1;
    return true;
}

bool
store_end(struct store *store, bool ok, GError **error)
{
    g_assert(store->depth == 1);
    store->depth = 0;
    if (ok && execute(store, "COMMIT", error)) {
        return true;
    }
    /* A failed COMMIT (disk full) may have rolled back by itself: then this one finds nothing. */
    if (sqlite3_get_autocommit(store->db) == 0) {
        execute(store, "ROLLBACK", NULL);
    }
    return false;
}

/* Several brokers on one file would each believe that it is alone: refuse the second one. */
static int
take_lock(const char *path, GError **error)
{
    char *lock_path = g_strdup_printf("%s.lock", path);
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    int saved = errno;

    if (fd < 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "opening '%s': %s", lock_path,
                    g_strerror(saved));
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_BUSY,
                    "another broker works on '%s'; stop it first, or use another --state", path);
        vd_fd_clear(&fd);
    }
    g_free(lock_path);
    return fd;
}

static int
read_version(struct store *store, GError **error)
{
    sqlite3_stmt *statement = NULL;
    int version = -1;

    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        version = sqlite3_column_int(statement, 0);
    } else {
        set_error(store, error, "reading the schema version");
    }
    sqlite3_finalize(statement);
    return version;
}

static bool
migrate_one(struct store *store, int version, GError **error)
{
    char pragma[64];
    bool ok;

    g_snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", version + 1);
    if (!store_begin(store, error)) {
        return false;
    }
    ok = execute(store, store_schema_steps[version], error) && execute(store, pragma, error);
    return store_end(store, ok, error);
}

static bool
migrate(struct store *store, GError **error)
{
    int version = read_version(store, error);

    if (version < 0) {
        return false;
    }
    if (version > STORE_SCHEMA_VERSION) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_VERSION,
                    "the database has schema version %d, this broker knows %d; run the newer one",
                    version, STORE_SCHEMA_VERSION);
        return false;
    }
    for (; version < STORE_SCHEMA_VERSION; version++) {
        if (!migrate_one(store, version, error)) {
            return false;
        }
    }
    return true;
}

static void
finalize_statement(gpointer statement)
{
    sqlite3_finalize(statement);
}

struct store *
store_open(const char *path, GError **error)
{
    struct store *store = g_new0(struct store, 1);

    store->statements = g_hash_table_new_full(NULL, NULL, NULL, finalize_statement);
    store->lock_fd = take_lock(path, error);
    if (store->lock_fd < 0) {
        store_free(store);
        return NULL;
    }
    if (sqlite3_open_v2(path, &store->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW,
                        NULL) != SQLITE_OK) {
        g_set_error(error, STORE_ERROR, STORE_ERROR_IO, "opening '%s': %s", path,
                    sqlite3_errmsg(store->db));
        store_free(store);
        return NULL;
    }
    if (!execute(store, "PRAGMA locking_mode=EXCLUSIVE", error) ||
        !execute(store, "PRAGMA journal_mode=WAL", error) ||
        !execute(store, "PRAGMA synchronous=FULL", error) ||
        !execute(store, "PRAGMA foreign_keys=ON", error) ||
        !execute(store, "PRAGMA secure_delete=ON", error) ||
        !execute(store, "PRAGMA trusted_schema=OFF", error) || !migrate(store, error)) {
        store_free(store);
        return NULL;
    }
    return store;
}

void
store_free(struct store *store)
{
    if (store == NULL) {
        return;
    }
    g_hash_table_unref(store->statements);
    sqlite3_close(store->db);
    vd_fd_clear(&store->lock_fd);
    g_free(store);
}
