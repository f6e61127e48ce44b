/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SCHEDULE_H
#define BROKER_SCHEDULE_H

/*
 * schedule: how many spares a pool wants at which hour of the week. Pure; the hours are local ones.
 *
 * Days and times are a small part of systemd.time(7): "Mon..Fri 07:30", "Sat,Sun 09:00", "07:30".
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

struct broker_schedule {
    char *name;
    uint8_t days;                 /* bit 0: Monday; of the beginning. 0: From= is missing */
    unsigned from_min, until_min; /* minutes of the day; until <= from: on the next day */
    unsigned running, parked;
    bool has_until, has_running, has_parked;
    unsigned line; /* of its header, for messages */
};

struct broker_schedule *broker_schedule_new(const char *name, unsigned line);
void broker_schedule_free(gpointer schedule); /* accepts NULL */

/* Both return false and a sentence of BROKER_VALUE_TEXT bytes that says what would be right. */
bool broker_schedule_set_from(struct broker_schedule *schedule, const char *text, char *ret_why);
bool broker_schedule_set_until(struct broker_schedule *schedule, const char *text, char *ret_why);
/* As they would stand in a file; for g_free(). */
char *broker_schedule_from_text(const struct broker_schedule *schedule);
char *broker_schedule_until_text(const struct broker_schedule *schedule);

bool broker_schedule_is_on(const struct broker_schedule *schedule, int64_t now_ms);
/* The largest number of those that are on, or usual when none is. */
unsigned broker_schedule_running(const GPtrArray *schedules, unsigned usual, int64_t now_ms);
/* The same of those that say Parked=. */
unsigned broker_schedule_parked(const GPtrArray *schedules, unsigned usual, int64_t now_ms);

#endif
