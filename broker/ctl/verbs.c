/* SPDX-License-Identifier: Apache-2.0 */
/* verbs: what the broker is asked for, and how its answers are shown. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/load.h"
#include "broker/ctl/pool.h"
#include "broker/ctl/table.h"

#define MS_PER_HOUR INT64_C(3600000)

/* Lets go of a reply; the exit status of a verb that got one. */
static int
done(json_t *reply)
{
    json_decref(reply);
    return CTL_DONE;
}

static void
add_megabytes(struct ctl_table *table, json_t *object, const char *key)
{
    g_autofree char *text = ctl_format_megabytes(ctl_number(object, key));

    ctl_table_add(table, text);
}

static void
print_hosts(json_t *hosts)
{
    static const char *const headings[] = {"HOST",     "STATE", "CPUS",     "MEMORY",       "FREE",
                                           "DESKTOPS", "BUSY",  "OVERHEAD", "ACCELERATION", NULL};
    struct ctl_table *table = ctl_table_new(headings);
    size_t i;
    json_t *host;

    json_array_foreach(hosts, i, host)
    {
        json_t *accel = json_object_get(host, "accel");
        bool connected = json_is_true(json_object_get(host, "connected"));
        json_t *load = json_object_get(host, "load");
        g_autofree char *busy = ctl_load_percent(load, "busy");
        g_autofree char *overhead = ctl_load_percent(load, "overhead");
        bool drained = json_is_true(json_object_get(host, "drained"));
        g_autofree char *text =
            g_strdup_printf("%s %s", ctl_text(accel, "kind"), ctl_text(accel, "text"));

        ctl_table_add(table, ctl_text(host, "name"));
        ctl_table_add(table, json_is_true(json_object_get(host, "revoked")) ? "revoked"
                             : !connected                                   ? "away"
                             : drained                                      ? "drained"
                             : ctl_text(host, "text")[0] != '\0'            ? "degraded"
                                                                            : "connected");
        ctl_table_add_number(table, ctl_number(host, "cpus"));
        add_megabytes(table, host, "memory_mb");
        add_megabytes(table, host, "memory_free_mb");
        ctl_table_add_number(table, ctl_number(host, "desktops"));
        ctl_table_add(table, busy);
        ctl_table_add(table, overhead);
        ctl_table_add(table, g_strstrip(text));
    }
    ctl_table_print(table);
    json_array_foreach(hosts, i, host)
    {
        if (ctl_text(host, "text")[0] != '\0') {
            printf("%s: %s\n", ctl_text(host, "name"), ctl_text(host, "text"));
        }
    }
    if (ctl_table_rows(table) == 0) {
        puts("No host has joined. 'vedettectl up' enrols this machine; for another one 'vedettectl "
             "host "
             "token NAME' gives a token.");
    }
    ctl_table_free(table);
}

int
ctl_verb_status(const struct ctl *ctl, char **words)
{
    json_t *reply;

    if (words[1] != NULL) {
        return ctl_usage("status takes no arguments");
    }
    reply = ctl_call(ctl, json_pack("{s:s}", "type", "status"));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        size_t gateways = json_array_size(json_object_get(reply, "gateways"));

        size_t sessions = json_array_size(json_object_get(reply, "sessions"));
        json_t *item;
        size_t i;

        ctl_pool_print(json_object_get(reply, "pools"));
        putchar('\n');
        print_hosts(json_object_get(reply, "hosts"));
        printf("\n%zu %s connected, %zu open %s\n", gateways,
               gateways == 1 ? "gateway" : "gateways", sessions,
               sessions == 1 ? "session" : "sessions");
        json_array_foreach(json_object_get(reply, "errors"), i, item)
        {
            printf("error: %s\n", json_is_string(item) ? json_string_value(item) : "?");
        }
    }
    return done(reply);
}

int
ctl_verb_why(const struct ctl *ctl, char **words)
{
    json_t *reply;
    json_t *host;
    size_t i;
    int status;

    if (words[1] == NULL || words[2] == NULL || words[3] != NULL) {
        return ctl_usage("why needs a user and a pool: vedettectl why USER POOL");
    }
    reply = ctl_call(ctl,
                     json_pack("{s:s,s:s,s:s}", "type", "why", "user", words[1], "pool", words[2]));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    status = json_is_true(json_object_get(reply, "ok")) ? CTL_DONE : CTL_FAILED;
    if (!ctl->json) {
        puts(ctl_text(reply, "text"));
        ctl_pool_print_aside(ctl_text(reply, "pool"), json_object_get(reply, "aside"));
        json_array_foreach(json_object_get(reply, "hosts"), i, host)
        {
            printf("  %s: %s\n", ctl_text(host, "host"), ctl_text(host, "text"));
        }
    }
    (void)done(reply);
    return status;
}

static int
host_list(const struct ctl *ctl)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "host-list"));
    json_t *host;
    size_t i;

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        print_hosts(json_object_get(reply, "hosts"));
        json_array_foreach(json_object_get(reply, "hosts"), i, host)
        {
            ctl_load_print(ctl_text(host, "name"), json_object_get(host, "load"));
        }
    }
    return done(reply);
}

static int
host_token(const struct ctl *ctl, const char *name)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s,s:s}", "type", "host-token", "name", name));

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        puts(ctl_text(reply, "token"));
        fprintf(
            stderr,
            "Good once and for a short time. Give it to vedette-hostd on %s over --join-fd, with "
            "%s/pki/ca.pem as --ca.\n",
            name, ctl->state);
    }
    return done(reply);
}

static int
host_revoke(const struct ctl *ctl, const char *name)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s,s:s}", "type", "host-revoke", "host", name));

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("%s is not admitted any more; a new token lets it join again\n", name);
    }
    return done(reply);
}

static int
host_drain(const struct ctl *ctl, const char *name, bool on)
{
    json_t *reply =
        ctl_call(ctl, json_pack("{s:s,s:s,s:b}", "type", "host-drain", "host", name, "on", on));

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("%s %s\n", name, on ? "gets no new desktops" : "gets desktops again");
    }
    return done(reply);
}

int
ctl_verb_host(const struct ctl *ctl, char **words)
{
    const char *verb = words[1] != NULL ? words[1] : "";
    const char *name = words[1] != NULL ? words[2] : NULL;

    if (strcmp(verb, "list") == 0 && name == NULL) {
        return host_list(ctl);
    }
    if (name == NULL || words[3] != NULL) {
        return ctl_usage(
            "host list, host token NAME, host drain NAME, host undrain NAME or host revoke NAME");
    }
    if (strcmp(verb, "token") == 0) {
        return host_token(ctl, name);
    }
    if (strcmp(verb, "drain") == 0 || strcmp(verb, "undrain") == 0) {
        return host_drain(ctl, name, verb[0] == 'd');
    }
    if (strcmp(verb, "revoke") == 0) {
        return host_revoke(ctl, name);
    }
    return ctl_usage(
        "host list, host token NAME, host drain NAME, host undrain NAME or host revoke NAME");
}

static int
session_list(const struct ctl *ctl)
{
    static const char *const headings[] = {"SESSION", "USER",  "POOL", "DESKTOP",
                                           "STATE",   "SINCE", NULL};
    static const char *const keys[] = {"id", "user", "pool", "desktop", "state"};
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "session-list"));
    struct ctl_table *table;
    json_t *session;
    size_t i;
    size_t j;

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (ctl->json) {
        return done(reply);
    }
    table = ctl_table_new(headings);
    json_array_foreach(json_object_get(reply, "sessions"), i, session)
    {
        g_autofree char *age = ctl_format_age(ctl_number(session, "created_ms"));

        for (j = 0; j < G_N_ELEMENTS(keys); j++) {
            ctl_table_add(table, ctl_text(session, keys[j]));
        }
        ctl_table_add(table, age);
    }
    ctl_table_print(table);
    if (ctl_table_rows(table) == 0) {
        puts("No sessions.");
    }
    ctl_table_free(table);
    return done(reply);
}

static void
print_figures(json_t *figures)
{
    if (!json_is_object(figures)) {
        puts("stream     nobody looks, or its host has not reported yet");
        return;
    }
    printf("picture    %lld x %lld, %lld frames/s, %.1f Mbit/s\n",
           (long long)ctl_number(figures, "width"), (long long)ctl_number(figures, "height"),
           (long long)ctl_number(figures, "fps"), (double)ctl_number(figures, "kbit_s") / 1e3);
    printf("time       host %.1f ms, round trip %.1f ms, decoding %.1f ms, on the screen %.1f ms\n",
           (double)ctl_number(figures, "host_us") / 1e3,
           (double)ctl_number(figures, "rtt_us") / 1e3,
           (double)ctl_number(figures, "decode_us") / 1e3,
           (double)ctl_number(figures, "present_us") / 1e3);
    printf("data       exact %lld %%, reused %lld %%, photo %lld %%, film %lld %%\n",
           (long long)ctl_number(figures, "exact"), (long long)ctl_number(figures, "reused"),
           (long long)ctl_number(figures, "photo"), (long long)ctl_number(figures, "film"));
}

/* What ends the session, and when, if nothing happens. */
static void
print_clocks(json_t *session)
{
    static const char *const keys[] = {"idle_ends_ms", "disconnected_ends_ms", "absolute_ends_ms",
                                       "update_ends_ms"};
    static const char *const names[] = {"InputIdle", "Disconnected", "Absolute", "HardDeadline"};
    int64_t now_ms = g_get_real_time() / 1000;
    size_t i;

    if (ctl_number(session, "idle_since_ms") > 0) {
        g_autofree char *idle = ctl_format_age(ctl_number(session, "idle_since_ms"));

        printf("%-10s touched nothing for %s\n", "user", idle);
    }
    for (i = 0; i < G_N_ELEMENTS(keys); i++) {
        int64_t ends_ms = ctl_number(session, keys[i]);
        g_autofree char *left = ctl_format_age(2 * now_ms - ends_ms);

        if (ends_ms > 0) {
            printf("%-10s in %s (%s=)\n", "ends", left, names[i]);
        }
    }
}

static int
session_show(const struct ctl *ctl, const char *id)
{
    static const char *const keys[] = {"user", "pool", "desktop", "state"};
    json_t *reply = ctl_call(ctl, json_pack("{s:s,s:s}", "type", "session-show", "session", id));
    json_t *session = json_object_get(reply, "session");
    g_autofree char *age = ctl_format_age(ctl_number(session, "created_ms"));
    size_t i;

    if (reply == NULL) {
        return CTL_FAILED;
    }
    for (i = 0; !ctl->json && i < G_N_ELEMENTS(keys); i++) {
        printf("%-10s %s\n", keys[i], ctl_text(session, keys[i]));
    }
    if (!ctl->json) {
        printf("%-10s %s\n", "since", age);
        print_clocks(session);
        print_figures(json_object_get(session, "figures"));
    }
    return done(reply);
}

int
ctl_verb_session(const struct ctl *ctl, char **words)
{
    const char *verb = words[1] != NULL ? words[1] : "";
    json_t *reply;

    if (strcmp(verb, "list") == 0 && words[2] == NULL) {
        return session_list(ctl);
    }
    if (strcmp(verb, "show") == 0 && words[2] != NULL && words[3] == NULL) {
        return session_show(ctl, words[2]);
    }
    if (strcmp(verb, "tell") == 0 && words[2] != NULL && words[3] != NULL && words[4] == NULL) {
        reply = ctl_call(ctl, json_pack("{s:s,s:s,s:s}", "type", "session-tell", "session",
                                        words[2], "text", words[3]));
        return reply != NULL ? done(reply) : CTL_FAILED;
    }
    if ((strcmp(verb, "end") != 0 && strcmp(verb, "park") != 0) || words[2] == NULL ||
        words[3] != NULL) {
        return ctl_usage("session list, session show ID, session tell ID TEXT, session park ID or "
                         "session end ID");
    }
    reply = ctl_call(ctl,
                     json_pack("{s:s,s:s}", "type", verb[0] == 'e' ? "session-end" : "session-park",
                               "session", words[2]));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf(verb[0] == 'e' ? "Session %s ends.\n" : "The desktop of session %s is parked.\n",
               words[2]);
    }
    return done(reply);
}

int
ctl_verb_reload(const struct ctl *ctl, char **words)
{
    json_t *reply;

    if (words[1] != NULL) {
        return ctl_usage("reload takes no arguments");
    }
    reply = ctl_call(ctl, json_pack("{s:s}", "type", "reload"));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("%d %s in force.\n", (int)ctl_number(reply, "pools"),
               ctl_number(reply, "pools") == 1 ? "pool" : "pools");
    }
    return done(reply);
}

int
ctl_verb_audit(const struct ctl *ctl, char **words)
{
    static const char *const headings[] = {"WHEN",    "WHAT", "USER", "SOURCE",
                                           "SUBJECT", "TEXT", NULL};
    static const char *const keys[] = {"kind", "user", "source", "subject", "text"};
    json_int_t since_ms = g_get_real_time() / 1000 - ctl->since_hours * MS_PER_HOUR;
    struct ctl_table *table;
    json_t *reply;
    json_t *event;
    size_t i;
    size_t j;

    if (words[1] != NULL) {
        return ctl_usage("audit [--since HOURS]");
    }
    reply = ctl_call(ctl, json_pack("{s:s,s:I}", "type", "audit", "since_ms", since_ms));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (ctl->json) {
        return done(reply);
    }
    table = ctl_table_new(headings);
    json_array_foreach(json_object_get(reply, "events"), i, event)
    {
        g_autoptr(GDateTime) when =
            g_date_time_new_from_unix_local(ctl_number(event, "at_ms") / 1000);
        g_autofree char *text = when != NULL ? g_date_time_format(when, "%F %T") : g_strdup("?");

        ctl_table_add(table, text);
        for (j = 0; j < G_N_ELEMENTS(keys); j++) {
            ctl_table_add(table, ctl_text(event, keys[j]));
        }
    }
    ctl_table_print(table);
    if (ctl_table_rows(table) == 0) {
        puts("Nothing happened in that time.");
    }
    ctl_table_free(table);
    return done(reply);
}
