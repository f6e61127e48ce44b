/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_STORE_SCHEMA_H
#define BROKER_STORE_SCHEMA_H

/*
 * schema: the tables, one step per version; step N brings user_version from N to N + 1.
 *
 * Steps are only ever added.
 */

static const char *const store_schema_steps[] = {
    "CREATE TABLE hosts(name TEXT PRIMARY KEY, drained INTEGER NOT NULL, revoked INTEGER NOT NULL,"
    " joined_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE join_tokens(hash TEXT PRIMARY KEY, host TEXT NOT NULL, expires_ms INTEGER NOT "
    "NULL,"
    " used_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE logins(hash TEXT PRIMARY KEY, user TEXT NOT NULL, created_ms INTEGER NOT NULL,"
    " used_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE desktops(id TEXT PRIMARY KEY, host TEXT NOT NULL REFERENCES hosts(name),"
    " slot INTEGER NOT NULL, pool TEXT NOT NULL, image TEXT NOT NULL, revision INTEGER NOT NULL,"
    " epoch INTEGER NOT NULL, cpu INTEGER NOT NULL, memory_mb INTEGER NOT NULL,"
    " accel_any INTEGER NOT NULL, gone INTEGER NOT NULL, created_ms INTEGER NOT NULL,"
    " UNIQUE(host, slot)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE sessions(id TEXT PRIMARY KEY, user TEXT NOT NULL, pool TEXT NOT NULL,"
    " desktop TEXT UNIQUE REFERENCES desktops(id), created_ms INTEGER NOT NULL,"
    " disconnected_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE streams(id TEXT PRIMARY KEY,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE, desktop TEXT NOT NULL,"
    " gateway TEXT NOT NULL, url TEXT NOT NULL, joined INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX streams_by_session ON streams(session);"
    "CREATE TABLE tickets(hash TEXT PRIMARY KEY, kind INTEGER NOT NULL,"
    " stream TEXT NOT NULL REFERENCES streams(id) ON DELETE CASCADE,"
    " session TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE, user TEXT NOT NULL,"
    " expires_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX tickets_by_stream ON tickets(stream);"
    "CREATE INDEX tickets_by_session ON tickets(session);"
    "CREATE TABLE throttle(account TEXT NOT NULL, source TEXT NOT NULL, failures INTEGER NOT NULL,"
    " since_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL,"
    " PRIMARY KEY(account, source)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX throttle_by_age ON throttle(last_ms);"
    "CREATE TABLE audit(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, kind TEXT NOT NULL,"
    " user TEXT NOT NULL, source TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL) STRICT;",
    "ALTER TABLE desktops ADD COLUMN display INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE desktops ADD COLUMN owner TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE desktops ADD COLUMN origin TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE desktops ADD COLUMN stopped INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE sessions ADD COLUMN account TEXT NOT NULL DEFAULT '';"
    "CREATE TABLE userdisks(pool TEXT NOT NULL, user TEXT NOT NULL,"
    " host TEXT NOT NULL REFERENCES hosts(name), gone INTEGER NOT NULL,"
    " created_ms INTEGER NOT NULL,"
    " PRIMARY KEY(pool, user)) STRICT, WITHOUT ROWID;",
    "ALTER TABLE desktops ADD COLUMN old_ms INTEGER NOT NULL DEFAULT 0;",
    "CREATE TABLE rollouts(image TEXT PRIMARY KEY, revision INTEGER NOT NULL,"
    " began_ms INTEGER NOT NULL, ask_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;",
    "ALTER TABLE desktops ADD COLUMN polite INTEGER NOT NULL DEFAULT 0;",
    "ALTER TABLE desktops ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;",
};

#define STORE_SCHEMA_VERSION ((int)(sizeof(store_schema_steps) / sizeof(store_schema_steps[0])))

#endif
