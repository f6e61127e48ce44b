/* SPDX-License-Identifier: Apache-2.0 */

/*
 * vedette-agent: the host's ear inside a desktop. As a system service it speaks on the agent's port
 * and says ready when the session has left its mark in /run/vedette; with --session, started by
 * that session, it keeps the display at the size that the host asks for and writes the host's text.
 * In a fork it makes the guest somebody of its own.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/guest/identity.h"
#include "hostd/guest/port.h"
#include "hostd/guest/session.h"

#define MARK_DIR "/run/vedette"
#define MARK     MARK_DIR "/session-ready"

extern char **environ;

/* The host's wish to switch off goes through the guest's own way of doing so. */
static void
power_off(void)
{
    char command[] = "systemctl", verb[] = "poweroff";
    char *argv[] = {command, verb, NULL};
    pid_t pid;

    if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0) {
        fprintf(stderr, "vedette-agent: cannot run systemctl\n");
    }
}

/*
 * The machine is about to end and its disk to be kept. A frozen file system is whole on the disk
 * and stays as it is; whoever writes to it waits for the end.
 */
static void
write_out(void)
{
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    sync();
    if (root != -1 && ioctl(root, FIFREEZE, 0) != 0) {
        fprintf(stderr, "vedette-agent: cannot freeze the file system: %s\n", strerror(errno));
    }
    if (root != -1) {
        close(root);
    }
}

static void
on_message(void *data, const char *type, const char *line, size_t size)
{
    struct guest_port **port = data;
    char text[GUEST_PORT_TEXT_MAX];
    char answer[GUEST_PORT_LINE_MAX];

    if (strcmp(type, "text") == 0 &&
        (!guest_port_parse_text(line, size, text) || !session_type(text))) {
        fprintf(stderr, "vedette-agent: no session takes text\n");
    } else if (strcmp(type, "poweroff") == 0) {
        power_off();
    } else if (strcmp(type, "identity") == 0) {
        identity_take(line, size, answer);
        guest_port_say(*port, answer);
    } else if (strcmp(type, "sync") == 0) {
        write_out();
        guest_port_say(*port, "{\"type\":\"synced\"}\n");
    }
}

static bool
marked(void)
{
    return access(MARK, F_OK) == 0;
}

static int
watch_mark(void)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd == -1) {
        return -errno;
    }
    if (mkdir(MARK_DIR, 0755) != 0 && errno != EEXIST) {
        return -errno;
    }
    if (inotify_add_watch(fd, MARK_DIR, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO) == -1) {
        return -errno;
    }
    return fd;
}

static int
serve(void)
{
    static struct guest_port *port;
    int watch = watch_mark();
    char events[4096];

    port = guest_port_new(on_message, &port);
    if (port == NULL || watch < 0) {
        guest_port_free(port);
        return watch < 0 ? watch : -ENOMEM;
    }
    for (;;) {
        struct pollfd fds[2] = {{.fd = guest_port_fd(port), .events = POLLIN},
                                {.fd = watch, .events = POLLIN}};

        while (read(watch, events, sizeof(events)) > 0) {
        }
        if (marked()) {
            guest_port_ready(port);
        }
        guest_port_step(port);
        fds[0].fd = guest_port_fd(port);
        poll(fds, 2, fds[0].fd == -1 ? GUEST_PORT_RETRY_MS : -1);
    }
}

int
main(int argc, char **argv)
{
    int rc;

    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "--session") == 0) {
        rc = session_run();
    } else if (argc == 1) {
        signal(SIGCHLD, SIG_IGN);
        rc = serve();
    } else {
        fprintf(stderr, "usage: vedette-agent [--session]\n");
        return 2;
    }
    fprintf(stderr, "vedette-agent: %s\n", strerror(-rc));
    return 1;
}
