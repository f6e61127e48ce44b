/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/gather.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/link/pki-private.h"
#include "protocol/link/pki.h"

#define LONG 65526u

/* The gatherer is below the server's TLS; the client is an ordinary one. */
struct ends {
    SSL *client, *server;
    int fds[2];
    struct vdp_gather *gather;
    unsigned more;
};

static void
on_more(void *user_data)
{
    ((struct ends *)user_data)->more++;
}

static SSL *
new_end(SSL_CTX *ctx, int fd)
{
    SSL *ssl = SSL_new(ctx);

    g_assert_cmpint(fcntl(fd, F_SETFL, O_NONBLOCK), ==, 0);
    g_assert_cmpint(SSL_set_fd(ssl, fd), ==, 1);
    (void)SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ssl;
}

static void
ends_init(struct ends *ends)
{
    g_autoptr(SSL_CTX) ctx = SSL_CTX_new(TLS_method());
    g_autoptr(GError) error = NULL;
    struct vdp_pair ca = {0};
    int done[2] = {0, 0};

    memset(ends, 0, sizeof(*ends));
    g_assert_true(vdp_pki_make_ca("test", &ca, &error));
    g_assert_true(vdp_pki_use_pair(ctx, ca.cert_pem, ca.key_pem, &error));
    vdp_pair_clear(&ca);
    SSL_CTX_set_num_tickets(ctx, 0);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends->fds), ==, 0);
    ends->client = new_end(ctx, ends->fds[0]);
    ends->server = new_end(ctx, ends->fds[1]);
    SSL_set_connect_state(ends->client);
    SSL_set_accept_state(ends->server);
    while (done[0] != 1 || done[1] != 1) {
        done[0] = SSL_do_handshake(ends->client);
        done[1] = SSL_do_handshake(ends->server);
    }
    ends->gather = vdp_gather_new(ends->server, on_more, ends);
    g_assert_nonnull(ends->gather);
}

static void
ends_clear(struct ends *ends)
{
    vdp_gather_free(ends->gather);
    SSL_free(ends->client);
    SSL_free(ends->server);
    close(ends->fds[0]);
    close(ends->fds[1]);
}

/* Reads what there is, up to size; how much. */
static size_t
take(SSL *ssl, uint8_t *data, size_t size)
{
    size_t at = 0;

    while (at < size) {
        int r = SSL_read(ssl, data + at, (int)(size - at));

        if (r <= 0) {
            g_assert_cmpint(SSL_get_error(ssl, r), ==, SSL_ERROR_WANT_READ);
            break;
        }
        at += (size_t)r;
    }
    return at;
}

static uint8_t *
new_pattern(size_t size)
{
    uint8_t *data = g_malloc(size);
    size_t i;

    for (i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    return data;
}

static void
test_one_read_takes_many_records(void)
{
    struct ends ends;
    char letters[10];
    uint8_t byte;
    int i;

    ends_init(&ends);
    for (i = 0; i < 10; i++) {
        letters[i] = (char)('a' + i);
        g_assert_cmpint(SSL_write(ends.client, &letters[i], 1), ==, 1);
    }
    g_assert_cmpint(SSL_read(ends.server, &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'a');
    g_assert_cmpuint(ends.more, >, 0);
    g_assert_cmpuint(vdp_gather_waiting(ends.gather), >, 9);
    /* The socket is empty; what was sent is all here. */
    g_assert_cmpint(recv(ends.fds[1], &byte, 1, MSG_PEEK), ==, -1);
    for (i = 1; i < 10; i++) {
        g_assert_cmpint(SSL_read(ends.server, &byte, 1), ==, 1);
        g_assert_cmpint(byte, ==, letters[i]);
    }
    g_assert_cmpuint(vdp_gather_waiting(ends.gather), ==, 0);
    g_assert_cmpuint(take(ends.server, &byte, 1), ==, 0);
    ends_clear(&ends);
}

static void
test_a_cut_record_is_waited_for(void)
{
    struct ends ends;
    g_autofree uint8_t *sent = new_pattern(1000);
    g_autofree uint8_t *received = g_malloc0(1000);
    uint8_t raw[2000];
    int between[2];
    ssize_t size;

    ends_init(&ends);
    /* The client's record goes through our hands. */
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, between), ==, 0);
    g_assert_cmpint(SSL_set_wfd(ends.client, between[0]), ==, 1);
    g_assert_cmpint(SSL_write(ends.client, sent, 1000), ==, 1000);
    size = read(between[1], raw, sizeof(raw));
    g_assert_cmpint(size, >, 1000);
    g_assert_cmpint(write(ends.fds[0], raw, 3), ==, 3);
    g_assert_cmpuint(take(ends.server, received, 1000), ==, 0);
    g_assert_cmpint(write(ends.fds[0], raw + 3, 500), ==, 500);
    g_assert_cmpuint(take(ends.server, received, 1000), ==, 0);
    g_assert_cmpint(write(ends.fds[0], raw + 503, (size_t)size - 503), ==, size - 503);
    g_assert_cmpuint(take(ends.server, received, 1000), ==, 1000);
    g_assert_cmpmem(received, 1000, sent, 1000);
    close(between[0]);
    close(between[1]);
    ends_clear(&ends);
}

static void
test_records_go_out_together(void)
{
    struct ends ends;
    g_autofree uint8_t *sent = new_pattern(LONG);
    g_autofree uint8_t *received = g_malloc0(LONG);
    uint8_t byte;

    ends_init(&ends);
    vdp_gather_begin(ends.gather);
    g_assert_cmpint(SSL_write(ends.server, sent, LONG), ==, LONG); /* not just a record of it */
    g_assert_cmpint(recv(ends.fds[0], &byte, 1, MSG_PEEK), ==, -1);
    g_assert_cmpint(vdp_gather_end(ends.gather), ==, 0);
    g_assert_cmpuint(take(ends.client, received, LONG), ==, LONG);
    g_assert_cmpmem(received, LONG, sent, LONG);
    g_assert_cmpint(SSL_get_mode(ends.server) & SSL_MODE_ENABLE_PARTIAL_WRITE, !=, 0);
    ends_clear(&ends);
}

static void
test_a_full_socket_keeps_the_order(void)
{
    struct ends ends;
    g_autofree uint8_t *sent = new_pattern(LONG);
    g_autofree uint8_t *received = g_malloc0(3 * LONG);
    int small = 4096;
    size_t at = 0;
    int r;

    ends_init(&ends);
    g_assert_cmpint(setsockopt(ends.fds[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), ==, 0);
    for (r = 0; r < 2; r++) { /* the second behind what waits of the first */
        vdp_gather_begin(ends.gather);
        g_assert_cmpint(SSL_write(ends.server, sent, LONG), ==, LONG);
        g_assert_cmpint(vdp_gather_end(ends.gather), ==, 1);
    }
    /* Whoever writes past us waits. */
    r = SSL_write(ends.server, "end", 3);
    g_assert_cmpint(SSL_get_error(ends.server, r), ==, SSL_ERROR_WANT_WRITE);
    do {
        at += take(ends.client, received + at, 3 * LONG - at);
        r = vdp_gather_end(ends.gather);
        g_assert_cmpint(r, >=, 0);
    } while (r == 1);
    at += take(ends.client, received + at, 3 * LONG - at);
    g_assert_cmpint(SSL_write(ends.server, "end", 3), ==, 3);
    at += take(ends.client, received + at, 3 * LONG - at);
    g_assert_cmpuint(at, ==, 2 * LONG + 3);
    g_assert_cmpmem(received, LONG, sent, LONG);
    g_assert_cmpmem(received + LONG, LONG, sent, LONG);
    g_assert_cmpmem(received + 2 * LONG, 3, "end", 3);
    ends_clear(&ends);
}

static void
test_either_may_go_first(void)
{
    struct ends ends;
    uint8_t byte;

    ends_init(&ends);
    g_assert_cmpint(SSL_write(ends.client, "ab", 2), ==, 2);
    vdp_gather_free(ends.gather); /* nobody is told any more, and TLS goes on */
    ends.gather = NULL;
    g_assert_cmpint(SSL_read(ends.server, &byte, 1), ==, 1);
    g_assert_cmpuint(ends.more, ==, 0);
    ends_clear(&ends);

    ends_init(&ends);
    g_assert_cmpint(SSL_write(ends.client, "a", 1), ==, 1);
    g_assert_cmpint(SSL_write(ends.client, "b", 1), ==, 1);
    g_assert_cmpint(SSL_read(ends.server, &byte, 1), ==, 1);
    SSL_free(ends.server);
    ends.server = NULL;
    vdp_gather_begin(ends.gather);
    g_assert_cmpint(vdp_gather_end(ends.gather), ==, -1);
    ends_clear(&ends);
}

static void
test_the_end_is_told(void)
{
    struct ends ends;
    uint8_t byte;
    int r;

    ends_init(&ends);
    g_assert_cmpint(SSL_write(ends.client, "a", 1), ==, 1);
    (void)SSL_shutdown(ends.client);
    g_assert_cmpint(SSL_read(ends.server, &byte, 1), ==, 1);
    r = SSL_read(ends.server, &byte, 1);
    g_assert_cmpint(SSL_get_error(ends.server, r), ==, SSL_ERROR_ZERO_RETURN);
    ends_clear(&ends);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gather/one-read-takes-many-records", test_one_read_takes_many_records);
    g_test_add_func("/gather/a-cut-record-is-waited-for", test_a_cut_record_is_waited_for);
    g_test_add_func("/gather/records-go-out-together", test_records_go_out_together);
    g_test_add_func("/gather/a-full-socket-keeps-the-order", test_a_full_socket_keeps_the_order);
    g_test_add_func("/gather/either-may-go-first", test_either_may_go_first);
    g_test_add_func("/gather/the-end-is-told", test_the_end_is_told);
    return g_test_run();
}
