/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/pki.h"

#include <errno.h>
#include <gio/gio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <poll.h>

#include "protocol/base/clock.h"
#include "protocol/link/pki-private.h"

/* Runs the handshake until it is done; false and *error on failure or at the deadline. */
static bool
handshake(SSL *ssl, int fd, int64_t deadline_us, GError **error)
{
    for (;;) {
        struct pollfd item = {.fd = fd};
        int64_t left_ms;
        int r = SSL_connect(ssl);

        if (r == 1) {
            return true;
        }
        switch (SSL_get_error(ssl, r)) {
        case SSL_ERROR_WANT_READ:
            item.events = POLLIN;
            break;
        case SSL_ERROR_WANT_WRITE:
            item.events = POLLOUT;
            break;
        default:
            vdp_pki_set_error(error, "the server does not speak TLS 1.3");
            return false;
        }
        left_ms = (deadline_us - vd_monotonic_us()) / 1000;
        if (left_ms <= 0 || poll(&item, 1, (int)MIN(left_ms, 60000)) == 0) {
            g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "no answer in time");
            return false;
        }
    }
}

char *
vdp_pki_fetch_ca(const char *host, unsigned port, unsigned timeout_ms, GError **error)
{
    int64_t deadline_us = vd_monotonic_us() + (int64_t)timeout_ms * 1000;
    g_autoptr(GSocketClient) client = g_socket_client_new();
    g_autoptr(GSocketConnection) connection = NULL;
    g_autoptr(SSL_CTX) ctx = SSL_CTX_new(TLS_client_method());
    g_autoptr(SSL) ssl = NULL;
    g_autoptr(BIO) bio = BIO_new(BIO_s_mem());
    STACK_OF(X509) * chain;
    GSocket *socket;
    char *text = NULL;
    long size;

    g_socket_client_set_timeout(client, (timeout_ms + 999) / 1000);
    g_socket_client_set_enable_proxy(client, FALSE);
    connection = g_socket_client_connect_to_host(client, host, (guint16)port, NULL, error);
    if (connection == NULL) {
        return NULL;
    }
    socket = g_socket_connection_get_socket(connection);
    g_socket_set_blocking(socket, FALSE);
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL); /* a person compares the fingerprint */
    ssl = SSL_new(ctx);
    SSL_set_tlsext_host_name(ssl, host);
    SSL_set_fd(ssl, g_socket_get_fd(socket));
    if (!handshake(ssl, g_socket_get_fd(socket), deadline_us, error)) {
        return NULL;
    }
    chain = SSL_get_peer_cert_chain(ssl);
    if (chain == NULL || sk_X509_num(chain) == 0 ||
        PEM_write_bio_X509(bio, sk_X509_value(chain, sk_X509_num(chain) - 1)) != 1) {
        vdp_pki_set_error(error, "the server showed no certificate");
        return NULL;
    }
    size = BIO_get_mem_data(bio, &text);
    return g_strndup(text, (size_t)size);
}
