/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "protocol/base/fd.h"
#include "protocol/link/channel.h"
#include "protocol/link/link-private.h"
#include "protocol/link/pki-private.h"

/*
 * server: accepts on the owner's loop, so that the port is free the moment the server is; each
 * accepted socket is handed to libwebsockets, which never listens itself. All servers of a process
 * share one virtual host (libwebsockets 4.1 confuses several); which server a socket belongs to,
 * and so which certificate it shows, is found by its descriptor at the client's hello.
 */

#define BACKLOG        128
#define PATH_MAX_BYTES 256
#define READ_BYTES     65536

struct vdp_link_server {
    gatomicrefcount refs; /* owner, sockets, jobs on their way */

    /* owner */
    GMainContext *context;
    vdp_link_accepted_fn accepted;
    void *user_data;
    GSource *listen_source;
    GSource *source; /* ready when waiting has something */
    uint16_t port;
    bool freed;

    /* shared */
    GMutex lock;
    GQueue waiting; /* of struct vdp_link; the server's references */
    bool gone;      /* no more links are put into waiting */

    /* loop */
    unsigned sockets;
    unsigned max_links;
    SSL_CTX *ctx;
};

/* One accepted connection; the opaque data of its struct lws. */
struct vdp_socket {
    struct vdp_link_server *server;
    struct vdp_link *link; /* once upgraded */
    struct lws *wsi;
    int fd;
};

static struct lws_vhost *server_vhost; /* loop's thread only, as is: */
static GHashTable *sockets;            /* of struct vdp_socket, all servers */

static const struct lws_protocols server_protocols[] = {
    {.name = VDP_LINK_SUB_PROTOCOL, .callback = vdp_server_callback, .rx_buffer_size = READ_BYTES},
    {0},
};

static struct vdp_link_server *
server_ref(struct vdp_link_server *server)
{
    g_atomic_ref_count_inc(&server->refs);
    return server;
}

static void
server_unref(struct vdp_link_server *server)
{
    if (!g_atomic_ref_count_dec(&server->refs)) {
        return;
    }
    g_source_unref(server->source);
    g_main_context_unref(server->context);
    SSL_CTX_free(server->ctx);
    g_mutex_clear(&server->lock);
    g_free(server);
}

/* What does not change when a handshake is moved to another context. */
static void
setup_common(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    /* Optional: who shows none has no name. Who shows a wrong one gets no further. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ctx, 0);
}

/* Certificate, key and trust of one server. */
static SSL_CTX *
make_ctx(const struct vdp_link_server_options *options, GError **error)
{
    g_autoptr(SSL_CTX) ctx = SSL_CTX_new(TLS_server_method());
    g_autoptr(X509_STORE) store = vdp_pki_store_from_pem(options->ca_pem, error);
    g_autoptr(X509) ca = store != NULL ? vdp_pki_cert_from_pem(options->ca_pem, error) : NULL;

    if (ca == NULL || !vdp_pki_use_pair(ctx, options->cert_pem, options->key_pem, error)) {
        return NULL;
    }
    setup_common(ctx);
    SSL_CTX_set1_cert_store(ctx, store);
    SSL_CTX_add_client_CA(ctx, ca);
    return g_steal_pointer(&ctx);
}

static int
on_hello(SSL *ssl, int *ret_alert, void *data)
{
    struct vdp_socket *socket;
    GHashTableIter iter;
    int fd = SSL_get_fd(ssl);

    (void)data;
    g_hash_table_iter_init(&iter, sockets);
    while (g_hash_table_iter_next(&iter, (gpointer *)&socket, NULL)) {
        if (socket->fd == fd) {
            SSL_set_SSL_CTX(ssl, socket->server->ctx);
            return SSL_CLIENT_HELLO_SUCCESS;
        }
    }
    *ret_alert = SSL_AD_INTERNAL_ERROR;
    return SSL_CLIENT_HELLO_ERROR;
}

static int
setup_vhost(SSL_CTX *ctx)
{
    setup_common(ctx);
    SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
    /* The name that the client asks for changes nothing. */
    SSL_CTX_set_tlsext_servername_callback(ctx, NULL);
    return 0;
}

static int
on_upgrade(struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_PROTOCOL) <= 0 ||
        lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) >= PATH_MAX_BYTES) {
        return -1;
    }
    return 0;
}

static int
on_established(struct vdp_socket *socket, struct lws *wsi)
{
    struct vdp_link_server *server = socket->server;
    char path[PATH_MAX_BYTES] = "";
    struct vdp_link *link;
    bool gone;

    (void)lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
    link = vdp_line_new(server->context);
    link->path = g_strdup(path);
    link->wsi = wsi;
    socket->link = link; /* this reference is the loop's */
    vdp_line_opened(link, wsi);
    g_mutex_lock(&server->lock);
    gone = server->gone;
    if (!gone) {
        g_queue_push_tail(&server->waiting, vdp_line_ref(link));
    }
    g_mutex_unlock(&server->lock);
    if (gone) {
        g_source_destroy(link->source);
        return -1;
    }
    g_source_set_ready_time(server->source, 0);
    return 0;
}

static void
socket_free(struct vdp_socket *socket)
{
    g_hash_table_remove(sockets, socket);
    socket->server->sockets--;
    if (socket->link != NULL) {
        vdp_line_finish(socket->link, VDP_LINK_CLOSED, "the connection ended");
        socket->link->wsi = NULL;
        vdp_line_unref(socket->link);
    }
    server_unref(socket->server);
    g_free(socket);
}

static int
on_link_event(struct vdp_link *link, enum lws_callback_reasons reason, void *in, size_t size)
{
    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        return vdp_line_received(link, in, size);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return vdp_line_writeable(link);
    case LWS_CALLBACK_TIMER:
        vdp_line_paused_timer(link);
        return 0;
    case LWS_CALLBACK_CLOSED:
        vdp_line_finish(link, VDP_LINK_CLOSED, "the connection ended");
        return 0;
    default:
        return 0;
    }
}

int
vdp_server_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t size)
{
    struct vdp_socket *socket;

    switch (reason) {
    case LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS:
        return setup_vhost(user);
    case LWS_CALLBACK_HTTP:
        return -1;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return on_upgrade(wsi);
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_WSI_DESTROY:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_TIMER:
    case LWS_CALLBACK_CLOSED:
        break;
    default:
        return 0;
    }
    socket = lws_get_opaque_user_data(wsi);
    if (socket == NULL) {
        return 0;
    }
    if (reason == LWS_CALLBACK_ESTABLISHED) {
        return on_established(socket, wsi);
    }
    if (reason == LWS_CALLBACK_WSI_DESTROY) {
        lws_set_opaque_user_data(wsi, NULL);
        socket_free(socket);
        return 0;
    }
    return socket->link != NULL ? on_link_event(socket->link, reason, in, size) : 0;
}

static bool
ensure_vhost(void)
{
    static const lws_retry_bo_t keepalive = {.secs_since_valid_ping = VDP_LINK_PING_SECS,
                                             .secs_since_valid_hangup = VDP_LINK_SERVER_SECS};
    struct lws_context_creation_info info = {0};

    if (server_vhost != NULL) {
        return true;
    }
    sockets = g_hash_table_new(NULL, NULL);
    info.vhost_name = "link-server";
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = server_protocols;
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_CREATE_VHOST_SSL_CTX | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.alpn = "http/1.1";
    info.retry_and_idle_policy = &keepalive;
    server_vhost = lws_create_vhost(vdp_loop_context(), &info);
    return server_vhost != NULL;
}

static void
loop_adopt(void *data)
{
    struct vdp_socket *socket = data;
    struct vdp_link_server *server = socket->server;
    lws_adopt_desc_t info = {0};
    struct lws *wsi;

    if (!ensure_vhost() || server->sockets >= server->max_links) {
        vd_fd_clear(&socket->fd);
        server_unref(server);
        g_free(socket);
        return;
    }
    g_hash_table_add(sockets, socket);
    server->sockets++;
    info.vh = server_vhost;
    info.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL;
    info.fd.sockfd = socket->fd;
    info.opaque = socket;
    server_ref(server);
    wsi = lws_adopt_descriptor_vhost_via_info(&info);
    /* A failed adoption closes the descriptor, and our socket too if it got as far as a wsi. */
    if (g_hash_table_contains(sockets, socket)) {
        socket->wsi = wsi;
        if (wsi == NULL) {
            socket_free(socket);
        }
    }
    server_unref(server);
}

static void
loop_close_all(void *data)
{
    struct vdp_link_server *server = data;
    struct vdp_socket *socket;
    GHashTableIter iter;

    if (sockets != NULL) {
        g_hash_table_iter_init(&iter, sockets);
        while (g_hash_table_iter_next(&iter, (gpointer *)&socket, NULL)) {
            if (socket->server == server) {
                lws_set_timeout(socket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
            }
        }
    }
    server_unref(server);
}

static void
on_socket(int fd, void *user_data)
{
    struct vdp_link_server *server = user_data;
    struct vdp_socket *socket = g_new0(struct vdp_socket, 1);

    socket->server = server_ref(server);
    socket->fd = fd;
    vdp_loop_post(loop_adopt, socket);
}

static gboolean
on_waiting(gpointer user_data)
{
    struct vdp_link_server *server = server_ref(user_data);

    g_source_set_ready_time(server->source, -1);
    while (!server->freed) {
        struct vdp_link *link;

        g_mutex_lock(&server->lock);
        link = g_queue_pop_head(&server->waiting);
        g_mutex_unlock(&server->lock);
        if (link == NULL) {
            break;
        }
        server->accepted(link, server->user_data); /* the reference becomes the owner's */
    }
    server_unref(server);
    return G_SOURCE_CONTINUE;
}

static gboolean
source_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    (void)source;
    return callback(user_data);
}

static GSourceFuncs source_funcs = {.dispatch = source_dispatch};

static int
listen_at(const char *bind_address, uint16_t port, uint16_t *ret_port, GError **error)
{
    g_autoptr(GSocketAddress) address = g_inet_socket_address_new_from_string(bind_address, port);
    g_autoptr(GSocketAddress) local = NULL;
    g_autoptr(GSocket) socket = NULL;
    int fd;

    if (address == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s is not an address",
                    bind_address);
        return -1;
    }
    socket = g_socket_new(g_socket_address_get_family(address), G_SOCKET_TYPE_STREAM,
                          G_SOCKET_PROTOCOL_TCP, error);
    if (socket == NULL) {
        return -1;
    }
    g_socket_set_listen_backlog(socket, BACKLOG);
    if (!g_socket_bind(socket, address, TRUE, error) || !g_socket_listen(socket, error)) {
        g_prefix_error(error, "cannot listen at %s port %u: ", bind_address, port);
        return -1;
    }
    local = g_socket_get_local_address(socket, error);
    fd = local != NULL ? fcntl(g_socket_get_fd(socket), F_DUPFD_CLOEXEC, 3) : -1;
    if (fd < 0) {
        if (error != NULL && *error == NULL) {
            g_set_error(error, G_IO_ERROR, g_io_error_from_errno(errno), "%s", g_strerror(errno));
        }
        return -1;
    }
    *ret_port = g_inet_socket_address_get_port(G_INET_SOCKET_ADDRESS(local));
    return fd;
}

struct vdp_link_server *
vdp_link_server_new(const struct vdp_link_server_options *options, GMainContext *context,
                    vdp_link_accepted_fn accepted, void *user_data, GError **error)
{
    g_autoptr(SSL_CTX) ctx = make_ctx(options, error);
    struct vdp_link_server *server;
    uint16_t port = 0;
    int fd;

    if (ctx == NULL) {
        return NULL;
    }
    fd = listen_at(options->bind, options->port, &port, error);
    if (fd < 0) {
        return NULL;
    }
    server = g_new0(struct vdp_link_server, 1);
    g_atomic_ref_count_init(&server->refs);
    g_mutex_init(&server->lock);
    g_queue_init(&server->waiting);
    server->context = g_main_context_ref(context != NULL ? context : g_main_context_default());
    server->accepted = accepted;
    server->user_data = user_data;
    server->port = port;
    server->max_links = options->max_links;
    server->ctx = g_steal_pointer(&ctx);
    server->source = g_source_new(&source_funcs, sizeof(GSource));
    g_source_set_callback(server->source, on_waiting, server, NULL);
    g_source_attach(server->source, server->context);
    server->listen_source = vdp_channel_accept_source(fd, server->context, on_socket, server);
    return server;
}

uint16_t
vdp_link_server_port(struct vdp_link_server *server)
{
    return server->port;
}

void
vdp_link_server_free(struct vdp_link_server *server)
{
    struct vdp_link *link;

    if (server == NULL) {
        return;
    }
    server->freed = true;
    g_source_destroy(server->listen_source); /* closes the port */
    g_source_unref(server->listen_source);
    g_source_destroy(server->source);
    g_mutex_lock(&server->lock);
    server->gone = true;
    g_mutex_unlock(&server->lock);
    while ((link = g_queue_pop_head(&server->waiting)) != NULL) {
        vdp_link_free(link);
    }
    vdp_loop_post(loop_close_all, server_ref(server));
    server_unref(server);
}
