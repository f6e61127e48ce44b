/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_STORE_SQLITE_H
#define BROKER_STORE_SQLITE_H

/* sqlite: what the files of this folder share; nobody outside includes it. */

#include <glib.h>
#include <sqlite3.h>
#include <stdbool.h>

#include "broker/store/store.h"

#define STORE_HASH_CHARS 64u /* hex digits of SHA-256 */

struct store {
    sqlite3 *db;
    GHashTable *statements; /* SQL text (static) to prepared statement */
    int lock_fd;
    unsigned depth; /* open store_begin() calls: 0 or 1 */
};

/*
 * A reset statement with its values bound by type letter: s const char * (NULL when empty for S),
 * i int64_t. NULL and *error on failure.
 */
sqlite3_stmt *store_statement(struct store *store, GError **error, const char *sql,
                              const char *types, ...);
/* Runs a statement that yields no rows. */
bool store_finish(struct store *store, sqlite3_stmt *statement, GError **error);
/* One step of a query: STORE_OK with a row, STORE_NONE at the end (the statement is reset). */
enum store_result store_step(struct store *store, sqlite3_stmt *statement, GError **error);
/* Copies column text into a field of size bytes. */
void store_column(sqlite3_stmt *statement, int column, char *ret_text, size_t size);
void store_hash(const char *token, char ret_hash[STORE_HASH_CHARS + 1]);

#endif
