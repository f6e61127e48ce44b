/* SPDX-License-Identifier: Apache-2.0 */

/*
 * vedette-agent: the host's ear inside a desktop. As a system service it speaks on the agent's port
 * and says ready when the session has left its mark in /run/vedette; with --session, started by
 * that session, it keeps the display at the size that the host asks for and writes the host's text.
 * In a fork it makes the guest somebody of its own; when a user comes it has the image's own
 * program open her session.
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
#include "hostd/guest/run.h"
#include "hostd/guest/session.h"
#include "hostd/guest/signin.h"

#define MARK_DIR SESSION_FOLDER
#define MARK     MARK_DIR "/session-ready"
#define FAILURE  MARK_DIR "/sign-in-failed" /* what the program below says when it cannot */
#define SIGN_IN  "/usr/lib/vedette/sign-in"

extern char **environ;

static struct {
    char name[SIGNIN_NAME_MAX]; /* who is in, or on her way; "": nobody */
    bool in;
} user;

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
 * The machine is about to end and its disks to be kept. A frozen file system is whole on the disk
 * and stays as it is; whoever writes to it waits for the end.
 */
static void
freeze(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (folder != -1 && ioctl(folder, FIFREEZE, 0) != 0 && errno != EBUSY) {
        fprintf(stderr, "vedette-agent: cannot freeze %s: %s\n", path, strerror(errno));
    }
    if (folder != -1) {
        close(folder);
    }
}

static void
write_out(void)
{
    char home[sizeof("/home/") + SIGNIN_NAME_MAX];

    sync();
    if (user.name[0] != '\0') { /* on a disk of its own; where it is not this is the root */
        snprintf(home, sizeof(home), "/home/%s", user.name);
        freeze(home);
    }
    freeze("/");
}

static bool
marked(void)
{
    return access(MARK, F_OK) == 0;
}

static void
say_user(struct guest_port *port, const char *text)
{
    char answer[GUEST_PORT_LINE_MAX];

    signin_answer(user.name, text, answer);
    guest_port_say(port, answer);
}

static int
start_sign_in(struct signin *signin)
{
    char path[] = SIGN_IN, yes[] = "yes", no[] = "no";
    char *argv[] = {path,
                    signin->name,
                    signin->uid,
                    signin->gid,
                    signin->group,
                    signin->groups,
                    signin->disk ? yes : no,
                    signin->full_name,
                    NULL};
    pid_t pid;

    return posix_spawn(&pid, path, NULL, NULL, argv, environ);
}

/* A second order for the same user is answered as the first was. */
static void
sign_in(struct guest_port *port, const char *line, size_t size)
{
    char answer[GUEST_PORT_LINE_MAX];
    struct signin signin;

    if (!signin_parse(line, size, &signin)) {
        fprintf(stderr, "vedette-agent: an account that makes no sense\n");
    } else if (user.name[0] != '\0' && strcmp(user.name, signin.name) != 0) {
        signin_answer(signin.name, "somebody else is signed in", answer);
        guest_port_say(port, answer);
    } else if (user.in) {
        say_user(port, NULL);
    } else if (user.name[0] == '\0') {
        snprintf(user.name, sizeof(user.name), "%s", signin.name);
        (void)unlink(MARK); /* which is the image's own session's */
        (void)unlink(FAILURE);
        if (start_sign_in(&signin) != 0) {
            say_user(port, "the image has no program " SIGN_IN);
            user.name[0] = '\0';
        }
    }
}

/* What has become of a sign-in; its session leaves the mark, its program the reason why not. */
static void
watch_sign_in(struct guest_port *port)
{
    char text[256] = "";
    FILE *file;

    if (user.name[0] == '\0' || user.in) {
        return;
    }
    if (marked()) {
        user.in = true;
        say_user(port, NULL);
        return;
    }
    file = fopen(FAILURE, "re");
    if (file == NULL) {
        return;
    }
    if (fgets(text, sizeof(text), file) != NULL) {
        text[strcspn(text, "\n")] = '\0';
    }
    fclose(file);
    (void)unlink(FAILURE);
    say_user(port, text);
    user.name[0] = '\0';
}

static void
on_message(void *data, const char *type, const char *line, size_t size)
{
    struct guest_port **port = data;
    char text[GUEST_PORT_TEXT_MAX];
    char answer[GUEST_PORT_LINE_MAX];
    struct places places;

    if (strcmp(type, "text") == 0 &&
        (!guest_port_parse_text(line, size, text) || !session_type(text))) {
        fprintf(stderr, "vedette-agent: no session takes text\n");
    } else if (strcmp(type, "poweroff") == 0) {
        power_off();
    } else if (strcmp(type, "identity") == 0) {
        identity_take(line, size, answer);
        guest_port_say(*port, answer);
    } else if (strcmp(type, "monitors") == 0) {
        if (!places_parse(line, size, &places) || !session_place(&places)) {
            fprintf(stderr, "vedette-agent: cannot say where monitors are wanted\n");
        }
    } else if (strcmp(type, "account") == 0) {
        sign_in(*port, line, size);
    } else if (strcmp(type, "script") == 0 || strcmp(type, "run") == 0) {
        run_take(type, line, size);
    } else if (strcmp(type, "flush") == 0) {
        sync();
        guest_port_say(*port, "{\"type\":\"synced\"}\n");
    } else if (strcmp(type, "sync") == 0) {
        write_out();
        guest_port_say(*port, "{\"type\":\"synced\"}\n");
    }
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
    if (access(SIGN_IN, X_OK) == 0) {
        guest_port_offer_accounts(port);
    }
    if (run_is_allowed()) {
        guest_port_offer_scripts(port);
    }
    for (;;) {
        struct pollfd fds[3] = {{.fd = guest_port_fd(port), .events = POLLIN},
                                {.fd = watch, .events = POLLIN},
                                {.fd = -1, .events = POLLIN}};

        while (read(watch, events, sizeof(events)) > 0) {
        }
        if (marked()) {
            guest_port_ready(port);
        }
        watch_sign_in(port);
        guest_port_step(port);
        run_step(port);
        fds[0].fd = guest_port_fd(port);
        fds[2].fd = run_fd();
        poll(fds, 3, run_is_pending() ? RUN_RETRY_MS : fds[0].fd == -1 ? GUEST_PORT_RETRY_MS : -1);
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
