/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/nss.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "broker/jsonget.h"
#include "protocol/base/log.h"

#define MAX_GROUPS  1024
#define BUFFER_SIZE (64u * 1024u)
#define BUFFER_MAX  (8u * 1024u * 1024u) /* a group's entry lists all its members */
#define GROUP_BYTES 32u                  /* of one in the account, beside its name */
#define NO_GROUP    ((gid_t)-1)

/* The name of a group, for g_free(); NULL with 0 in *ret_error when there is none by that id. */
static char *
group_name(gid_t id, int *ret_error)
{
    size_t size = BUFFER_SIZE;
    struct group group;
    struct group *found = NULL;
    char *name = NULL;

    do {
        char *buffer = g_malloc(size);

        *ret_error = getgrgid_r(id, &group, buffer, size, &found);
        if (*ret_error == 0 && found != NULL) {
            name = g_strdup(group.gr_name);
        }
        g_free(buffer);
        size *= 2;
    } while (*ret_error == ERANGE && size <= BUFFER_MAX);
    return name;
}

/* Up to the first comma: rooms and telephone numbers come after it. */
static json_t *
full_name(const char *gecos)
{
    g_autofree char *name = g_strndup(gecos, strcspn(gecos, ","));

    return broker_json_string(name);
}

/* The account without its groups' names, or NULL for one that is not a person's. */
static json_t *
read_account(const char *user, gid_t *ret_primary)
{
    char *buffer = g_malloc(BUFFER_SIZE);
    struct passwd entry;
    struct passwd *found = NULL;
    json_t *account = NULL;

    *ret_primary = NO_GROUP;
    if (getpwnam_r(user, &entry, buffer, BUFFER_SIZE, &found) == 0 && found != NULL) {
        *ret_primary = entry.pw_gid;
        if (entry.pw_uid >= BROKER_NSS_MIN_ID) {
            account = json_pack("{s:s, s:I, s:I, s:o, s:[]}", "name", user, "uid",
                                (json_int_t)entry.pw_uid, "gid", (json_int_t)entry.pw_gid,
                                "full_name", full_name(entry.pw_gecos), "groups");
        }
    }
    g_free(buffer);
    return account;
}

static void
add_group(json_t *account, gid_t id, gid_t primary, const char *name, size_t *room)
{
    if (account == NULL || name == NULL || !g_utf8_validate(name, -1, NULL)) {
        return;
    }
    if (id == primary) {
        json_object_set_new(account, "group", json_string(name));
    } else if (id >= BROKER_NSS_MIN_ID && *room >= strlen(name) + GROUP_BYTES) {
        *room -= strlen(name) + GROUP_BYTES;
        json_array_append_new(json_object_get(account, "groups"),
                              json_pack("{s:s, s:I}", "name", name, "gid", (json_int_t)id));
    }
}

/* False when one cannot be read. */
static bool
read_groups(struct broker_nss *entry, const char *user, gid_t primary)
{
    gid_t *ids = g_new(gid_t, MAX_GROUPS);
    int count = MAX_GROUPS;
    bool good = getgrouplist(user, primary, ids, &count) >= 0;
    size_t room = BROKER_NSS_ACCOUNT_MAX - 512u; /* for the rest of it */
    int i;

    for (i = 0; good && i < count; i++) {
        int error = 0;
        char *name = ids[i] == NO_GROUP ? NULL : group_name(ids[i], &error);

        good = error == 0;
        add_group(entry->account, ids[i], primary, name, &room);
        if (name != NULL) {
            g_hash_table_add(entry->groups, name);
        }
    }
    g_free(ids);
    return good;
}

struct broker_nss *
broker_nss_read(const char *user)
{
    struct broker_nss *entry = g_new0(struct broker_nss, 1);
    gid_t primary;

    entry->groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    entry->account = read_account(user, &primary);
    if (!read_groups(entry, user, primary)) {
        broker_nss_free(entry);
        return NULL;
    }
    if (entry->account != NULL && json_object_get(entry->account, "group") == NULL) {
        g_clear_pointer(&entry->account, json_decref); /* a primary group without a name */
    }
    return entry;
}

void
broker_nss_free(struct broker_nss *entry)
{
    if (entry != NULL) {
        g_hash_table_unref(entry->groups);
        json_decref(entry->account);
        g_free(entry);
    }
}
