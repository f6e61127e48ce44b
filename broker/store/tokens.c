/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/store/store.h"

#include "broker/store/sqlite.h"

/* Secrets that expire, the throttle that guards them, and the audit trail. */

#define LOGIN_TOUCH_MS (60 * 1000)            /* a login in use is written at most this often */
#define THROTTLE_MS    (24 * 60 * 60 * 1000L) /* a failure is forgotten after */
#define TICKET_KEEP_MS (60 * 60 * 1000L)      /* a spent ticket is kept for */

bool
store_join_token_put(struct store *store, const char *token, const char *host, int64_t expires_ms,
                     GError **error)
{
    char hash[STORE_HASH_CHARS + 1];

    store_hash(token, hash);
    return store_finish(store,
                        store_statement(store, error,
                                        "INSERT INTO join_tokens(hash, host, expires_ms, used_ms) "
                                        "VALUES(?1,?2,?3,0)",
                                        "ssi", hash, host, expires_ms),
                        error);
}

enum store_result
store_join_token_redeem(struct store *store, const char *token, const char *host, int64_t now_ms,
                        GError **error)
{
    char hash[STORE_HASH_CHARS + 1];
    sqlite3_stmt *statement;

    store_hash(token, hash);
    statement = store_statement(store, error,
                                "UPDATE join_tokens SET used_ms=?3 WHERE hash=?1 AND host=?2"
                                " AND used_ms=0 AND expires_ms>?3",
                                "ssi", hash, host, now_ms);
    if (!store_finish(store, statement, error)) {
        return STORE_FAILED;
    }
    return sqlite3_changes(store->db) == 1 ? STORE_OK : STORE_NONE;
}

bool
store_login_put(struct store *store, const char *token, const char *user, int64_t now_ms,
                GError **error)
{
    char hash[STORE_HASH_CHARS + 1];

    store_hash(token, hash);
    return store_finish(store,
                        store_statement(store, error,
                                        "INSERT INTO logins(hash, user, created_ms, used_ms)"
                                        " VALUES(?1,?2,?3,?3)",
                                        "ssi", hash, user, now_ms),
                        error);
}

enum store_result
store_login_find(struct store *store, const char *token, int64_t now_ms, int64_t idle_ms,
                 char ret_user[STORE_NAME_MAX + 1], GError **error)
{
    char hash[STORE_HASH_CHARS + 1];
    char user[STORE_NAME_MAX + 1];
    sqlite3_stmt *statement;
    enum store_result result;
    int64_t used_ms;

    store_hash(token, hash);
    statement =
        store_statement(store, error, "SELECT user, used_ms FROM logins WHERE hash=?1", "s", hash);
    result = store_step(store, statement, error);
    if (result != STORE_OK) {
        return result;
    }
    store_column(statement, 0, user, sizeof(user));
    used_ms = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    if (now_ms - used_ms >= idle_ms) {
        return store_login_remove(store, token, error) ? STORE_NONE : STORE_FAILED;
    }
    if (now_ms - used_ms >= LOGIN_TOUCH_MS) {
        statement = store_statement(store, error, "UPDATE logins SET used_ms=?2 WHERE hash=?1",
                                    "si", hash, now_ms);
        if (!store_finish(store, statement, error)) {
            return STORE_FAILED;
        }
    }
    g_strlcpy(ret_user, user, STORE_NAME_MAX + 1);
    return STORE_OK;
}

bool
store_login_remove(struct store *store, const char *token, GError **error)
{
    char hash[STORE_HASH_CHARS + 1];

    store_hash(token, hash);
    return store_finish(
        store, store_statement(store, error, "DELETE FROM logins WHERE hash=?1", "s", hash), error);
}

bool
store_ticket_put(struct store *store, const char *token, const struct store_ticket *ticket,
                 GError **error)
{
    char hash[STORE_HASH_CHARS + 1];

    store_hash(token, hash);
    return store_finish(
        store,
        store_statement(store, error,
                        "INSERT INTO tickets(hash, kind, stream, session, user, expires_ms,"
                        " used_ms) VALUES(?1,?2,?3,?4,?5,?6,0)",
                        "sisssi", hash, (int64_t)ticket->kind, ticket->stream, ticket->session,
                        ticket->user, ticket->expires_ms),
        error);
}

enum store_result
store_ticket_redeem(struct store *store, const char *token, enum store_ticket_kind kind,
                    int64_t now_ms, struct store_ticket *ret_ticket, GError **error)
{
    char hash[STORE_HASH_CHARS + 1];
    struct store_ticket ticket = {.kind = kind};
    sqlite3_stmt *statement;
    enum store_result result;

    store_hash(token, hash);
    /* One statement is one transaction: of any number of redeemers exactly one changes the row. */
    statement = store_statement(
        store, error,
        "UPDATE tickets SET used_ms=?3 WHERE hash=?1 AND kind=?2 AND used_ms=0 AND expires_ms>?3"
        " AND EXISTS(SELECT 1 FROM sessions WHERE sessions.id=tickets.session"
        " AND sessions.user=tickets.user) RETURNING stream, session, user, expires_ms",
        "sii", hash, (int64_t)kind, now_ms);
    result = store_step(store, statement, error);
    if (result != STORE_OK) {
        return result;
    }
    store_column(statement, 0, ticket.stream, sizeof(ticket.stream));
    store_column(statement, 1, ticket.session, sizeof(ticket.session));
    store_column(statement, 2, ticket.user, sizeof(ticket.user));
    ticket.expires_ms = sqlite3_column_int64(statement, 3);
    if (!store_finish(store, statement, error)) {
        return STORE_FAILED;
    }
    *ret_ticket = ticket;
    return STORE_OK;
}

enum store_result
store_throttle_get(struct store *store, const char *account, const char *source,
                   struct store_throttle *ret_row, GError **error)
{
    sqlite3_stmt *statement = store_statement(
        store, error,
        "SELECT account, source, failures, since_ms, last_ms, until_ms FROM throttle"
        " WHERE account=?1 AND source=?2",
        "ss", account, source);
    enum store_result result = store_step(store, statement, error);

    if (result != STORE_OK) {
        return result;
    }
    store_column(statement, 0, ret_row->account, sizeof(ret_row->account));
    store_column(statement, 1, ret_row->source, sizeof(ret_row->source));
    ret_row->failures = (unsigned)sqlite3_column_int(statement, 2);
    ret_row->since_ms = sqlite3_column_int64(statement, 3);
    ret_row->last_ms = sqlite3_column_int64(statement, 4);
    ret_row->until_ms = sqlite3_column_int64(statement, 5);
    sqlite3_reset(statement);
    return STORE_OK;
}

bool
store_throttle_put(struct store *store, const struct store_throttle *row, GError **error)
{
    return store_finish(
        store,
        store_statement(store, error,
                        "INSERT INTO throttle(account, source, failures, since_ms, last_ms,"
                        " until_ms) VALUES(?1,?2,?3,?4,?5,?6) ON CONFLICT(account, source)"
                        " DO UPDATE SET failures=?3, since_ms=?4, last_ms=?5, until_ms=?6",
                        "ssiiii", row->account, row->source, (int64_t)row->failures, row->since_ms,
                        row->last_ms, row->until_ms),
        error);
}

bool
store_throttle_remove(struct store *store, const char *account, const char *source, GError **error)
{
    return store_finish(store,
                        store_statement(store, error,
                                        "DELETE FROM throttle WHERE account=?1 AND source=?2", "ss",
                                        account, source),
                        error);
}

bool
store_audit(struct store *store, const struct store_event *event, int64_t now_ms, GError **error)
{
    char text[STORE_TEXT_MAX + 1];

    g_strlcpy(text, event->text != NULL ? event->text : "", sizeof(text));
    return store_finish(
        store,
        store_statement(store, error,
                        "INSERT INTO audit(at_ms, kind, user, source, subject, text)"
                        " VALUES(?1,?2,?3,?4,?5,?6)",
                        "isssss", now_ms, event->kind, event->user != NULL ? event->user : "",
                        event->source != NULL ? event->source : "",
                        event->subject != NULL ? event->subject : "", text),
        error);
}

GArray *
store_audit_load(struct store *store, int64_t since_ms, unsigned max, GError **error)
{
    GArray *entries = g_array_new(FALSE, TRUE, sizeof(struct store_entry));
    sqlite3_stmt *statement =
        store_statement(store, error,
                        "SELECT at_ms, kind, user, source, subject, text FROM (SELECT * FROM audit"
                        " WHERE at_ms>=?1 ORDER BY id DESC LIMIT ?2) ORDER BY id",
                        "ii", since_ms, (int64_t)max);
    enum store_result result;

    while ((result = store_step(store, statement, error)) == STORE_OK) {
        struct store_entry entry = {.at_ms = sqlite3_column_int64(statement, 0)};

        store_column(statement, 1, entry.kind, sizeof(entry.kind));
        store_column(statement, 2, entry.user, sizeof(entry.user));
        store_column(statement, 3, entry.source, sizeof(entry.source));
        store_column(statement, 4, entry.subject, sizeof(entry.subject));
        store_column(statement, 5, entry.text, sizeof(entry.text));
        g_array_append_val(entries, entry);
    }
    if (result == STORE_FAILED) {
        g_clear_pointer(&entries, g_array_unref);
    }
    return entries;
}

bool
store_prune(struct store *store, int64_t now_ms, int64_t idle_ms, GError **error)
{
    bool ok;

    if (!store_begin(store, error)) {
        return false;
    }
    ok = store_finish(store,
                      store_statement(store, error, "DELETE FROM tickets WHERE expires_ms<?1", "i",
                                      now_ms - (int64_t)TICKET_KEEP_MS),
                      error) &&
         store_finish(store,
                      store_statement(store, error, "DELETE FROM join_tokens WHERE expires_ms<?1",
                                      "i", now_ms - (int64_t)TICKET_KEEP_MS),
                      error) &&
         store_finish(store,
                      store_statement(store, error, "DELETE FROM logins WHERE used_ms<=?1", "i",
                                      now_ms - idle_ms),
                      error) &&
         store_finish(store,
                      store_statement(store, error, "DELETE FROM throttle WHERE last_ms<?1", "i",
                                      now_ms - (int64_t)THROTTLE_MS),
                      error) &&
         store_finish(
             store,
             store_statement(store, error,
                             "DELETE FROM throttle WHERE (account, source) IN (SELECT account,"
                             " source FROM throttle ORDER BY last_ms DESC LIMIT -1 OFFSET ?1)",
                             "i", (int64_t)STORE_MAX_THROTTLE),
             error) &&
         store_finish(store,
                      store_statement(store, error,
                                      "DELETE FROM audit WHERE id<=(SELECT max(id) FROM audit)-?1",
                                      "i", (int64_t)STORE_MAX_AUDIT),
                      error);
    return store_end(store, ok, error);
}
