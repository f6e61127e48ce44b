/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/table.h"

#include <glib.h>
#include <stdio.h>

#include "protocol/base/clock.h"

struct ctl_table {
    const char *const *headings;
    size_t columns;
    GPtrArray *cells;
};

struct ctl_table *
ctl_table_new(const char *const *headings)
{
    struct ctl_table *table = g_new0(struct ctl_table, 1);

    table->headings = headings;
    while (headings[table->columns] != NULL) {
        table->columns++;
    }
    g_assert(table->columns > 0 && table->columns <= CTL_TABLE_COLUMNS);
    table->cells = g_ptr_array_new_with_free_func(g_free);
    return table;
}

void
ctl_table_free(struct ctl_table *table)
{
    if (table != NULL) {
        g_ptr_array_unref(table->cells);
        g_free(table);
    }
}

void
ctl_table_add(struct ctl_table *table, const char *text)
{
    char *copy = *text != '\0' ? g_utf8_make_valid(text, -1) : g_strdup("-");
    char *at;

    for (at = copy; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f) {
            *at = '?';
        }
    }
    g_ptr_array_add(table->cells, copy);
}

void
ctl_table_add_number(struct ctl_table *table, int64_t number)
{
    g_ptr_array_add(table->cells, g_strdup_printf("%" G_GINT64_FORMAT, (gint64)number));
}

size_t
ctl_table_rows(const struct ctl_table *table)
{
    return table->cells->len / table->columns;
}

static void
print_cell(const char *text, size_t width, int is_last)
{
    size_t length = (size_t)g_utf8_strlen(text, -1);

    printf("%s%*s", text, is_last ? 0 : (int)(width - length + 2), "");
    if (is_last) {
        putchar('\n');
    }
}

void
ctl_table_print(const struct ctl_table *table)
{
    size_t widths[CTL_TABLE_COLUMNS];
    size_t i;

    if (table->cells->len == 0) {
        return;
    }
    for (i = 0; i < table->columns; i++) {
        widths[i] = (size_t)g_utf8_strlen(table->headings[i], -1);
    }
    for (i = 0; i < table->cells->len; i++) {
        size_t length = (size_t)g_utf8_strlen(table->cells->pdata[i], -1);

        widths[i % table->columns] = MAX(widths[i % table->columns], length);
    }
    for (i = 0; i < table->columns; i++) {
        print_cell(table->headings[i], widths[i], i + 1 == table->columns);
    }
    for (i = 0; i < table->cells->len; i++) {
        print_cell(table->cells->pdata[i], widths[i % table->columns],
                   i % table->columns + 1 == table->columns);
    }
}

char *
ctl_format_megabytes(int64_t megabytes)
{
    return megabytes < 1024 ? g_strdup_printf("%dM", (int)megabytes)
                            : g_strdup_printf("%.1fG", (double)megabytes / 1024.0);
}

char *
ctl_format_age(int64_t since_ms)
{
    int64_t seconds = MAX((vd_wall_ms() - since_ms) / 1000, 0);

    if (since_ms <= 0) {
        return g_strdup("-");
    }
    if (seconds < 120) {
        return g_strdup_printf("%d s", (int)seconds);
    }
    if (seconds < 7200) {
        return g_strdup_printf("%d min", (int)(seconds / 60));
    }
    return seconds < 172800 ? g_strdup_printf("%d h", (int)(seconds / 3600))
                            : g_strdup_printf("%d d", (int)(seconds / 86400));
}
