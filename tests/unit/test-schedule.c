/* SPDX-License-Identifier: Apache-2.0 */
/* Spares by the clock, with a clock of the test's own. */
#include "broker/schedule.h"

#include <string.h>
#include <time.h>

#include "broker/poolvalue.h"

/* Of the week that begins on Monday, 4 January 2027, by the local clock. */
static int64_t
at(int day, int hour, int minute)
{
    struct tm local = {.tm_year = 127,
                       .tm_mon = 0,
                       .tm_mday = 4 + day,
                       .tm_hour = hour,
                       .tm_min = minute,
                       .tm_isdst = -1};

    return (int64_t)mktime(&local) * 1000;
}

static struct broker_schedule *
make(const char *from, const char *until, unsigned running)
{
    struct broker_schedule *schedule = broker_schedule_new("test", 1);
    char why[BROKER_VALUE_TEXT];

    g_assert_true(broker_schedule_set_from(schedule, from, why));
    g_assert_true(broker_schedule_set_until(schedule, until, why));
    schedule->running = running;
    return schedule;
}

static void
expect_on(const struct broker_schedule *schedule, int day, int hour, int minute, bool on)
{
    g_test_message("day %d, %02d:%02d", day, hour, minute);
    g_assert_cmpint(broker_schedule_is_on(schedule, at(day, hour, minute)), ==, on);
}

static void
test_a_weekday_morning(void)
{
    struct broker_schedule *schedule = make("Mon..Fri 07:30", "09:30", 40);
    int day;

    for (day = 0; day < 7; day++) {
        expect_on(schedule, day, 7, 29, false);
        expect_on(schedule, day, 7, 30, day < 5);
        expect_on(schedule, day, 9, 29, day < 5);
        expect_on(schedule, day, 9, 30, false);
    }
    broker_schedule_free(schedule);
}

static void
test_over_midnight(void)
{
    struct broker_schedule *schedule = make("Sun 22:00", "02:00", 1);

    expect_on(schedule, 6, 21, 59, false);
    expect_on(schedule, 6, 22, 0, true);
    expect_on(schedule, 7, 1, 59, true); /* Monday */
    expect_on(schedule, 0, 1, 59, true); /* and the one before, of the week before */
    expect_on(schedule, 7, 2, 0, false);
    expect_on(schedule, 1, 1, 0, false);
    broker_schedule_free(schedule);
}

static void
test_the_largest_of_those_that_are_on_counts(void)
{
    GPtrArray *schedules = g_ptr_array_new_with_free_func(broker_schedule_free);

    g_ptr_array_add(schedules, make("Mon..Fri 07:30", "09:30", 40));
    g_ptr_array_add(schedules, make("Mon 08:00", "10:00", 60));
    g_ptr_array_add(schedules, make("20:00", "06:00", 0));
    g_assert_cmpuint(broker_schedule_running(schedules, 5, at(0, 7, 45)), ==, 40);
    g_assert_cmpuint(broker_schedule_running(schedules, 5, at(0, 8, 30)), ==, 60);
    g_assert_cmpuint(broker_schedule_running(schedules, 5, at(1, 8, 30)), ==, 40);
    g_assert_cmpuint(broker_schedule_running(schedules, 5, at(1, 12, 0)), ==, 5);
    g_assert_cmpuint(broker_schedule_running(schedules, 5, at(1, 23, 0)), ==, 0);
    g_ptr_array_unref(schedules);
}

static void
test_texts(void)
{
    static const char *const same[] = {"Mon..Fri 07:30", "Sat,Sun 09:00", "07:30", "Mon 00:00",
                                       "Mon,Wed..Sun 23:59"};
    static const char *const bad[] = {"",
                                      "Mon",
                                      "Mon..Fri",
                                      "7:30",
                                      "24:00",
                                      "12:60",
                                      "Mon..Fri07:30",
                                      "mon 07:30",
                                      "Mon.. 07:30",
                                      "Mon, 07:30",
                                      "Mon 07:30 x",
                                      "Monday 07:30"};
    struct broker_schedule *schedule;
    char why[BROKER_VALUE_TEXT];
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(same); i++) {
        g_autofree char *text = NULL;

        schedule = make(same[i], "10:05", 1);
        text = broker_schedule_from_text(schedule);
        g_assert_cmpstr(text, ==, same[i]);
        broker_schedule_free(schedule);
    }
    schedule = make("Fri..Mon 07:30", "10:05", 1);
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        why[0] = '\0';
        g_assert_false(broker_schedule_set_from(schedule, bad[i], why));
        g_assert_nonnull(strstr(why, "Mon..Fri 07:30"));
    }
    g_assert_false(broker_schedule_set_until(schedule, "Mon 09:30", why));
    g_assert_cmphex(schedule->days, ==, 0x71);
    broker_schedule_free(schedule);
}

/* The hour that summer time leaves out or repeats is none for a pool that wants spares. */
static void
test_summer_time(void)
{
    struct broker_schedule *schedule;

    g_setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", TRUE);
    tzset();
    schedule = make("Sun 01:30", "04:00", 1);
    /* 28 March 2027, 02:00 becomes 03:00; the clock of the world goes on. */
    g_assert_true(broker_schedule_is_on(schedule, INT64_C(1806193800) * 1000));          /* 01:30 */
    g_assert_true(broker_schedule_is_on(schedule, (INT64_C(1806193800) + 3600) * 1000)); /* 03:30 */
    g_assert_false(
        broker_schedule_is_on(schedule, (INT64_C(1806193800) + 5400) * 1000)); /* 04:00 */
    g_unsetenv("TZ");
    tzset();
    broker_schedule_free(schedule);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/schedule/a-weekday-morning", test_a_weekday_morning);
    g_test_add_func("/schedule/over-midnight", test_over_midnight);
    g_test_add_func("/schedule/the-largest-of-those-that-are-on-counts",
                    test_the_largest_of_those_that_are_on_counts);
    g_test_add_func("/schedule/texts", test_texts);
    g_test_add_func("/schedule/summer-time", test_summer_time);
    return g_test_run();
}
