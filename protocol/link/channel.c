/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/link/frame.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/record.h"

#define READ_SIZE       65536u
#define READS_PER_TURN  8  /* then other sources get their turn */
#define MAX_PASSED_FDS  4u /* room for what a peer may send; more than one is refused */
#define WRITES_PER_TURN 16

struct outgoing {
    uint8_t *data; /* a whole record, wiped when it has gone: it may hold a password */
    size_t size;
    size_t sent;
    int fd; /* rides with the first byte; -1: none */
};

struct vdp_channel_conn {
    int refs; /* the owner's and one for each callback that is running */
    int fd;
    GMainContext *context;
    const struct vdp_channel_events *events;
    void *user_data;
    GSource *in_source;
    GSource *out_source;
    GSource *fail_source;
    struct vdp_framer *framer;
    GQueue outgoing; /* of struct outgoing */
    size_t queued;   /* bytes */
    uint64_t received;
    uint64_t consumed;     /* bytes of the records that were handed over */
    int passed_fd;         /* waits for its record; -1: none */
    uint64_t passed_fd_at; /* it belongs to the record that holds the byte before this one */
    char *fail_text;
    bool freed;
    bool closed; /* nothing more is read, sent or reported */
};

static void
outgoing_free(struct outgoing *item)
{
    explicit_bzero(item->data, item->size);
    g_free(item->data);
    vd_fd_clear(&item->fd);
    g_free(item);
}

static void
source_clear(GSource **source)
{
    if (*source != NULL) {
        g_source_destroy(*source);
        g_source_unref(*source);
        *source = NULL;
    }
}

static void
conn_stop(struct vdp_channel_conn *conn)
{
    struct outgoing *item;

    conn->closed = true;
    source_clear(&conn->in_source);
    source_clear(&conn->out_source);
    source_clear(&conn->fail_source);
    while ((item = g_queue_pop_head(&conn->outgoing)) != NULL) {
        outgoing_free(item);
    }
    conn->queued = 0;
    vd_fd_clear(&conn->passed_fd);
    vd_fd_clear(&conn->fd);
}

static void
conn_unref(struct vdp_channel_conn *conn)
{
    if (--conn->refs > 0) {
        return;
    }
    vdp_framer_free(conn->framer);
    g_free(conn->fail_text);
    g_main_context_unref(conn->context);
    g_free(conn);
}

/* Stops and reports. Only from a source's callback, as its last use of conn. */
static void
conn_close(struct vdp_channel_conn *conn, const char *text)
{
    if (conn->closed) {
        return;
    }
    conn_stop(conn);
    if (conn->events->closed != NULL) {
        conn->events->closed(conn, text, conn->user_data);
    }
}

static gboolean
on_fail(gpointer user_data)
{
    struct vdp_channel_conn *conn = user_data;

    conn->refs++;
    conn_close(conn, conn->fail_text);
    conn_unref(conn);
    return G_SOURCE_REMOVE;
}

/* Reports the end later, from the loop: this may be inside a call of the owner. */
static void
conn_fail_later(struct vdp_channel_conn *conn, const char *text)
{
    if (conn->closed || conn->fail_source != NULL) {
        return;
    }
    source_clear(&conn->in_source);
    source_clear(&conn->out_source);
    g_free(conn->fail_text);
    conn->fail_text = g_strdup(text);
    conn->fail_source = g_idle_source_new();
    g_source_set_priority(conn->fail_source, G_PRIORITY_DEFAULT);
    g_source_set_callback(conn->fail_source, on_fail, conn, NULL);
    g_source_attach(conn->fail_source, conn->context);
}

/* Returns 1 when the item has gone, 0 when the socket is full, or a negative errno. */
static int
outgoing_write(int socket_fd, struct outgoing *item)
{
    while (item->sent < item->size) {
        ssize_t n = vdp_frame_write(socket_fd, item->data + item->sent, item->size - item->sent,
                                    item->sent == 0 ? item->fd : -1);

        if (n == -EAGAIN) {
            return 0;
        }
        if (n < 0) {
            return (int)n;
        }
        item->sent += (size_t)n;
    }
    return 1;
}

/* Writes what the socket takes. Returns 0 or a negative errno. */
static int
conn_flush(struct vdp_channel_conn *conn)
{
    int turns;

    for (turns = 0; turns < WRITES_PER_TURN; turns++) {
        struct outgoing *item = g_queue_peek_head(&conn->outgoing);
        int r;

        if (item == NULL) {
            return 0;
        }
        r = outgoing_write(conn->fd, item);
        if (r <= 0) {
            return r;
        }
        conn->queued -= item->size;
        outgoing_free(g_queue_pop_head(&conn->outgoing));
    }
    return 0;
}

static gboolean
on_writable(gint fd, GIOCondition condition, gpointer user_data)
{
    struct vdp_channel_conn *conn = user_data;
    int r;

    (void)fd;
    (void)condition;
    r = conn_flush(conn);
    if (r < 0) {
        /* What the peer sent before it went is still worth reading. */
        source_clear(&conn->out_source);
        if (conn->in_source == NULL) {
            conn_fail_later(conn, g_strerror(-r));
        }
        return G_SOURCE_REMOVE;
    }
    if (g_queue_is_empty(&conn->outgoing)) {
        source_clear(&conn->out_source);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void
watch_writable(struct vdp_channel_conn *conn)
{
    if (conn->out_source != NULL || conn->closed || conn->fail_source != NULL) {
        return;
    }
    conn->out_source = g_unix_fd_source_new(conn->fd, G_IO_OUT);
    g_source_set_callback(conn->out_source, G_SOURCE_FUNC(on_writable), conn, NULL);
    g_source_attach(conn->out_source, conn->context);
}

/* Returns NULL, or why the record is refused. */
static const char *
deliver(struct vdp_channel_conn *conn, const struct vdp_record *record)
{
    const char *text = NULL;
    json_t *message;
    int fd = -1;

    conn->consumed += VDP_RECORD_HEADER_SIZE + record->size;
    message = vdp_frame_decode(record, &text);
    if (message == NULL) {
        return text;
    }
    if (conn->passed_fd >= 0 && conn->consumed >= conn->passed_fd_at) {
        fd = conn->passed_fd;
        conn->passed_fd = -1;
    }
    conn->events->message(conn, message, fd, conn->user_data);
    json_decref(message);
    return NULL;
}

/* Returns NULL, or why the channel ends. The owner may have freed it on the way. */
static const char *
feed(struct vdp_channel_conn *conn, const uint8_t *data, size_t size)
{
    size_t at = 0;

    for (;;) {
        struct vdp_record record;
        const char *text;
        size_t taken = 0;
        int r;

        r = vdp_framer_push(conn->framer, data + at, size - at, &taken);
        if (r < 0) {
            return vdp_strerror(r);
        }
        at += taken;
        r = vdp_framer_next(conn->framer, &record);
        if (r < 0) {
            return vdp_strerror(r);
        }
        if (r == 0) {
            if (at == size) {
                return NULL;
            }
            continue;
        }
        text = deliver(conn, &record);
        if (text != NULL || conn->closed || conn->freed || conn->fail_source != NULL) {
            return text;
        }
    }
}

/* Takes over descriptors that came with bytes; returns NULL or why they are refused. */
static const char *
take_fds(struct vdp_channel_conn *conn, int *fds, size_t count)
{
    size_t i;

    if (count == 1 && conn->passed_fd < 0) {
        conn->passed_fd = fds[0];
        conn->passed_fd_at = conn->received;
        return NULL;
    }
    for (i = 0; i < count; i++) {
        vd_fd_clear(&fds[i]);
    }
    return count == 0 ? NULL : "more descriptors than messages";
}

static gboolean
on_readable(gint fd, GIOCondition condition, gpointer user_data)
{
    struct vdp_channel_conn *conn = user_data;
    g_autofree uint8_t *buffer = g_malloc(READ_SIZE);
    const char *text = NULL;
    int turns;

    (void)condition;
    conn->refs++;
    for (turns = 0; turns < READS_PER_TURN; turns++) {
        int fds[MAX_PASSED_FDS];
        size_t fd_count = 0;
        ssize_t n = vdp_frame_read(fd, buffer, READ_SIZE, fds, MAX_PASSED_FDS, &fd_count);

        if (n == -EAGAIN) {
            break;
        }
        conn->received += n > 0 ? (uint64_t)n : 0;
        text = take_fds(conn, fds, fd_count);
        if (text == NULL && n <= 0) {
            text = n == 0 ? "the peer closed" : g_strerror((int)-n);
        }
        if (text == NULL) {
            text = feed(conn, buffer, (size_t)n);
        }
        if (text != NULL || conn->closed || conn->freed || conn->fail_source != NULL) {
            break;
        }
    }
    explicit_bzero(buffer, READ_SIZE);
    if (text != NULL && !conn->freed && conn->fail_source == NULL) {
        conn_close(conn, text);
    }
    conn_unref(conn);
    return G_SOURCE_CONTINUE; /* a source that was destroyed meanwhile stays so */
}

struct vdp_channel_conn *
vdp_channel_new(int fd, GMainContext *context, const struct vdp_channel_events *events,
                void *user_data)
{
    struct vdp_channel_conn *conn = g_new0(struct vdp_channel_conn, 1);
    g_autoptr(GError) error = NULL;

    conn->refs = 1;
    conn->fd = fd;
    conn->passed_fd = -1;
    conn->context = g_main_context_ref(context != NULL ? context : g_main_context_default());
    conn->events = events;
    conn->user_data = user_data;
    g_queue_init(&conn->outgoing);
    conn->framer = vdp_framer_new(VDP_CHANNEL_MAX_BODY);
    if (conn->framer == NULL || !g_unix_set_fd_nonblocking(fd, TRUE, &error)) {
        conn_fail_later(conn, error != NULL ? error->message : "out of memory");
        return conn;
    }
    conn->in_source = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(conn->in_source, G_SOURCE_FUNC(on_readable), conn, NULL);
    g_source_attach(conn->in_source, conn->context);
    return conn;
}

void
vdp_channel_free(struct vdp_channel_conn *conn)
{
    if (conn == NULL || conn->freed) {
        return;
    }
    if (!conn->closed) {
        /* A last answer sent just before the free goes out when the socket has room. */
        (void)conn_flush(conn);
    }
    conn->freed = true;
    conn_stop(conn);
    conn_unref(conn);
}

void
vdp_channel_send(struct vdp_channel_conn *conn, json_t *message, int fd)
{
    struct outgoing *item;
    size_t size = 0;
    uint8_t *data;
    int r;

    data = vdp_frame_encode(message, VDP_CHANNEL_MAX_BODY, &size);
    json_decref(message);
    if (conn->closed || conn->freed || conn->fail_source != NULL) {
        g_free(data);
        return;
    }
    if (data == NULL) {
        conn_fail_later(conn, "a message to send is larger than the limit");
        return;
    }
    item = g_new0(struct outgoing, 1);
    item->data = data;
    item->size = size;
    item->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    conn->queued += size;
    g_queue_push_tail(&conn->outgoing, item);
    if (fd >= 0 && item->fd < 0) {
        conn_fail_later(conn, "no descriptor is left");
        return;
    }
    if (conn->queued > VDP_CHANNEL_MAX_QUEUED) {
        conn_fail_later(conn, "the peer reads nothing");
        return;
    }
    r = conn->out_source == NULL ? conn_flush(conn) : 0;
    if (r < 0 && conn->in_source == NULL) {
        conn_fail_later(conn, g_strerror(-r));
    } else if (!g_queue_is_empty(&conn->outgoing) && r == 0) {
        watch_writable(conn);
    }
}

uid_t
vdp_channel_peer_uid(struct vdp_channel_conn *conn)
{
    struct ucred cred;
    socklen_t size = sizeof(cred);

    if (conn->fd < 0 || getsockopt(conn->fd, SOL_SOCKET, SO_PEERCRED, &cred, &size) != 0) {
        return (uid_t)-1;
    }
    return cred.uid;
}
