/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_POOLFILE_H
#define BROKER_POOLFILE_H

/*
 * poolfile: one NAME.pool, as docs/ADMIN.md describes it. Everything that is wrong is reported at
 * once, one line each: "path:line: text".
 */

#include <glib.h>

#include "broker/pool.h"

/*
 * Parses one file's text (size bytes). Returns the pool, or NULL after adding at least one line to
 * errors. path is for the lines, name becomes the pool's.
 */
struct broker_pool *broker_pool_parse(const char *name, const char *path, const char *text,
                                      size_t size, GPtrArray *errors);

/*
 * Tells every key with its value as a pool file would have it, defaults included, in the order of
 * docs/ADMIN.md; schedules come last. All three are borrowed for the call.
 */
typedef void (*broker_pool_key_fn)(const char *section, const char *key, const char *value,
                                   void *user_data);
void broker_pool_visit(const struct broker_pool *pool, broker_pool_key_fn visit, void *user_data);

#endif
