/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pressure.h"

#include <string.h>

#include "broker/poolvalue.h"

#define TEXT_SIZE  200u
#define BACK_TENTH 10u /* a host is back a tenth below OverheadMax */

unsigned
broker_overhead_back(unsigned overhead_max)
{
    return overhead_max - overhead_max / BACK_TENTH;
}

char *
broker_overhead_text(const struct broker_pool *pool)
{
    g_autofree char *value =
        pool->overhead_max > 0 ? broker_value_percent_text(pool->overhead_max) : g_strdup("none");

    return g_strconcat("OverheadMax=", value, NULL);
}

bool
broker_host_is_over(const struct broker_host *host, const struct broker_pool *pool)
{
    guint i;

    for (i = 0; i < host->over->len; i++) {
        if (strcmp(g_ptr_array_index(host->over, i), pool->name) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a figure is above a line, or above the lower one after it had passed the line. */
static bool
is_above(const struct broker_load *load, enum broker_load_figure figure, bool passed, unsigned line,
         unsigned back)
{
    return load->known[figure] && load->value[figure] > (passed ? back : line);
}

static bool
cpu_is_pressed(const struct broker_host *host)
{
    const struct broker_load *load = &host->load;
    bool passed = (host->pressed & BROKER_PRESSED_CPU) != 0;

    return broker_load_share(load, host->cpus) > BROKER_PRESSURE_OURS &&
           is_above(load, BROKER_LOAD_CPU_SOME10, passed, BROKER_PRESSURE_CPU,
                    BROKER_PRESSURE_CPU_BACK) &&
           (passed || is_above(load, BROKER_LOAD_CPU_SOME60, false, BROKER_PRESSURE_CPU, 0));
}

static bool
memory_is_pressed(const struct broker_host *host)
{
    return is_above(&host->load, BROKER_LOAD_MEMORY_FULL10,
                    (host->pressed & BROKER_PRESSED_MEMORY) != 0, BROKER_PRESSURE_MEMORY,
                    BROKER_PRESSURE_MEMORY_BACK);
}

struct judge {
    struct broker_host *host;
    broker_pressure_fn note;
    void *user_data;
};

static void say(const struct judge *judge, bool passed, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

static void
say(const struct judge *judge, bool passed, const char *format, ...)
{
    char text[TEXT_SIZE];
    va_list args;

    if (judge->note != NULL) {
        va_start(args, format);
        g_vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        judge->note(judge->host, passed, text, judge->user_data);
    }
}

static void
set_pressed(const struct judge *judge, unsigned bit, bool pressed, const char *what,
            enum broker_load_figure figure)
{
    struct broker_host *host = judge->host;
    unsigned value = host->load.value[figure];

    if (pressed == ((host->pressed & bit) != 0)) {
        return;
    }
    host->pressed = pressed ? host->pressed | bit : host->pressed & ~bit;
    say(judge, pressed, "%s pressure is %u.%u %% of the last 10 s", what, value / 10, value % 10);
}

/* The new set is made beside the old one: pools come and go, and so do their lines. */
static void
judge_overhead(const struct judge *judge, const struct broker_pools *pools)
{
    struct broker_host *host = judge->host;
    GPtrArray *over = g_ptr_array_new_with_free_func(g_free);
    unsigned value = host->load.value[BROKER_LOAD_OVERHEAD];
    guint i;

    for (i = 0; i < pools->items->len; i++) {
        const struct broker_pool *pool = g_ptr_array_index(pools->items, i);
        bool before = broker_host_is_over(host, pool);
        bool now = pool->overhead_max > 0 && host->connected &&
                   is_above(&host->load, BROKER_LOAD_OVERHEAD, before, pool->overhead_max,
                            broker_overhead_back(pool->overhead_max));

        if (now) {
            g_ptr_array_add(over, g_strdup(pool->name));
        }
        if (now != before && host->connected && host->load.known[BROKER_LOAD_OVERHEAD]) {
            g_autofree char *limit = broker_overhead_text(pool);

            say(judge, now, "overhead is %u.%u %%, %s of pool '%s'", value / 10, value % 10, limit,
                pool->name);
        } else if (now != before && host->connected) {
            say(judge, now, "the guests do too little for an overhead, for pool '%s'", pool->name);
        }
    }
    g_ptr_array_unref(host->over);
    host->over = over;
}

void
broker_pressure_judge(struct broker_model *model, const struct broker_pools *pools,
                      broker_pressure_fn note, void *user_data)
{
    guint i;

    for (i = 0; i < model->hosts->len; i++) {
        struct broker_host *host = g_ptr_array_index(model->hosts, i);
        struct judge judge = {host, note, user_data};

        if (host->connected) {
            set_pressed(&judge, BROKER_PRESSED_CPU, cpu_is_pressed(host), "processor",
                        BROKER_LOAD_CPU_SOME10);
            set_pressed(&judge, BROKER_PRESSED_MEMORY, memory_is_pressed(host), "memory",
                        BROKER_LOAD_MEMORY_FULL10);
        } else {
            host->pressed = 0; /* what it says when it is here again counts */
        }
        judge_overhead(&judge, pools);
    }
}
