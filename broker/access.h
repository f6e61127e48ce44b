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

/* True when a rule of the pool names a group, so that groups decide. */
bool broker_access_wants_groups(const struct broker_pool *pool);

#endif
