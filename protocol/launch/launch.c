/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/launch/request.h"

/* Far above the milliseconds that launch needs: only a launch that is stopped gets here. */
#define ANSWER_SECONDS 5

struct vd_launch {
    int fd;
    bool broken; /* an answer is missing: later ones could not be told apart */
};

struct vd_launch *
vd_launch_new(int fd)
{
    const struct timeval wait = {.tv_sec = ANSWER_SECONDS};
    struct vd_launch *launch = calloc(1, sizeof(*launch));

    if (launch == NULL) {
        (void)close(fd);
        return NULL;
    }
    launch->fd = fd;
    /* What launch inherited by number must not go on to our own children. */
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    return launch;
}

void
vd_launch_free(struct vd_launch *launch)
{
    if (launch != NULL) {
        vd_fd_clear(&launch->fd);
        free(launch);
    }
}

static void
put_control(struct msghdr *message, struct cmsghdr *at, int type, const void *data, size_t size)
{
    at->cmsg_level = SOL_SOCKET;
    at->cmsg_type = type;
    at->cmsg_len = CMSG_LEN(size);
    memcpy(CMSG_DATA(at), data, size);
    message->msg_controllen += CMSG_SPACE(size);
}

/*
 * Our credentials go along explicitly: the kernel adds them by itself only after launch has asked
 * for them, and our first request may be earlier than that.
 */
static int
send_request(int socket_fd, const struct vd_launch_request *request, const int *fds, size_t count)
{
    const struct ucred self = {.pid = getpid(), .uid = geteuid(), .gid = getegid()};
    struct iovec part = {.iov_base = (void *)request, .iov_len = sizeof(*request)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(self)) + CMSG_SPACE(VD_LAUNCH_SENT_FDS * sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    ssize_t n;

    memset(&control, 0, sizeof(control));
    put_control(&message, &control.align, SCM_CREDENTIALS, &self, sizeof(self));
    if (count > 0) {
        put_control(&message, (struct cmsghdr *)(control.bytes + CMSG_SPACE(sizeof(self))),
                    SCM_RIGHTS, fds, count * sizeof(int));
    }
    do {
        n = sendmsg(socket_fd, &message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

/* Receives one reply; *ret_fd is the descriptor that came with it, or -1. */
static int
receive_reply(int socket_fd, struct vd_launch_reply *ret_reply, int *ret_fd)
{
    struct iovec part = {.iov_base = ret_reply, .iov_len = sizeof(*ret_reply)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header;
    ssize_t n;

    *ret_fd = -1;
    do {
        n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        /* A launch that ended with our bytes unread looks like a reset; it is gone all the same. */
        return errno == EAGAIN ? -ETIMEDOUT : errno == ECONNRESET ? -EPIPE : -errno;
    }
    header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
        memcpy(ret_fd, CMSG_DATA(header), sizeof(int));
    }
    if (n == 0) {
        return -EPIPE;
    }
    return (size_t)n == sizeof(*ret_reply) ? 0 : -EPROTO;
}

static int
call(struct vd_launch *launch, const struct vd_launch_request *request, const int *fds,
     size_t fd_count, int *ret_fd, struct vd_process *ret_process)
{
    struct vd_launch_reply reply = {0};
    int fd = -1;
    int result;

    if (launch->broken) {
        return -EPIPE;
    }
    result = send_request(launch->fd, request, fds, fd_count);
    if (result == 0) {
        result = receive_reply(launch->fd, &reply, &fd);
    }
    if (result < 0) {
        /* A bad descriptor fails before anything was sent; all else leaves the line in doubt. */
        launch->broken = result != -EBADF;
        vd_fd_clear(&fd);
        return result;
    }
    result = reply.error < 0 ? reply.error : reply.error == 0 ? 0 : -EPROTO;
    if (result == 0 && ret_fd != NULL && fd < 0) {
        result = -EPROTO;
    }
    if (result == 0 && ret_fd != NULL) {
        *ret_fd = fd;
        fd = -1;
    }
    vd_fd_clear(&fd);
    if (result == 0 && ret_process != NULL) {
        *ret_process = (struct vd_process){(pid_t)reply.pid, reply.start_time};
    }
    return result;
}

int
vd_launch_pam(struct vd_launch *launch, int *ret_fd, struct vd_process *ret_process)
{
    const struct vd_launch_request request = {.version = VD_LAUNCH_VERSION, .verb = VD_LAUNCH_PAM};

    return call(launch, &request, NULL, 0, ret_fd, ret_process);
}

/* Writes the arguments, each with its final zero, into a memfd that nobody can change again. */
static int
seal_arguments(const char *const *arguments)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    size_t total = 0;
    size_t i;
    int result = 0;
    int fd = memfd_create("vedette-arguments", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0) {
        return -errno;
    }
    for (i = 0; result == 0 && arguments[i] != NULL; i++) {
        size_t size = strlen(arguments[i]) + 1;

        total += size;
        result = total > VD_LAUNCH_MAX_ARGV ? -E2BIG : vd_fd_write_all(fd, arguments[i], size);
    }
    if (result == 0 && fcntl(fd, F_ADD_SEALS, seals) < 0) {
        result = -errno;
    }
    if (result < 0) {
        vd_fd_clear(&fd);
        return result;
    }
    return fd;
}

int
vd_launch_machine(struct vd_launch *launch, unsigned slot, const char *const *arguments,
                  const int *fds, size_t fd_count, int log_fd, struct vd_process *ret_process)
{
    const struct vd_launch_request request = {
        .version = VD_LAUNCH_VERSION, .verb = VD_LAUNCH_MACHINE, .slot = slot};
    int sent[VD_LAUNCH_SENT_FDS];
    int result;

    if (fd_count > VD_LAUNCH_MAX_FDS) {
        return -E2BIG;
    }
    sent[0] = seal_arguments(arguments);
    if (sent[0] < 0) {
        return sent[0];
    }
    sent[1] = log_fd;
    if (fd_count > 0) {
        memcpy(sent + 2, fds, fd_count * sizeof(int));
    }
    result = call(launch, &request, sent, fd_count + 2, NULL, ret_process);
    vd_fd_clear(&sent[0]);
    return result;
}

int
vd_launch_streamer(struct vd_launch *launch, unsigned slot, const int *fds, size_t fd_count,
                   int log_fd, struct vd_process *ret_process)
{
    const struct vd_launch_request request = {
        .version = VD_LAUNCH_VERSION, .verb = VD_LAUNCH_STREAMER, .slot = slot};
    int sent[VD_LAUNCH_SENT_FDS];

    if (fd_count > VD_LAUNCH_MAX_FDS) {
        return -E2BIG;
    }
    sent[0] = log_fd;
    if (fd_count > 0) {
        memcpy(sent + 1, fds, fd_count * sizeof(int));
    }
    return call(launch, &request, sent, fd_count + 1, NULL, ret_process);
}

bool
vd_launch_bridge_is_good(const char *bridge)
{
    size_t size = strlen(bridge);

    return size > 0 && size <= VD_LAUNCH_BRIDGE_MAX && bridge[0] != '-' && bridge[0] != '.' &&
           strspn(bridge, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
               size;
}

int
vd_launch_tap(struct vd_launch *launch, const char *bridge, int *ret_fd)
{
    struct vd_launch_request request = {.version = VD_LAUNCH_VERSION, .verb = VD_LAUNCH_TAP};

    if (!vd_launch_bridge_is_good(bridge)) {
        return -EINVAL;
    }
    memcpy(request.bridge, bridge, strlen(bridge) + 1);
    return call(launch, &request, NULL, 0, ret_fd, NULL);
}

int
vd_launch_signal(struct vd_launch *launch, unsigned slot, struct vd_process process, int signal)
{
    const struct vd_launch_request request = {.version = VD_LAUNCH_VERSION,
                                              .verb = VD_LAUNCH_SIGNAL,
                                              .slot = slot,
                                              .signal = signal,
                                              .pid = process.pid,
                                              .start_time = process.start_time};

    return call(launch, &request, NULL, 0, NULL, NULL);
}
