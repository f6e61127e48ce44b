/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define MODULE         "gateway"
#define BACKLOG        256
#define HANDSHAKE_SECS 5
#define PING_SECS      5
#define DEAD_SECS      10 /* and 5 more that libwebsockets gives the closing */
#define READ_BYTES     16384
#define UNSENT_BYTES   (128 * 1024) /* that may wait in the kernel for the client's line */
#define SPARE_SOCKETS  64u          /* the listening one, the broker's, libwebsockets' own */
#define MAX_CA_BYTES   65536u
#define CIPHERS        "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

static volatile sig_atomic_t stop;
static struct lws_context *signal_context;

static void
on_signal(int number)
{
    (void)number;
    stop = 1;
    lws_cancel_service(signal_context);
}

static void
on_lws_log(int level, const char *line)
{
    size_t size = strlen(line);
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    (void)level;
    size -= size > 0 && line[size - 1] == '\n' ? 1 : 0;
    vd_debug("lws", "%s", vd_log_quote(quoted, sizeof(quoted), line, size));
}

void
gateway_conn_kill(struct gateway_conn *conn)
{
    lws_sul_cancel(&conn->deadline);
    if (conn->socket.wsi != NULL) {
        lws_set_timeout(conn->socket.wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
}

static void
on_deadline(lws_sorted_usec_list_t *timer)
{
    struct gateway_conn *conn = lws_container_of(timer, struct gateway_conn, deadline);

    if (conn->kind != GATEWAY_CONN_HTTP && !conn->closing) {
        gateway_stream_expired(conn);
    } else {
        gateway_conn_kill(conn);
    }
}

void
gateway_conn_deadline(struct gateway_conn *conn, unsigned ms)
{
    if (ms == 0) {
        lws_sul_cancel(&conn->deadline);
    } else {
        lws_sul_schedule(conn->socket.gateway->context, 0, &conn->deadline, on_deadline,
                         (lws_usec_t)ms * 1000);
    }
}

static unsigned
count_source(const struct gateway *gateway, const char *source)
{
    const struct gateway_conn *conn;
    unsigned count = 0;

    for (conn = gateway->conns; conn != NULL; conn = conn->next) {
        count += !conn->authenticated && strcmp(conn->source, source) == 0 ? 1 : 0;
    }
    return count;
}

static void
conn_unlink(struct gateway_conn *conn)
{
    struct gateway *gateway = conn->socket.gateway;

    if (conn->prev != NULL) {
        conn->prev->next = conn->next;
    } else {
        gateway->conns = conn->next;
    }
    if (conn->next != NULL) {
        conn->next->prev = conn->prev;
    }
    gateway->conn_count--;
}

static void
conn_free(struct gateway_conn *conn)
{
    lws_sul_cancel(&conn->deadline);
    conn->socket.wsi = NULL;
    gateway_turn_leave(conn);
    gateway_stream_gone(conn);
    gateway_http_clear(conn);
    conn_unlink(conn);
    vdp_framer_free(conn->framer);
    gateway_pipe_clear(&conn->out);
    vdp_buffer_clear(&conn->held);
    vdp_buffer_clear(&conn->farewell);
    free(conn);
}

static struct gateway_conn *
conn_new(struct gateway *gateway, const char *source)
{
    struct gateway_conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        return NULL;
    }
    conn->socket.kind = GATEWAY_SOCKET_CONN;
    conn->socket.gateway = gateway;
    (void)snprintf(conn->source, sizeof(conn->source), "%s", source);
    conn->next = gateway->conns;
    if (conn->next != NULL) {
        conn->next->prev = conn;
    }
    gateway->conns = conn;
    gateway->conn_count++;
    return conn;
}

static bool
is_alive(const struct gateway *gateway, const struct gateway_conn *wanted)
{
    const struct gateway_conn *conn = gateway->conns;

    while (conn != NULL && conn != wanted) {
        conn = conn->next;
    }
    return conn != NULL;
}

static void
adopt(struct gateway *gateway, int fd, const char *source)
{
    struct gateway_conn *conn = conn_new(gateway, source);
    lws_adopt_desc_t info = {0};
    struct lws *wsi;
    int unsent = UNSENT_BYTES;
    int on = 1;

    if (conn == NULL) {
        vd_fd_clear(&fd);
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    /* The client's line begins here: what waits in the kernel, nothing urgent can overtake. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    gateway_conn_deadline(conn, gateway->config.header_timeout_ms);
    info.vh = gateway->vhost;
    info.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL;
    info.fd.sockfd = fd;
    info.opaque = conn;
    wsi = lws_adopt_descriptor_vhost_via_info(&info);
    /* A failed adoption closes the descriptor, and frees conn if it got as far as a wsi. */
    if (is_alive(gateway, conn)) {
        conn->socket.wsi = wsi;
        if (wsi == NULL) {
            conn_free(conn);
        }
    }
}

static void
accept_all(struct gateway *gateway, int listen_fd)
{
    for (;;) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        char source[GATEWAY_MAX_SOURCE] = "";
        int fd =
            accept4(listen_fd, (struct sockaddr *)&address, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0) {
            return;
        }
        if (getnameinfo((struct sockaddr *)&address, size, source, sizeof(source), NULL, 0,
                        NI_NUMERICHOST) != 0 ||
            gateway->conn_count >= GATEWAY_MAX_CONNECTIONS ||
            count_source(gateway, source) >= GATEWAY_MAX_PER_SOURCE) {
            vd_fd_clear(&fd);
            continue;
        }
        adopt(gateway, fd, source);
    }
}

/* What goes on at a connection: HTTP until it is upgraded, then a stream. */
static int
on_conn(struct gateway_conn *conn, enum lws_callback_reasons reason, void *in, size_t size)
{
    struct lws *wsi = conn->socket.wsi;
    unsigned status;

    switch (reason) {
    case LWS_CALLBACK_HTTP:
        return gateway_http_request(conn, in);
    case LWS_CALLBACK_HTTP_BODY:
        return gateway_http_body(conn, in, size);
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return gateway_http_body_end(conn);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return gateway_http_writeable(conn);
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        status = gateway_http_upgrade(conn);
        if (status != 0) {
            (void)lws_return_http_status(wsi, status, NULL);
            return -1;
        }
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return conn->kind == GATEWAY_CONN_HTTP ? -1 : 0;
    case LWS_CALLBACK_ESTABLISHED:
        gateway_turn_join(conn, in);
        return gateway_stream_established(conn);
    case LWS_CALLBACK_RECEIVE:
        return gateway_stream_received(conn, in, size);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return gateway_stream_writeable(conn);
    case LWS_CALLBACK_TIMER:
        if (conn->paused) { /* we do not read its pongs: that is not its fault */
            lws_validity_confirmed(wsi);
            lws_set_timer_usecs(wsi, PING_SECS * LWS_USEC_PER_SEC);
        }
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        conn_free(conn);
        return 0;
    default:
        return 0;
    }
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size)
{
    struct gateway_socket *socket;

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
    case LWS_CALLBACK_HTTP_WRITEABLE:
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
    case LWS_CALLBACK_ESTABLISHED:
    case LWS_CALLBACK_RECEIVE:
    case LWS_CALLBACK_SERVER_WRITEABLE:
    case LWS_CALLBACK_TIMER:
    case LWS_CALLBACK_WSI_DESTROY:
    case LWS_CALLBACK_RAW_RX_FILE:
    case LWS_CALLBACK_RAW_WRITEABLE_FILE:
        break;
    default:
        return 0;
    }
    socket = lws_get_opaque_user_data(wsi);
    if (socket == NULL) {
        return 0;
    }
    socket->wsi = wsi;
    switch (socket->kind) {
    case GATEWAY_SOCKET_LISTEN:
        if (reason == LWS_CALLBACK_RAW_RX_FILE) {
            accept_all(socket->gateway, lws_get_socket_fd(wsi));
        }
        return 0;
    case GATEWAY_SOCKET_BROKER:
        if (reason == LWS_CALLBACK_RAW_RX_FILE) {
            return gateway_broker_readable(socket->gateway);
        }
        if (reason == LWS_CALLBACK_RAW_WRITEABLE_FILE) {
            return gateway_broker_writeable(socket->gateway);
        }
        if (reason == LWS_CALLBACK_WSI_DESTROY) {
            lws_set_opaque_user_data(wsi, NULL);
            gateway_broker_gone(socket->gateway);
        }
        return 0;
    case GATEWAY_SOCKET_CONN:
        return on_conn((struct gateway_conn *)socket, reason, in, size);
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "http", .callback = on_event, .rx_buffer_size = READ_BYTES},
    /* Without a size of its own, writes would be cut to that of reads. */
    {.name = "vdp.v1",
     .callback = on_event,
     .rx_buffer_size = READ_BYTES,
     .tx_packet_size = GATEWAY_WRITE_BYTES},
    {0},
};

static struct lws_protocol_vhost_options policy_header = {NULL, NULL,
                                                          "content-security-policy:", NULL};
static const struct lws_protocol_vhost_options headers[] = {
    {&headers[1], NULL, "x-content-type-options:", "nosniff"},
    {&headers[2], NULL, "x-frame-options:", "DENY"},
    {&headers[3], NULL, "referrer-policy:", "no-referrer"},
    {&headers[4], NULL, "cross-origin-opener-policy:", "same-origin"},
    {&policy_header, NULL, "cross-origin-resource-policy:", "same-origin"},
};

static int
start_lws(struct gateway *gateway)
{
    static const lws_retry_bo_t keepalive = {.secs_since_valid_ping = PING_SECS,
                                             .secs_since_valid_hangup = DEAD_SECS};
    struct lws_context_creation_info info = {0};

    lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, on_lws_log);
    info.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.fd_limit_per_thread = GATEWAY_MAX_CONNECTIONS + SPARE_SOCKETS;
    info.max_http_header_data = GATEWAY_MAX_HEADER;
    info.max_http_header_pool = 256;
    info.pt_serv_buf_size = READ_BYTES;
    info.timeout_secs = HANDSHAKE_SECS;
    info.retry_and_idle_policy = &keepalive;
    info.gid = (gid_t)-1;
    info.uid = (uid_t)-1;
    gateway->context = lws_create_context(&info);
    if (gateway->context == NULL) {
        vd_error(MODULE, "libwebsockets does not start");
        return -1;
    }
    policy_header.value = gateway->policy;
    info.vhost_name = "gateway";
    info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
    info.protocols = protocols;
    info.headers = headers;
    info.server_string = "vedette";
    info.alpn = "http/1.1";
    info.keepalive_timeout = GATEWAY_IDLE_MS / 1000;
    info.options |= LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS;
    info.ssl_cert_filepath = gateway->config.cert;
    info.ssl_private_key_filepath = gateway->config.key;
    /* Ours first, but ChaCha20 for those who have no AES in hardware and so ask for it first. */
    info.tls1_3_plus_cipher_list = CIPHERS;
    info.ssl_options_set = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 |
                           SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA;
    gateway->vhost = lws_create_vhost(gateway->context, &info);
    if (gateway->vhost == NULL) {
        vd_error(MODULE, "cannot use certificate %s with key %s", gateway->config.cert,
                 gateway->config.key);
        return -1;
    }
    return 0;
}

/* A listening descriptor, or -1 after logging. Port 0 becomes the one that was given. */
static int
listen_at(struct gateway_config *config)
{
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                             .ai_socktype = SOCK_STREAM};
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    struct addrinfo *list = NULL;
    char port[16];
    int on = 1;
    int fd = -1;

    (void)snprintf(port, sizeof(port), "%u", config->port);
    if (getaddrinfo(config->bind, port, &hints, &list) != 0) {
        vd_error(MODULE, "%s is not an address", config->bind);
        return -1;
    }
    fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &size) != 0) {
        vd_error(MODULE, "cannot listen at %s port %u: %s", config->bind, config->port,
                 strerror(errno));
        vd_fd_clear(&fd);
    } else {
        config->port =
            ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                              : ((struct sockaddr_in *)&bound)->sin_port);
        config->names.port = config->port;
    }
    freeaddrinfo(list);
    return fd;
}

static int
start_listening(struct gateway *gateway)
{
    lws_adopt_desc_t info = {0};
    int fd = listen_at(&gateway->config);

    if (fd < 0) {
        return -1;
    }
    /* The port is known now; the header points here. */
    gateway_policy(&gateway->config.names, gateway->policy, sizeof(gateway->policy));
    gateway->listen.kind = GATEWAY_SOCKET_LISTEN;
    gateway->listen.gateway = gateway;
    info.vh = gateway->vhost;
    info.type = LWS_ADOPT_RAW_FILE_DESC;
    info.fd.filefd = fd;
    info.opaque = &gateway->listen;
    if (lws_adopt_descriptor_vhost_via_info(&info) == NULL) {
        vd_error(MODULE, "libwebsockets does not take the listening socket");
        return -1;
    }
    return 0;
}

int
gateway_run(const struct gateway_config *config)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    char url[300];
    int r = -1;

    if (gateway == NULL) {
        return -1;
    }
    gateway->config = *config;
    if (config->ca != NULL && *config->ca != '\0' &&
        vd_file_read(config->ca, MAX_CA_BYTES, &gateway->ca_pem, &gateway->ca_size) < 0) {
        vd_error(MODULE, "cannot read %s", config->ca);
    } else if (start_lws(gateway) == 0 && start_listening(gateway) == 0) {
        signal_context = gateway->context;
        (void)sigaction(SIGTERM, &action, NULL);
        (void)sigaction(SIGINT, &action, NULL);
        if (*config->uplink_url == '\0') {
            (void)snprintf(url, sizeof(url), "wss://127.0.0.1:%u/uplink", gateway->config.port);
            gateway->config.uplink_url = url;
        }
        gateway_broker_start(gateway);
        vd_notice("main", "listening at %s port %u", gateway->config.bind, gateway->config.port);
        vd_notice("main", "ready");
        r = 0;
        while (r >= 0 && !stop) {
            r = lws_service(gateway->context, 0);
            gateway_turn(gateway);
        }
        r = stop ? 0 : -1;
    }
    if (gateway->context != NULL) {
        lws_context_destroy(gateway->context);
    }
    free(gateway->ca_pem);
    free(gateway);
    return r;
}
