/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/gateway.h"

#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "protocol/base/log.h"

#define MODULE         "stream"
#define MAX_FIRST_BODY 64u   /* TICKET and UPLINK */
#define AT_ONCE_BYTES  65536 /* behind as little, it is written without a wait */
#define RETRY_MS       500u
#define PAUSE_SECS     5

static struct gateway_conn *
other_end(const struct gateway_conn *conn)
{
    if (conn->stream == NULL) {
        return NULL;
    }
    return conn->stream->client == conn ? conn->stream->uplink : conn->stream->client;
}

static void
pause_reading(struct gateway_conn *conn, bool pause)
{
    if (conn == NULL || conn->paused == pause || conn->socket.wsi == NULL) {
        return;
    }
    conn->paused = pause;
    lws_rx_flow_control(conn->socket.wsi, pause ? 0 : 1);
    if (pause) {
        lws_set_timer_usecs(conn->socket.wsi, PAUSE_SECS * LWS_USEC_PER_SEC);
    } else {
        gateway_turn_read_again(conn);
    }
}

/* Lets what waits go out, for a moment, and then closes. */
static void
close_after_writing(struct gateway_conn *conn)
{
    conn->closing = true;
    pause_reading(conn, true);
    gateway_conn_deadline(conn, GATEWAY_LINGER_MS);
    if (conn->socket.wsi != NULL) {
        lws_callback_on_writable(conn->socket.wsi);
    }
}

/* Puts the last record behind a whole one; false while one is under way. */
static bool
try_farewell(struct gateway_conn *conn)
{
    if (!gateway_pipe_end(&conn->out, conn->farewell.data, conn->farewell.size)) {
        return false;
    }
    close_after_writing(conn);
    return true;
}

static void
set_farewell(struct gateway_conn *conn, unsigned reason, uint32_t retry_ms, const char *text)
{
    struct vdp_goaway goaway = {.reason = (uint8_t)reason, .retry_ms = retry_ms, .text = text};

    if (conn != NULL && conn->farewell.size == 0) {
        goaway.text_size = strnlen(text, VDP_MAX_TEXT);
        (void)vdp_put_goaway(&conn->farewell, &goaway); /* without memory: none */
    }
}

void
gateway_stream_goaway(struct gateway_conn *conn, unsigned reason, uint32_t retry_ms,
                      const char *text)
{
    if (!conn->closing) {
        set_farewell(conn, reason, retry_ms, text);
        (void)try_farewell(conn); /* nothing was relayed yet, so no record is under way */
    }
}

static void
tell_broker(struct gateway *gateway, struct gateway_stream *stream, const char *state,
            const char *text)
{
    json_t *message =
        json_pack("{s:s,s:s,s:s,s:s,s:I,s:I}", "type", "stream", "stream", stream->id, "state",
                  state, "text", text, "bytes_up", (json_int_t)stream->bytes_up, "bytes_down",
                  (json_int_t)stream->bytes_down);

    (void)gateway_broker_send(gateway, message);
}

/*
 * Goes on with the end of a stream. The client may be inside a record: then its rest is waited for
 * (within the client's deadline), so that GOAWAY is understood. Frees the stream when it is done.
 */
static void
stream_settle(struct gateway_stream *stream)
{
    struct gateway_conn *client = stream->client;
    struct gateway_conn *uplink = stream->uplink;

    if (client != NULL && !client->closing && !try_farewell(client)) {
        if (uplink != NULL) {
            return;
        }
        gateway_conn_kill(client);
    }
    if (uplink != NULL && !uplink->closing && !try_farewell(uplink)) {
        gateway_conn_kill(uplink);
    }
    if (client != NULL) {
        client->stream = NULL;
    }
    if (uplink != NULL) {
        uplink->stream = NULL;
    }
    free(stream);
}

/* Ends a stream: both ends hear why, and the broker is told. The connections close by themselves.
 */
static void
stream_end(struct gateway *gateway, struct gateway_stream *stream, unsigned reason,
           uint32_t retry_ms, const char *text)
{
    struct gateway_stream **link = &gateway->streams;

    while (*link != stream) {
        link = &(*link)->next;
    }
    *link = stream->next;
    stream->ending = true;
    tell_broker(gateway, stream, "closed", text);
    vd_info(MODULE, "%s closed: %s", stream->id, text);
    set_farewell(stream->client, reason, retry_ms, text);
    set_farewell(stream->uplink, reason, retry_ms, text);
    if (stream->client != NULL) {
        gateway_conn_deadline(stream->client, GATEWAY_LINGER_MS);
    }
    stream_settle(stream);
}

static struct gateway_stream *
stream_find(struct gateway *gateway, const char *id)
{
    struct gateway_stream *stream = gateway->streams;

    while (stream != NULL && strcmp(stream->id, id) != 0) {
        stream = stream->next;
    }
    return stream;
}

void
gateway_stream_close(struct gateway *gateway, const char *id, unsigned reason, const char *text)
{
    struct gateway_stream *stream = stream_find(gateway, id);

    if (stream != NULL) {
        stream_end(gateway, stream, reason, reason == VDP_GOAWAY_RESTART ? RETRY_MS : 0, text);
    }
}

void
gateway_stream_push(struct gateway_conn *conn)
{
    int unsent = 0;

    /* Behind little: a round of the loop would cost more than the write. */
    if (!lws_partial_buffered(conn->socket.wsi) &&
        ioctl(lws_get_socket_fd(conn->socket.wsi), SIOCOUTQNSD, &unsent) == 0 &&
        unsent <= AT_ONCE_BYTES) {
        if (gateway_stream_writeable(conn) < 0) {
            gateway_conn_kill(conn);
        }
    } else {
        lws_callback_on_writable(conn->socket.wsi);
    }
}

/* Takes bytes from one end to the other, or keeps them until there is another. */
static int
relay(struct gateway_conn *conn, const uint8_t *data, size_t size)
{
    struct gateway_conn *to = other_end(conn);

    if (to == NULL || !conn->stream->joined) {
        if (conn->held.size + size > GATEWAY_PIPE_MAX) {
            return -1;
        }
        vdp_buffer_put(&conn->held, data, size);
        if (conn->held.size > GATEWAY_PIPE_HIGH) {
            pause_reading(conn, true);
        }
        return conn->held.error != 0 ? -1 : 0;
    }
    if (to->closing) {
        return 0;
    }
    if (!gateway_pipe_put(&to->out, data, size)) {
        return -1;
    }
    *(conn->kind == GATEWAY_CONN_STREAM ? &conn->stream->bytes_up : &conn->stream->bytes_down) +=
        size;
    if (gateway_pipe_size(&to->out) > GATEWAY_PIPE_HIGH) {
        pause_reading(conn, true);
    }
    if (gateway_pipe_size(&to->out) < GATEWAY_WRITE_BYTES && gateway_turn_is_behind(conn)) {
        gateway_turn_write_later(to); /* more comes at once */
    } else {
        gateway_stream_push(to);
    }
    if (conn->stream->ending) {
        stream_settle(conn->stream);
    }
    return 0;
}

static void
join(struct gateway_stream *stream)
{
    struct gateway_conn *ends[2] = {stream->client, stream->uplink};
    struct gateway *gateway = stream->client->socket.gateway;
    size_t i;

    stream->joined = true;
    for (i = 0; i < 2; i++) {
        gateway_conn_deadline(ends[i], 0);
        pause_reading(ends[i], false);
        if (ends[i]->held.size > 0 && relay(ends[i], ends[i]->held.data, ends[i]->held.size) < 0) {
            gateway_conn_kill(ends[i]);
        }
        vdp_buffer_clear(&ends[i]->held);
    }
    tell_broker(gateway, stream, "joined", "");
    vd_info(MODULE, "%s joined", stream->id);
}

static struct gateway_stream *
stream_new(struct gateway *gateway, const char *id)
{
    struct gateway_stream *stream = calloc(1, sizeof(*stream));

    if (stream != NULL) {
        memcpy(stream->id, id, strlen(id) + 1);
        stream->next = gateway->streams;
        gateway->streams = stream;
    }
    return stream;
}

/* The broker has accepted the token of this end. */
static void
take_place(struct gateway_conn *conn, const char *id)
{
    struct gateway *gateway = conn->socket.gateway;
    struct gateway_stream *stream = stream_find(gateway, id);
    struct gateway_conn **place;

    if (stream == NULL) {
        stream = stream_new(gateway, id);
    }
    if (stream == NULL) {
        gateway_conn_kill(conn);
        return;
    }
    place = conn->kind == GATEWAY_CONN_STREAM ? &stream->client : &stream->uplink;
    if (*place != NULL) {
        gateway_stream_goaway(conn, VDP_GOAWAY_REFUSED, 0, "this end is here already");
        return;
    }
    *place = conn;
    conn->stream = stream;
    conn->authenticated = true;
    if (stream->client != NULL && stream->uplink != NULL) {
        join(stream);
    }
}

void
gateway_stream_redeemed(struct gateway_conn *conn, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "stream"));
    const char *replaces = json_string_value(json_object_get(message, "replaces"));

    conn->request = 0;
    if (conn->closing) {
        return;
    }
    if (!json_is_true(json_object_get(message, "ok")) || id == NULL || *id == '\0' ||
        strlen(id) > GATEWAY_MAX_ID) {
        gateway_stream_goaway(conn, VDP_GOAWAY_REFUSED, 0, "the ticket is not accepted");
        return;
    }
    if (replaces != NULL && strcmp(replaces, id) != 0) {
        gateway_stream_close(conn->socket.gateway, replaces, VDP_GOAWAY_TAKEN_OVER,
                             "another device shows this session now");
    }
    take_place(conn, id);
}

int
gateway_stream_established(struct gateway_conn *conn)
{
    conn->framer = vdp_framer_new(MAX_FIRST_BODY);
    gateway_conn_deadline(conn, GATEWAY_JOIN_MS);
    return conn->framer != NULL ? 0 : -1;
}

/* The first record is whole: asks the broker about it. */
static int
take_first(struct gateway_conn *conn, const struct vdp_record *record)
{
    bool client = conn->kind == GATEWAY_CONN_STREAM;
    struct gateway *gateway = conn->socket.gateway;
    struct vdp_token token;
    json_t *message;

    if (record->type != (client ? VDP_TICKET : VDP_UPLINK) ||
        (client ? vdp_get_ticket(record, &token) : vdp_get_uplink(record, &token)) != 0) {
        gateway_stream_goaway(conn, VDP_GOAWAY_PROTOCOL, 0, "the first record must be a ticket");
        return 0;
    }
    conn->request = ++gateway->next_request;
    message = json_pack("{s:s,s:I,s:s,s:s,s:s}", "type", "redeem", "id", conn->request, "kind",
                        client ? "ticket" : "uplink", "token", token.text, "source", conn->source);
    explicit_bzero(&token, sizeof(token));
    if (!gateway_broker_send(gateway, message)) {
        conn->request = 0;
        gateway_stream_goaway(conn, VDP_GOAWAY_RESTART, RETRY_MS, "the broker is away");
    }
    return 0;
}

int
gateway_stream_received(struct gateway_conn *conn, const uint8_t *data, size_t size)
{
    size_t at = 0;

    if (conn->closing) {
        return 0;
    }
    lws_validity_confirmed(conn->socket.wsi);
    conn->received += size;
    while (conn->framer != NULL && at < size) {
        struct vdp_record record;
        size_t taken = 0;
        int r = vdp_framer_push(conn->framer, data + at, size - at, &taken);

        at += taken;
        r = r < 0 ? r : vdp_framer_next(conn->framer, &record);
        if (r < 0) {
            gateway_stream_goaway(conn, VDP_GOAWAY_PROTOCOL, 0, "not a record of this protocol");
            return 0;
        }
        if (r > 0) {
            r = take_first(conn, &record);
            vdp_framer_free(conn->framer);
            conn->framer = NULL;
            if (r < 0 || conn->closing) {
                return r;
            }
        }
    }
    return at < size ? relay(conn, data + at, size - at) : 0;
}

/* One message of what waits, all of its records in one piece. 0, 1 when the socket is full, -1. */
static int
write_part(struct gateway_conn *conn, size_t part)
{
    static uint8_t chunk[LWS_PRE + GATEWAY_WRITE_BYTES];
    int written;
    int r = 0;

    memcpy(chunk + LWS_PRE, gateway_pipe_data(&conn->out), part);
    if (conn->gather != NULL) {
        vdp_gather_begin(conn->gather);
    }
    written = lws_write(conn->socket.wsi, chunk + LWS_PRE, part, LWS_WRITE_BINARY);
    if (conn->gather != NULL) {
        r = vdp_gather_end(conn->gather);
    }
    gateway_pipe_take(&conn->out, part);
    return written < (int)part ? -1 : r;
}

int
gateway_stream_writeable(struct gateway_conn *conn)
{
    size_t part = gateway_pipe_size(&conn->out);
    int r = conn->gather != NULL ? vdp_gather_end(conn->gather) : 0; /* what is left of the last */

    if (r == 0 && part == 0) {
        if (conn->closing) {
            lws_close_reason(conn->socket.wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
            return -1;
        }
        return 0;
    }
    if (r == 0) {
        r = write_part(conn, part < GATEWAY_WRITE_BYTES ? part : GATEWAY_WRITE_BYTES);
    }
    if (r < 0) {
        return -1;
    }
    if (gateway_pipe_size(&conn->out) < GATEWAY_PIPE_LOW && conn->stream != NULL &&
        conn->stream->joined) {
        pause_reading(other_end(conn), false);
    }
    if (r > 0 || gateway_pipe_size(&conn->out) > 0 || conn->closing) {
        lws_callback_on_writable(conn->socket.wsi);
    }
    return 0;
}

void
gateway_stream_expired(struct gateway_conn *conn)
{
    if (conn->stream != NULL && !conn->stream->joined && !conn->stream->ending) {
        stream_end(conn->socket.gateway, conn->stream, VDP_GOAWAY_TIMEOUT, RETRY_MS,
                   "the other end did not come in time");
    } else {
        gateway_conn_kill(conn);
    }
}

void
gateway_stream_gone(struct gateway_conn *conn)
{
    struct gateway_stream *stream = conn->stream;
    bool was_client;

    if (stream == NULL) {
        return;
    }
    was_client = stream->client == conn;
    *(was_client ? &stream->client : &stream->uplink) = NULL;
    conn->stream = NULL;
    if (stream->ending) {
        stream_settle(stream);
        return;
    }
    stream_end(conn->socket.gateway, stream, VDP_GOAWAY_RESTART, RETRY_MS,
               was_client ? "the client went away" : "the desktop's side went away");
}
