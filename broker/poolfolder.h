/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_POOLFOLDER_H
#define BROKER_POOLFOLDER_H

/*
 * poolfolder: all pool files of a folder. What is wrong in any of them is reported at once; a set
 * with one error is no set.
 */

#include <glib.h>

#include "broker/pool.h"

#define BROKER_MAX_POOLS 1024u

/*
 * Loads every pool file of dir. NULL and *ret_errors (char *, never empty, g_ptr_array_unref())
 * when anything is wrong; *ret_errors is untouched otherwise.
 */
struct broker_pools *broker_pools_load(const char *dir, GPtrArray **ret_errors);

#endif
