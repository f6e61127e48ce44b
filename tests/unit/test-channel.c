/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/channel.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "protocol/base/fd.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/record.h"

#define DEADLINE_US (20 * G_USEC_PER_SEC)

struct probe {
    struct vdp_channel_conn *conn;
    GPtrArray *messages; /* of json_t */
    GArray *fds;         /* of int, -1 where none came */
    char *closed;        /* the text, once */
    unsigned free_after; /* frees the channel inside this message's callback */
    bool free_in_closed;
};

static void
on_message(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data)
{
    struct probe *probe = user_data;

    g_assert_null(probe->closed);
    g_ptr_array_add(probe->messages, json_incref(message));
    g_array_append_val(probe->fds, fd);
    if (probe->messages->len == probe->free_after) {
        vdp_channel_free(conn);
        probe->conn = NULL;
    }
}

static void
on_closed(struct vdp_channel_conn *conn, const char *text, void *user_data)
{
    struct probe *probe = user_data;

    g_assert_null(probe->closed);
    probe->closed = g_strdup(text);
    if (probe->free_in_closed) {
        vdp_channel_free(conn);
        probe->conn = NULL;
    }
}

static const struct vdp_channel_events events = {.message = on_message, .closed = on_closed};

static void
message_free(gpointer data)
{
    json_decref(data);
}

static void
probe_init(struct probe *probe, int fd)
{
    memset(probe, 0, sizeof(*probe));
    probe->messages = g_ptr_array_new_with_free_func(message_free);
    probe->fds = g_array_new(FALSE, FALSE, sizeof(int));
    probe->conn = vdp_channel_new(fd, NULL, &events, probe);
}

static void
probe_clear(struct probe *probe)
{
    vdp_channel_free(probe->conn);
    g_ptr_array_unref(probe->messages);
    g_array_unref(probe->fds);
    g_free(probe->closed);
}

static gboolean
on_deadline(gpointer user_data)
{
    (void)user_data;
    g_error("the condition did not come true in time");
    return G_SOURCE_REMOVE;
}

/* Turns the loop until the condition holds; a hang ends the test. */
#define WAIT_FOR(condition)                                                                        \
    do {                                                                                           \
        guint deadline = g_timeout_add(DEADLINE_US / 1000, on_deadline, NULL);                     \
        while (!(condition)) {                                                                     \
            g_main_context_iteration(NULL, TRUE);                                                  \
        }                                                                                          \
        g_source_remove(deadline);                                                                 \
    } while (0)

static void
make_pair(int fds[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
}

static void
put_record(int fd, uint16_t type, const char *body, size_t size)
{
    uint8_t header[VDP_RECORD_HEADER_SIZE];

    vdp_record_header(header, type, VDP_CHANNEL_CONTROL, 0, (uint32_t)size);
    g_assert_cmpint(vd_fd_write_all(fd, header, sizeof(header)), ==, 0);
    g_assert_cmpint(vd_fd_write_all(fd, body, size), ==, 0);
}

static void
test_messages_arrive_whole_and_in_order(void)
{
    g_autofree char *big = g_strnfill(700000, 'x');
    struct probe a;
    struct probe b;
    int fds[2];
    int i;

    make_pair(fds);
    probe_init(&a, fds[0]);
    probe_init(&b, fds[1]);
    for (i = 0; i < 5; i++) {
        vdp_channel_send(a.conn, json_pack("{s:s,s:i}", "type", "count", "n", i), -1);
        vdp_channel_send(a.conn, json_pack("{s:s,s:s}", "type", "big", "text", big), -1);
    }
    WAIT_FOR(b.messages->len == 10);
    for (i = 0; i < 5; i++) {
        json_t *count = g_ptr_array_index(b.messages, (guint)(2 * i));
        json_t *text = g_ptr_array_index(b.messages, (guint)(2 * i + 1));

        g_assert_cmpint(json_integer_value(json_object_get(count, "n")), ==, i);
        g_assert_cmpuint(json_string_length(json_object_get(text, "text")), ==, 700000);
    }
    vdp_channel_send(b.conn, json_pack("{s:s}", "type", "back"), -1);
    WAIT_FOR(a.messages->len == 1);
    g_assert_cmpint(vdp_channel_peer_uid(a.conn), ==, getuid());
    probe_clear(&a);
    WAIT_FOR(b.closed != NULL);
    probe_clear(&b);
}

static ino_t
inode_of(int fd)
{
    struct stat st;

    g_assert_cmpint(fstat(fd, &st), ==, 0);
    return st.st_ino;
}

static void
test_descriptors_stay_with_their_message(void)
{
    struct probe a;
    struct probe b;
    int fds[2];
    int i;
    int files[8];

    make_pair(fds);
    probe_init(&a, fds[0]);
    probe_init(&b, fds[1]);
    for (i = 0; i < 8; i++) {
        files[i] = i % 3 == 0 ? memfd_create("test", MFD_CLOEXEC) : -1;
        vdp_channel_send(a.conn, json_pack("{s:s,s:i}", "type", "file", "n", i), files[i]);
    }
    WAIT_FOR(b.messages->len == 8);
    for (i = 0; i < 8; i++) {
        int fd = g_array_index(b.fds, int, i);

        if (files[i] < 0) {
            g_assert_cmpint(fd, ==, -1);
            continue;
        }
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpuint(inode_of(fd), ==, inode_of(files[i]));
        g_assert_cmpint(fcntl(fd, F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
        close(fd);
        close(files[i]);
    }
    probe_clear(&a);
    probe_clear(&b);
}

static void
refuse(uint16_t type, const char *body, size_t size)
{
    struct probe b;
    int fds[2];

    make_pair(fds);
    probe_init(&b, fds[1]);
    put_record(fds[0], type, body, size);
    WAIT_FOR(b.closed != NULL);
    g_assert_cmpuint(b.messages->len, ==, 0);
    /* Nothing may be sent or reported any more. */
    vdp_channel_send(b.conn, json_pack("{s:s}", "type", "late"), -1);
    probe_clear(&b);
    close(fds[0]);
}

static void
test_nonsense_closes_the_channel(void)
{
    static const char *const bodies[] = {"",           "{",
                                         "[]",         "{}",
                                         "{\"a\":1}",  "{\"type\":1}",
                                         "\"type\"",   "{\"type\":\"a\",\"type\":\"b\"}",
                                         "{\"type\":", "{\"type\":\"a\"} x"};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bodies); i++) {
        refuse(VDP_JSON, bodies[i], strlen(bodies[i]));
    }
    refuse(VDP_PING, "12345678", 8);
    refuse(VDP_JSON, "{\"type\":\"\xff\xfe\"}", 12);
}

static void
test_a_record_above_the_limit_closes_the_channel(void)
{
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    struct probe b;
    int fds[2];

    make_pair(fds);
    probe_init(&b, fds[1]);
    vdp_record_header(header, VDP_JSON, VDP_CHANNEL_CONTROL, 0, VDP_CHANNEL_MAX_BODY + 1);
    g_assert_cmpint(vd_fd_write_all(fds[0], header, sizeof(header)), ==, 0);
    WAIT_FOR(b.closed != NULL);
    probe_clear(&b);
    close(fds[0]);
}

static void
test_a_peer_that_never_reads_is_closed(void)
{
    g_autofree char *big = g_strnfill(500000, 'x');
    struct probe a;
    int fds[2];
    int i;

    make_pair(fds);
    probe_init(&a, fds[0]);
    for (i = 0; i < 40; i++) {
        vdp_channel_send(a.conn, json_pack("{s:s,s:s}", "type", "big", "text", big), -1);
    }
    g_assert_null(a.closed); /* never from inside a call */
    WAIT_FOR(a.closed != NULL);
    probe_clear(&a);
    close(fds[1]);
}

static void
test_what_was_sent_before_the_end_is_delivered(void)
{
    struct probe b;
    int fds[2];

    make_pair(fds);
    probe_init(&b, fds[1]);
    put_record(fds[0], VDP_JSON, "{\"type\":\"last\"}", 15);
    close(fds[0]);
    WAIT_FOR(b.closed != NULL);
    g_assert_cmpuint(b.messages->len, ==, 1);
    probe_clear(&b);
}

static void
test_the_owner_may_free_it_in_a_callback(void)
{
    struct probe b;
    int fds[2];
    int i;
    char byte;

    make_pair(fds);
    probe_init(&b, fds[1]);
    b.free_after = 2;
    for (i = 0; i < 5; i++) {
        put_record(fds[0], VDP_JSON, "{\"type\":\"n\"}", 12);
    }
    WAIT_FOR(b.conn == NULL);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
    g_assert_cmpuint(b.messages->len, ==, 2);
    g_assert_null(b.closed);
    g_assert_cmpint(recv(fds[0], &byte, 1, 0), <=, 0); /* our end is closed */
    probe_clear(&b);
    close(fds[0]);

    make_pair(fds);
    probe_init(&b, fds[1]);
    b.free_in_closed = true;
    close(fds[0]);
    WAIT_FOR(b.conn == NULL);
    probe_clear(&b);
}

static void
test_a_flood_of_descriptors_is_refused_and_none_leaks(void)
{
    union {
        char bytes[CMSG_SPACE(3 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = (void *)"x", .iov_len = 1};
    struct msghdr message = {.msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    struct probe b;
    int pipes[2];
    int fds[2];
    int sent[3];
    char byte;

    make_pair(fds);
    probe_init(&b, fds[1]);
    g_assert_cmpint(pipe2(pipes, O_CLOEXEC), ==, 0);
    sent[0] = sent[1] = sent[2] = pipes[1];
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(sent));
    memcpy(CMSG_DATA(header), sent, sizeof(sent));
    g_assert_cmpint(sendmsg(fds[0], &message, 0), ==, 1);
    close(pipes[1]);
    WAIT_FOR(b.closed != NULL);
    g_assert_cmpint(read(pipes[0], &byte, 1), ==, 0); /* no copy of the write end is left */
    close(pipes[0]);
    probe_clear(&b);
    close(fds[0]);
}

static void
on_accepted(int fd, void *user_data)
{
    *(int *)user_data = fd;
}

static void
test_listen_replaces_an_old_socket_file(void)
{
    g_autofree char *dir = g_dir_make_tmp("vedette-test-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "a.sock", NULL);
    GSource *source;
    struct stat st;
    int accepted = -1;
    int old;
    int fd;

    g_assert_cmpint(vdp_channel_connect(path), ==, -ENOENT);
    old = vdp_channel_listen(path, 0600);
    g_assert_cmpint(old, >=, 0);
    close(old);
    g_assert_cmpint(vdp_channel_connect(path), ==, -ECONNREFUSED);
    fd = vdp_channel_listen(path, 0660);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(stat(path, &st), ==, 0);
    g_assert_cmpuint(st.st_mode & 07777, ==, 0660);
    source = vdp_channel_accept_source(fd, NULL, on_accepted, &accepted);
    fd = vdp_channel_connect(path);
    g_assert_cmpint(fd, >=, 0);
    WAIT_FOR(accepted >= 0);
    close(accepted);
    close(fd);
    g_source_destroy(source);
    g_source_unref(source);
    g_assert_cmpint(vdp_channel_connect(path), ==, -ECONNREFUSED);
    g_unlink(path);
    g_assert_cmpint(g_rmdir(dir), ==, 0); /* no temporary name is left */
}

static gpointer
answer_one_call(gpointer data)
{
    int fd = GPOINTER_TO_INT(data);
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    uint8_t body[64];

    g_assert_cmpint(vd_fd_read_all(fd, header, sizeof(header)), ==, 0);
    g_assert_cmpint(vd_fd_read_all(fd, body, header[4]), ==, 0);
    put_record(fd, VDP_JSON, "{\"type\":\"reply\"}", 16);
    return NULL;
}

static void
test_a_call_gets_its_reply_or_times_out(void)
{
    g_autoptr(GError) error = NULL;
    GThread *thread;
    json_t *reply;
    int fds[2];

    make_pair(fds);
    thread = g_thread_new("answer", answer_one_call, GINT_TO_POINTER(fds[1]));
    reply = vdp_channel_call(fds[0], json_pack("{s:s}", "type", "status"), 10000, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_string_value(json_object_get(reply, "type")), ==, "reply");
    json_decref(reply);
    g_thread_join(thread);
    g_assert_null(vdp_channel_call(fds[0], json_pack("{s:s}", "type", "status"), 50, &error));
    g_assert_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT);
    g_clear_error(&error);
    close(fds[1]);
    g_assert_null(vdp_channel_call(fds[0], json_pack("{s:s}", "type", "status"), 1000, &error));
    g_assert_nonnull(error);
    close(fds[0]);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/channel/messages-arrive-whole-and-in-order",
                    test_messages_arrive_whole_and_in_order);
    g_test_add_func("/channel/descriptors-stay-with-their-message",
                    test_descriptors_stay_with_their_message);
    g_test_add_func("/channel/nonsense-closes-the-channel", test_nonsense_closes_the_channel);
    g_test_add_func("/channel/a-record-above-the-limit-closes-the-channel",
                    test_a_record_above_the_limit_closes_the_channel);
    g_test_add_func("/channel/a-peer-that-never-reads-is-closed",
                    test_a_peer_that_never_reads_is_closed);
    g_test_add_func("/channel/what-was-sent-before-the-end-is-delivered",
                    test_what_was_sent_before_the_end_is_delivered);
    g_test_add_func("/channel/the-owner-may-free-it-in-a-callback",
                    test_the_owner_may_free_it_in_a_callback);
    g_test_add_func("/channel/a-flood-of-descriptors-is-refused-and-none-leaks",
                    test_a_flood_of_descriptors_is_refused_and_none_leaks);
    g_test_add_func("/channel/listen-replaces-an-old-socket-file",
                    test_listen_replaces_an_old_socket_file);
    g_test_add_func("/channel/a-call-gets-its-reply-or-times-out",
                    test_a_call_gets_its_reply_or_times_out);
    return g_test_run();
}
