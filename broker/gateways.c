/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateways.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/api.h"
#include "broker/change.h"
#include "broker/jsonget.h"
#include "broker/name.h"
#include "protocol/base/base64.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/link/channel.h"
#include "protocol/wire/messages.h"

#define MODULE      "gateways"
#define SOCKET_MODE 0666 /* the peer's uid is checked when it connects */

struct gateway {
    struct broker_gateways *gateways; /* borrowed */
    struct vdp_channel_conn *conn;
    guint64 serial; /* names it for replies that come later */
    char name[STORE_NAME_MAX + 1];
    char uplink_url[STORE_URL_MAX + 1];
};

struct broker_gateways {
    struct broker *broker; /* borrowed */
    GSource *accept;
    GPtrArray *items; /* struct gateway * */
    guint64 next_serial;
};

struct broker_reply {
    struct broker_gateways *gateways; /* borrowed; outlives every reply */
    guint64 serial;
    json_t *id;
};

static void
free_gateway(gpointer data)
{
    struct gateway *gateway = data;

    vdp_channel_free(gateway->conn);
    g_free(gateway);
}

static struct gateway *
find_serial(struct broker_gateways *gateways, guint64 serial)
{
    guint i;

    for (i = 0; i < gateways->items->len; i++) {
        struct gateway *gateway = g_ptr_array_index(gateways->items, i);

        if (gateway->serial == serial) {
            return gateway;
        }
    }
    return NULL;
}

void
broker_reply_free(struct broker_reply *reply)
{
    if (reply != NULL) {
        json_decref(reply->id);
        g_free(reply);
    }
}

/* Fills in whom it answers, sends message (stolen) unless its gateway is gone, frees reply. */
static void
send_reply(struct broker_reply *reply, int status, json_t *message)
{
    struct gateway *gateway = find_serial(reply->gateways, reply->serial);

    json_object_set_new(message, "type", json_string("api-reply"));
    json_object_set(message, "id", reply->id);
    json_object_set_new(message, "status", json_integer(status));
    if (gateway != NULL) {
        vdp_channel_send(gateway->conn, message, -1);
    } else {
        json_decref(message);
    }
    broker_reply_free(reply);
}

void
broker_reply_send(struct broker_reply *reply, int status, json_t *body, const char *cookie)
{
    json_t *message = json_object();

    json_object_set_new(message, "cookie", cookie != NULL ? json_string(cookie) : json_null());
    json_object_set_new(message, "body", body);
    send_reply(reply, status, message);
}

void
broker_reply_jpeg(struct broker_reply *reply, const uint8_t *data, size_t size)
{
    char *text = g_malloc(VD_BASE64_CHARS(size) + 1);
    json_t *message = json_object();

    vd_base64_encode(text, data, size);
    json_object_set_new(message, "jpeg", json_string(text));
    send_reply(reply, 200, message);
    explicit_bzero(text, VD_BASE64_CHARS(size));
    g_free(text);
}

void
broker_reply_error(struct broker_reply *reply, int status, const char *code, const char *text)
{
    json_t *body = json_object();

    json_object_set_new(body, "error", json_string(code));
    json_object_set_new(body, "message", broker_json_string(text));
    broker_reply_send(reply, status, body, NULL);
}

const char *
broker_reply_gateway(const struct broker_reply *reply)
{
    const struct gateway *gateway = find_serial(reply->gateways, reply->serial);

    return gateway != NULL ? gateway->name : "";
}

const char *
broker_reply_uplink_url(const struct broker_reply *reply)
{
    const struct gateway *gateway = find_serial(reply->gateways, reply->serial);

    return gateway != NULL ? gateway->uplink_url : "";
}

static void
send_close(struct gateway *gateway, const char *stream, int reason, const char *text)
{
    json_t *message = json_object();

    json_object_set_new(message, "type", json_string("close"));
    json_object_set_new(message, "stream", broker_json_string(stream));
    json_object_set_new(message, "reason", json_integer(reason));
    json_object_set_new(message, "text", broker_json_string(text));
    vdp_channel_send(gateway->conn, message, -1);
}

void
broker_gateways_close(struct broker_gateways *gateways, const char *name, const char *stream,
                      int reason, const char *text)
{
    guint i;

    for (i = 0; gateways != NULL && i < gateways->items->len; i++) {
        struct gateway *gateway = g_ptr_array_index(gateways->items, i);

        if (strcmp(gateway->name, name) == 0) {
            send_close(gateway, stream, reason, text);
        }
    }
}

json_t *
broker_gateways_json(const struct broker_gateways *gateways)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; gateways != NULL && i < gateways->items->len; i++) {
        const struct gateway *gateway = g_ptr_array_index(gateways->items, i);

        if (gateway->name[0] != '\0') {
            json_array_append_new(list, json_pack("{s:s,s:s}", "name", gateway->name, "uplink_url",
                                                  gateway->uplink_url));
        }
    }
    return list;
}

static bool
lists(const json_t *streams, const char *id)
{
    size_t i;

    for (i = 0; i < json_array_size(streams); i++) {
        const char *text = json_string_value(json_array_get(streams, i));

        if (text != NULL && strcmp(text, id) == 0) {
            return true;
        }
    }
    return false;
}

/* What the gateway shows stays; what it should show and does not is over. */
static bool
take_hello(struct gateway *gateway, const json_t *message)
{
    struct broker *broker = gateway->gateways->broker;
    const json_t *streams = json_object_get(message, "streams");
    size_t i;

    if (!broker_json_text(message, "name", gateway->name, sizeof(gateway->name)) ||
        !broker_name_is_valid(gateway->name) ||
        !broker_json_text(message, "uplink_url", gateway->uplink_url,
                          sizeof(gateway->uplink_url)) ||
        strncmp(gateway->uplink_url, "wss://", 6) != 0 || !json_is_array(streams)) {
        return false;
    }
    vd_notice(MODULE, "gateway '%s' is here with %zu streams", gateway->name,
              json_array_size(streams));
    for (i = broker->model->streams->len; i > 0; i--) {
        struct broker_stream *stream = g_ptr_array_index(broker->model->streams, i - 1);

        if (stream->row.joined && strcmp(stream->row.gateway, gateway->name) == 0 &&
            !lists(streams, stream->row.id)) {
            broker_change_closed(broker, stream);
        }
    }
    for (i = 0; i < json_array_size(streams); i++) {
        const char *id = json_string_value(json_array_get(streams, i));
        struct broker_stream *stream = id != NULL ? broker_model_stream(broker->model, id) : NULL;

        if (stream != NULL && !stream->row.joined) {
            broker_change_joined(broker, stream);
        } else if (id != NULL && stream == NULL) {
            send_close(gateway, id, VDP_GOAWAY_ENDED, "the session has ended");
        }
    }
    broker_settle_soon(broker);
    return true;
}

/* The joined stream of the same session that this one takes the place of, or NULL. */
static const struct broker_stream *
find_replaced(const struct broker_model *model, const struct broker_stream *stream)
{
    guint i;

    for (i = 0; i < model->streams->len; i++) {
        const struct broker_stream *other = g_ptr_array_index(model->streams, i);

        if (other != stream && other->row.joined &&
            strcmp(other->row.session, stream->row.session) == 0) {
            return other;
        }
    }
    return NULL;
}

static bool
take_redeem(struct gateway *gateway, const json_t *message)
{
    struct broker *broker = gateway->gateways->broker;
    const char *kind = json_string_value(json_object_get(message, "kind"));
    const char *token = json_string_value(json_object_get(message, "token"));
    bool client = kind != NULL && strcmp(kind, "ticket") == 0;
    struct store_ticket ticket;
    const struct broker_stream *stream = NULL;
    const struct broker_stream *replaced = NULL;
    enum store_result result = STORE_NONE;
    json_t *reply = json_object();
    GError *error = NULL;

    if (kind == NULL || token == NULL || (!client && strcmp(kind, "uplink") != 0)) {
        json_decref(reply);
        return false;
    }
    if (vd_token_is_well_formed(token)) {
        result = store_ticket_redeem(broker->store, token,
                                     client ? STORE_TICKET_CLIENT : STORE_TICKET_UPLINK,
                                     vd_wall_ms(), &ticket, &error);
    }
    if (result == STORE_FAILED) {
        broker_store_failed(broker, error);
    } else if (result == STORE_OK) {
        stream = broker_model_stream(broker->model, ticket.stream);
    }
    json_object_set_new(reply, "type", json_string("redeem-reply"));
    json_object_set(reply, "id", json_object_get(message, "id"));
    /* A ticket is for the gateway whose client asked for it: only there will both ends meet. */
    if (stream == NULL || strcmp(stream->row.gateway, gateway->name) != 0) {
        json_object_set_new(reply, "ok", json_false());
        json_object_set_new(reply, "text", json_string("not accepted"));
    } else {
        replaced = client ? find_replaced(broker->model, stream) : NULL;
        json_object_set_new(reply, "ok", json_true());
        json_object_set_new(reply, "stream", json_string(stream->row.id));
        json_object_set_new(reply, "replaces",
                            replaced != NULL ? json_string(replaced->row.id) : json_null());
    }
    vdp_channel_send(gateway->conn, reply, -1);
    return true;
}

static bool
take_stream(struct gateway *gateway, const json_t *message)
{
    struct broker *broker = gateway->gateways->broker;
    const char *id = json_string_value(json_object_get(message, "stream"));
    const char *state = json_string_value(json_object_get(message, "state"));
    struct broker_stream *stream;

    if (id == NULL || state == NULL) {
        return false;
    }
    stream = broker_model_stream(broker->model, id);
    if (stream == NULL || strcmp(stream->row.gateway, gateway->name) != 0) {
        return true; /* over already, or somebody else's */
    }
    if (strcmp(state, "joined") == 0) {
        broker_change_joined(broker, stream);
    } else if (strcmp(state, "closed") == 0) {
        broker_change_closed(broker, stream);
    } else {
        return false;
    }
    broker_settle_soon(broker);
    return true;
}

static void
drop_gateway(struct gateway *gateway, const char *text)
{
    struct broker_gateways *gateways = gateway->gateways;

    vd_notice(MODULE, "gateway '%s' is away: %s", gateway->name, text);
    g_ptr_array_remove(gateways->items, gateway);
}

static void
on_message(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data)
{
    struct gateway *gateway = user_data;
    const char *type = json_string_value(json_object_get(message, "type"));
    struct broker_reply *reply;
    bool ok = true;

    (void)conn;
    if (fd >= 0) {
        close(fd);
    }
    if (strcmp(type, "hello") == 0) {
        ok = take_hello(gateway, message);
    } else if (strcmp(type, "redeem") == 0) {
        ok = take_redeem(gateway, message);
    } else if (strcmp(type, "stream") == 0) {
        ok = take_stream(gateway, message);
    } else if (strcmp(type, "api") == 0) {
        reply = g_new0(struct broker_reply, 1);
        reply->gateways = gateway->gateways;
        reply->serial = gateway->serial;
        reply->id = json_incref(json_object_get(message, "id"));
        broker_api_handle(gateway->gateways->broker, message, reply);
    }
    if (!ok) {
        drop_gateway(gateway, "it sent a malformed message");
    }
}

static void
on_closed(struct vdp_channel_conn *conn, const char *text, void *user_data)
{
    (void)conn;
    drop_gateway(user_data, text);
}

static const struct vdp_channel_events events = {on_message, on_closed};

static void
on_accepted(int fd, void *user_data)
{
    struct broker_gateways *gateways = user_data;
    const struct broker_config *config = &gateways->broker->config;
    struct gateway *gateway = g_new0(struct gateway, 1);
    uid_t uid;

    gateway->gateways = gateways;
    gateway->serial = ++gateways->next_serial;
    gateway->conn = vdp_channel_new(fd, NULL, &events, gateway);
    uid = vdp_channel_peer_uid(gateway->conn);
    if (uid == (uid_t)-1 ||
        (uid != 0 && uid != geteuid() &&
         (config->gateway_uid < 0 || uid != (uid_t)config->gateway_uid)) ||
        gateways->items->len >= BROKER_MAX_GATEWAYS) {
        vd_warning(MODULE, "uid %ld may not be a gateway, or there are too many", (long)uid);
        free_gateway(gateway);
        return;
    }
    g_ptr_array_add(gateways->items, gateway);
}

struct broker_gateways *
broker_gateways_new(struct broker *broker, GError **error)
{
    char *path = g_build_filename(broker->config.run, "gateway.sock", NULL);
    int fd = vdp_channel_listen(path, SOCKET_MODE);
    struct broker_gateways *gateways = NULL;

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-fd), "listening at '%s': %s",
                    path, g_strerror(-fd));
    } else {
        gateways = g_new0(struct broker_gateways, 1);
        gateways->broker = broker;
        gateways->items = g_ptr_array_new_with_free_func(free_gateway);
        gateways->accept = vdp_channel_accept_source(fd, NULL, on_accepted, gateways);
    }
    g_free(path);
    return gateways;
}

void
broker_gateways_free(struct broker_gateways *gateways)
{
    if (gateways == NULL) {
        return;
    }
    g_source_destroy(gateways->accept);
    g_source_unref(gateways->accept);
    g_ptr_array_unref(gateways->items);
    g_free(gateways);
}
