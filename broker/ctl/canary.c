/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/canary.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/ctl/programs.h"
#include "protocol/base/fd.h"

#define TOKEN_FD 3
#define ECHOES   3
#define GRACE_MS                                                                                   \
    5000 /* a budget that is missed is measured a little further, to say by how much               \
          */
#define SETTLE_MS 20000
#define US_PER_MS 1000

struct client {
    GSubprocess *process;
    GOutputStream *input;
    GDataInputStream *output;
};

/* The token goes through a pipe: neither arguments nor environment are secret. */
static bool
start(const struct ctl *ctl, const struct ctl_canary *canary, struct client *client, GError **error)
{
    g_autoptr(GSubprocessLauncher) launcher =
        g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                  G_SUBPROCESS_FLAGS_STDERR_SILENCE);
    g_autofree char *path = ctl_program_find(ctl->programs, "vedette", error);
    g_autofree char *own_ca = g_build_filename(ctl->state, "pki", "ca.pem", NULL);
    g_autofree char *fd = g_strdup_printf("%d", TOKEN_FD);
    int ends[2];

    if (path == NULL) {
        return false;
    }
    if (pipe2(ends, O_CLOEXEC) < 0) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_FAILED, g_strerror(errno));
        return false;
    }
    (void)vd_fd_write_all(ends[1], canary->token, strlen(canary->token)); /* a pipe holds more */
    vd_fd_clear(&ends[1]);
    g_subprocess_launcher_take_fd(launcher, ends[0], TOKEN_FD);
    client->process = g_subprocess_launcher_spawn(
        launcher, error, path, "--headless", "--server", canary->server, "--ca",
        ctl->ca != NULL ? ctl->ca : own_ca, "--user", "canary", "--token-fd", fd, "--pool",
        canary->pool, "--size", "1280x800", NULL);
    if (client->process == NULL) {
        return false;
    }
    client->input = g_subprocess_get_stdin_pipe(client->process);
    client->output = g_data_input_stream_new(g_subprocess_get_stdout_pipe(client->process));
    return true;
}

static void
stop(struct client *client)
{
    if (client->process != NULL) {
        g_subprocess_force_exit(client->process);
        (void)g_subprocess_wait(client->process, NULL, NULL);
        g_clear_object(&client->output);
        g_clear_object(&client->process);
    }
}

/* The answer to one command, events skipped; NULL when the client has ended. */
static json_t *ask(struct client *client, const char *format, ...) G_GNUC_PRINTF(2, 3);

static json_t *
ask(struct client *client, const char *format, ...)
{
    g_autofree char *command = NULL;
    g_autofree char *line = NULL;
    va_list values;

    va_start(values, format);
    command = g_strdup_vprintf(format, values);
    va_end(values);
    line = g_strconcat(command, "\n", NULL);
    if (!g_output_stream_write_all(client->input, line, strlen(line), NULL, NULL, NULL)) {
        return NULL;
    }
    for (;;) {
        g_autofree char *said = g_data_input_stream_read_line(client->output, NULL, NULL, NULL);
        json_t *answer = said == NULL ? NULL : json_loads(said, JSON_REJECT_DUPLICATES, NULL);

        if (answer == NULL || json_object_get(answer, "event") == NULL) {
            return answer;
        }
        json_decref(answer);
    }
}

static bool
is_ok(json_t *answer)
{
    bool ok = json_is_true(json_object_get(answer, "ok"));

    json_decref(answer);
    return ok;
}

static int64_t
member(json_t *answer, const char *key)
{
    int64_t value = json_is_true(json_object_get(answer, "ok"))
                        ? json_integer_value(json_object_get(answer, key))
                        : -1;

    json_decref(answer);
    return value;
}

/* Presses the keys of "leftctrl+esc"; milliseconds until the picture followed the last, or -1. */
static int64_t
tap(struct client *client, const char *keys, int64_t limit_ms)
{
    g_auto(GStrv) names = g_strsplit(keys, "+", -1);
    unsigned last = g_strv_length(names) - 1;
    int64_t us;
    unsigned i;

    for (i = 0; i < last; i++) {
        if (!is_ok(ask(client, "key %s down", names[i]))) {
            return -1;
        }
    }
    us = member(ask(client, "tap %s %d", names[last], (int)limit_ms), "seen_us");
    for (i = last; i > 0; i--) {
        (void)is_ok(ask(client, "key %s up", names[i - 1]));
    }
    return us < 0 ? -1 : us / US_PER_MS;
}

static int
compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

/* One picture may come by chance right after a key: the middle of three is an echo. -1: none. */
static int64_t
measure_echo(struct client *client, const struct ctl_canary *canary)
{
    int64_t taps[ECHOES];
    unsigned i;

    for (i = 0; i < ECHOES; i++) {
        int64_t ms = tap(client, canary->tap, canary->echo_ms + GRACE_MS);

        taps[i] = ms < 0 ? INT64_MAX : ms;
    }
    qsort(taps, ECHOES, sizeof(taps[0]), compare);
    return taps[ECHOES / 2] == INT64_MAX ? -1 : taps[ECHOES / 2];
}

static char *
missed(const char *what, int64_t ms, int64_t budget_ms)
{
    return ms < 0
               ? g_strdup_printf("%s did not come within %d ms", what, (int)(budget_ms + GRACE_MS))
               : g_strdup_printf("%s took %d ms, %d are allowed", what, (int)ms, (int)budget_ms);
}

char *
ctl_canary_try(const struct ctl *ctl, const struct ctl_canary *canary,
               struct ctl_canary_times *ret_times)
{
    struct client client = {NULL, NULL, NULL};
    g_autoptr(GError) error = NULL;
    char *text = NULL;

    ret_times->first_frame_ms = ret_times->echo_ms = -1;
    if (!start(ctl, canary, &client, &error)) {
        return g_strdup_printf("the client does not start: %s", error->message);
    }
    if (is_ok(ask(&client, "wait-live %d", (int)(canary->first_frame_ms + GRACE_MS)))) {
        ret_times->first_frame_ms = member(ask(&client, "stats"), "first_frame_ms");
    }
    if (ret_times->first_frame_ms < 0 || ret_times->first_frame_ms > canary->first_frame_ms) {
        text = missed("the first frame", ret_times->first_frame_ms, canary->first_frame_ms);
    } else {
        (void)is_ok(ask(&client, "wait-settled 300 %d", SETTLE_MS)); /* else the echo decides */
        ret_times->echo_ms = measure_echo(&client, canary);
        if (ret_times->echo_ms < 0 || ret_times->echo_ms > canary->echo_ms) {
            text = missed("the echo of a key", ret_times->echo_ms, canary->echo_ms);
        }
    }
    stop(&client);
    return text;
}
