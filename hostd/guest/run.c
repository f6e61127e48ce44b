/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/run.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENT     "vedette.patch"
#define SCRIPT       "/run/vedette-patch"
#define STATUS       "/run/vedette-patch.status"
#define OUTPUT_BYTES 1024

extern char **environ;

static struct {
    int script;                        /* descriptor, while it is written; -1 */
    size_t bytes;                      /* of it so far */
    bool lost;                         /* a piece of it */
    int output;                        /* of what runs, not blocking; -1 */
    char pending[GUEST_PORT_LINE_MAX]; /* a line that the host has not taken yet, "": none */
} run = {.script = -1, .output = -1};

bool
run_is_allowed_by(const char *arguments)
{
    const char *word = strstr(arguments, ARGUMENT);
    char after = word != NULL ? word[strlen(ARGUMENT)] : 'x';

    return word != NULL && (word == arguments || word[-1] == ' ') && strchr(" \n", after) != NULL;
}

bool
run_is_allowed(void)
{
    char text[2048] = "";
    FILE *file = fopen("/proc/cmdline", "re");

    if (file != NULL) {
        if (fgets(text, sizeof(text), file) == NULL) {
            text[0] = '\0';
        }
        fclose(file);
    }
    return run_is_allowed_by(text);
}

bool
run_parse_size(const char *line, size_t size, size_t *ret_bytes)
{
    char text[16];
    size_t bytes = 0;

    if (!guest_port_parse_member(line, size, "size", text, sizeof(text))) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || bytes > RUN_MAX_SCRIPT) {
            return false;
        }
        bytes = 10 * bytes + (size_t)(*c - '0');
    }
    *ret_bytes = bytes;
    return bytes <= RUN_MAX_SCRIPT;
}

void
run_answer(const char *status, char answer[GUEST_PORT_LINE_MAX])
{
    snprintf(answer, GUEST_PORT_LINE_MAX, "{\"type\":\"ran\",\"status\":\"%s\"}\n", status);
}

static void
add_piece(const char *line, size_t size)
{
    char text[GUEST_PORT_TEXT_MAX];

    if (run.script < 0) {
        run.script = open(SCRIPT, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
        run.bytes = 0;
        run.lost = false;
    }
    if (run.script < 0 || !guest_port_parse_text(line, size, text) ||
        run.bytes + strlen(text) > RUN_MAX_SCRIPT ||
        write(run.script, text, strlen(text)) != (ssize_t)strlen(text)) {
        fprintf(stderr, "vedette-agent: a piece of the script is lost: %s\n", strerror(errno));
        run.lost = true;
    } else {
        run.bytes += strlen(text);
    }
}

/* Half a script is none: what it would have undone stays done. */
static bool
is_whole(const char *line, size_t size)
{
    size_t bytes;
    bool whole =
        run.script >= 0 && !run.lost && run_parse_size(line, size, &bytes) && bytes == run.bytes;

    if (run.script >= 0) {
        close(run.script);
        run.script = -1;
    }
    return whole;
}

/* A shell around it keeps the status: an agent that ignores its children is not told. */
static void
begin(void)
{
    char shell[] = "/bin/sh", option[] = "-c";
    char text[] = "/bin/sh " SCRIPT " </dev/null 2>&1; echo $? >" STATUS;
    char *argv[] = {shell, option, text, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;

    (void)unlink(STATUS);
    if (run.output >= 0 || pipe2(ends, O_CLOEXEC) != 0) {
        return;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ) != 0) {
        fprintf(stderr, "vedette-agent: cannot run a shell\n"); /* the output ends at once */
    }
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    run.output = ends[0];
    (void)fcntl(run.output, F_SETFL, O_NONBLOCK);
}

void
run_take(const char *type, const char *line, size_t size)
{
    bool allowed = run_is_allowed(), piece = strcmp(type, "script") == 0;

    if (allowed && piece) {
        add_piece(line, size);
    } else if (!piece && !allowed) {
        run_answer(RUN_REFUSED, run.pending);
    } else if (!piece && run.output < 0) {
        if (is_whole(line, size)) {
            begin();
        } else {
            run_answer(RUN_LOST, run.pending);
        }
    }
}

int
run_fd(void)
{
    return run.pending[0] == '\0' ? run.output : -1;
}

bool
run_is_pending(void)
{
    return run.pending[0] != '\0';
}

static void
end(void)
{
    FILE *file = fopen(STATUS, "re");
    char text[16];
    int status = -1;

    if (file != NULL) {
        if (fscanf(file, "%d", &status) != 1) {
            status = -1;
        }
        fclose(file);
    }
    close(run.output);
    run.output = -1;
    snprintf(text, sizeof(text), "%d", status);
    run_answer(text, run.pending);
}

/* The next bytes of the output as a line, or its end; false when there is nothing yet. */
static bool
take_output(void)
{
    unsigned char bytes[OUTPUT_BYTES];
    ssize_t n = read(run.output, bytes, sizeof(bytes));
    int used;

    if (n < 0) {
        return false;
    }
    if (n == 0) {
        end();
        return true;
    }
    used = snprintf(run.pending, sizeof(run.pending), "{\"type\":\"output\",\"utf8\":\"");
    for (ssize_t i = 0; i < n; i++) {
        used += snprintf(run.pending + used, sizeof(run.pending) - (size_t)used, "%02x", bytes[i]);
    }
    snprintf(run.pending + used, sizeof(run.pending) - (size_t)used, "\"}\n");
    return true;
}

void
run_step(struct guest_port *port)
{
    while (run.pending[0] != '\0' || (run.output >= 0 && take_output())) {
        if (!guest_port_try(port, run.pending)) {
            return;
        }
        run.pending[0] = '\0';
    }
}
