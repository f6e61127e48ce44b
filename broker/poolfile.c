/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/poolfile.h"

#include <string.h>

#include "broker/name.h"
#include "broker/poolkeys.h"
#include "broker/poolvalue.h"
#include "broker/schedule.h"
#include "protocol/base/ini.h"
#include "protocol/base/nearest.h"
#include "protocol/launch/launch.h"

#define MAX_DESCRIPTION 200u
#define MAX_PRINCIPALS  256u
#define MAX_SCHEDULES   32u

static const char *const section_names[] = {"Pool",      "Image",   "Machine",  "Display", "Spares",
                                            "Placement", "Session", "UserDisk", "Trash",   NULL};

struct parse {
    struct broker_pool *pool;
    const char *path;
    GPtrArray *errors;
    unsigned seen[BROKER_POOL_KEYS]; /* line of the first use, 0: none */
    guint first_error;
};

static void report(struct parse *parse, unsigned line, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void
report(struct parse *parse, unsigned line, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(parse->errors, g_strdup_printf("%s:%u: %s", parse->path, line, text));
    g_free(text);
}

static bool
section_is_known(const char *section)
{
    return g_strv_contains(section_names, section) || g_str_has_prefix(section, SCHEDULE);
}

/* The schedule of a section "Schedule NAME", or NULL. */
static struct broker_schedule *
find_schedule(const struct parse *parse, const char *section)
{
    const char *name = section + strlen(SCHEDULE);
    guint i;

    for (i = 0; i < parse->pool->schedules->len; i++) {
        struct broker_schedule *schedule = g_ptr_array_index(parse->pool->schedules, i);

        if (strcmp(schedule->name, name) == 0) {
            return schedule;
        }
    }
    return NULL;
}

static void
begin_schedule(struct parse *parse, const char *section, unsigned line)
{
    const char *name = section + strlen(SCHEDULE);
    GPtrArray *schedules = parse->pool->schedules;

    if (!broker_name_is_valid(name)) {
        report(parse, line, "[%s]: a name of letters, digits, '.', '_' and '-' is wanted", section);
    } else if (schedules->len == MAX_SCHEDULES) {
        report(parse, line, "more than %u schedules", MAX_SCHEDULES);
    } else if (find_schedule(parse, section) == NULL) {
        g_ptr_array_add(schedules, broker_schedule_new(name, line));
    }
}

static void
set_schedule(struct parse *parse, const char *section, const char *key, const char *value,
             unsigned line)
{
    struct broker_schedule *schedule = find_schedule(parse, section);
    char why[BROKER_VALUE_TEXT];
    int64_t number = 0;
    bool ok = true;

    if (schedule == NULL) {
        return; /* its header was reported */
    }
    if (strcmp(key, "From") == 0) {
        ok = broker_schedule_set_from(schedule, value, why);
    } else if (strcmp(key, "Until") == 0) {
        ok = broker_schedule_set_until(schedule, value, why);
    } else if (strcmp(key, "Running") == 0) {
        ok = broker_value_number(value, 0, 10000, &number, why);
        schedule->running = (unsigned)number;
        schedule->has_running = ok;
    } else if (strcmp(key, "Parked") == 0) {
        ok = broker_value_number(value, 0, 10000, &number, why);
        schedule->parked = (unsigned)number;
        schedule->has_parked = ok;
    } else {
        report(parse, line, "unknown key '%s' in [%s]; From, Until, Running and Parked are known",
               key, section);
    }
    if (!ok) {
        report(parse, line, "%s=%s: %s", key, value, why);
    }
}

static void
check_schedules(struct parse *parse)
{
    guint i;

    for (i = 0; parse->errors->len == parse->first_error && i < parse->pool->schedules->len; i++) {
        const struct broker_schedule *schedule = g_ptr_array_index(parse->pool->schedules, i);
        const char *missing = schedule->days == 0      ? "From"
                              : !schedule->has_until   ? "Until"
                              : !schedule->has_running ? "Running"
                                                       : NULL;

        if (missing != NULL) {
            report(parse, schedule->line, "'%s' is missing in [" SCHEDULE "%s]", missing,
                   schedule->name);
        } else if (schedule->running > parse->pool->max) {
            report(parse, schedule->line, "[" SCHEDULE "%s]: Running=%u is more than Max=%u",
                   schedule->name, schedule->running, parse->pool->max);
        } else if (schedule->running + schedule->parked > parse->pool->max) {
            report(parse, schedule->line,
                   "[" SCHEDULE "%s]: Running=%u and Parked=%u are more than Max=%u",
                   schedule->name, schedule->running, schedule->parked, parse->pool->max);
        }
    }
}

static void
on_section(void *user_data, const char *section, unsigned line)
{
    const char *near;

    if (g_str_has_prefix(section, SCHEDULE)) {
        begin_schedule(user_data, section, line);
        return;
    }

    if (section_is_known(section)) {
        return;
    }
    near = vd_nearest(section, section_names);
    report(user_data, line, "unknown section [%s]%s%s%s", section,
           near != NULL ? "; did you mean [" : "", near != NULL ? near : "",
           near != NULL ? "]?" : "");
}

static void
unknown_key(struct parse *parse, const char *section, const char *key, unsigned line)
{
    const char *names[BROKER_POOL_KEYS + 1];
    const char *near;
    size_t count = 0;
    size_t i;

    for (i = 0; i < BROKER_POOL_KEYS; i++) {
        if (strcmp(broker_pool_keys[i].section, section) == 0) {
            names[count++] = broker_pool_keys[i].name;
        }
    }
    names[count] = NULL;
    near = vd_nearest(key, names);
    if (near != NULL) {
        report(parse, line, "unknown key '%s' in [%s]; did you mean '%s'?", key, section, near);
        return;
    }
    for (i = 0; i < BROKER_POOL_KEYS; i++) {
        if (strcmp(broker_pool_keys[i].name, key) == 0) {
            report(parse, line, "key '%s' belongs to [%s], not to [%s]", key,
                   broker_pool_keys[i].section, section);
            return;
        }
    }
    report(parse, line, "unknown key '%s' in [%s]", key, section);
}

static void
add_principals(struct parse *parse, GPtrArray *list, const char *value, unsigned line)
{
    char **words = g_strsplit_set(value, " \t,", -1);
    size_t i;

    if (value[0] == '\0') {
        g_ptr_array_set_size(list, 0);
    }
    for (i = 0; words[i] != NULL; i++) {
        const char *word = words[i];

        if (word[0] == '\0') {
            continue;
        }
        if (strchr(word, '*') != NULL) {
            report(parse, line, "'%s': no wildcards; name users and @groups", word);
        } else if (word[0] == '@' ? !broker_name_is_valid(word + 1) : !broker_user_is_valid(word)) {
            report(parse, line, "'%s' is neither a user nor a @group", word);
        } else if (list->len == MAX_PRINCIPALS) {
            report(parse, line, "more than %u names; use a group", MAX_PRINCIPALS);
            break;
        } else {
            g_ptr_array_add(list, g_strdup(word));
        }
    }
    g_strfreev(words);
}

static void
set_word(struct parse *parse, const struct key *key, const char *value, unsigned line)
{
    char *choices;
    size_t i;

    for (i = 0; key->words[i] != NULL; i++) {
        if (strcmp(key->words[i], value) == 0) {
            if (key->type == VALUE_CHOICE) {
                *(unsigned *)((char *)parse->pool + key->offset) = (unsigned)i;
            } else if (key->offset != NO_FIELD) {
                *(bool *)((char *)parse->pool + key->offset) = i != 0;
            }
            return;
        }
    }
    if (key->refused != NULL && strcmp(key->refused, value) == 0) {
        report(parse, line, "%s=%s cannot be had; use %s=%s", key->name, value, key->name,
               key->words[0]);
        return;
    }
    choices = g_strjoinv(" or ", (char **)key->words);
    report(parse, line, "%s=%s: %s is wanted", key->name, value, choices);
    g_free(choices);
}

static void
set_text(struct parse *parse, const struct key *key, const char *value, unsigned line)
{
    char **field = (char **)((char *)parse->pool + key->offset);

    if (key->type == VALUE_NAME && !broker_name_is_valid(value)) {
        report(parse, line, "%s=%s: a name of letters, digits, '.', '_' and '-' is wanted",
               key->name, value);
        return;
    }
    if (strlen(value) > MAX_DESCRIPTION || !g_utf8_validate(value, -1, NULL)) {
        report(parse, line, "%s: at most %u bytes of UTF-8 are wanted", key->name, MAX_DESCRIPTION);
        return;
    }
    g_free(*field);
    *field = g_strdup(value);
}

static void
set_network(struct parse *parse, const struct key *key, const char *value, unsigned line)
{
    char **field = (char **)((char *)parse->pool + key->offset);
    const char *name = g_str_has_prefix(value, BRIDGE) ? value + strlen(BRIDGE) : "";

    if (strcmp(value, "none") == 0) {
        return;
    }
    if (!vd_launch_bridge_is_good(name)) {
        report(parse, line,
               "%s=%s: 'none' or 'bridge:' and the name of a bridge on the hosts, as bridge:br0",
               key->name, value);
        return;
    }
    *field = g_strdup(name);
}

static void
set_number(struct parse *parse, const struct key *key, const char *value, unsigned line)
{
    char why[BROKER_VALUE_TEXT];
    int64_t number = 0;
    int64_t time_ms = 0;
    bool ok;

    if (key->type == VALUE_REVISION && strcmp(value, "latest") == 0) {
        parse->pool->revision = 0;
        return;
    }
    if (key->type == VALUE_LIMIT && strcmp(value, "never") == 0) {
        *(int64_t *)((char *)parse->pool + key->offset) = 0;
        return;
    }
    if ((key->type == VALUE_SPACE || key->type == VALUE_PERCENT) && strcmp(value, "none") == 0) {
        *(unsigned *)((char *)parse->pool + key->offset) = 0;
        return;
    }
    if (key->type == VALUE_RATE) {
        ok = broker_value_rate(value, &number, &time_ms, why);
    } else if (key->type == VALUE_MEMORY || key->type == VALUE_SPACE) {
        ok = broker_value_memory(value, key->min, key->max, &number, why);
    } else if (key->type == VALUE_PERCENT) {
        ok = broker_value_percent(value, key->min, key->max, &number, why);
    } else if (key->type == VALUE_DURATION || key->type == VALUE_LIMIT) {
        ok = broker_value_duration(value, key->min, key->max, &number, why);
    } else {
        ok = broker_value_number(value, key->min, key->max, &number, why);
    }
    if (!ok) {
        report(parse, line, "%s=%s: %s%s", key->name, value,
               key->type == VALUE_REVISION                              ? "'latest' or "
               : key->type == VALUE_LIMIT                               ? "'never' or "
               : key->type == VALUE_SPACE || key->type == VALUE_PERCENT ? "'none' or "
                                                                        : "",
               why);
    } else if (key->type == VALUE_RATE) {
        parse->pool->restrain_count = (unsigned)number;
        parse->pool->restrain_ms = time_ms;
    } else if (key->type == VALUE_DURATION || key->type == VALUE_LIMIT) {
        *(int64_t *)((char *)parse->pool + key->offset) = number;
    } else {
        *(unsigned *)((char *)parse->pool + key->offset) = (unsigned)number;
    }
}

static void
set_value(struct parse *parse, const struct key *key, const char *value, unsigned line)
{
    if (key->type == VALUE_PRINCIPALS) {
        add_principals(parse, *(GPtrArray **)((char *)parse->pool + key->offset), value, line);
    } else if (value[0] == '\0') {
        report(parse, line, "%s= has no value", key->name);
    } else if (key->type == VALUE_WORD || key->type == VALUE_CHOICE) {
        set_word(parse, key, value, line);
    } else if (key->type == VALUE_TEXT || key->type == VALUE_NAME) {
        set_text(parse, key, value, line);
    } else if (key->type == VALUE_NETWORK) {
        set_network(parse, key, value, line);
    } else {
        set_number(parse, key, value, line);
    }
}

static void
on_entry(void *user_data, const char *section, const char *key, const char *value, unsigned line)
{
    struct parse *parse = user_data;
    size_t i;

    if (section == NULL || section[0] == '\0') {
        report(parse, line, "'%s' stands before the first section", key);
        return;
    }
    if (!section_is_known(section)) {
        return; /* its header was reported */
    }
    if (g_str_has_prefix(section, SCHEDULE)) {
        set_schedule(parse, section, key, value, line);
        return;
    }
    for (i = 0; i < BROKER_POOL_KEYS; i++) {
        if (strcmp(broker_pool_keys[i].section, section) == 0 &&
            strcmp(broker_pool_keys[i].name, key) == 0) {
            if (parse->seen[i] != 0 && broker_pool_keys[i].type != VALUE_PRINCIPALS) {
                report(parse, line, "'%s' was already given in line %u", key, parse->seen[i]);
                return;
            }
            parse->seen[i] = line;
            set_value(parse, &broker_pool_keys[i], value, line);
            return;
        }
    }
    unknown_key(parse, section, key, line);
}

static void
on_error(void *user_data, unsigned line, const char *text)
{
    report(user_data, line, "%s", text);
}

/* A disk is one user's, in one desktop at a time. */
static void
check_userdisk(struct parse *parse, unsigned line)
{
    const struct broker_pool *pool = parse->pool;

    if (pool->dedicated) {
        report(parse, line,
               "[UserDisk] is for Type=floating: a dedicated desktop keeps its own disk");
    } else if (!pool->accounts) {
        report(parse, line, "[UserDisk] needs Account=user in [Session]: whose home would it be?");
    } else if (pool->max_per_user > 1) {
        report(parse, line, "[UserDisk] needs MaxPerUser=1: the disk can be in one desktop only");
    }
}

static void
check_whole(struct parse *parse)
{
    size_t i;

    for (i = 0; i < BROKER_POOL_KEYS; i++) {
        if (broker_pool_keys[i].required && parse->seen[i] == 0) {
            report(parse, 1, "'%s' is missing in [%s]", broker_pool_keys[i].name,
                   broker_pool_keys[i].section);
        }
        if (parse->seen[i] != 0 && parse->errors->len == parse->first_error &&
            broker_pool_keys[i].offset == FIELD(spares_running) &&
            parse->pool->spares_running > parse->pool->max) {
            report(parse, parse->seen[i], "Running=%u is more than Max=%u",
                   parse->pool->spares_running, parse->pool->max);
        }
        if (parse->seen[i] != 0 && parse->errors->len == parse->first_error &&
            broker_pool_keys[i].offset == FIELD(spares_parked) &&
            parse->pool->spares_running + parse->pool->spares_parked > parse->pool->max) {
            report(parse, parse->seen[i], "Running=%u and Parked=%u are more than Max=%u",
                   parse->pool->spares_running, parse->pool->spares_parked, parse->pool->max);
        }
        if (parse->pool->userdisk_mb > 0 && broker_pool_keys[i].offset == FIELD(userdisk_mb)) {
            check_userdisk(parse, parse->seen[i]);
        }
        if (parse->seen[i] != 0 && broker_pool_keys[i].offset == FIELD(clone) &&
            parse->pool->clone == BROKER_CLONE_FORK && !broker_pool_forks(parse->pool)) {
            report(parse, parse->seen[i],
                   "Clone=fork needs Display=dbus: what SPICE shows cannot be forked");
        }
    }
}

struct broker_pool *
broker_pool_parse(const char *name, const char *path, const char *text, size_t size,
                  GPtrArray *errors)
{
    static const struct vd_ini_handler handler = {on_section, on_entry, on_error};
    struct parse parse = {.pool = broker_pool_new(name, path),
                          .path = path,
                          .errors = errors,
                          .first_error = errors->len};

    if (!broker_name_is_valid(name)) {
        report(&parse, 1, "'%s' is no name for a pool: letters, digits, '.', '_' and '-'", name);
    }
    vd_ini_parse(text, size, &handler, &parse);
    check_whole(&parse);
    check_schedules(&parse);
    if (errors->len != parse.first_error) {
        broker_pool_free(parse.pool);
        return NULL;
    }
    return parse.pool;
}
