/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/uevent.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>

#define KERNEL_GROUP 1u
#define MESSAGE_MAX  8192u

int
uevent_open(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_GROUP};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

    if (fd == -1) {
        return -errno;
    }
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

/* A message is "action@path" and then NAME=VALUE strings, each with its terminator. */
static unsigned
classify(const char *message, size_t size)
{
    unsigned bits = UEVENT_OTHER;

    for (size_t at = 0; at < size; at += strlen(message + at) + 1) {
        if (strcmp(message + at, "SUBSYSTEM=drm") == 0) {
            bits |= UEVENT_DISPLAY;
        } else if (strcmp(message + at, "SUBSYSTEM=input") == 0) {
            bits |= UEVENT_INPUT;
        }
    }
    return bits;
}

unsigned
uevent_take(int fd)
{
    char message[MESSAGE_MAX + 1];
    unsigned bits = 0;

    for (;;) {
        struct sockaddr_nl from = {0};
        socklen_t from_size = sizeof(from);
        ssize_t n = recvfrom(fd, message, MESSAGE_MAX, 0, (struct sockaddr *)&from, &from_size);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == ENOBUFS) { /* messages were lost: look at everything */
            bits |= UEVENT_DISPLAY | UEVENT_INPUT | UEVENT_OTHER;
            continue;
        }
        if (n <= 0) {
            return bits;
        }
        if (from.nl_pid != 0) { /* not from the kernel */
            continue;
        }
        message[n] = '\0';
        bits |= classify(message, (size_t)n);
    }
}
