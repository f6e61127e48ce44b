/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest/uevent.h"

#define OUTPUT_MAX    64
#define TYPE_DELAY_MS "100" /* between characters: docs/DECISIONS.md */

extern char **environ;

/* Runs a command to its end; its output goes to out, which is -1 for none. */
static int
run(char *const argv[], int out)
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
    rc = run(argv, fileno(file));
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
        rc = run(argv, -1);
    }
    if (rc != 0) {
        fprintf(stderr, "vedette-agent: cannot follow the display: %s\n", strerror(-rc));
    }
}

bool
session_type(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SESSION_SOCKET};
    size_t size = strlen(text);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool sent = fd != -1 && sendto(fd, text, size, MSG_NOSIGNAL, (struct sockaddr *)&address,
                                   sizeof(address)) == (ssize_t)size;

    if (fd != -1) {
        close(fd);
    }
    return sent;
}

static int
open_text(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SESSION_SOCKET};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd == -1) {
        return -errno;
    }
    (void)unlink(SESSION_SOCKET); /* of a session before this one */
    umask(0077);
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == -1) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

/*
 * Keys that are held would make shortcuts of the text: xdotool lets go of them meanwhile. It binds
 * one spare key to a character at a time, and a program that looks that up a moment too late reads
 * the next character twice.
 */
static void
write_text(int fd)
{
    char text[SESSION_TEXT_MAX + 1];
    char command[] = "xdotool", type[] = "type", clear[] = "--clearmodifiers", end[] = "--";
    char delay[] = "--delay", milliseconds[] = TYPE_DELAY_MS;
    char *argv[] = {command, type, clear, delay, milliseconds, end, text, NULL};
    ssize_t size = recv(fd, text, SESSION_TEXT_MAX, 0);
    int rc;

    if (size <= 0) {
        return;
    }
    text[size] = '\0';
    rc = run(argv, -1);
    if (rc != 0) {
        fprintf(stderr, "vedette-agent: cannot write text: %s\n", strerror(-rc));
    }
}

/* In a process of its own: a page of text takes its time, and the display must not wait for it. */
static int
start_writing(void)
{
    int fd = open_text();
    pid_t parent = getpid();
    pid_t child = fd < 0 ? -1 : fork();

    if (child != 0) {
        int rc = fd < 0 ? fd : child < 0 ? -errno : 0;

        if (fd >= 0) {
            close(fd);
        }
        return rc;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(0); /* it ended before it could be watched */
    }
    for (;;) {
        write_text(fd);
    }
}

int
session_run(void)
{
    int uevents = uevent_open();
    int writing = uevents < 0 ? 0 : start_writing();

    if (uevents < 0) {
        return uevents;
    }
    if (writing < 0) {
        fprintf(stderr, "vedette-agent: takes no text: %s\n", strerror(-writing));
    }
    apply_preferred();
    for (;;) {
        struct pollfd p = {.fd = uevents, .events = POLLIN};

        if (poll(&p, 1, -1) > 0 && (uevent_take(uevents) & UEVENT_DISPLAY) != 0) {
            apply_preferred();
        }
    }
}
