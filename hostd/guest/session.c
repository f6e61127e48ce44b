/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest/uevent.h"

#define OUTPUT_MAX 64

extern char **environ;

/* Runs xrandr to its end; its output goes to out, which is -1 for none. */
static int
run_xrandr(char *const argv[], int out)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status = 0, rc;

    posix_spawn_file_actions_init(&actions);
    if (out == -1) {
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    } else {
        posix_spawn_file_actions_adddup2(&actions, out, 1);
    }
    rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        return -rc;
    }
    while (waitpid(pid, &status, 0) == -1 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

/* Finds the first connected output: "NAME connected ...". */
static int
find_output(char name[OUTPUT_MAX])
{
    char command[] = "xrandr", query[] = "--query";
    char *argv[] = {command, query, NULL};
    char line[512];
    FILE *file = tmpfile(); /* not a pipe: the command may write more than a pipe holds */
    int rc;

    if (file == NULL) {
        return -errno;
    }
    rc = run_xrandr(argv, fileno(file));
    rewind(file);
    while (rc == 0 && fgets(line, sizeof(line), file) != NULL) {
        size_t length = strcspn(line, " ");

        if (strncmp(line + length, " connected", 10) == 0 && length < OUTPUT_MAX) {
            memcpy(name, line, length);
            name[length] = '\0';
            fclose(file);
            return 0;
        }
    }
    fclose(file);
    return rc == 0 ? -ENODEV : rc;
}

static void
apply_preferred(void)
{
    char command[] = "xrandr", output[] = "--output", preferred[] = "--preferred";
    char name[OUTPUT_MAX];
    char *argv[] = {command, output, name, preferred, NULL};
    int rc = find_output(name);

    if (rc == 0) {
        rc = run_xrandr(argv, -1);
    }
    if (rc != 0) {
        fprintf(stderr, "vedette-agent: cannot follow the display: %s\n", strerror(-rc));
    }
}

int
session_run(void)
{
    int fd = uevent_open();

    if (fd < 0) {
        return fd;
    }
    apply_preferred();
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};

        if (poll(&p, 1, -1) > 0 && (uevent_take(fd) & UEVENT_DISPLAY) != 0) {
            apply_preferred();
        }
    }
}
