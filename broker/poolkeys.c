/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/poolkeys.h"

#include "broker/poolfile.h"
#include "broker/poolvalue.h"
#include "broker/schedule.h"

#define DAY_MS INT64_C(86400000)

static const char *const type_words[] = {"floating", "dedicated", NULL}; /* index is the value */
static const char *const logoff_words[] = {"logoff", NULL};
static const char *const expire_words[] = {"logoff", "shutdown", "park", NULL}; /* enum */

static const char *const end_words[] = {"logoff", "shutdown", NULL}; /* enum, without park */
static const char *const accel_words[] = {"kvm", "any", NULL};       /* index is the value */

static const char *const no_yes_words[] = {"no", "yes", NULL}; /* index is the value */

static const char *const account_words[] = {"image", "user", NULL}; /* index is the value */

static const char *const display_words[] = {"auto", "dbus", "spice", "qxl", NULL}; /* enum */

static const char *const clone_words[] = {"auto", "fork", "disk", NULL}; /* enum */

const struct key broker_pool_keys[BROKER_POOL_KEYS] = {
    {"Pool", "Description", VALUE_TEXT, false, FIELD(description), 0, 0, NULL, NULL},
    {"Pool", "Type", VALUE_WORD, false, FIELD(dedicated), 0, 0, type_words, NULL},
    {"Pool", "Max", VALUE_NUMBER, true, FIELD(max), 1, 10000, NULL, NULL},
    {"Pool", "MaxPerUser", VALUE_NUMBER, false, FIELD(max_per_user), 1, 100, NULL, NULL},
    {"Pool", "Allow", VALUE_PRINCIPALS, false, FIELD(allow), 0, 0, NULL, NULL},
    {"Pool", "Deny", VALUE_PRINCIPALS, false, FIELD(deny), 0, 0, NULL, NULL},
    {"Image", "Name", VALUE_NAME, true, FIELD(image), 0, 0, NULL, NULL},
    {"Image", "Revision", VALUE_REVISION, false, FIELD(revision), 1, 1000000, NULL, NULL},
    {"Image", "SoftDeadline", VALUE_LIMIT, false, FIELD(soft_ms), 60000, 30 * DAY_MS, NULL, NULL},
    {"Image", "HardDeadline", VALUE_LIMIT, false, FIELD(hard_ms), 60000, 30 * DAY_MS, NULL, NULL},
    {"Image", "CanaryStart", VALUE_DURATION, false, FIELD(canary_start_ms), 1000, 3600000, NULL,
     NULL},
    {"Image", "CanaryFirstFrame", VALUE_DURATION, false, FIELD(canary_frame_ms), 1, 600000, NULL,
     NULL},
    {"Image", "CanaryEcho", VALUE_DURATION, false, FIELD(canary_echo_ms), 1, 60000, NULL, NULL},
    {"Image", "CanaryTap", VALUE_TEXT, false, FIELD(canary_tap), 0, 0, NULL, NULL},
    {"Image", "Refresh", VALUE_WORD, false, NO_FIELD, 0, 0, logoff_words, NULL},
    {"Machine", "CPU", VALUE_NUMBER, false, FIELD(cpu), 1, 64, NULL, NULL},
    {"Machine", "Memory", VALUE_MEMORY, false, FIELD(memory_mb), 64, 1048576, NULL, NULL},
    {"Machine", "Accel", VALUE_WORD, false, FIELD(accel_any), 0, 0, accel_words, NULL},
    {"Machine", "Display", VALUE_CHOICE, false, FIELD(display), 0, 0, display_words, NULL},
    {"Machine", "Clone", VALUE_CHOICE, false, FIELD(clone), 0, 0, clone_words, NULL},
    {"Machine", "Network", VALUE_NETWORK, false, FIELD(bridge), 0, 0, NULL, NULL},
    {"Display", "LastScreen", VALUE_WORD, false, FIELD(last_screen), 0, 0, no_yes_words, NULL},
    {"Display", "Monitors", VALUE_NUMBER, false, FIELD(monitors), 1, 4, NULL, NULL},
    {"Spares", "Running", VALUE_NUMBER, false, FIELD(spares_running), 0, 10000, NULL, NULL},
    {"Spares", "Parked", VALUE_NUMBER, false, FIELD(spares_parked), 0, 10000, NULL, NULL},
    {"Spares", "Restrain", VALUE_RATE, false, NO_FIELD, 0, 0, NULL, NULL},
    {"Placement", "Overcommit", VALUE_NUMBER, false, FIELD(overcommit), 1, 64, NULL, NULL},
    {"Placement", "OverheadMax", VALUE_PERCENT, false, FIELD(overhead_max), 1, 10000, NULL, NULL},
    {"Session", "Disconnected", VALUE_DURATION, false, FIELD(disconnected_ms), 1000, 30 * DAY_MS,
     NULL, NULL},
    {"Session", "InputIdle", VALUE_LIMIT, false, FIELD(input_idle_ms), 60000, 30 * DAY_MS, NULL,
     NULL},
    {"Session", "Absolute", VALUE_LIMIT, false, FIELD(absolute_ms), 60000, 30 * DAY_MS, NULL, NULL},
    {"Session", "Account", VALUE_WORD, false, FIELD(accounts), 0, 0, account_words, NULL},
    {"UserDisk", "Size", VALUE_SPACE, false, FIELD(userdisk_mb), 16, 16777216, NULL, NULL},
    {"Trash", "Keep", VALUE_LIMIT, false, FIELD(trash_ms), 60000, 30 * DAY_MS, NULL, NULL},
    {"Session", "OnDisconnectExpire", VALUE_CHOICE, false, FIELD(disconnected_expire), 0, 0,
     expire_words, NULL},
    {"Session", "OnInputIdleExpire", VALUE_CHOICE, false, FIELD(input_idle_expire), 0, 0,
     expire_words, NULL},
    {"Session", "OnAbsoluteExpire", VALUE_CHOICE, false, FIELD(absolute_expire), 0, 0, end_words,
     "park"},
};

/* As it would stand in a file; for g_free(). */
static char *
value_text(const struct broker_pool *pool, const struct key *key)
{
    const char *at = (const char *)pool + (key->offset != NO_FIELD ? key->offset : 0);
    char *duration;
    char *text;
    GPtrArray *names;
    GString *list;
    guint i;

    switch (key->type) {
    case VALUE_TEXT:
    case VALUE_NAME:
        text = *(char *const *)at;
        return g_strdup(text != NULL ? text : "");
    case VALUE_WORD:
        return g_strdup(key->words[key->offset != NO_FIELD && *(const bool *)at ? 1 : 0]);
    case VALUE_CHOICE:
        return g_strdup(key->words[*(const unsigned *)at]);
    case VALUE_NETWORK:
        text = *(char *const *)at;
        return text != NULL ? g_strconcat(BRIDGE, text, NULL) : g_strdup("none");
    case VALUE_PERCENT:
        return *(const unsigned *)at == 0 ? g_strdup("none")
                                          : broker_value_percent_text(*(const unsigned *)at);
    case VALUE_SPACE:
        if (*(const unsigned *)at == 0) {
            return g_strdup("none");
        }
        return broker_value_memory_text(*(const unsigned *)at);
    case VALUE_MEMORY:
        return broker_value_memory_text(*(const unsigned *)at);
    case VALUE_LIMIT:
        if (*(const int64_t *)at == 0) {
            return g_strdup("never");
        }
        return broker_value_duration_text(*(const int64_t *)at);
    case VALUE_DURATION:
        return broker_value_duration_text(*(const int64_t *)at);
    case VALUE_RATE:
        duration = broker_value_duration_text(pool->restrain_ms);
        text = g_strdup_printf("%u/%s", pool->restrain_count, duration);
        g_free(duration);
        return text;
    case VALUE_PRINCIPALS:
        names = *(GPtrArray *const *)at;
        list = g_string_new(NULL);
        for (i = 0; i < names->len; i++) {
            g_string_append_printf(list, "%s%s", i > 0 ? " " : "",
                                   (const char *)g_ptr_array_index(names, i));
        }
        return g_string_free(list, FALSE);
    case VALUE_REVISION:
        if (pool->revision == 0) {
            return g_strdup("latest");
        }
        break;
    case VALUE_NUMBER:
        break;
    }
    return g_strdup_printf("%u", *(const unsigned *)at);
}

void
broker_pool_visit(const struct broker_pool *pool, broker_pool_key_fn visit, void *user_data)
{
    size_t i;

    for (i = 0; i < BROKER_POOL_KEYS; i++) {
        char *value = value_text(pool, &broker_pool_keys[i]);

        visit(broker_pool_keys[i].section, broker_pool_keys[i].name, value, user_data);
        g_free(value);
    }
    for (i = 0; i < pool->schedules->len; i++) {
        const struct broker_schedule *schedule = g_ptr_array_index(pool->schedules, i);
        char *section = g_strdup_printf(SCHEDULE "%s", schedule->name);
        char *from = broker_schedule_from_text(schedule);
        char *until = broker_schedule_until_text(schedule);
        char *running = g_strdup_printf("%u", schedule->running);

        visit(section, "From", from, user_data);
        visit(section, "Until", until, user_data);
        visit(section, "Running", running, user_data);
        if (schedule->has_parked) {
            g_autofree char *parked = g_strdup_printf("%u", schedule->parked);

            visit(section, "Parked", parked, user_data);
        }
        g_free(section);
        g_free(from);
        g_free(until);
        g_free(running);
    }
}
