/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/publish.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/ctl/canary.h"
#include "protocol/base/clock.h"

#define POLL_US   100000
#define US_PER_S  1000000
#define US_PER_MS 1000
#define SHOW_US   US_PER_S /* between two lines of progress on a terminal */

/* Not ctl_call() itself: with --json only the end result is printed. */
static json_t *
call(const struct ctl *ctl, json_t *request)
{
    struct ctl quiet = *ctl;

    quiet.json = false;
    return ctl_call(&quiet, request);
}

static void __attribute__((format(printf, 2, 3)))
tell(const struct ctl *ctl, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    (void)vfprintf(ctl->json ? stderr : stdout, format, values);
    va_end(values);
    (void)fflush(ctl->json ? stderr : stdout);
}

/* HOST:PORT of the first connected gateway; for g_free(), NULL without one. */
static char *
find_server(const struct ctl *ctl, json_t *status)
{
    json_t *gateway = json_array_get(json_object_get(status, "gateways"), 0);
    const char *url = ctl_text(gateway, "uplink_url");

    if (ctl->server != NULL) {
        return g_strdup(ctl->server);
    }
    return g_str_has_prefix(url, "wss://")
               ? g_strndup(url + strlen("wss://"), strcspn(url + strlen("wss://"), "/"))
               : NULL;
}

/* What a desktop's host says of it: its state, and *ret_text; both for g_free(). */
static char *
desktop_state(const struct ctl *ctl, const char *id, char **ret_text)
{
    json_t *reply = call(ctl, json_pack("{s:s}", "type", "desktop-list"));
    json_t *desktop;
    char *state = NULL;
    size_t i;

    *ret_text = NULL;
    json_array_foreach(json_object_get(reply, "desktops"), i, desktop)
    {
        if (strcmp(ctl_text(desktop, "id"), id) == 0) {
            state = g_strdup(ctl_text(desktop, "state"));
            *ret_text = g_strdup(ctl_text(desktop, "text"));
        }
    }
    json_decref(reply);
    return state != NULL ? state : g_strdup("gone");
}

/* NULL when it became ready in time, else why not, for g_free(). */
static char *
wait_ready(const struct ctl *ctl, const char *id, int64_t budget_ms)
{
    int64_t start_us = vd_monotonic_us(), shown_us = start_us;

    for (;;) {
        g_autofree char *text = NULL;
        g_autofree char *state = desktop_state(ctl, id, &text);
        int64_t now_us = vd_monotonic_us();

        if (strcmp(state, "ready") == 0) {
            tell(ctl, "\r  ready after %.1f s                    \n",
                 (double)(now_us - start_us) / US_PER_S);
            return NULL;
        }
        if (strcmp(state, "failed") == 0 || strcmp(state, "gone") == 0) {
            return g_strdup_printf("its desktop %s: %s", state, text != NULL ? text : "");
        }
        if (now_us - start_us > budget_ms * US_PER_MS) {
            return g_strdup_printf("it was not ready within %d s (CanaryStart=)",
                                   (int)(budget_ms / 1000));
        }
        if (isatty(STDOUT_FILENO) && now_us - shown_us > SHOW_US) {
            shown_us = now_us;
            tell(ctl, "\r  %s, %d of at most %d s ", state, (int)((now_us - start_us) / US_PER_S),
                 (int)(budget_ms / 1000));
        }
        g_usleep(POLL_US);
    }
}

/* NULL when the revision did well in the pool. */
static char *
try_in(const struct ctl *ctl, json_t *begun, const char *server, const char *pool)
{
    struct ctl_canary canary = {.server = server,
                                .pool = pool,
                                .token = ctl_text(begun, "token"),
                                .tap = ctl_text(begun, "tap"),
                                .first_frame_ms = ctl_number(begun, "first_frame_ms"),
                                .echo_ms = ctl_number(begun, "echo_ms")};
    struct ctl_canary_times times;
    char *text = wait_ready(ctl, ctl_text(begun, "desktop"), ctl_number(begun, "start_ms"));

    if (text == NULL) {
        text = ctl_canary_try(ctl, &canary, &times);
        if (times.first_frame_ms >= 0) {
            tell(ctl, "  first frame after %d ms, %d are allowed\n", (int)times.first_frame_ms,
                 (int)canary.first_frame_ms);
        }
        if (times.echo_ms >= 0) {
            tell(ctl, "  echo of %s after %d ms, %d are allowed\n", canary.tap, (int)times.echo_ms,
                 (int)canary.echo_ms);
        }
    }
    return text;
}

static bool
test_pool(const struct ctl *ctl, const char *server, const char *pool, unsigned revision)
{
    json_t *begun = call(ctl, json_pack("{s:s, s:s, s:i}", "type", "canary-begin", "pool", pool,
                                        "revision", (int)revision));
    g_autofree char *text = NULL;

    if (begun == NULL) {
        return false;
    }
    tell(ctl, "Pool %s: canary %s is started\n", pool, ctl_text(begun, "desktop"));
    text = try_in(ctl, begun, server, pool);
    json_decref(
        call(ctl, json_pack("{s:s, s:s, s:s}", "type", "canary-end", "desktop",
                            ctl_text(begun, "desktop"), "token", ctl_text(begun, "token"))));
    json_decref(begun);
    if (text != NULL) {
        fprintf(stderr, "vedettectl: pool %s: %s\n", pool, text);
    }
    return text == NULL;
}

static bool
test_everywhere(const struct ctl *ctl, json_t *status, const char *name, unsigned revision)
{
    g_autofree char *server = find_server(ctl, status);
    unsigned tried = 0;
    json_t *pool;
    size_t i;

    if (server == NULL) {
        fprintf(stderr,
                "vedettectl: no gateway is connected to test it through; start one, or name "
                "one with --server\n");
        return false;
    }
    json_array_foreach(json_object_get(status, "pools"), i, pool)
    {
        if (strcmp(ctl_text(pool, "image"), name) != 0 ||
            !json_is_true(json_object_get(pool, "latest"))) {
            continue;
        }
        tried++;
        if (!test_pool(ctl, server, ctl_text(pool, "name"), revision)) {
            fprintf(stderr, "vedettectl: %s:%u is not published; what is in force stays so\n", name,
                    revision);
            return false;
        }
    }
    if (tried == 0) {
        tell(ctl, "No pool has Revision=latest of %s: nothing was tried.\n", name);
    }
    return true;
}

bool
ctl_publish_test(const struct ctl *ctl, const char *reference)
{
    const char *colon = strrchr(reference, ':');
    g_autofree char *name = colon != NULL ? g_strndup(reference, (gsize)(colon - reference)) : NULL;
    guint64 revision;
    json_t *status;
    bool good;

    if (name == NULL ||
        !g_ascii_string_to_unsigned(colon + 1, 10, 1, G_MAXINT32, &revision, NULL)) {
        fprintf(stderr, "vedettectl: image publish wants NAME:REVISION\n");
        return false;
    }
    status = call(ctl, json_pack("{s:s}", "type", "status"));
    good = status != NULL && test_everywhere(ctl, status, name, (unsigned)revision);
    json_decref(status);
    return good;
}
