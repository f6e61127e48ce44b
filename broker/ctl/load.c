/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/load.h"

#include <glib.h>
#include <stdio.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/table.h"

#define MS_PER_S 1e3
#define TENTHS   10.0

char *
ctl_load_percent(json_t *load, const char *name)
{
    const json_t *value = json_object_get(load, name);

    return json_is_integer(value)
               ? g_strdup_printf("%.1f %%", (double)json_integer_value(value) / TENTHS)
               : g_strdup("-");
}

/* "0.3, 1.2" of the last 10 and 60 s, or "none" where the kernel does not tell; for g_free(). */
static char *
pressure_text(json_t *load, const char *ten, const char *sixty)
{
    return json_is_integer(json_object_get(load, ten))
               ? g_strdup_printf("%.1f, %.1f %%", (double)ctl_number(load, ten) / TENTHS,
                                 (double)ctl_number(load, sixty) / TENTHS)
               : g_strdup("none");
}

void
ctl_load_print(const char *host, json_t *load)
{
    g_autofree char *guest = ctl_format_megabytes(ctl_number(load, "guest_mb"));
    g_autofree char *other = ctl_format_megabytes(ctl_number(load, "other_mb"));
    g_autofree char *steal = ctl_load_percent(load, "steal");
    g_autofree char *cpu = pressure_text(load, "cpu_some10", "cpu_some60");
    g_autofree char *memory = pressure_text(load, "memory_some10", "memory_some60");
    g_autofree char *full = pressure_text(load, "memory_full10", "memory_full60");
    g_autofree char *io = pressure_text(load, "io_some10", "io_some60");

    if (!json_is_integer(json_object_get(load, "guest_ms"))) {
        return;
    }
    printf("%s: processor time of the last minute: %.1f s of guests, %.1f s beside them, %s "
           "stolen\n"
           "%s: memory: %s for guests, at least %s beyond it\n"
           "%s: pressure, 10 and 60 s: processors %s; memory %s (full %s); disks %s\n",
           host, (double)ctl_number(load, "guest_ms") / MS_PER_S,
           (double)ctl_number(load, "other_ms") / MS_PER_S, steal, host, guest, other, host, cpu,
           memory, full, io);
}

void
ctl_load_print_over(json_t *pools)
{
    size_t i;
    json_t *pool;

    json_array_foreach(pools, i, pool)
    {
        json_t *over = json_object_get(pool, "over");
        g_autofree char *limit = ctl_load_percent(pool, "overhead_max");
        size_t j;
        json_t *host;

        json_array_foreach(over, j, host)
        {
            printf("%s: %s has passed OverheadMax= (%s) and gets no more desktops of the pool\n",
                   ctl_text(pool, "name"), json_string_value(host), limit);
        }
    }
}
