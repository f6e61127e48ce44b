/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turn: what is done between two looks at the sockets. Connections whose bytes were read and not
 * taken are served until there are none, and what they gave is written once instead of bit by bit.
 */
#include <poll.h>

#include "broker/gateway/gateway.h"

static void
put(struct lws_dll2_owner *list, struct lws_dll2 *node)
{
    if (lws_dll2_is_detached(node)) {
        lws_dll2_add_tail(node, list);
    }
}

static void
on_more(void *user_data)
{
    struct gateway_conn *conn = user_data;

    put(&conn->socket.gateway->behind, &conn->behind);
}

void
gateway_turn_join(struct gateway_conn *conn, void *ssl)
{
    /* Without it, and so without memory, everything works as before, only dearer. */
    conn->gather = ssl != NULL ? vdp_gather_new(ssl, on_more, conn) : NULL;
}

void
gateway_turn_leave(struct gateway_conn *conn)
{
    struct gateway *gateway = conn->socket.gateway;

    lws_dll2_remove(&conn->behind);
    lws_dll2_remove(&conn->unsent);
    if (gateway->serving == conn) {
        gateway->serving = NULL;
    }
    vdp_gather_free(conn->gather);
    conn->gather = NULL;
}

bool
gateway_turn_is_behind(const struct gateway_conn *conn)
{
    return conn->gather != NULL && !conn->paused && vdp_gather_waiting(conn->gather) > 0;
}

void
gateway_turn_read_again(struct gateway_conn *conn)
{
    if (gateway_turn_is_behind(conn)) {
        on_more(conn);
    }
}

void
gateway_turn_write_later(struct gateway_conn *conn)
{
    put(&conn->socket.gateway->unsent, &conn->unsent);
}

/* Lets libwebsockets read once from a connection; false when it did not. */
static bool
serve(struct gateway *gateway, struct gateway_conn *conn)
{
    struct lws_pollfd ready = {
        .fd = lws_get_socket_fd(conn->socket.wsi), .events = LWS_POLLIN, .revents = LWS_POLLIN};
    size_t before = vdp_gather_waiting(conn->gather);

    gateway->serving = conn;
    (void)lws_service_fd(gateway->context, &ready);
    if (gateway->serving == NULL) {
        return true; /* it is gone */
    }
    gateway->serving = NULL;
    return conn->paused || vdp_gather_waiting(conn->gather) != before;
}

void
gateway_turn(struct gateway *gateway)
{
    struct lws_dll2 *node;
    bool goes_on = true;

    while (goes_on && (node = lws_dll2_get_head(&gateway->behind)) != NULL) {
        struct gateway_conn *conn = lws_container_of(node, struct gateway_conn, behind);

        lws_dll2_remove(node);
        if (gateway_turn_is_behind(conn)) {
            on_more(conn); /* until nothing is left */
            goes_on = serve(gateway, conn);
        }
    }
    while ((node = lws_dll2_get_head(&gateway->unsent)) != NULL) {
        lws_dll2_remove(node);
        gateway_stream_push(lws_container_of(node, struct gateway_conn, unsent));
    }
}
