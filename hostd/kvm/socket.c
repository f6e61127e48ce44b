/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define BACKLOG 4

static int
fill_address(struct sockaddr_un *address, int folder, const char *name)
{
    int size;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size =
        snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%s", folder, name);
    return size > 0 && (size_t)size < sizeof(address->sun_path) ? 0 : -ENAMETOOLONG;
}

int
kvm_socket_listen(int folder, const char *name)
{
    struct sockaddr_un address;
    int fd, result;

    result = fill_address(&address, folder, name);
    if (result < 0) {
        return result;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    /* The mode is narrowed before bind, which takes it from the socket; none is free in between. */
    (void)unlinkat(folder, name, 0);
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, BACKLOG) < 0) {
        result = -errno;
        vd_fd_clear(&fd);
        return result;
    }
    return fd;
}

int
kvm_socket_connect(int folder, const char *name)
{
    struct sockaddr_un address;
    int fd, result;

    result = fill_address(&address, folder, name);
    if (result < 0) {
        return result;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        result = -errno;
        vd_fd_clear(&fd);
        return result;
    }
    return fd;
}
