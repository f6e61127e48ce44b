/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/plan.h"

#include <string.h>

#include "broker/jsonget.h"
#include "broker/poolfile.h"
#include "broker/reconcile.h"

struct entry {
    char *section, *key, *value;
};

static void
free_entry(gpointer data)
{
    struct entry *entry = data;

    g_free(entry->section);
    g_free(entry->key);
    g_free(entry->value);
    g_free(entry);
}

static void
keep_key(const char *section, const char *key, const char *value, void *user_data)
{
    struct entry *entry = g_new0(struct entry, 1);

    entry->section = g_strdup(section);
    entry->key = g_strdup(key);
    entry->value = g_strdup(value);
    g_ptr_array_add(user_data, entry);
}

/* struct entry of every key; none for NULL. */
static GPtrArray *
list_keys(const struct broker_pool *pool)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(free_entry);

    if (pool != NULL) {
        broker_pool_visit(pool, keep_key, entries);
    }
    return entries;
}

static const char *
find_value(const GPtrArray *entries, const struct entry *like)
{
    guint i;

    for (i = 0; i < entries->len; i++) {
        const struct entry *entry = g_ptr_array_index(entries, i);

        if (strcmp(entry->section, like->section) == 0 && strcmp(entry->key, like->key) == 0) {
            return entry->value;
        }
    }
    return NULL;
}

static void
add_difference(json_t *keys, const struct entry *entry, const char *from, const char *to)
{
    json_t *item = json_object();

    json_object_set_new(item, "section", broker_json_string(entry->section));
    json_object_set_new(item, "key", broker_json_string(entry->key));
    json_object_set_new(item, "from", from != NULL ? broker_json_string(from) : json_null());
    json_object_set_new(item, "to", to != NULL ? broker_json_string(to) : json_null());
    json_array_append_new(keys, item);
}

/* What the files of a pool say otherwise; before is NULL for a pool that is new. */
static json_t *
list_changes(const struct broker_pool *before, const struct broker_pool *after)
{
    GPtrArray *old = list_keys(before);
    GPtrArray *new = list_keys(after);
    json_t *keys = json_array();
    guint i;

    for (i = 0; i < new->len; i++) {
        const struct entry *entry = g_ptr_array_index(new, i);
        const char *from = find_value(old, entry);

        if (g_strcmp0(from, entry->value) != 0) {
            add_difference(keys, entry, from, entry->value);
        }
    }
    for (i = 0; i < old->len; i++) {
        const struct entry *entry = g_ptr_array_index(old, i);

        if (find_value(new, entry) == NULL) {
            add_difference(keys, entry, entry->value, NULL);
        }
    }
    g_ptr_array_unref(old);
    g_ptr_array_unref(new);
    return keys;
}

static void say(json_t *effects, const char *format, ...) G_GNUC_PRINTF(2, 3);

static void
say(json_t *effects, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    json_array_append_new(effects, broker_json_string(text));
    g_free(text);
}

static const char *
plural(unsigned count)
{
    return count == 1 ? "" : "s";
}

/* What broker_reconcile() would do next, in the words of docs/ADMIN.md. */
static json_t *
list_effects(const struct broker_model *model, const struct broker_pool *pool, int64_t now_ms)
{
    struct broker_pool_count count = broker_pool_count(model, pool, now_ms);
    unsigned fit = count.ready + count.starting;
    unsigned room = pool->max > count.assigned ? pool->max - count.assigned : 0;
    unsigned target = MIN(broker_pool_spares(pool, now_ms), room);
    unsigned parked = MIN(broker_pool_parked(pool, now_ms), room - target);
    json_t *effects = json_array();

    if (count.outdated > 0) {
        say(effects, "%u spare%s that no longer fit%s will be replaced", count.outdated,
            plural(count.outdated), count.outdated == 1 ? "s" : "");
    }
    if (target > fit + count.outdated) {
        say(effects, "%u spare%s will be started", target - fit - count.outdated,
            plural(target - fit - count.outdated));
    } else if (fit > target) {
        say(effects, "%u spare%s will be stopped", fit - target, plural(fit - target));
    }
    if (parked > count.parked) {
        say(effects, "%u spare%s will be parked", parked - count.parked,
            plural(parked - count.parked));
    } else if (count.parked > parked) {
        say(effects, "%u parked spare%s will go", count.parked - parked,
            plural(count.parked - parked));
    }
    if (count.assigned > pool->max) {
        say(effects, "%u desktops are in use, Max=%u is reached when sessions end", count.assigned,
            pool->max);
    }
    if (count.assigned > 0) {
        say(effects, "%u session%s go%s on as %s", count.assigned, plural(count.assigned),
            count.assigned == 1 ? "es" : "", count.assigned == 1 ? "it is" : "they are");
    }
    return effects;
}

static json_t *
list_end(const struct broker_model *model, const struct broker_pool *pool, int64_t now_ms)
{
    struct broker_pool_count count = broker_pool_count(model, pool, now_ms);
    unsigned spares = count.ready + count.starting + count.parked + count.outdated + count.lost;
    json_t *effects = json_array();

    if (spares > 0) {
        say(effects, "%u spare%s will be stopped", spares, plural(spares));
    }
    if (count.assigned > 0) {
        say(effects, "%u session%s go%s on until %s", count.assigned, plural(count.assigned),
            count.assigned == 1 ? "es" : "", count.assigned == 1 ? "it ends" : "they end");
    }
    if (count.waiting > 0) {
        say(effects, "%u user%s in line will be told that there is no such pool", count.waiting,
            plural(count.waiting));
    }
    return effects;
}

static void
add_entry(json_t *plan, const char *pool, const char *change, json_t *keys, json_t *effects)
{
    json_t *entry = json_object();

    json_object_set_new(entry, "pool", broker_json_string(pool));
    json_object_set_new(entry, "change", json_string(change));
    json_object_set_new(entry, "keys", keys);
    json_object_set_new(entry, "effects", effects);
    json_array_append_new(plan, entry);
}

static void
plan_pool(json_t *plan, const struct broker_model *model, const struct broker_pool *before,
          const struct broker_pool *after, int64_t now_ms)
{
    json_t *keys;

    if (after == NULL) {
        add_entry(plan, before->name, "removed", json_array(), list_end(model, before, now_ms));
        return;
    }
    keys = list_changes(before, after);
    if (before != NULL && json_array_size(keys) == 0) {
        json_decref(keys);
        return;
    }
    add_entry(plan, after->name, before == NULL ? "added" : "changed", keys,
              list_effects(model, after, now_ms));
}

json_t *
broker_plan(const struct broker_model *model, const struct broker_pools *now,
            const struct broker_pools *then, int64_t now_ms)
{
    json_t *plan = json_array();
    guint i;

    for (i = 0; i < now->items->len; i++) {
        const struct broker_pool *before = g_ptr_array_index(now->items, i);

        plan_pool(plan, model, before, broker_pools_find(then, before->name), now_ms);
    }
    for (i = 0; i < then->items->len; i++) {
        const struct broker_pool *after = g_ptr_array_index(then->items, i);

        if (broker_pools_find(now, after->name) == NULL) {
            plan_pool(plan, model, NULL, after, now_ms);
        }
    }
    return plan;
}
