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
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest/outputs.h"
#include "hostd/guest/uevent.h"

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

/* The card's outputs, in its order: their number, or a negative errno. */
static int
list_outputs(struct output outputs[PLACES_MAX])
{
    char command[] = "xrandr", query[] = "--query";
    char *argv[] = {command, query, NULL};
    char line[512];
    FILE *file = tmpfile(); /* not a pipe: the command may write more than a pipe holds */
    int count = 0;
    int rc;

    if (file == NULL) {
        return -errno;
    }
    rc = run(argv, fileno(file));
    rewind(file);
    while (rc == 0 && count < PLACES_MAX && fgets(line, sizeof(line), file) != NULL) {
        count += outputs_parse(line, &outputs[count]) ? 1 : 0;
    }
    fclose(file);
    return rc == 0 && count == 0 ? -ENODEV : rc < 0 ? rc : count;
}

static void
read_places(struct places *places)
{
    FILE *file = fopen(SESSION_FOLDER "/" SESSION_PLACES, "re");
    char line[128] = "";

    places->count = 0;
    if (file == NULL) {
        return;
    }
    if (fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        (void)places_read(line, places);
    }
    fclose(file);
}

static void
apply_preferred(void)
{
    struct output outputs[PLACES_MAX];
    struct places places;
    struct outputs_command command;
    int rc = list_outputs(outputs);

    if (rc > 0) {
        read_places(&places);
        rc = outputs_command(outputs, rc, &places, &command) ? run(command.argv, -1) : -ENODEV;
    }
    if (rc != 0) {
        fprintf(stderr, "vedette-agent: cannot follow the display: %s\n", strerror(-rc));
    }
}

/*
 * The folder belongs to the session's group as well, so nothing that lies there under either name
 * is followed or written to.
 */
bool
session_place(const struct places *places)
{
    static const char fresh[] = SESSION_FOLDER "/." SESSION_PLACES;
    char line[128] = "";
    size_t used = 0;
    bool written;
    int fd;

    for (int i = 0; i < places->count; i++) {
        used += (size_t)snprintf(line + used, sizeof(line) - used, "%s%d,%d", i > 0 ? " " : "",
                                 places->x[i], places->y[i]);
    }
    (void)unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd == -1) {
        return false;
    }
    written = write(fd, line, used) == (ssize_t)used;
    close(fd);
    return written && rename(fresh, SESSION_FOLDER "/" SESSION_PLACES) == 0;
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

/* A descriptor that can be read when a file of the folder was replaced, or -1. */
static int
watch_places(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd != -1 && inotify_add_watch(fd, SESSION_FOLDER, IN_MOVED_TO) == -1) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* True when one of the files was the places. */
static bool
places_changed(int fd)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool changed = false;
    ssize_t size;

    while ((size = read(fd, events, sizeof(events))) > 0) {
        for (char *at = events; at < events + size;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)at;

            changed = changed || (event->len > 0 && strcmp(event->name, SESSION_PLACES) == 0);
            at += sizeof(*event) + event->len;
        }
    }
    return changed;
}

int
session_run(void)
{
    int uevents = uevent_open();
    int writing = uevents < 0 ? 0 : start_writing();
    int watch = watch_places();

    if (uevents < 0) {
        return uevents;
    }
    if (writing < 0) {
        fprintf(stderr, "vedette-agent: takes no text: %s\n", strerror(-writing));
    }
    apply_preferred();
    for (;;) {
        struct pollfd fds[2] = {{.fd = uevents, .events = POLLIN}, {.fd = watch, .events = POLLIN}};
        bool changed;

        if (poll(fds, 2, -1) <= 0) {
            continue;
        }
        changed = (uevent_take(uevents) & UEVENT_DISPLAY) != 0;
        if ((watch != -1 && places_changed(watch)) || changed) {
            apply_preferred();
        }
    }
}
