/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/poolvalue.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

#define MAX_NUMBER    (INT64_MAX / 100)
#define MAX_RATE      1000
#define DAY_MS        INT64_C(86400000)
#define MIN_WINDOW_MS INT64_C(1000)

static bool explain(char *ret_why, const char *format, ...) G_GNUC_PRINTF(2, 3);

static bool
explain(char *ret_why, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_vsnprintf(ret_why, BROKER_VALUE_TEXT, format, args);
    va_end(args);
    return false;
}

/* Digits at *text; moves *text behind them. False without digits or above MAX_NUMBER. */
static bool
take_number(const char **text, int64_t *ret)
{
    const char *at = *text;
    int64_t value = 0;

    if (!g_ascii_isdigit(*at)) {
        return false;
    }
    for (; g_ascii_isdigit(*at); at++) {
        if (value > MAX_NUMBER / 10 - 10) {
            return false;
        }
        value = value * 10 + (*at - '0');
    }
    *text = at;
    *ret = value;
    return true;
}

bool
broker_value_number(const char *text, int64_t min, int64_t max, int64_t *ret, char *ret_why)
{
    const char *at = text;
    int64_t value;

    if (!take_number(&at, &value) || *at != '\0' || value < min || value > max) {
        return explain(ret_why, "a whole number from %" PRId64 " to %" PRId64 " is wanted", min,
                       max);
    }
    *ret = value;
    return true;
}

bool
broker_value_memory(const char *text, int64_t min_mb, int64_t max_mb, int64_t *ret_mb,
                    char *ret_why)
{
    const char *at = text;
    int64_t value;
    int64_t factor;

    if (!take_number(&at, &value)) {
        return explain(ret_why, "a size with a unit is wanted, such as 512M or 4G");
    }
    factor = strcmp(at, "M") == 0   ? 1
             : strcmp(at, "G") == 0 ? 1024
             : strcmp(at, "T") == 0 ? INT64_C(1024) * 1024
                                    : 0;
    if (factor == 0) {
        return explain(ret_why, "the unit must be M, G or T, such as 512M or 4G");
    }
    if (value > max_mb / factor || value * factor < min_mb) {
        return explain(ret_why, "a size from %" PRId64 "M to %" PRId64 "M is wanted", min_mb,
                       max_mb);
    }
    *ret_mb = value * factor;
    return true;
}

bool
broker_value_percent(const char *text, int64_t min, int64_t max, int64_t *ret, char *ret_why)
{
    const char *at = text;
    int64_t value;
    int64_t tenth = 0;
    bool ok = take_number(&at, &value) && value <= max / 10;

    if (ok && *at == '.') {
        at++;
        ok = take_number(&at, &tenth) && tenth <= 9 && at[-2] == '.';
    }
    value = ok ? value * 10 + tenth : 0;
    if (!ok || strcmp(at, "%") != 0 || value < min || value > max) {
        return explain(ret_why,
                       "a share with at most one decimal is wanted, such as 15%% or 7.5%%, from "
                       "%" PRId64 ".%" PRId64 "%% to %" PRId64 "%%",
                       min / 10, min % 10, max / 10);
    }
    *ret = value;
    return true;
}

static int64_t
take_unit(const char **text)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {
        {"ms", 1}, {"min", 60000}, {"s", 1000}, {"h", 3600000}, {"d", DAY_MS},
    };
    size_t length = 0;
    size_t i;

    while (g_ascii_isalpha((*text)[length])) {
        length++;
    }
    for (i = 0; i < G_N_ELEMENTS(units); i++) {
        if (strlen(units[i].name) == length && strncmp(*text, units[i].name, length) == 0) {
            *text += length;
            return units[i].factor;
        }
    }
    return 0;
}

bool
broker_value_duration(const char *text, int64_t min_ms, int64_t max_ms, int64_t *ret_ms,
                      char *ret_why)
{
    const char *at = text;
    int64_t total = 0;

    do {
        int64_t value;
        int64_t factor;

        at += strspn(at, " ");
        if (!take_number(&at, &value)) {
            return explain(ret_why, "a time with a unit is wanted, such as 30s, 5min or 2h");
        }
        factor = take_unit(&at);
        if (factor == 0) {
            return explain(ret_why, "the unit must be ms, s, min, h or d, such as 30s or 5min");
        }
        if (value > max_ms / factor || total > max_ms - value * factor) {
            return explain(ret_why, "at most %" PRId64 "s is wanted", max_ms / 1000);
        }
        total += value * factor;
    } while (*at != '\0');
    if (total < min_ms) {
        return explain(ret_why, "at least %" PRId64 "s is wanted", min_ms / 1000);
    }
    *ret_ms = total;
    return true;
}

bool
broker_value_rate(const char *text, int64_t *ret_count, int64_t *ret_ms, char *ret_why)
{
    const char *at = text;
    int64_t count;

    if (!take_number(&at, &count) || *at != '/' || count < 1 || count > MAX_RATE) {
        return explain(ret_why, "a count, a slash and a time are wanted, such as 3/10min");
    }
    if (!broker_value_duration(at + 1, MIN_WINDOW_MS, 7 * DAY_MS, ret_ms, ret_why)) {
        return false;
    }
    *ret_count = count;
    return true;
}

struct unit {
    int64_t size;
    const char *name;
};

/* In the largest unit of which it is a whole number; the last one is 1. */
static char *
write_in_units(int64_t value, const struct unit *units)
{
    while (units->size > 1 && (value == 0 || value % units->size != 0)) {
        units++;
    }
    return g_strdup_printf("%" G_GINT64_FORMAT "%s", value / units->size, units->name);
}

char *
broker_value_percent_text(int64_t tenths)
{
    return tenths % 10 == 0
               ? g_strdup_printf("%" G_GINT64_FORMAT "%%", tenths / 10)
               : g_strdup_printf("%" G_GINT64_FORMAT ".%d%%", tenths / 10, (int)(tenths % 10));
}

char *
broker_value_memory_text(int64_t mb)
{
    static const struct unit units[] = {{1024 * 1024, "T"}, {1024, "G"}, {1, "M"}};

    return write_in_units(mb, units);
}

char *
broker_value_duration_text(int64_t ms)
{
    static const struct unit units[] = {
        {86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}, {1, "ms"}};

    return write_in_units(ms, units);
}
