/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/access.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"

#define MAX_GROUPS  1024
#define MAX_CACHED  1024u
#define CACHE_US    (INT64_C(10) * 1000 * 1000)
#define BUFFER_SIZE (64u * 1024u)

struct broker_groups {
    GHashTable *users; /* name to struct membership */
};

struct membership {
    GHashTable *names; /* groups by name */
    int64_t read_us;
};

static void
membership_free(gpointer data)
{
    struct membership *membership = data;

    g_hash_table_unref(membership->names);
    g_free(membership);
}

struct broker_groups *
broker_groups_new(void)
{
    struct broker_groups *groups = g_new0(struct broker_groups, 1);

    groups->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, membership_free);
    return groups;
}

void
broker_groups_free(struct broker_groups *groups)
{
    if (groups != NULL) {
        g_hash_table_unref(groups->users);
        g_free(groups);
    }
}

/*
 * A user that only PAM knows has no primary group; getgrouplist() still finds the groups that list
 * the name as a member.
 */
static struct membership *
read_membership(const char *user)
{
    struct membership *membership = g_new0(struct membership, 1);
    char *buffer = g_malloc(BUFFER_SIZE);
    gid_t *ids = g_new(gid_t, MAX_GROUPS);
    struct passwd entry;
    struct passwd *found = NULL;
    gid_t primary = (gid_t)-1;
    int count = MAX_GROUPS;
    int i;

    membership->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    membership->read_us = vd_monotonic_us();
    if (getpwnam_r(user, &entry, buffer, BUFFER_SIZE, &found) == 0 && found != NULL) {
        primary = entry.pw_gid;
    }
    if (getgrouplist(user, primary, ids, &count) < 0) {
        count = 0; /* more groups than anyone can mean: none counts */
    }
    for (i = 0; i < count; i++) {
        struct group group;
        struct group *named = NULL;

        if (ids[i] != (gid_t)-1 && getgrgid_r(ids[i], &group, buffer, BUFFER_SIZE, &named) == 0 &&
            named != NULL) {
            g_hash_table_add(membership->names, g_strdup(group.gr_name));
        }
    }
    g_free(ids);
    g_free(buffer);
    return membership;
}

bool
broker_groups_member(const char *user, const char *group, void *user_data)
{
    struct broker_groups *groups = user_data;
    struct membership *membership = g_hash_table_lookup(groups->users, user);

    if (membership == NULL || vd_monotonic_us() - membership->read_us > CACHE_US) {
        if (g_hash_table_size(groups->users) >= MAX_CACHED) {
            g_hash_table_remove_all(groups->users);
        }
        membership = read_membership(user);
        g_hash_table_insert(groups->users, g_strdup(user), membership);
    }
    return g_hash_table_contains(membership->names, group);
}
