/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest/uevent.h"

#define OUTPUT_MAX 64

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
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

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

/* Keys that are held would make shortcuts of the text: xdotool lets go of them meanwhile. */
static void
write_text(int fd)
{
    char text[SESSION_TEXT_MAX + 1];
    char command[] = "xdotool", type[] = "type", clear[] = "--clearmodifiers", end[] = "--";
    char *argv[] = {command, type, clear, end, text, NULL};
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

int
session_run(void)
{
    int uevents = uevent_open();
    int text = uevents < 0 ? -1 : open_text();

    if (uevents < 0) {
        return uevents;
    }
    if (text < 0) {
        fprintf(stderr, "vedette-agent: takes no text: %s\n", strerror(-text));
    }
    apply_preferred();
    for (;;) {
        struct pollfd fds[2] = {{.fd = uevents, .events = POLLIN},
                                {.fd = text < 0 ? -1 : text, .events = POLLIN}};

        if (poll(fds, 2, -1) <= 0) {
            continue;
        }
        if (fds[0].revents != 0 && (uevent_take(uevents) & UEVENT_DISPLAY) != 0) {
            apply_preferred();
        }
        if (fds[1].revents != 0) {
            write_text(text);
        }
    }
}
