/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/launch/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/launch/helpers.h"
#include "protocol/launch/tap.h"

#define MAX_ARGUMENTS   1024u
#define STATUS_MAX_SIZE 16384u

struct message {
    struct vd_launch_request request;
    uid_t sender; /* (uid_t)-1 when the kernel did not say */
    int fds[VD_LAUNCH_SENT_FDS];
    size_t fd_count;
};

struct server {
    const struct vd_launch_settings *settings;
    struct vd_launch_helpers helpers;
};

static void
close_fds(struct message *message)
{
    size_t i;

    for (i = 0; i < message->fd_count; i++) {
        vd_fd_clear(&message->fds[i]);
    }
    message->fd_count = 0;
}

/* Takes the descriptors and the sender's uid out of the control data. */
static void
take_control(struct msghdr *header, struct message *message)
{
    struct cmsghdr *at;

    for (at = CMSG_FIRSTHDR(header); at != NULL; at = CMSG_NXTHDR(header, at)) {
        size_t size = at->cmsg_len - CMSG_LEN(0);

        if (at->cmsg_level != SOL_SOCKET) {
            continue;
        }
        if (at->cmsg_type == SCM_CREDENTIALS && size == sizeof(struct ucred)) {
            struct ucred sender;

            memcpy(&sender, CMSG_DATA(at), sizeof(sender));
            message->sender = sender.uid;
        }
        if (at->cmsg_type == SCM_RIGHTS && message->fd_count == 0) {
            /* The control buffer holds no more than fit. */
            memcpy(message->fds, CMSG_DATA(at), size);
            message->fd_count = size / sizeof(int);
        }
    }
}

/* 1 with a request, 0 when the caller is gone, or a negative errno. Descriptors are the caller's.
 */
static int
receive(int fd, struct message *message)
{
    struct iovec part = {.iov_base = &message->request, .iov_len = sizeof(message->request)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(VD_LAUNCH_SENT_FDS * sizeof(int))];
    } control;
    struct msghdr header = {.msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof(control.bytes)};
    ssize_t n;

    message->fd_count = 0;
    message->sender = (uid_t)-1;
    n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0) {
        return errno == ECONNRESET ? 0 : -errno;
    }
    take_control(&header, message);
    if (n == 0) {
        close_fds(message);
        return 0;
    }
    if ((size_t)n != sizeof(message->request) ||
        (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        close_fds(message);
        return -EPROTO;
    }
    return 1;
}

static int
reply(int socket_fd, const struct vd_launch_reply *answer, int fd)
{
    struct iovec part = {.iov_base = (void *)answer, .iov_len = sizeof(*answer)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0) {
        struct cmsghdr *header;

        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
    }
    do {
        n = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static uid_t
uid_of_slot(const struct vd_launch_settings *settings, uint32_t slot)
{
    return settings->change_uid ? settings->desktop_base + slot : (uid_t)-1;
}

static int
start_pam(struct server *server, struct vd_process *ret_process, int *ret_fd)
{
    const struct vd_launch_settings *settings = server->settings;
    int pair[2];
    int pidfd = -1;
    int result;
    struct vd_launch_child child = {.program = &settings->pam,
                                    .argv = settings->pam_argv,
                                    .fds = &pair[1],
                                    .fd_count = 1,
                                    .log_fd = STDERR_FILENO,
                                    .uid = (uid_t)-1,
                                    .extra = (gid_t)-1};

    if (vd_launch_helpers_is_full(&server->helpers)) {
        return -EBUSY;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return -errno;
    }
    result = vd_launch_spawn_helper(&child, ret_process, &pidfd);
    vd_fd_clear(&pair[1]);
    if (result < 0) {
        vd_fd_clear(&pair[0]);
        return result;
    }
    vd_launch_helpers_add(&server->helpers, ret_process->pid, pidfd,
                          vd_monotonic_us() + settings->pam_seconds * 1000000);
    *ret_fd = pair[0];
    return 0;
}

/* Copies the sealed memfd's strings into argv (freed by the caller with free_arguments()). */
static int
read_arguments(int fd, const char *name, char ***ret_argv, char **ret_text)
{
    const int needed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat info;
    char **argv;
    char *text;
    size_t count = 0;
    size_t at = 0;
    size_t size;

    if (seals < 0 || (seals & needed) != needed || fstat(fd, &info) < 0 || info.st_size < 0 ||
        (size_t)info.st_size > VD_LAUNCH_MAX_ARGV) {
        return -EINVAL;
    }
    size = (size_t)info.st_size;
    text = calloc(1, size + 1);
    argv = calloc(MAX_ARGUMENTS + 2, sizeof(*argv));
    if (text == NULL || argv == NULL ||
        (size > 0 && (pread(fd, text, size, 0) != (ssize_t)size || text[size - 1] != '\0'))) {
        free(text);
        free(argv);
        return -EINVAL;
    }
    argv[0] = (char *)name;
    while (at < size && count < MAX_ARGUMENTS) {
        argv[++count] = text + at;
        at += strlen(text + at) + 1;
    }
    if (at < size) {
        free(text);
        free(argv);
        return -E2BIG;
    }
    *ret_argv = argv;
    *ret_text = text;
    return 0;
}

static int
start_machine(const struct server *server, const struct message *message,
              struct vd_process *ret_process)
{
    const struct vd_launch_settings *settings = server->settings;
    struct vd_launch_child child = {.program = &settings->machine,
                                    .fds = message->fds + 2,
                                    .fd_count = message->fd_count - 2,
                                    .log_fd = message->fds[1],
                                    .uid = uid_of_slot(settings, message->request.slot),
                                    .extra = vd_launch_kvm_group(),
                                    .confine = true};
    char **argv = NULL;
    char *text = NULL;
    int result = read_arguments(message->fds[0], settings->machine.name, &argv, &text);

    if (result == 0) {
        child.argv = (const char *const *)argv;
        result = vd_launch_spawn_orphan(&child, ret_process);
        free(argv);
        free(text);
    }
    return result;
}

static int
start_streamer(const struct server *server, const struct message *message,
               struct vd_process *ret_process)
{
    const struct vd_launch_settings *settings = server->settings;
    struct vd_launch_child child = {.program = &settings->streamer,
                                    .argv = settings->streamer_argv,
                                    .fds = message->fds + 1,
                                    .fd_count = message->fd_count - 1,
                                    .log_fd = message->fds[0],
                                    .uid = uid_of_slot(settings, message->request.slot),
                                    .extra = (gid_t)-1,
                                    .confine = true};

    return vd_launch_spawn_orphan(&child, ret_process);
}

/* Real uid of pid; the owner of /proc/PID is root for a process that hides its memory. */
static bool
runs_under(pid_t pid, uid_t uid)
{
    char path[64];
    char *text = NULL;
    const char *line;
    unsigned found;
    bool same = false;

    (void)snprintf(path, sizeof(path), "/proc/%ld/status", (long)pid);
    if (vd_file_read(path, STATUS_MAX_SIZE, &text, NULL) < 0) {
        return false;
    }
    line = strstr(text, "\nUid:");
    if (line != NULL && sscanf(line, "\nUid: %u", &found) == 1) {
        same = found == uid;
    }
    free(text);
    return same;
}

static int
send_signal(const struct server *server, const struct vd_launch_request *request)
{
    const struct vd_launch_settings *settings = server->settings;
    uid_t uid = settings->change_uid ? uid_of_slot(settings, request->slot) : geteuid();
    struct vd_process process = {(pid_t)request->pid, request->start_time};
    int pidfd = pidfd_open(process.pid, 0);
    int result;

    if (pidfd < 0) {
        return -ESRCH;
    }
    /* The descriptor pins the process; what /proc says now is about that one, or it is dead. */
    if (!vd_process_is_alive(process) || !runs_under(process.pid, uid)) {
        result = -ESRCH;
    } else {
        result = pidfd_send_signal(pidfd, request->signal, NULL, 0) < 0 ? -errno : 0;
    }
    vd_fd_clear(&pidfd);
    return result;
}

static int
make_tap(const struct server *server, const struct vd_launch_request *request, int *ret_fd)
{
    int fd = server->settings->bridge_helper.fd < 0
                 ? -ENOENT
                 : vd_launch_tap_make(&server->settings->bridge_helper, request->bridge);

    *ret_fd = fd < 0 ? -1 : fd;
    return fd < 0 ? fd : 0;
}

static int
handle(struct server *server, struct message *message)
{
    struct vd_launch_reply answer = {0};
    struct vd_process process = {0};
    int fd = -1;
    int result =
        message->sender == server->settings->caller
            ? vd_launch_permit(server->settings->role, &message->request, message->fd_count)
            : -EPERM;

    if (result < 0) {
        vd_warning("launch", "refused request %u of uid %ld: %s", message->request.verb,
                   (long)message->sender, strerror(-result));
    } else if (message->request.verb == VD_LAUNCH_PAM) {
        result = start_pam(server, &process, &fd);
    } else if (message->request.verb == VD_LAUNCH_MACHINE) {
        result = start_machine(server, message, &process);
    } else if (message->request.verb == VD_LAUNCH_STREAMER) {
        result = start_streamer(server, message, &process);
    } else if (message->request.verb == VD_LAUNCH_TAP) {
        result = make_tap(server, &message->request, &fd);
    } else {
        result = send_signal(server, &message->request);
    }
    close_fds(message);
    answer.error = result;
    answer.pid = process.pid;
    answer.start_time = process.start_time;
    result = reply(server->settings->fd, &answer, fd);
    vd_fd_clear(&fd);
    return result;
}

int
vd_launch_serve(const struct vd_launch_settings *settings)
{
    struct server server = {.settings = settings};
    const int on = 1;
    int result = 1;

    if (setsockopt(settings->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
        return -errno;
    }
    while (result > 0) {
        struct pollfd polls[VD_LAUNCH_MAX_PAM + 1];
        struct message message;
        size_t count = vd_launch_helpers_polls(&server.helpers, polls + 1);
        int timeout = vd_launch_helpers_timeout(&server.helpers, vd_monotonic_us());

        polls[0] = (struct pollfd){.fd = settings->fd, .events = POLLIN};
        if (poll(polls, count + 1, timeout) < 0 && errno != EINTR) {
            result = -errno;
            break;
        }
        vd_launch_helpers_tend(&server.helpers, vd_monotonic_us());
        result = receive(settings->fd, &message);
        if (result == -EAGAIN || result == -EINTR) {
            result = 1;
        } else if (result > 0 && handle(&server, &message) < 0) {
            result = 0; /* nobody took the answer */
        }
    }
    vd_launch_helpers_end(&server.helpers);
    return result;
}
