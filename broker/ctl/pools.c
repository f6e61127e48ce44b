/* SPDX-License-Identifier: Apache-2.0 */
/* pools: what changed pool files would do, before and while they come into force. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "broker/poolfile.h"
#include "broker/poolfolder.h"

static void
print_value(const char *sign, json_t *key, const char *which)
{
    json_t *value = json_object_get(key, which);

    if (json_is_string(value) && json_string_length(value) > 0) {
        printf("  %s [%s] %s=%s\n", sign, ctl_text(key, "section"), ctl_text(key, "key"),
               json_string_value(value));
    }
}

static void
print_change(json_t *change, bool with_effects)
{
    const char *kind = ctl_text(change, "change");
    json_t *item;
    size_t i;

    printf("%c %s: %s\n",
           kind[0] == 'a'   ? '+'
           : kind[0] == 'r' ? '-'
                            : '~',
           ctl_text(change, "pool"), kind);
    json_array_foreach(json_object_get(change, "keys"), i, item)
    {
        print_value("-", item, "from");
        print_value("+", item, "to");
    }
    json_array_foreach(json_object_get(change, "effects"), i, item)
    {
        if (with_effects) {
            printf("  > %s\n", json_string_value(item));
        }
    }
}

/* Prints the plan; the number of pools that change, or -1. */
static int
print_plan(const struct ctl *ctl, bool with_effects)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "plan"));
    json_t *changes = json_object_get(reply, "changes");
    int count = (int)json_array_size(changes);
    json_t *change;
    size_t i;

    if (reply == NULL) {
        return -1;
    }
    json_array_foreach(changes, i, change)
    {
        if (!ctl->json) {
            print_change(change, with_effects);
        }
    }
    if (!ctl->json && count == 0) {
        puts("The pool files say what is in force.");
    }
    json_decref(reply);
    return count;
}

int
ctl_verb_plan(const struct ctl *ctl, char **words)
{
    if (words[1] != NULL) {
        return ctl_usage("plan takes no arguments");
    }
    return print_plan(ctl, true) < 0 ? CTL_FAILED : CTL_DONE;
}

/* As diff(1): 1 when there is a difference. */
int
ctl_verb_diff(const struct ctl *ctl, char **words)
{
    if (words[1] != NULL) {
        return ctl_usage("diff takes no arguments");
    }
    return print_plan(ctl, false) == 0 ? CTL_DONE : CTL_FAILED;
}

int
ctl_verb_apply(const struct ctl *ctl, char **words)
{
    struct ctl quiet = *ctl;
    char reload[] = "reload";
    char *reload_words[] = {reload, NULL};

    if (words[1] != NULL) {
        return ctl_usage("apply takes no arguments");
    }
    if (ctl->json) {
        return ctl_verb_reload(ctl, reload_words);
    }
    switch (print_plan(&quiet, true)) {
    case -1:
        return CTL_FAILED;
    case 0:
        return CTL_DONE;
    default:
        return ctl_verb_reload(ctl, reload_words);
    }
}

struct printing {
    char section[64];    /* that was printed last */
    GPtrArray *defaults; /* char *, in order */
    guint next;
};

static void
keep_value(const char *section G_GNUC_UNUSED, const char *key G_GNUC_UNUSED, const char *value,
           void *user_data)
{
    g_ptr_array_add(user_data, g_strdup(value));
}

static void
print_key(const char *section, const char *key, const char *value, void *user_data)
{
    struct printing *printing = user_data;
    const char *usual = printing->next < printing->defaults->len
                            ? g_ptr_array_index(printing->defaults, printing->next++)
                            : NULL; /* schedules have none */

    if (strcmp(printing->section, section) != 0) {
        printf("%s[%s]\n", printing->section[0] != '\0' ? "\n" : "", section);
        g_strlcpy(printing->section, section, sizeof(printing->section));
    }
    printf("%s%s=%s\n", g_strcmp0(usual, value) == 0 ? "# the default\n" : "", key, value);
}

int
ctl_verb_cat(const struct ctl *ctl, char **words)
{
    g_autofree char *folder = g_build_filename(ctl->config, "pools.d", NULL);
    g_autoptr(GPtrArray) defaults = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) errors = NULL;
    struct printing printing = {.defaults = defaults};
    struct broker_pools *pools;
    const struct broker_pool *pool;
    struct broker_pool *usual;

    if (words[1] == NULL || words[2] != NULL) {
        return ctl_usage("cat POOL");
    }
    pools = broker_pools_load(folder, &errors);
    if (pools == NULL) {
        fprintf(stderr,
                "vedettectl: the pool files have mistakes; 'vedettectl verify' lists them\n");
        return CTL_FAILED;
    }
    pool = broker_pools_find(pools, words[1]);
    if (pool == NULL) {
        fprintf(stderr, "vedettectl: there is no %s/%s.pool\n", folder, words[1]);
        broker_pools_free(pools);
        return CTL_FAILED;
    }
    usual = broker_pool_new(pool->name, pool->path);
    broker_pool_visit(usual, keep_value, defaults);
    broker_pool_visit(pool, print_key, &printing);
    broker_pool_free(usual);
    broker_pools_free(pools);
    return CTL_DONE;
}
