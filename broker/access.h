/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ACCESS_H
#define BROKER_ACCESS_H

/* access: whether a user may use a pool. Deny beats Allow; a pool without Allow is nobody's. */

#include <glib.h>
#include <stdbool.h>

#include "broker/pool.h"

#define BROKER_ACCESS_TEXT 200u /* bytes, the final zero included */

/* Says whether user is a member of group. */
typedef bool (*broker_member_fn)(const char *user, const char *group, void *user_data);

struct broker_access {
    bool allowed;
    char text[BROKER_ACCESS_TEXT]; /* which rule decided, a sentence without a final stop */
};

struct broker_access broker_access_check(const struct broker_pool *pool, const char *user,
                                         broker_member_fn member, void *user_data);

/*
 * A broker_member_fn over the system's groups (NSS); user_data is a struct broker_groups, which
 * remembers an answer for a short time.
 */
struct broker_groups;
struct broker_groups *broker_groups_new(void);
void broker_groups_free(struct broker_groups *groups); /* accepts NULL */
bool broker_groups_member(const char *user, const char *group, void *groups);

#endif
