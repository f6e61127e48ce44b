/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_POOLKEYS_H
#define BROKER_POOLKEYS_H

/* poolkeys: the keys of a pool file but for those of schedules: what the reader and the writer of
 * such files share. */

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/pool.h"

#define SCHEDULE "Schedule " /* a section's name begins with it */
#define BRIDGE   "bridge:"   /* and a bridge's */

enum value_type {
    VALUE_TEXT,
    VALUE_NAME,
    VALUE_WORD,   /* a bool: not the first of the words */
    VALUE_CHOICE, /* an unsigned: index among the words */
    VALUE_NUMBER,
    VALUE_REVISION,
    VALUE_MEMORY,
    VALUE_PERCENT, /* in tenths of one, or "none", which is 0 */
    VALUE_SPACE,   /* as memory, or "none", which is 0 */
    VALUE_DURATION,
    VALUE_LIMIT, /* a duration, or "never", which is 0 */
    VALUE_RATE,
    VALUE_NETWORK, /* a char *: "none", which is NULL, or the name after "bridge:" */
    VALUE_PRINCIPALS,
};

/* One row is one key: the parser, its messages and the ranges in docs/ADMIN.md follow this table.
 */
struct key {
    const char *section;
    const char *name;
    enum value_type type;
    bool required;
    size_t offset;
    int64_t min, max;
    const char *const *words; /* what is accepted, NULL at the end */
    const char *refused;      /* a word that others have but this key cannot */
};

#define FIELD(member)    offsetof(struct broker_pool, member)
#define NO_FIELD         SIZE_MAX
#define BROKER_POOL_KEYS 37u

extern const struct key broker_pool_keys[BROKER_POOL_KEYS];

#endif
