/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/secret.h"
#include "protocol/link/frame.h"

#define BACKLOG 64

static int
address_set(struct sockaddr_un *address, const char *path)
{
    size_t length = strlen(path);

    memset(address, 0, sizeof(*address));
    address->sun_family = AF_UNIX;
    if (length == 0 || length >= sizeof(address->sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(address->sun_path, path, length + 1);
    return 0;
}

int
vdp_channel_connect(const char *path)
{
    struct sockaddr_un address;
    int r = address_set(&address, path);
    int fd;

    if (r < 0) {
        return r;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    do {
        r = connect(fd, (struct sockaddr *)&address, sizeof(address));
    } while (r < 0 && errno == EINTR);
    if (r < 0) {
        r = -errno;
        vd_fd_clear(&fd);
        return r;
    }
    return fd;
}

int
vdp_channel_listen(const char *path, mode_t mode)
{
    struct sockaddr_un address;
    char temporary[sizeof(address.sun_path)];
    unsigned char salt[4];
    char suffix[2 * sizeof(salt) + 1];
    int fd = -1;
    int r;

    vd_random(salt, sizeof(salt));
    vd_hex(suffix, salt, sizeof(salt));
    r = snprintf(temporary, sizeof(temporary), "%s.%s", path, suffix);
    if (r < 0 || (size_t)r >= sizeof(temporary)) {
        return -ENAMETOOLONG;
    }
    r = address_set(&address, temporary);
    if (r < 0) {
        return r;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    /* Listens before it gets its name: whoever finds the name can connect. */
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        r = -errno;
        vd_fd_clear(&fd);
        return r;
    }
    if (chmod(temporary, mode) < 0 || listen(fd, BACKLOG) < 0 || rename(temporary, path) < 0) {
        r = -errno;
        (void)unlink(temporary); /* the first error is the one to report */
        vd_fd_clear(&fd);
        return r;
    }
    return fd;
}

struct acceptor {
    int fd;
    int reserve; /* given up to answer a connection when descriptors have run out */
    vdp_channel_accepted_fn accepted;
    void *user_data;
};

static void
acceptor_free(gpointer data)
{
    struct acceptor *acceptor = data;

    vd_fd_clear(&acceptor->fd);
    vd_fd_clear(&acceptor->reserve);
    g_free(acceptor);
}

static gboolean
on_acceptable(gint listen_fd, GIOCondition condition, gpointer user_data)
{
    struct acceptor *acceptor = user_data;
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)condition;
    if (fd >= 0) {
        acceptor->accepted(fd, acceptor->user_data);
        return G_SOURCE_CONTINUE;
    }
    if (errno == EMFILE || errno == ENFILE) {
        /* Turn the caller away instead of being woken for it again and again. */
        vd_fd_clear(&acceptor->reserve);
        fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        vd_fd_clear(&fd);
        acceptor->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    return G_SOURCE_CONTINUE;
}

GSource *
vdp_channel_accept_source(int listen_fd, GMainContext *context, vdp_channel_accepted_fn accepted,
                          void *user_data)
{
    struct acceptor *acceptor = g_new0(struct acceptor, 1);
    GSource *source;

    acceptor->fd = listen_fd;
    acceptor->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    acceptor->accepted = accepted;
    acceptor->user_data = user_data;
    (void)g_unix_set_fd_nonblocking(listen_fd, TRUE, NULL); /* a valid descriptor cannot fail */
    source = g_unix_fd_source_new(listen_fd, G_IO_IN);
    g_source_set_callback(source, G_SOURCE_FUNC(on_acceptable), acceptor, acceptor_free);
    g_source_attach(source, context);
    return source;
}

/* Waits until fd is ready; false and *error when the deadline has come. */
static bool
wait_ready(int fd, short events, int64_t deadline_us, GError **error)
{
    struct pollfd item = {.fd = fd, .events = events};

    for (;;) {
        int64_t left_ms = (deadline_us - vd_monotonic_us() + 999) / 1000;
        int r = left_ms > 0 ? poll(&item, 1, (int)MIN(left_ms, 60000)) : 0;

        if (r > 0) {
            return true;
        }
        if (left_ms <= 0) {
            g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer in time");
            return false;
        }
        if (r < 0 && errno != EINTR) {
            g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "poll: %s",
                        g_strerror(errno));
            return false;
        }
    }
}

static bool
call_send(int fd, const uint8_t *data, size_t size, int64_t deadline_us, GError **error)
{
    size_t sent = 0;

    while (sent < size) {
        ssize_t n;

        if (!wait_ready(fd, POLLOUT, deadline_us, error)) {
            return false;
        }
        n = vdp_frame_write(fd, data + sent, size - sent, -1);
        if (n < 0 && n != -EAGAIN) {
            g_set_error(error, G_IO_ERROR, g_io_error_from_errno((int)-n), "cannot send: %s",
                        g_strerror((int)-n));
            return false;
        }
        sent += n > 0 ? (size_t)n : 0;
    }
    return true;
}

/* Feeds bytes; the first whole message, or NULL, with *error set when there will be none. */
static json_t *
call_feed(struct vdp_framer *framer, const uint8_t *data, size_t size, GError **error)
{
    struct vdp_record record;
    const char *text = NULL;
    size_t at = 0;

    while (at < size) {
        json_t *message;
        size_t taken = 0;
        int r = vdp_framer_push(framer, data + at, size - at, &taken);

        at += taken;
        r = r < 0 ? r : vdp_framer_next(framer, &record);
        if (r == 0) {
            continue;
        }
        if (r < 0) {
            g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, vdp_strerror(r));
            return NULL;
        }
        message = vdp_frame_decode(&record, &text);
        if (message == NULL) {
            g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, text);
        }
        return message;
    }
    return NULL;
}

static json_t *
call_receive(int fd, struct vdp_framer *framer, int64_t deadline_us, GError **error)
{
    uint8_t buffer[8192];

    for (;;) {
        g_autoptr(GError) wrong = NULL;
        json_t *message;
        size_t fd_count = 0;
        int passed;
        ssize_t n;

        if (!wait_ready(fd, POLLIN, deadline_us, error)) {
            return NULL;
        }
        n = vdp_frame_read(fd, buffer, sizeof(buffer), &passed, 1, &fd_count);
        if (fd_count > 0) {
            vd_fd_clear(&passed); /* no tool asks for one */
        }
        if (n == -EAGAIN) {
            continue;
        }
        if (n <= 0) {
            g_set_error(error, G_IO_ERROR, n == 0 ? G_IO_ERROR_CLOSED : G_IO_ERROR_FAILED, "%s",
                        n == 0 ? "the peer closed without an answer" : g_strerror((int)-n));
            return NULL;
        }
        message = call_feed(framer, buffer, (size_t)n, &wrong);
        if (message != NULL) {
            return message;
        }
        if (wrong != NULL) {
            g_propagate_error(error, g_steal_pointer(&wrong));
            return NULL;
        }
    }
}

json_t *
vdp_channel_call(int fd, json_t *message, unsigned timeout_ms, GError **error)
{
    int64_t deadline_us = vd_monotonic_us() + (int64_t)timeout_ms * 1000;
    struct vdp_framer *framer = vdp_framer_new(VDP_CHANNEL_MAX_BODY);
    json_t *reply = NULL;
    size_t size = 0;
    uint8_t *data;

    data = vdp_frame_encode(message, VDP_CHANNEL_MAX_BODY, &size);
    json_decref(message);
    if (framer == NULL || data == NULL) {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
                            "the message does not fit");
    } else if (call_send(fd, data, size, deadline_us, error)) {
        reply = call_receive(fd, framer, deadline_us, error);
    }
    if (data != NULL) {
        explicit_bzero(data, size);
        g_free(data);
    }
    vdp_framer_free(framer);
    return reply;
}
