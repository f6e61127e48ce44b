/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_POOLVALUE_H
#define BROKER_POOLVALUE_H

/*
 * poolvalue: the values of a pool file, with their units.
 *
 * Each returns true and sets *ret, or false and writes a sentence without a final stop that says
 * what would be right.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BROKER_VALUE_TEXT 200u /* bytes of an explanation, the final zero included */

bool broker_value_number(const char *text, int64_t min, int64_t max, int64_t *ret, char *ret_why);
/* "512M", "4G", "1T": whole mebibytes. */
bool broker_value_memory(const char *text, int64_t min_mb, int64_t max_mb, int64_t *ret_mb,
                         char *ret_why);
/* "15%", "7.5%", in tenths of a per cent. */
bool broker_value_percent(const char *text, int64_t min, int64_t max, int64_t *ret, char *ret_why);
/* "30s", "5min", "2h", "1d", "1h 30min". */
bool broker_value_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ret_ms,
                           char *ret_why);
/* "3/10min". */
bool broker_value_rate(const char *text, int64_t *ret_count, int64_t *ret_ms, char *ret_why);

/* The other way round, as short as it is exact; for g_free(). */
char *broker_value_percent_text(int64_t tenths);
char *broker_value_memory_text(int64_t mb);
char *broker_value_duration_text(int64_t ms);

#endif
