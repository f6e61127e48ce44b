/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/line.h"

#include <string.h>

#include "broker/reconcile.h"

struct entry {
    struct broker_place place;
    guint number; /* among the sessions: an order for those that came in the same moment */
};

static int
compare(gconstpointer a, gconstpointer b)
{
    const struct entry *x = a;
    const struct entry *y = b;

    if (x->place.at_ms != y->place.at_ms) {
        return x->place.at_ms < y->place.at_ms ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number ? 1 : 0;
}

/* Each one's place as if nobody waited but for one thing. */
static GArray *
list_waiting(const struct broker_model *model, int64_t now_ms)
{
    GArray *entries = g_array_new(FALSE, TRUE, sizeof(struct entry));
    guint i;

    for (i = 0; i < model->sessions->len; i++) {
        struct broker_session *session = g_ptr_array_index(model->sessions, i);
        struct entry entry = {.place = {session, session->queued_ms}, .number = i};

        if (session->row.desktop[0] == '\0' &&
            now_ms - session->polled_ms < BROKER_WAIT_CURRENT_MS) {
            g_array_append_val(entries, entry);
        }
    }
    return entries;
}

GArray *
broker_line_new(const struct broker_model *model, int64_t now_ms)
{
    GArray *entries = list_waiting(model, now_ms);
    GArray *line = g_array_sized_new(FALSE, TRUE, sizeof(struct broker_place), entries->len);
    GHashTable *last = g_hash_table_new(g_str_hash, g_str_equal); /* user to her last place */
    guint i;

    g_array_sort(entries, compare);
    for (i = 0; i < entries->len; i++) {
        struct entry *entry = &g_array_index(entries, struct entry, i);
        const char *user = entry->place.session->row.user;
        const int64_t *before = g_hash_table_lookup(last, user);

        if (before != NULL) {
            entry->place.at_ms = MAX(entry->place.at_ms, *before + BROKER_LINE_TURN_MS);
        }
        g_hash_table_insert(last, (gpointer)(uintptr_t)user, &entry->place.at_ms);
    }
    g_hash_table_unref(last);
    g_array_sort(entries, compare);
    for (i = 0; i < entries->len; i++) {
        g_array_append_val(line, g_array_index(entries, struct entry, i).place);
    }
    g_array_unref(entries);
    return line;
}

unsigned
broker_line_position(const struct broker_model *model, const struct broker_session *session,
                     int64_t now_ms)
{
    GArray *line = broker_line_new(model, now_ms);
    unsigned position = 0;
    bool found = false;
    guint i;

    for (i = 0; !found && i < line->len; i++) {
        const struct broker_session *other = g_array_index(line, struct broker_place, i).session;

        found = other == session;
        position += strcmp(other->row.pool, session->row.pool) == 0;
    }
    g_array_unref(line);
    return found ? position : 0;
}

void
broker_line_served(struct broker_model *model, const char *user, int64_t now_ms)
{
    guint i;

    for (i = 0; i < model->sessions->len; i++) {
        struct broker_session *session = g_ptr_array_index(model->sessions, i);

        if (session->row.desktop[0] == '\0' && strcmp(session->row.user, user) == 0) {
            session->queued_ms = now_ms;
        }
    }
}
