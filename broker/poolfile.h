/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_POOLFILE_H
#define BROKER_POOLFILE_H

/*
 * poolfile: reads DIR/NAME.pool, the files that docs/ADMIN.md describes.
 *
 * Everything that is wrong in any of the files is reported at once, one line each:
 * "path:line: text". A set with one error is no set.
 */

#include <glib.h>

#include "broker/pool.h"

#define BROKER_MAX_POOLS 1024u

/*
 * Loads every pool file of dir. NULL and *ret_errors (char *, never empty, g_ptr_array_unref())
 * when anything is wrong; *ret_errors is untouched otherwise.
 */
struct broker_pools *broker_pools_load(const char *dir, GPtrArray **ret_errors);

/*
 * Parses one file's text (size bytes). Returns the pool, or NULL after adding at least one line to
 * errors. path is for the lines, name becomes the pool's.
 */
struct broker_pool *broker_pool_parse(const char *name, const char *path, const char *text,
                                      size_t size, GPtrArray *errors);

#endif
