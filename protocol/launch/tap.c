/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/launch/tap.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define HELPER_SECONDS 5 /* it makes a few system calls */

/* What the helper sends: one byte and the descriptor. */
static int
receive(int socket_fd)
{
    char byte;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
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
    int fd;

    do {
        n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? -ETIMEDOUT : -errno;
    }
    header = CMSG_FIRSTHDR(&message);
    if (n == 0 || header == NULL || header->cmsg_level != SOL_SOCKET ||
        header->cmsg_type != SCM_RIGHTS) {
        return -EACCES;
    }
    memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}

int
vd_launch_tap_make(const struct vd_launch_program *helper, const char *bridge)
{
    const struct timeval patience = {.tv_sec = HELPER_SECONDS};
    char wanted[sizeof("--br=") + VD_LAUNCH_BRIDGE_MAX];
    const char *const argv[] = {helper->name, "--use-vnet", "--fd=3", wanted, NULL};
    int pair[2];
    int pidfd = -1;
    struct vd_process process;
    struct vd_launch_child child = {.program = helper,
                                    .argv = argv,
                                    .fds = &pair[1],
                                    .fd_count = 1,
                                    .log_fd = STDERR_FILENO,
                                    .uid = (uid_t)-1,
                                    .extra = (gid_t)-1};
    int result;

    (void)snprintf(wanted, sizeof(wanted), "--br=%s", bridge);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return -errno;
    }
    (void)setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    result = vd_launch_spawn_helper(&child, &process, &pidfd);
    vd_fd_clear(&pair[1]);
    if (result == 0) {
        result = receive(pair[0]);
        (void)kill(process.pid, SIGKILL); /* our child, not yet waited for: it is still this one */
        while (waitpid(process.pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    vd_fd_clear(&pidfd);
    vd_fd_clear(&pair[0]);
    return result;
}
