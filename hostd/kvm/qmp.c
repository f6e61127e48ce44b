/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/kvm/qmp-parse.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define READ_CHUNK (64u * 1024u)

/* Bytes on their way out, and the descriptor that rides on their first one. */
struct chunk {
    GBytes *bytes;
    size_t sent;
    int fd; /* owned, or -1 */
};

struct pending {
    struct kvm_qmp *qmp;
    uint64_t id;
    unsigned timeout_ms;
    guint timer;
    kvm_qmp_reply_fn reply;
    void *user_data;
};

struct kvm_qmp {
    const struct kvm_qmp_events *events;
    void *user_data;
    int fd;
    guint references; /* ours, and one for each callback that is running */
    bool freed;       /* the owner is done with us; only a running callback keeps the memory */
    bool greeted;
    bool ready;
    guint reader, writer, deadline;
    GByteArray *line; /* what has come since the last line end */
    GQueue out;       /* of struct chunk */
    GQueue pending;   /* of struct pending, oldest first */
    uint64_t last_id;
    char *reason; /* set as soon as the connection is to be reported as closed */
    guint closer;
};

static void
chunk_free(struct chunk *chunk)
{
    vd_fd_clear(&chunk->fd);
    g_bytes_unref(chunk->bytes);
    g_free(chunk);
}

static void
pending_free(struct pending *pending)
{
    if (pending->timer != 0) {
        g_source_remove(pending->timer);
    }
    g_free(pending);
}

static void
remove_source(guint *source)
{
    if (*source != 0) {
        g_source_remove(*source);
        *source = 0;
    }
}

static void
disconnect(struct kvm_qmp *qmp)
{
    remove_source(&qmp->reader);
    remove_source(&qmp->writer);
    remove_source(&qmp->deadline);
    vd_fd_clear(&qmp->fd);
    g_queue_clear_full(&qmp->out, (GDestroyNotify)chunk_free);
}

static void
unref(struct kvm_qmp *qmp)
{
    if (--qmp->references > 0) {
        return;
    }
    g_byte_array_unref(qmp->line);
    g_free(qmp->reason);
    g_free(qmp);
}

/* Tells each pending command, then the owner. Runs from the loop, never from inside a call. */
static gboolean
report_closed(gpointer user_data)
{
    struct kvm_qmp *qmp = user_data;
    struct pending *pending;

    qmp->closer = 0;
    qmp->references++;
    while (!qmp->freed && (pending = g_queue_pop_head(&qmp->pending)) != NULL) {
        if (pending->reply != NULL) {
            pending->reply(qmp, NULL, qmp->reason, pending->user_data);
        }
        pending_free(pending);
    }
    if (!qmp->freed) {
        qmp->events->closed(qmp, qmp->reason, qmp->user_data);
    }
    unref(qmp);
    return G_SOURCE_REMOVE;
}

static void
fail(struct kvm_qmp *qmp, const char *reason)
{
    if (qmp->reason != NULL || qmp->freed) {
        return;
    }
    qmp->ready = false;
    qmp->reason = g_strdup(reason);
    disconnect(qmp);
    qmp->closer = g_idle_add_full(G_PRIORITY_DEFAULT, report_closed, qmp, NULL);
}

static gboolean on_writable(gint fd, GIOCondition condition, gpointer user_data);

/* Writes what the socket takes; arms the writer when it does not take all. */
static void
flush(struct kvm_qmp *qmp)
{
    struct chunk *chunk;

    while ((chunk = g_queue_peek_head(&qmp->out)) != NULL) {
        union {
            char space[CMSG_SPACE(sizeof(int))];
            struct cmsghdr align;
        } control;
        gsize size;
        const char *data = g_bytes_get_data(chunk->bytes, &size);
        struct iovec part = {.iov_base = (char *)(uintptr_t)data + chunk->sent,
                             .iov_len = size - chunk->sent};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t sent;

        if (chunk->fd >= 0) {
            memset(&control, 0, sizeof(control));
            message.msg_control = control.space;
            message.msg_controllen = sizeof(control.space);
            CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
            CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
            CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(sizeof(int));
            memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), &chunk->fd, sizeof(int));
        }
        sent = sendmsg(qmp->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent < 0 && errno == EAGAIN) {
            if (qmp->writer == 0) {
                qmp->writer = g_unix_fd_add(qmp->fd, G_IO_OUT, on_writable, qmp);
            }
            return;
        }
        if (sent < 0) {
            fail(qmp, g_strerror(errno));
            return;
        }
        vd_fd_clear(&chunk->fd);
        chunk->sent += (size_t)sent;
        if (chunk->sent == size) {
            g_queue_pop_head(&qmp->out);
            chunk_free(chunk);
        }
    }
    remove_source(&qmp->writer);
}

static gboolean
on_writable(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    struct kvm_qmp *qmp = user_data;

    qmp->writer = 0; /* flush() arms a new one when it has to */
    flush(qmp);
    return G_SOURCE_REMOVE;
}

/* A late reply finds nobody here and is dropped. */
static gboolean
on_command_timeout(gpointer user_data)
{
    struct pending *pending = user_data;
    struct kvm_qmp *qmp = pending->qmp;
    g_autofree char *text = g_strdup_printf("no answer within %u ms", pending->timeout_ms);

    pending->timer = 0;
    g_queue_remove(&qmp->pending, pending);
    qmp->references++;
    if (pending->reply != NULL) {
        pending->reply(qmp, NULL, text, pending->user_data);
    }
    pending_free(pending);
    unref(qmp);
    return G_SOURCE_REMOVE;
}

static void
send_command(struct kvm_qmp *qmp, const char *name, json_t *arguments, int fd, unsigned timeout_ms,
             kvm_qmp_reply_fn reply, void *user_data)
{
    json_t *command = json_pack("{s:s, s:I}", "execute", name, "id", (json_int_t)++qmp->last_id);
    struct pending *pending = g_new0(struct pending, 1);
    struct chunk *chunk = g_new0(struct chunk, 1);
    char *text;

    if (arguments != NULL) {
        json_object_set_new(command, "arguments", arguments);
    }
    text = json_dumps(command, JSON_COMPACT);
    json_decref(command);
    g_assert(text != NULL);
    chunk->bytes = g_bytes_new_with_free_func(text, strlen(text), free, text);
    chunk->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    g_queue_push_tail(&qmp->out, chunk);
    pending->qmp = qmp;
    pending->id = qmp->last_id;
    pending->timeout_ms = timeout_ms;
    pending->reply = reply;
    pending->user_data = user_data;
    pending->timer = g_timeout_add(timeout_ms, on_command_timeout, pending);
    g_queue_push_tail(&qmp->pending, pending);
    flush(qmp);
    if (g_queue_get_length(&qmp->pending) > KVM_QMP_MAX_PENDING) {
        fail(qmp, "too many commands without an answer");
    }
}

void
kvm_qmp_command(struct kvm_qmp *qmp, const char *name, json_t *arguments, int fd,
                unsigned timeout_ms, kvm_qmp_reply_fn reply, void *user_data)
{
    if (qmp->ready) {
        send_command(qmp, name, arguments, fd, timeout_ms, reply, user_data);
        return;
    }
    json_decref(arguments);
    if (reply != NULL) {
        /* Answered from the loop, by the timer of an entry that was never sent or by closed(). */
        struct pending *pending = g_new0(struct pending, 1);

        pending->qmp = qmp;
        pending->reply = reply;
        pending->user_data = user_data;
        pending->timer = g_timeout_add(0, on_command_timeout, pending);
        g_queue_push_tail(&qmp->pending, pending);
    }
}

static void
on_capabilities(struct kvm_qmp *qmp, json_t *result, const char *text,
                void *user_data G_GNUC_UNUSED)
{
    if (result == NULL) {
        fail(qmp, text);
        return;
    }
    remove_source(&qmp->deadline);
    qmp->ready = true;
    qmp->events->ready(qmp, qmp->user_data);
}

static void
handle_reply(struct kvm_qmp *qmp, const struct kvm_qmp_message *message)
{
    GList *item;

    for (item = qmp->pending.head; item != NULL; item = item->next) {
        struct pending *pending = item->data;

        if (pending->id == message->id && message->id != 0) {
            g_queue_delete_link(&qmp->pending, item);
            if (pending->reply != NULL) {
                pending->reply(qmp, message->kind == KVM_QMP_REPLY ? message->value : NULL,
                               message->text, pending->user_data);
            }
            pending_free(pending);
            return;
        }
    }
    vd_debug("qmp", "an answer that nobody waits for");
}

static void
handle_line(struct kvm_qmp *qmp, const char *line, size_t size)
{
    struct kvm_qmp_message message;

    if (kvm_qmp_parse(line, size, &message) < 0) {
        fail(qmp, qmp->greeted ? "a line that is not QMP" : "not a QMP greeting");
        return;
    }
    if (!qmp->greeted) {
        if (message.kind == KVM_QMP_GREETING) {
            qmp->greeted = true;
            send_command(qmp, "qmp_capabilities", NULL, -1, KVM_QMP_COMMAND_MS, on_capabilities,
                         NULL);
        } else {
            fail(qmp, "not a QMP greeting");
        }
    } else if (message.kind == KVM_QMP_EVENT) {
        if (qmp->ready && qmp->events->event != NULL) {
            qmp->events->event(qmp, message.text, message.value, qmp->user_data);
        }
    } else if (message.kind != KVM_QMP_GREETING) {
        handle_reply(qmp, &message);
    }
    kvm_qmp_message_clear(&message);
}

/* Hands over each complete line; stops as soon as a callback has ended the connection. */
static void
take_lines(struct kvm_qmp *qmp)
{
    guint8 *end;

    while (!qmp->freed && qmp->reason == NULL &&
           (end = memchr(qmp->line->data, '\n', qmp->line->len)) != NULL) {
        guint size = (guint)(end - qmp->line->data);
        g_autofree char *line = g_memdup2(qmp->line->data, size + 1);

        g_byte_array_remove_range(qmp->line, 0, size + 1);
        if (size > 0 && line[size - 1] == '\r') {
            size--;
        }
        if (size > 0) {
            handle_line(qmp, line, size);
        }
    }
    if (!qmp->freed && qmp->line->len > KVM_QMP_MAX_LINE) {
        fail(qmp, "a line that is too long");
    }
}

static gboolean
on_readable(gint fd, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    struct kvm_qmp *qmp = user_data;
    char chunk[READ_CHUNK];
    ssize_t size = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
    bool keep;

    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    qmp->references++;
    if (size <= 0) {
        fail(qmp, size == 0 ? "the machine closed its control socket" : g_strerror(errno));
    } else {
        g_byte_array_append(qmp->line, (const guint8 *)chunk, (guint)size);
        take_lines(qmp);
    }
    keep = qmp->reader != 0;
    unref(qmp);
    return keep ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

static gboolean
on_deadline(gpointer user_data)
{
    struct kvm_qmp *qmp = user_data;

    qmp->deadline = 0;
    fail(qmp, "no greeting in time");
    return G_SOURCE_REMOVE;
}

struct kvm_qmp *
kvm_qmp_new(int fd, unsigned greeting_ms, const struct kvm_qmp_events *events, void *user_data)
{
    struct kvm_qmp *qmp = g_new0(struct kvm_qmp, 1);

    qmp->events = events;
    qmp->user_data = user_data;
    qmp->references = 1;
    qmp->line = g_byte_array_new();
    g_queue_init(&qmp->out);
    g_queue_init(&qmp->pending);
    qmp->fd = fd >= 0 ? fd : -1;
    if (fd < 0) {
        fail(qmp, g_strerror(-fd));
        return qmp;
    }
    qmp->reader = g_unix_fd_add(fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, qmp);
    qmp->deadline = g_timeout_add(greeting_ms, on_deadline, qmp);
    return qmp;
}

void
kvm_qmp_free(struct kvm_qmp *qmp)
{
    if (qmp == NULL) {
        return;
    }
    qmp->freed = true;
    qmp->ready = false;
    disconnect(qmp);
    remove_source(&qmp->closer);
    g_queue_clear_full(&qmp->pending, (GDestroyNotify)pending_free);
    unref(qmp);
}
