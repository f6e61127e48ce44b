/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/frame.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/base/fd.h"
#include "protocol/wire/messages.h"

#define CONTROL_FDS 8u

uint8_t *
vdp_frame_encode(const json_t *message, size_t max_body, size_t *ret_size)
{
    size_t size = json_dumpb(message, NULL, 0, JSON_COMPACT);
    uint8_t *data;

    if (size == 0 || size > max_body) {
        return NULL;
    }
    data = g_malloc(VDP_RECORD_HEADER_SIZE + size);
    vdp_record_header(data, VDP_JSON, VDP_CHANNEL_CONTROL, 0, (uint32_t)size);
    (void)json_dumpb(message, (char *)data + VDP_RECORD_HEADER_SIZE, size, JSON_COMPACT);
    *ret_size = VDP_RECORD_HEADER_SIZE + size;
    return data;
}

json_t *
vdp_frame_decode(const struct vdp_record *record, const char **ret_text)
{
    json_t *message;

    if (record->type != VDP_JSON) {
        *ret_text = "a record that is not JSON";
        return NULL;
    }
    message = json_loadb((const char *)record->body, record->size, JSON_REJECT_DUPLICATES, NULL);
    if (message == NULL || !json_is_string(json_object_get(message, "type"))) {
        json_decref(message);
        *ret_text = "a message that is not a JSON object with a type";
        return NULL;
    }
    return message;
}

ssize_t
vdp_frame_write(int socket_fd, const uint8_t *data, size_t size, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0) {
        struct cmsghdr *header;

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
    return n < 0 ? -errno : n;
}

/* Collects the descriptors of a received message; all of them, so that none leaks. */
static size_t
collect_fds(struct msghdr *message, int fds[CONTROL_FDS])
{
    struct cmsghdr *header;
    size_t count = 0;

    for (header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
        size_t bytes;

        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        bytes = MIN(header->cmsg_len - CMSG_LEN(0), (CONTROL_FDS - count) * sizeof(int));
        memcpy(&fds[count], CMSG_DATA(header), bytes);
        count += bytes / sizeof(int);
    }
    return count;
}

ssize_t
vdp_frame_read(int socket_fd, uint8_t *data, size_t size, int *fds, size_t max_fds,
               size_t *ret_fd_count)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int) * CONTROL_FDS)];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = data, .iov_len = size};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    int found[CONTROL_FDS];
    size_t count;
    size_t i;
    ssize_t n;

    *ret_fd_count = 0;
    do {
        n = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return -errno;
    }
    count = collect_fds(&message, found);
    if (count > max_fds || (message.msg_flags & MSG_CTRUNC) != 0) {
        for (i = 0; i < count; i++) {
            vd_fd_clear(&found[i]);
        }
        return -EPROTO;
    }
    for (i = 0; i < count; i++) {
        fds[i] = found[i];
    }
    *ret_fd_count = count;
    return n;
}
