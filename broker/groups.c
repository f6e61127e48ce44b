/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/groups.h"

#include <gio/gio.h>

#include "broker/nss.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define MODULE      "groups"
#define MAX_CACHED  1024u
#define MAX_WAITING 1024u
#define CACHE_US    (INT64_C(10) * 1000 * 1000)

struct membership {
    struct broker_nss *entry; /* NULL: it cannot be read */
    int64_t read_us;
};

struct waiting {
    char *user;
    broker_groups_fn known;
    void *user_data;
    GDestroyNotify destroy;
};

struct broker_groups {
    GHashTable *users;    /* name to struct membership */
    GHashTable *underway; /* names that are being looked up */
    GPtrArray *waiting;   /* struct waiting *, first come first */
    GCancellable *cancellable;
};

static void
membership_free(gpointer data)
{
    struct membership *membership = data;

    broker_nss_free(membership->entry);
    g_free(membership);
}

static void
waiting_free(gpointer data)
{
    struct waiting *waiting = data;

    if (waiting->user_data != NULL && waiting->destroy != NULL) {
        waiting->destroy(waiting->user_data);
    }
    g_free(waiting->user);
    g_free(waiting);
}

struct broker_groups *
broker_groups_new(void)
{
    struct broker_groups *groups = g_new0(struct broker_groups, 1);

    groups->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, membership_free);
    groups->underway = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    groups->waiting = g_ptr_array_new_with_free_func(waiting_free);
    groups->cancellable = g_cancellable_new();
    return groups;
}

void
broker_groups_free(struct broker_groups *groups)
{
    if (groups != NULL) {
        g_cancellable_cancel(groups->cancellable);
        g_object_unref(groups->cancellable);
        g_ptr_array_unref(groups->waiting);
        g_hash_table_unref(groups->underway);
        g_hash_table_unref(groups->users);
        g_free(groups);
    }
}

static void
look_up(GTask *task, gpointer source, gpointer data, GCancellable *cancellable)
{
    struct broker_nss *entry = broker_nss_read(data);

    (void)source;
    (void)cancellable;
    if (entry != NULL) {
        g_task_return_pointer(task, entry, (GDestroyNotify)broker_nss_free);
    } else {
        g_task_return_new_error(task, G_IO_ERROR, G_IO_ERROR_FAILED, "no groups");
    }
}

/* Calls those who wait for user; they may ask again, or for others, meanwhile. */
static void
tell_waiting(struct broker_groups *groups, const char *user)
{
    GPtrArray *told = g_ptr_array_new_with_free_func(waiting_free);
    guint i = 0;

    while (i < groups->waiting->len) {
        const struct waiting *waiting = g_ptr_array_index(groups->waiting, i);

        if (g_strcmp0(waiting->user, user) == 0) {
            g_ptr_array_add(told, g_ptr_array_steal_index(groups->waiting, i));
        } else {
            i++;
        }
    }
    for (i = 0; i < told->len; i++) {
        struct waiting *waiting = g_ptr_array_index(told, i);

        waiting->known(g_steal_pointer(&waiting->user_data));
    }
    g_ptr_array_unref(told);
}

static void
on_looked_up(GObject *source, GAsyncResult *result, gpointer user_data)
{
    struct broker_groups *groups = user_data;
    const char *user = g_task_get_task_data(G_TASK(result));
    GError *error = NULL;
    struct broker_nss *entry = g_task_propagate_pointer(G_TASK(result), &error);
    struct membership *membership;

    (void)source;
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        g_error_free(error);
        return; /* groups is no more */
    }
    if (error != NULL) {
        vd_warning(MODULE, "the groups of '%s' cannot be read; rules with groups refuse", user);
        g_error_free(error);
    }
    if (g_hash_table_size(groups->users) >= MAX_CACHED) {
        g_hash_table_remove_all(groups->users);
    }
    membership = g_new0(struct membership, 1);
    membership->entry = entry;
    membership->read_us = vd_monotonic_us();
    g_hash_table_insert(groups->users, g_strdup(user), membership);
    g_hash_table_remove(groups->underway, user);
    tell_waiting(groups, user);
}

static const struct membership *
find_fresh(const struct broker_groups *groups, const char *user)
{
    const struct membership *membership = g_hash_table_lookup(groups->users, user);

    return membership != NULL && vd_monotonic_us() - membership->read_us <= CACHE_US ? membership
                                                                                     : NULL;
}

void
broker_groups_ask(struct broker_groups *groups, const char *user, broker_groups_fn known,
                  void *user_data, GDestroyNotify destroy)
{
    struct waiting *waiting;
    GTask *task;

    if (find_fresh(groups, user) != NULL || groups->waiting->len >= MAX_WAITING) {
        known(user_data); /* with too many before it, it is refused where groups decide */
        return;
    }
    waiting = g_new0(struct waiting, 1);
    waiting->user = g_strdup(user);
    waiting->known = known;
    waiting->user_data = user_data;
    waiting->destroy = destroy;
    g_ptr_array_add(groups->waiting, waiting);
    if (g_hash_table_add(groups->underway, g_strdup(user))) {
        task = g_task_new(NULL, groups->cancellable, on_looked_up, groups);
        g_task_set_task_data(task, g_strdup(user), g_free);
        g_task_run_in_thread(task, look_up);
        g_object_unref(task);
    }
}

bool
broker_groups_are_known(const struct broker_groups *groups, const char *user)
{
    const struct membership *membership = find_fresh(groups, user);

    return membership != NULL && membership->entry != NULL;
}

bool
broker_groups_member(const char *user, const char *group, void *user_data)
{
    const struct membership *membership = find_fresh(user_data, user);

    return membership != NULL && membership->entry != NULL &&
           g_hash_table_contains(membership->entry->groups, group);
}

const json_t *
broker_groups_account(const struct broker_groups *groups, const char *user)
{
    const struct membership *membership = find_fresh(groups, user);

    return membership != NULL && membership->entry != NULL ? membership->entry->account : NULL;
}
