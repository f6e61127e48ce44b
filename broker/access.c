/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/access.h"

#include <string.h>

/* The entry of list that covers user, or NULL. */
static const char *
find_match(GPtrArray *list, const char *user, broker_member_fn member, void *user_data)
{
    guint i;

    for (i = 0; i < list->len; i++) {
        const char *entry = g_ptr_array_index(list, i);

        if (entry[0] == '@' ? member(user, entry + 1, user_data) : strcmp(entry, user) == 0) {
            return entry;
        }
    }
    return NULL;
}

struct broker_access
broker_access_check(const struct broker_pool *pool, const char *user, broker_member_fn member,
                    void *user_data)
{
    struct broker_access access = {.allowed = false};
    const char *entry = find_match(pool->deny, user, member, user_data);

    if (entry != NULL) {
        g_snprintf(access.text, sizeof(access.text), "Deny=%s refuses '%s'", entry, user);
        return access;
    }
    entry = find_match(pool->allow, user, member, user_data);
    if (entry == NULL) {
        g_snprintf(access.text, sizeof(access.text), "no Allow= of pool '%s' names '%s'",
                   pool->name, user);
        return access;
    }
    access.allowed = true;
    g_snprintf(access.text, sizeof(access.text), "Allow=%s admits '%s'", entry, user);
    return access;
}

static bool
names_group(GPtrArray *list)
{
    guint i;

    for (i = 0; i < list->len; i++) {
        const char *entry = g_ptr_array_index(list, i);

        if (entry[0] == '@') {
            return true;
        }
    }
    return false;
}

bool
broker_access_wants_groups(const struct broker_pool *pool)
{
    return names_group(pool->allow) || names_group(pool->deny);
}
