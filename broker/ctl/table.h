/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

/* table: rows of text in aligned columns on standard output. Nothing is printed for an empty one.
 */

#include <stddef.h>
#include <stdint.h>

#define CTL_TABLE_COLUMNS 10u

struct ctl_table;

/* headings is NULL-terminated and borrowed, at most CTL_TABLE_COLUMNS. */
struct ctl_table *ctl_table_new(const char *const *headings);
void ctl_table_free(struct ctl_table *table); /* accepts NULL */
/* Appends a cell, row by row. Control characters become '?'. */
void ctl_table_add(struct ctl_table *table, const char *text);
void ctl_table_add_number(struct ctl_table *table, int64_t number);
void ctl_table_print(const struct ctl_table *table);
size_t ctl_table_rows(const struct ctl_table *table);

/* "512M", "1.5G"; for g_free(). */
char *ctl_format_megabytes(int64_t megabytes);
/* "12 s", "5 min", "3 h", "2 d" since then; for g_free(). */
char *ctl_format_age(int64_t since_ms);

#endif
