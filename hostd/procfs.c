/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/procfs.h"

#include <stddef.h>
#include <string.h>

#define MAX_TICKS   (UINT64_MAX / 1000000u) /* so that ticks can be made microseconds */
#define MAX_KIB     (UINT64_C(1) << 50)
#define CPU_FIELDS  8u /* user to steal */
#define FIELD_STATE 3u /* of stat, counted from 1 as in proc(5) */
#define FIELD_UTIME 14u
#define FIELD_STIME 15u
#define FIELD_START 22u
#define FIELD_GUEST 43u
#define WHOLE       10000u /* in hundredths of a per cent */

/* Digits at *text; moves *text behind them. False without digits, or above max. */
static bool
take_number(const char **text, uint64_t max, uint64_t *ret)
{
    const char *at = *text;
    uint64_t value = 0;

    if (*at < '0' || *at > '9') {
        return false;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        if (value > (max - (uint64_t)(*at - '0')) / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(*at - '0');
    }
    *text = at;
    *ret = value;
    return true;
}

/* The number of a field that ends with a space or with the text. */
static bool
take_field(const char **text, uint64_t *ret)
{
    *text += strspn(*text, " ");
    return take_number(text, MAX_TICKS, ret) && (**text == ' ' || **text == '\n' || **text == '\0');
}

/* The name may hold anything, parentheses and spaces too: the last one closes it. */
static bool
take_name(const char *text, char *ret_name, const char **ret_rest)
{
    const char *begin = strchr(text, '(');
    const char *end = strrchr(text, ')');
    size_t size;

    if (begin == NULL || end == NULL || end < begin || end[1] != ' ') {
        return false;
    }
    size = (size_t)(end - begin) - 1;
    if (size >= HOSTD_PROCFS_NAME) {
        size = HOSTD_PROCFS_NAME - 1; /* the kernel's own names of its threads are longer */
    }
    memcpy(ret_name, begin + 1, size);
    ret_name[size] = '\0';
    *ret_rest = end + 2;
    return true;
}

bool
hostd_procfs_stat(const char *text, struct hostd_proc_stat *ret)
{
    struct hostd_proc_stat stat = {.used = 0};
    uint64_t values[FIELD_GUEST + 1] = {0};
    unsigned field = FIELD_STATE;
    const char *at;

    if (!take_name(text, stat.name, &at)) {
        return false;
    }
    for (; field <= FIELD_GUEST; field++) {
        bool wanted = field == FIELD_UTIME || field == FIELD_STIME || field == FIELD_START ||
                      field == FIELD_GUEST;

        if (wanted ? !take_field(&at, &values[field]) : *at == '\0' || *at == '\n') {
            return false;
        }
        at += strcspn(at, " ");
        at += *at == ' ' ? 1 : 0;
    }
    stat.used = values[FIELD_UTIME] + values[FIELD_STIME];
    stat.guest = values[FIELD_GUEST];
    stat.start_time = values[FIELD_START];
    *ret = stat;
    return true;
}

bool
hostd_procfs_is_vcpu(const char *name)
{
    uint64_t number;

    if (strncmp(name, "CPU ", 4) != 0) {
        return false;
    }
    name += 4;
    return take_number(&name, UINT32_MAX, &number) &&
           (strcmp(name, "/KVM") == 0 || strcmp(name, "/TCG") == 0);
}

bool
hostd_procfs_cpu(const char *text, struct hostd_proc_cpu *ret)
{
    uint64_t values[CPU_FIELDS];
    struct hostd_proc_cpu cpu = {.total = 0};
    size_t i;

    if (strncmp(text, "cpu ", 4) != 0) {
        return false;
    }
    text += 4;
    for (i = 0; i < CPU_FIELDS; i++) {
        if (!take_field(&text, &values[i])) {
            return false;
        }
        cpu.total += values[i];
    }
    cpu.stolen = values[7];
    cpu.busy = cpu.total - values[3] - values[4] - values[7]; /* idle, iowait, steal */
    *ret = cpu;
    return true;
}

/* The number behind "\nNAME:", which is followed by its unit. */
static bool
take_kib(const char *text, const char *name, uint64_t *ret)
{
    const char *at = strstr(text, name);

    if (at == NULL) {
        return false;
    }
    at += strlen(name);
    at += strspn(at, " \t");
    return take_number(&at, MAX_KIB, ret) && strncmp(at, " kB\n", 4) == 0;
}

bool
hostd_procfs_held_kib(const char *text, uint64_t *ret)
{
    uint64_t anonymous;
    uint64_t shared;

    if (!take_kib(text, "\nRssAnon:", &anonymous) || !take_kib(text, "\nRssShmem:", &shared)) {
        return false;
    }
    *ret = anonymous + shared;
    return true;
}

/* " avg10=12.34": its value in tenths of a per cent. */
static bool
take_average(const char **text, const char *name, unsigned *ret)
{
    uint64_t whole;
    uint64_t part;
    const char *dot;

    if (strncmp(*text, name, strlen(name)) != 0) {
        return false;
    }
    *text += strlen(name);
    if (!take_number(text, 100, &whole) || **text != '.') {
        return false;
    }
    dot = ++*text;
    if (!take_number(text, 99, &part) || *text - dot != 2 || whole * 100 + part > WHOLE) {
        return false;
    }
    *ret = (unsigned)(whole * 10 + part / 10);
    return true;
}

static bool
take_averages(const char *text, const char *kind, unsigned *ret10, unsigned *ret60)
{
    return strncmp(text, kind, strlen(kind)) == 0 && (text += strlen(kind), true) &&
           take_average(&text, " avg10=", ret10) && take_average(&text, " avg60=", ret60) &&
           (*text == ' ' || *text == '\n' || *text == '\0');
}

bool
hostd_procfs_pressure(const char *text, struct hostd_proc_pressure *ret)
{
    struct hostd_proc_pressure pressure = {.has_full = false};
    const char *line = strchr(text, '\n');

    if (!take_averages(text, "some", &pressure.some10, &pressure.some60)) {
        return false;
    }
    if (line != NULL && line[1] != '\0') {
        pressure.has_full = take_averages(line + 1, "full", &pressure.full10, &pressure.full60);
        if (!pressure.has_full) {
            return false;
        }
    }
    *ret = pressure;
    return true;
}
