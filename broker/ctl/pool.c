/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/pool.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/load.h"
#include "broker/ctl/table.h"

/* "set aside for 8 min: the desktop failed: ...", for g_free(); NULL when it is not. */
static char *
aside_text(int64_t until_ms, const char *failure)
{
    /* An age that lies as far ahead as the end does. */
    g_autofree char *left = ctl_format_age(2 * (g_get_real_time() / 1000) - until_ms);

    return until_ms == 0 ? NULL : g_strdup_printf("set aside for %s: %s", left, failure);
}

void
ctl_pool_print_aside(const char *pool, json_t *aside)
{
    g_autofree char *text = aside_text(ctl_number(aside, "until_ms"), ctl_text(aside, "text"));

    if (text != NULL) {
        printf("The pool is %s\n'vedettectl pool resume %s' tries at once.\n", text, pool);
    }
}

void
ctl_pool_print(json_t *pools)
{
    static const char *const headings[] = {"POOL",     "READY",   "IN USE", "STARTING",    "PARKED",
                                           "STOPPING", "WAITING", "MAX",    "DESCRIPTION", NULL};
    static const char *const numbers[] = {"ready",    "assigned", "starting", "parked",
                                          "stopping", "waiting",  "max"};
    struct ctl_table *table = ctl_table_new(headings);
    size_t i;
    size_t j;
    json_t *pool;

    json_array_foreach(pools, i, pool)
    {
        const char *failure = ctl_text(pool, "failure");
        g_autofree char *aside = aside_text(ctl_number(pool, "aside_until_ms"), failure);

        ctl_table_add(table, ctl_text(pool, "name"));
        for (j = 0; j < G_N_ELEMENTS(numbers); j++) {
            ctl_table_add_number(table, ctl_number(pool, numbers[j]));
        }
        ctl_table_add(table, aside != NULL      ? aside
                             : *failure != '\0' ? failure
                                                : ctl_text(pool, "description"));
    }
    ctl_table_print(table);
    ctl_load_print_over(pools);
    if (ctl_table_rows(table) == 0) {
        puts("No pools. Put a file into pools.d of the configuration folder, then 'vedettectl "
             "reload'.");
    }
    ctl_table_free(table);
}

static int
pool_list(const struct ctl *ctl)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "status"));

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        ctl_pool_print(json_object_get(reply, "pools"));
    }
    json_decref(reply);
    return CTL_DONE;
}

static int
pool_resume(const struct ctl *ctl, const char *pool)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s, s:s}", "type", "pool-resume", "pool", pool));

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("%s %s\n", pool,
               json_is_true(json_object_get(reply, "aside")) ? "is taken up again"
                                                             : "was not set aside");
    }
    json_decref(reply);
    return CTL_DONE;
}

int
ctl_verb_pool(const struct ctl *ctl, char **words)
{
    const char *verb = words[1] != NULL ? words[1] : "";
    unsigned count = g_strv_length(words);

    if (strcmp(verb, "list") == 0 && count == 2) {
        return pool_list(ctl);
    }
    if (strcmp(verb, "resume") == 0 && count == 3) {
        return pool_resume(ctl, words[2]);
    }
    return ctl_usage("pool list or pool resume NAME");
}
