/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

/*
 * gateway: what the parts of vedette-gateway share. One thread, libwebsockets' own loop.
 *
 * gateway.c accepts, counts and dispatches; http.c answers requests; stream.c joins and relays;
 * broker.c talks to the broker. A connection belongs to libwebsockets: it is freed in its
 * WSI_DESTROY callback and nowhere else.
 */

#include <jansson.h>
#include <libwebsockets.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/gateway/page.h"
#include "broker/gateway/pipe.h"
#include "broker/gateway/request.h"
#include "protocol/link/gather.h"
#include "protocol/wire/messages.h"

#define GATEWAY_RECORD_BYTES    16384u /* at most, of TLS */
#define GATEWAY_HEAD_BYTES      10u    /* of a long WebSocket message */
#define GATEWAY_WRITE_BYTES     (4u * GATEWAY_RECORD_BYTES - GATEWAY_HEAD_BYTES) /* whole records */
#define GATEWAY_MAX_CONNECTIONS 4096u
#define GATEWAY_MAX_PER_SOURCE  64u /* that have not shown a valid ticket */
#define GATEWAY_MAX_HEADER      16384u
#define GATEWAY_MAX_BODY        16384u
#define GATEWAY_MAX_ID          64u
#define GATEWAY_MAX_SOURCE      64u /* bytes of an address in text */
#define GATEWAY_MAX_POLICY      1024u
#define GATEWAY_BODY_MS         10000u
#define GATEWAY_REPLY_MS        45000u /* a login may take its 30 s and more */
#define GATEWAY_IDLE_MS         15000u
#define GATEWAY_JOIN_MS         15000u
#define GATEWAY_LINGER_MS       2000u /* for a last message to a peer that reads slowly */

struct gateway_config {
    const char *bind;
    unsigned port;
    const char *cert;
    const char *key;
    const char *ca;
    const char *broker_socket;
    const char *uplink_url;
    const char *name;
    unsigned header_timeout_ms;
    struct gateway_names names;
};

enum gateway_socket_kind { GATEWAY_SOCKET_LISTEN, GATEWAY_SOCKET_BROKER, GATEWAY_SOCKET_CONN };

/* First member of everything that is the opaque data of a struct lws. */
struct gateway_socket {
    enum gateway_socket_kind kind;
    struct gateway *gateway;
    struct lws *wsi;
};

enum gateway_conn_kind { GATEWAY_CONN_HTTP, GATEWAY_CONN_STREAM, GATEWAY_CONN_UPLINK };

struct gateway_response {
    unsigned status;
    const char *type;
    char *text;                      /* owned, wiped; NULL for a page */
    const struct gateway_page *page; /* or NULL */
    const void *data;                /* what is sent: text or bytes of the page */
    size_t size;
    bool packed; /* data is compressed */
    size_t sent;
    char *cookie; /* owned, wiped; a Set-Cookie header or NULL */
    bool ready;
    bool headers_sent;
};

struct gateway_conn {
    struct gateway_socket socket;
    struct gateway_conn *prev, *next;
    enum gateway_conn_kind kind;
    char source[GATEWAY_MAX_SOURCE];
    bool authenticated;
    lws_sorted_usec_list_t deadline;
    json_int_t request; /* that the broker is to answer; 0: none */

    /* HTTP */
    json_t *api; /* the message for the broker, waits for the body */
    char *body;
    size_t body_size;
    size_t body_wanted;
    struct gateway_response response;

    /* stream and uplink */
    struct vdp_framer *framer; /* until the first record is whole */
    struct gateway_stream *stream;
    struct gateway_pipe out;    /* to this connection */
    struct vdp_buffer held;     /* from it, until it is joined */
    struct vdp_buffer farewell; /* a GOAWAY that waits for the end of a record */
    uint64_t received;
    bool paused;
    bool closing;                   /* out goes, then the connection */
    struct vdp_gather *gather;      /* or NULL */
    struct lws_dll2 behind, unsent; /* see turn.c */
};

struct gateway_stream {
    struct gateway_stream *next;
    char id[GATEWAY_MAX_ID + 1];
    struct gateway_conn *client;
    struct gateway_conn *uplink;
    bool joined;
    bool ending; /* not in the list any more; see stream.c */
    uint64_t bytes_up, bytes_down;
};

struct gateway_broker {
    struct gateway_socket socket;
    bool connected;
    unsigned backoff_ms;
    lws_sorted_usec_list_t retry;
    struct vdp_framer *framer;
    struct vdp_buffer out;
    size_t out_head;
};

struct gateway {
    struct gateway_config config;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct gateway_socket listen;
    struct gateway_broker broker;
    struct gateway_conn *conns;
    unsigned conn_count;
    struct gateway_stream *streams;
    struct lws_dll2_owner behind; /* connections whose bytes were read and not taken */
    struct lws_dll2_owner unsent; /* those that are written to when these have been taken */
    struct gateway_conn *serving; /* becomes NULL when it goes */
    json_int_t next_request;
    char policy[GATEWAY_MAX_POLICY];
    char *ca_pem; /* served as /ca.pem */
    size_t ca_size;
};

/* gateway.c */
/* Runs until a signal comes; 0, or -1 after logging why it cannot start. */
int gateway_run(const struct gateway_config *config);
void gateway_conn_deadline(struct gateway_conn *conn, unsigned ms); /* 0: none */
void gateway_conn_kill(struct gateway_conn *conn);

/* http.c */
int gateway_http_request(struct gateway_conn *conn, const char *path);
int gateway_http_body(struct gateway_conn *conn, const char *data, size_t size);
int gateway_http_body_end(struct gateway_conn *conn);
int gateway_http_writeable(struct gateway_conn *conn);
void gateway_http_reply(struct gateway_conn *conn, const json_t *message);
void gateway_http_away(struct gateway_conn *conn); /* the broker went away */
void gateway_http_clear(struct gateway_conn *conn);
/* 0 to let the upgrade happen, or the status to refuse it with. */
unsigned gateway_http_upgrade(struct gateway_conn *conn);

/* stream.c */
int gateway_stream_established(struct gateway_conn *conn);
int gateway_stream_received(struct gateway_conn *conn, const uint8_t *data, size_t size);
int gateway_stream_writeable(struct gateway_conn *conn);
void gateway_stream_redeemed(struct gateway_conn *conn, const json_t *message);
void gateway_stream_expired(struct gateway_conn *conn);
void gateway_stream_gone(struct gateway_conn *conn); /* the connection is being destroyed */
void gateway_stream_close(struct gateway *gateway, const char *id, unsigned reason,
                          const char *text);
void gateway_stream_goaway(struct gateway_conn *conn, unsigned reason, uint32_t retry_ms,
                           const char *text);
/* Writes what has come, or asks to be called back when there is room for it. */
void gateway_stream_push(struct gateway_conn *conn);

/* turn.c */
void gateway_turn_join(struct gateway_conn *conn, void *ssl); /* an upgraded connection */
void gateway_turn_leave(struct gateway_conn *conn);
/* Whether more comes from it without another look at its socket. */
bool gateway_turn_is_behind(const struct gateway_conn *conn);
void gateway_turn_read_again(struct gateway_conn *conn);
void gateway_turn_write_later(struct gateway_conn *conn);
void gateway_turn(struct gateway *gateway); /* after each lws_service() */

/* broker.c */
void gateway_broker_start(struct gateway *gateway);
/* Takes the reference; false, with nothing sent, while the broker is away. */
bool gateway_broker_send(struct gateway *gateway, json_t *message);
int gateway_broker_readable(struct gateway *gateway);
int gateway_broker_writeable(struct gateway *gateway);
void gateway_broker_gone(struct gateway *gateway);

#endif
