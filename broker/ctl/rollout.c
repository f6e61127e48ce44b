/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/rollout.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/table.h"
#include "broker/deadlines.h"
#include "broker/poolvalue.h"

/* A new reference, or NULL after telling what is wrong. */
static json_t *
read_deadline(const char *option, const char *text, int64_t min_ms)
{
    char why[BROKER_VALUE_TEXT];
    int64_t after_ms = 0;

    if (text == NULL) {
        return json_null();
    }
    if (strcmp(text, "never") != 0 &&
        !broker_value_duration(text, min_ms, BROKER_DEADLINE_MAX_MS, &after_ms, why)) {
        fprintf(stderr, "vedettectl: --%s=%s: 'never' or %s\n", option, text, why);
        return NULL;
    }
    return json_integer(after_ms);
}

bool
ctl_deadlines_read(const struct ctl *ctl, struct ctl_deadlines *ret)
{
    ret->ask_ms = read_deadline("ask-after", ctl->ask_after, BROKER_ASK_MIN_MS);
    ret->end_ms = read_deadline("end-after", ctl->end_after, BROKER_END_MIN_MS);
    return ret->ask_ms != NULL && ret->end_ms != NULL;
}

void
ctl_deadlines_clear(struct ctl_deadlines *deadlines)
{
    json_decref(deadlines->ask_ms);
    json_decref(deadlines->end_ms);
}

bool
ctl_rollout_begin(const struct ctl *ctl, const char *reference,
                  const struct ctl_deadlines *deadlines)
{
    const char *colon = strrchr(reference, ':');
    g_autofree char *name = g_strndup(reference, (gsize)(colon - reference));
    struct ctl quiet = *ctl;
    json_t *reply;

    quiet.json = false; /* what was published is the answer */
    reply = ctl_call(&quiet,
                     json_pack("{s:s, s:s, s:I, s:O, s:O}", "type", "rollout-begin", "image", name,
                               "revision", (json_int_t)g_ascii_strtoull(colon + 1, NULL, 10),
                               "ask_ms", deadlines->ask_ms, "end_ms", deadlines->end_ms));
    json_decref(reply);
    return reply != NULL;
}

/* "in 5 min", "since 2 h", or "never"; for g_free(). */
static char *
moment_text(int64_t at_ms)
{
    int64_t now_ms = g_get_real_time() / 1000;
    g_autofree char *age = ctl_format_age(at_ms > now_ms ? 2 * now_ms - at_ms : at_ms);

    return at_ms == 0 ? g_strdup("never")
                      : g_strdup_printf("%s %s", at_ms > now_ms ? "in" : "since", age);
}

static void
add_pool(struct ctl_table *table, json_t *pool, json_int_t published)
{
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(pool, "revisions"), i, item)
    {
        g_autofree char *asks = moment_text(ctl_number(item, "asks_ms"));
        g_autofree char *ends = moment_text(ctl_number(item, "ends_ms"));
        bool stays = ctl_number(item, "revision") == published || ctl_number(item, "sessions") == 0;

        ctl_table_add(table, ctl_text(pool, "pool"));
        ctl_table_add_number(table, ctl_number(item, "revision"));
        ctl_table_add_number(table, ctl_number(item, "sessions"));
        ctl_table_add_number(table, ctl_number(item, "others"));
        ctl_table_add(table, stays ? "" : asks);
        ctl_table_add(table, stays ? "" : ends);
    }
}

int
ctl_rollout_show(const struct ctl *ctl, const char *image)
{
    static const char *const headings[] = {"POOL",  "REVISION", "SESSIONS", "OTHERS",
                                           "ASKED", "END",      NULL};
    json_t *reply = ctl_call(ctl, json_pack("{s:s, s:s}", "type", "rollout", "image", image));
    json_int_t began_ms = ctl_number(reply, "began_ms");
    json_int_t revision = ctl_number(reply, "revision");
    g_autofree char *since = began_ms != 0 ? ctl_format_age(began_ms) : NULL;
    struct ctl_table *table;
    json_t *pool;
    size_t i;

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        table = ctl_table_new(headings);
        json_array_foreach(json_object_get(reply, "pools"), i, pool)
        {
            add_pool(table, pool, revision);
        }
        printf("%s:%d is in force%s%s%s\n", image, (int)revision,
               json_is_true(json_object_get(reply, "published")) ? "" : ", and none is published",
               since != NULL ? " since " : "", since != NULL ? since : "");
        ctl_table_print(table);
        ctl_table_free(table);
    }
    json_decref(reply);
    return CTL_DONE;
}
