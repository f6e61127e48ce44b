/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"

/*
 * broker: the channel to the broker. Relays that run go on without it; it is dialled again and
 * again, and told then which streams there are.
 */

#define MODULE          "broker"
#define MAX_BODY        (1024u * 1024u)
#define MAX_OUT         (4u * 1024u * 1024u)
#define READ_BYTES      65536u
#define FIRST_BACKOFF   100u
#define LONGEST_BACKOFF 1000u

static void dial(struct gateway *gateway);

static void
on_retry(lws_sorted_usec_list_t *timer)
{
    struct gateway_broker *broker = lws_container_of(timer, struct gateway_broker, retry);

    dial(broker->socket.gateway);
}

static void
dial_later(struct gateway *gateway)
{
    struct gateway_broker *broker = &gateway->broker;

    lws_sul_schedule(gateway->context, 0, &broker->retry, on_retry,
                     (lws_usec_t)broker->backoff_ms * 1000);
    broker->backoff_ms *= 2;
    if (broker->backoff_ms > LONGEST_BACKOFF) {
        broker->backoff_ms = LONGEST_BACKOFF;
    }
}

static int
connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    int fd;
    int r;

    if (size >= sizeof(address.sun_path)) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, size + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        r = -errno;
        vd_fd_clear(&fd);
        return r;
    }
    return fd;
}

static void
send_hello(struct gateway *gateway)
{
    json_t *ids = json_array();
    const struct gateway_stream *stream;

    for (stream = gateway->streams; stream != NULL; stream = stream->next) {
        if (stream->joined) {
            json_array_append_new(ids, json_string(stream->id));
        }
    }
    (void)gateway_broker_send(gateway, json_pack("{s:s,s:s,s:s,s:o}", "type", "hello", "name",
                                                 gateway->config.name, "uplink_url",
                                                 gateway->config.uplink_url, "streams", ids));
}

static void
dial(struct gateway *gateway)
{
    struct gateway_broker *broker = &gateway->broker;
    int fd = connect_to(gateway->config.broker_socket);
    lws_adopt_desc_t info = {0};

    if (fd < 0) {
        dial_later(gateway);
        return;
    }
    broker->framer = vdp_framer_new(MAX_BODY);
    broker->connected = broker->framer != NULL;
    info.vh = gateway->vhost;
    info.type = LWS_ADOPT_RAW_FILE_DESC;
    info.fd.filefd = fd;
    info.opaque = &broker->socket;
    broker->socket.wsi = broker->connected ? lws_adopt_descriptor_vhost_via_info(&info) : NULL;
    if (broker->socket.wsi == NULL) {
        broker->connected = false;
        vdp_framer_free(broker->framer);
        broker->framer = NULL;
        dial_later(gateway);
        return;
    }
    vd_notice(MODULE, "connected");
    send_hello(gateway);
}

void
gateway_broker_start(struct gateway *gateway)
{
    gateway->broker.socket.kind = GATEWAY_SOCKET_BROKER;
    gateway->broker.socket.gateway = gateway;
    gateway->broker.backoff_ms = FIRST_BACKOFF;
    dial(gateway);
}

bool
gateway_broker_send(struct gateway *gateway, json_t *message)
{
    struct gateway_broker *broker = &gateway->broker;
    char *text = broker->connected && message != NULL ? json_dumps(message, JSON_COMPACT) : NULL;
    size_t size = text != NULL ? strlen(text) : 0;
    bool fine = false;

    json_decref(message);
    if (text != NULL && size <= MAX_BODY && broker->out.size - broker->out_head + size < MAX_OUT) {
        fine = vdp_put_json(&broker->out, text, size) == 0;
        lws_callback_on_writable(broker->socket.wsi);
    }
    vd_secret_free(text);
    return fine;
}

int
gateway_broker_writeable(struct gateway *gateway)
{
    struct gateway_broker *broker = &gateway->broker;
    ssize_t n;

    while (broker->out_head < broker->out.size) {
        n = send(lws_get_socket_fd(broker->socket.wsi), broker->out.data + broker->out_head,
                 broker->out.size - broker->out_head, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            lws_callback_on_writable(broker->socket.wsi);
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            return -1;
        }
        /* Passwords pass through here. */
        explicit_bzero(broker->out.data + broker->out_head, n > 0 ? (size_t)n : 0);
        broker->out_head += n > 0 ? (size_t)n : 0;
    }
    broker->out_head = 0;
    vdp_buffer_reset(&broker->out);
    return 0;
}

static struct gateway_conn *
find_request(struct gateway *gateway, const json_t *message)
{
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    struct gateway_conn *conn = gateway->conns;

    while (conn != NULL && (id <= 0 || conn->request != id)) {
        conn = conn->next;
    }
    return conn;
}

/* Returns 0, or -1 for a message that a broker would not send. */
static int
take_message(struct gateway *gateway, const json_t *message)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *id = json_string_value(json_object_get(message, "stream"));
    const char *text = json_string_value(json_object_get(message, "text"));
    struct gateway_conn *conn;

    if (type == NULL) {
        return -1;
    }
    if (strcmp(type, "close") == 0) {
        if (id == NULL) {
            return -1;
        }
        gateway_stream_close(gateway, id,
                             (unsigned)json_integer_value(json_object_get(message, "reason")),
                             text != NULL ? text : "");
        return 0;
    }
    conn = find_request(gateway, message); /* gone meanwhile: nobody waits for the answer */
    if (strcmp(type, "api-reply") == 0) {
        if (conn != NULL && conn->kind == GATEWAY_CONN_HTTP) {
            gateway_http_reply(conn, message);
        }
        return 0;
    }
    if (strcmp(type, "redeem-reply") == 0) {
        if (conn != NULL && conn->kind != GATEWAY_CONN_HTTP) {
            gateway_stream_redeemed(conn, message);
        }
        return 0;
    }
    return 0; /* a newer broker may say more */
}

static int
feed(struct gateway *gateway, const uint8_t *data, size_t size)
{
    struct vdp_framer *framer = gateway->broker.framer;
    size_t at = 0;

    for (;;) {
        struct vdp_record record;
        json_t *message;
        size_t taken = 0;
        int r = vdp_framer_push(framer, data + at, size - at, &taken);

        at += taken;
        r = r < 0 ? r : vdp_framer_next(framer, &record);
        if (r == 0 && at == size) {
            return 0;
        }
        if (r == 0) {
            continue;
        }
        if (r < 0 || record.type != VDP_JSON) {
            return -1;
        }
        message = json_loadb((const char *)record.body, record.size, JSON_REJECT_DUPLICATES, NULL);
        r = json_is_object(message) ? take_message(gateway, message) : -1;
        json_decref(message);
        if (r < 0) {
            return -1;
        }
    }
}

int
gateway_broker_readable(struct gateway *gateway)
{
    static uint8_t buffer[READ_BYTES];
    ssize_t n = read(lws_get_socket_fd(gateway->broker.socket.wsi), buffer, sizeof(buffer));
    int r;

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return 0;
    }
    if (n <= 0) {
        return -1;
    }
    gateway->broker.backoff_ms = FIRST_BACKOFF;
    r = feed(gateway, buffer, (size_t)n);
    explicit_bzero(buffer, (size_t)n);
    if (r < 0) {
        vd_error(MODULE, "the broker sent nonsense; connecting again");
    }
    return r;
}

void
gateway_broker_gone(struct gateway *gateway)
{
    struct gateway_broker *broker = &gateway->broker;
    struct gateway_conn *conn;

    broker->connected = false;
    broker->socket.wsi = NULL;
    vdp_framer_free(broker->framer);
    broker->framer = NULL;
    if (broker->out.data != NULL) {
        explicit_bzero(broker->out.data, broker->out.size);
    }
    vdp_buffer_clear(&broker->out);
    broker->out_head = 0;
    vd_warning(MODULE, "the broker went away; streams go on");
    for (conn = gateway->conns; conn != NULL; conn = conn->next) {
        if (conn->request == 0) {
            continue;
        }
        if (conn->kind == GATEWAY_CONN_HTTP) {
            gateway_http_away(conn);
        } else {
            conn->request = 0;
            gateway_stream_goaway(conn, VDP_GOAWAY_RESTART, 500, "the broker is away");
        }
    }
    dial_later(gateway);
}
