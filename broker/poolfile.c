/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/poolfile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/name.h"
#include "broker/poolvalue.h"
#include "protocol/base/fd.h"
#include "protocol/base/ini.h"
#include "protocol/base/nearest.h"

#define MAX_DESCRIPTION 200u
#define MAX_PRINCIPALS  256u
#define DAY_MS          INT64_C(86400000)

enum value_type {
    VALUE_TEXT,
    VALUE_NAME,
    VALUE_WORD,   /* a bool: not the first of the words */
    VALUE_CHOICE, /* an unsigned: index among the words */
    VALUE_NUMBER,
    VALUE_REVISION,
    VALUE_MEMORY,
    VALUE_DURATION,
    VALUE_RATE,
    VALUE_PRINCIPALS,
};

/* One row is one key: the parser, its messages and the ranges in docs/ADMIN.md follow this table.
 */
struct key {
    const char *section;
    const char *name;
    enum value_type type;
    bool required;
    size_t offset;
    int64_t min, max;
    const char *const *words; /* what is accepted, NULL at the end */
    const char *refused;      /* VALUE_WORD: a word that is known but cannot be had */
};

static const char *const type_words[] = {"floating", NULL};
static const char *const logoff_words[] = {"logoff", NULL};
static const char *const accel_words[] = {"kvm", "any", NULL}; /* index is the value */

static const char *const display_words[] = {"auto", "dbus", "spice", "qxl", NULL}; /* enum */

#define FIELD(member) offsetof(struct broker_pool, member)
#define NO_FIELD      SIZE_MAX

static const struct key keys[] = {
    {"Pool", "Description", VALUE_TEXT, false, FIELD(description), 0, 0, NULL, NULL},
    {"Pool", "Type", VALUE_WORD, false, NO_FIELD, 0, 0, type_words, "dedicated"},
    {"Pool", "Max", VALUE_NUMBER, true, FIELD(max), 1, 10000, NULL, NULL},
    {"Pool", "MaxPerUser", VALUE_NUMBER, false, FIELD(max_per_user), 1, 100, NULL, NULL},
    {"Pool", "Allow", VALUE_PRINCIPALS, false, FIELD(allow), 0, 0, NULL, NULL},
    {"Pool", "Deny", VALUE_PRINCIPALS, false, FIELD(deny), 0, 0, NULL, NULL},
    {"Image", "Name", VALUE_NAME, true, FIELD(image), 0, 0, NULL, NULL},
    {"Image", "Revision", VALUE_REVISION, false, FIELD(revision), 1, 1000000, NULL, NULL},
    {"Image", "Refresh", VALUE_WORD, false, NO_FIELD, 0, 0, logoff_words, NULL},
    {"Machine", "CPU", VALUE_NUMBER, false, FIELD(cpu), 1, 64, NULL, NULL},
    {"Machine", "Memory", VALUE_MEMORY, false, FIELD(memory_mb), 64, 1048576, NULL, NULL},
    {"Machine", "Accel", VALUE_WORD, false, FIELD(accel_any), 0, 0, accel_words, NULL},
    {"Machine", "Display", VALUE_CHOICE, false, FIELD(display), 0, 0, display_words, NULL},
    {"Spares", "Running", VALUE_NUMBER, false, FIELD(spares_running), 0, 10000, NULL, NULL},
    {"Spares", "Restrain", VALUE_RATE, false, NO_FIELD, 0, 0, NULL, NULL},
    {"Session", "Disconnected", VALUE_DURATION, false, FIELD(disconnected_ms), 1000, 30 * DAY_MS,
     NULL, NULL},
    {"Session", "OnDisconnectExpire", VALUE_WORD, false, NO_FIELD, 0, 0, logoff_words, NULL},
};

static const char *const section_names[] = {"Pool", "Image", "Machine", "Spares", "Session", NULL};

struct parse {
    struct broker_pool *pool;
    const char *path;
    GPtrArray *errors;
    unsigned seen[G_N_ELEMENTS(keys)]; /* line of the first use, 0: none */
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
    return g_strv_contains(section_names, section);
}

static void
on_section(void *user_data, const char *section, unsigned line)
{
    const char *near;

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
    const char *names[G_N_ELEMENTS(keys) + 1];
    const char *near;
    size_t count = 0;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].section, section) == 0) {
            names[count++] = keys[i].name;
        }
    }
    names[count] = NULL;
    near = vd_nearest(key, names);
    if (near != NULL) {
        report(parse, line, "unknown key '%s' in [%s]; did you mean '%s'?", key, section, near);
        return;
    }
    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].name, key) == 0) {
            report(parse, line, "key '%s' belongs to [%s], not to [%s]", key, keys[i].section,
                   section);
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
        report(parse, line, "%s=%s is not yet supported; use %s=%s", key->name, value, key->name,
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
    if (key->type == VALUE_RATE) {
        ok = broker_value_rate(value, &number, &time_ms, why);
    } else if (key->type == VALUE_MEMORY) {
        ok = broker_value_memory(value, key->min, key->max, &number, why);
    } else if (key->type == VALUE_DURATION) {
        ok = broker_value_duration(value, key->min, key->max, &number, why);
    } else {
        ok = broker_value_number(value, key->min, key->max, &number, why);
    }
    if (!ok) {
        report(parse, line, "%s=%s: %s%s", key->name, value,
               key->type == VALUE_REVISION ? "'latest' or " : "", why);
    } else if (key->type == VALUE_RATE) {
        parse->pool->restrain_count = (unsigned)number;
        parse->pool->restrain_ms = time_ms;
    } else if (key->type == VALUE_DURATION) {
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
    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, key) == 0) {
            if (parse->seen[i] != 0 && keys[i].type != VALUE_PRINCIPALS) {
                report(parse, line, "'%s' was already given in line %u", key, parse->seen[i]);
                return;
            }
            parse->seen[i] = line;
            set_value(parse, &keys[i], value, line);
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

static void
check_whole(struct parse *parse)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (keys[i].required && parse->seen[i] == 0) {
            report(parse, 1, "'%s' is missing in [%s]", keys[i].name, keys[i].section);
        }
        if (parse->seen[i] != 0 && parse->errors->len == parse->first_error &&
            keys[i].offset == FIELD(spares_running) &&
            parse->pool->spares_running > parse->pool->max) {
            report(parse, parse->seen[i], "Running=%u is more than Max=%u",
                   parse->pool->spares_running, parse->pool->max);
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
    if (errors->len != parse.first_error) {
        broker_pool_free(parse.pool);
        return NULL;
    }
    return parse.pool;
}

static void
load_one(struct broker_pools *pools, const char *dir, const char *file, GPtrArray *errors)
{
    char *path = g_build_filename(dir, file, NULL);
    char *name = g_strndup(file, strlen(file) - strlen(".pool"));
    char *text = NULL;
    size_t size = 0;
    int result = vd_file_read(path, VD_INI_MAX_FILE, &text, &size);

    if (result < 0) {
        g_ptr_array_add(errors, g_strdup_printf("%s:1: reading it: %s", path, g_strerror(-result)));
    } else {
        struct broker_pool *pool = broker_pool_parse(name, path, text, size, errors);

        if (pool != NULL) {
            g_ptr_array_add(pools->items, pool);
        }
    }
    free(text);
    g_free(name);
    g_free(path);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the pool files in dir, sorted; hidden files and other endings are not ours. */
static GPtrArray *
list_files(const char *dir, GPtrArray *errors)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    GDir *folder = g_dir_open(dir, 0, &error);
    const char *file;

    if (folder == NULL) {
        g_ptr_array_add(errors, g_strdup_printf("%s:1: %s", dir, error->message));
        g_clear_error(&error);
        return files;
    }
    while ((file = g_dir_read_name(folder)) != NULL) {
        if (file[0] == '.' || !g_str_has_suffix(file, ".pool")) {
            continue;
        }
        if (files->len == BROKER_MAX_POOLS) {
            g_ptr_array_add(
                errors, g_strdup_printf("%s:1: more than %u pool files", dir, BROKER_MAX_POOLS));
            break;
        }
        g_ptr_array_add(files, g_strdup(file));
    }
    g_dir_close(folder);
    g_ptr_array_sort(files, compare_names);
    return files;
}

/* Names that differ only in case would be taken for one another by people. */
static void
check_names(const struct broker_pools *pools, GPtrArray *errors)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint i;

    for (i = 0; i < pools->items->len; i++) {
        struct broker_pool *pool = g_ptr_array_index(pools->items, i);
        char *folded = g_ascii_strdown(pool->name, -1);
        const struct broker_pool *other = g_hash_table_lookup(seen, folded);

        if (other != NULL) {
            g_ptr_array_add(errors, g_strdup_printf("%s:1: the pool '%s' exists already as '%s'",
                                                    pool->path, pool->name, other->path));
        }
        g_hash_table_insert(seen, folded, pool);
    }
    g_hash_table_unref(seen);
}

struct broker_pools *
broker_pools_load(const char *dir, GPtrArray **ret_errors)
{
    GPtrArray *errors = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *files = list_files(dir, errors);
    struct broker_pools *pools = broker_pools_new();
    guint i;

    for (i = 0; i < files->len; i++) {
        load_one(pools, dir, g_ptr_array_index(files, i), errors);
    }
    check_names(pools, errors);
    g_ptr_array_unref(files);
    if (errors->len > 0) {
        *ret_errors = errors;
        broker_pools_free(pools);
        return NULL;
    }
    g_ptr_array_unref(errors);
    return pools;
}
