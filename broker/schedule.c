/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/schedule.h"

#include <string.h>
#include <time.h>

#include "broker/poolvalue.h"

#define DAYS 7u

static const char *const day_names[DAYS] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

struct broker_schedule *
broker_schedule_new(const char *name, unsigned line)
{
    struct broker_schedule *schedule = g_new0(struct broker_schedule, 1);

    schedule->name = g_strdup(name);
    schedule->line = line;
    return schedule;
}

void
broker_schedule_free(gpointer schedule)
{
    if (schedule != NULL) {
        g_free(((struct broker_schedule *)schedule)->name);
        g_free(schedule);
    }
}

/* "07:30". Moves *text behind it. */
static bool
take_time(const char **text, unsigned *ret_min)
{
    const char *at = *text;
    unsigned hour;
    unsigned minute;

    if (!g_ascii_isdigit(at[0]) || !g_ascii_isdigit(at[1]) || at[2] != ':' ||
        !g_ascii_isdigit(at[3]) || !g_ascii_isdigit(at[4])) {
        return false;
    }
    hour = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
    minute = (unsigned)(at[3] - '0') * 10 + (unsigned)(at[4] - '0');
    if (hour > 23 || minute > 59) {
        return false;
    }
    *ret_min = hour * 60 + minute;
    *text = at + 5;
    return true;
}

static bool
take_day(const char **text, unsigned *ret_day)
{
    unsigned day;

    for (day = 0; day < DAYS; day++) {
        if (strncmp(*text, day_names[day], 3) == 0) {
            *text += 3;
            *ret_day = day;
            return true;
        }
    }
    return false;
}

/* "Mon..Fri", "Sat,Sun", "Fri..Mon,Wed". Moves *text behind them. */
static bool
take_days(const char **text, uint8_t *ret_days)
{
    uint8_t days = 0;
    unsigned first;
    unsigned last;

    do {
        if (days != 0) {
            (*text)++; /* the comma */
        }
        if (!take_day(text, &first)) {
            return false;
        }
        last = first;
        if (strncmp(*text, "..", 2) == 0) {
            *text += 2;
            if (!take_day(text, &last)) {
                return false;
            }
        }
        for (;; first = (first + 1) % DAYS) {
            days |= (uint8_t)(1u << first);
            if (first == last) {
                break;
            }
        }
    } while (**text == ',');
    *ret_days = days;
    return true;
}

bool
broker_schedule_set_from(struct broker_schedule *schedule, const char *text, char *ret_why)
{
    uint8_t days = (1u << DAYS) - 1;
    unsigned minute;

    if (g_ascii_isalpha(*text)) {
        if (!take_days(&text, &days) || *text != ' ') {
            text = "";
        }
        text += strspn(text, " ");
    }
    if (!take_time(&text, &minute) || *text != '\0') {
        g_strlcpy(ret_why,
                  "days and a time such as 'Mon..Fri 07:30', 'Sat,Sun 09:00' or '07:30' "
                  "are wanted",
                  BROKER_VALUE_TEXT);
        return false;
    }
    schedule->days = days;
    schedule->from_min = minute;
    return true;
}

bool
broker_schedule_set_until(struct broker_schedule *schedule, const char *text, char *ret_why)
{
    if (!take_time(&text, &schedule->until_min) || *text != '\0') {
        g_strlcpy(ret_why, "a time such as '09:30' is wanted", BROKER_VALUE_TEXT);
        return false;
    }
    schedule->has_until = true;
    return true;
}

char *
broker_schedule_from_text(const struct broker_schedule *schedule)
{
    GString *text = g_string_new(NULL);
    unsigned day = 0;

    while (schedule->days != (1u << DAYS) - 1 && day < DAYS) {
        unsigned last = day;

        if ((schedule->days & 1u << day) == 0) {
            day++;
            continue;
        }
        while (last + 1 < DAYS && (schedule->days & 1u << (last + 1)) != 0) {
            last++;
        }
        g_string_append_printf(text, "%s%s", text->len > 0 ? "," : "", day_names[day]);
        if (last > day) {
            g_string_append_printf(text, "%s%s", last > day + 1 ? ".." : ",", day_names[last]);
        }
        day = last + 1;
    }
    g_string_append_printf(text, "%s%02u:%02u", text->len > 0 ? " " : "", schedule->from_min / 60,
                           schedule->from_min % 60);
    return g_string_free(text, FALSE);
}

char *
broker_schedule_until_text(const struct broker_schedule *schedule)
{
    return g_strdup_printf("%02u:%02u", schedule->until_min / 60, schedule->until_min % 60);
}

bool
broker_schedule_is_on(const struct broker_schedule *schedule, int64_t now_ms)
{
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm local;
    unsigned today;
    unsigned yesterday;
    unsigned minute;

    if (localtime_r(&seconds, &local) == NULL) {
        return false;
    }
    today = ((unsigned)local.tm_wday + DAYS - 1) % DAYS;
    yesterday = (today + DAYS - 1) % DAYS;
    minute = (unsigned)local.tm_hour * 60 + (unsigned)local.tm_min;
    if (schedule->until_min > schedule->from_min) {
        return (schedule->days & 1u << today) != 0 && minute >= schedule->from_min &&
               minute < schedule->until_min;
    }
    /* Over midnight. */
    return ((schedule->days & 1u << today) != 0 && minute >= schedule->from_min) ||
           ((schedule->days & 1u << yesterday) != 0 && minute < schedule->until_min);
}

static unsigned
largest(const GPtrArray *schedules, bool parked, unsigned usual, int64_t now_ms)
{
    unsigned number = 0;
    bool any = false;
    guint i;

    for (i = 0; i < schedules->len; i++) {
        const struct broker_schedule *schedule = g_ptr_array_index(schedules, i);

        if (broker_schedule_is_on(schedule, now_ms) && (!parked || schedule->has_parked)) {
            number = MAX(number, parked ? schedule->parked : schedule->running);
            any = true;
        }
    }
    return any ? number : usual;
}

unsigned
broker_schedule_running(const GPtrArray *schedules, unsigned usual, int64_t now_ms)
{
    return largest(schedules, false, usual, now_ms);
}

unsigned
broker_schedule_parked(const GPtrArray *schedules, unsigned usual, int64_t now_ms)
{
    return largest(schedules, true, usual, now_ms);
}
