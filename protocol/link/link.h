/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_LINK_H
#define VDP_LINK_H

/*
 * link: one WebSocket over TLS 1.3, as client, or as server for hosts that dial the broker.
 *
 * libwebsockets runs its own loop on a thread of its own (one per process, started by the first
 * use). Every callback runs in the GMainContext given at creation, in order, never from inside a
 * call of this API, and never after vdp_link_free() returned. Sub-protocol "vdp.v1", binary
 * messages, permessage-deflate off. Messages carry a byte stream: their boundaries mean nothing,
 * feed them to a vdp_framer. The peer is verified against ca_pem only (never the system's store).
 */

#include <gio/gio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vdp_link;
struct vdp_link_server;

#define VDP_LINK_MAX_MESSAGE (256u * 1024u) /* bytes handed to data() at once */

enum vdp_link_close {
    VDP_LINK_CLOSED,      /* the peer closed, or the line died */
    VDP_LINK_UNREACHABLE, /* could not connect: refused, no route, name unknown, time-out */
    VDP_LINK_UNTRUSTED,   /* the certificate does not verify against ca_pem or the name: a hard stop
                           */
    VDP_LINK_REJECTED,    /* the server answered the upgrade with something else than 101 */
};

/* Either callback may call vdp_link_free(). */
struct vdp_link_events {
    void (*opened)(struct vdp_link *link, void *user_data);
    void (*data)(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data);
    /* Queued bytes fell to zero (all handed to the kernel) after having been above zero. */
    /* All was handed to the kernel, once after vdp_link_unsent() found that it was not; may be NULL
     */
    void (*drained)(struct vdp_link *link, void *user_data);
    /* Called once at most and last. text is for logs and people, borrowed, never NULL. */
    void (*closed)(struct vdp_link *link, enum vdp_link_close reason, const char *text,
                   void *user_data);
};

struct vdp_link_options {
    const char *url;      /* wss://host:port/path */
    const char *ca_pem;   /* PEM text; required */
    const char *cert_pem; /* client certificate, or NULL */
    const char *key_pem;
    const char *origin;          /* Origin header, or NULL for none */
    unsigned connect_timeout_ms; /* 0: 10 s */
};

/* Starts to connect. Options are copied; events is borrowed and must outlive the link. Never NULL.
 */
struct vdp_link *vdp_link_connect(const struct vdp_link_options *options, GMainContext *context,
                                  const struct vdp_link_events *events, void *user_data);
/* Closes; what was queued still goes out, for at most two seconds. Accepts NULL. */
void vdp_link_free(struct vdp_link *link);

/*
 * Queues bytes (takes a reference to the GBytes). Call from the owner's context. Bytes of a lower
 * channel number are sent before queued ones of a higher number; one call is one unit, never split
 * by another.
 */
void vdp_link_send(struct vdp_link *link, GBytes *bytes, uint8_t channel);

/* Bytes queued here plus bytes the kernel has not sent yet. Cheap; any thread. */
size_t vdp_link_unsent(struct vdp_link *link);

/* The peer's certificate CN (server side: of the host), "" without a certificate. Borrowed. */
const char *vdp_link_peer_name(struct vdp_link *link);
/* Server side: the path of the upgrade request ("/host"). Borrowed. */
const char *vdp_link_path(struct vdp_link *link);
/* The peer's address in numbers, for logs and throttling. Borrowed. */
const char *vdp_link_peer_address(struct vdp_link *link);

struct vdp_link_server_options {
    const char *bind; /* address, "127.0.0.1" */
    uint16_t port;    /* 0: any free one, see vdp_link_server_port() */
    const char
        *ca_pem; /* client certificates verify against this; they are optional at TLS level */
    const char *cert_pem;
    const char *key_pem;
    unsigned max_links; /* more are refused */
};

/*
 * accepted gets a link that is already open; set events with vdp_link_accept() inside the callback
 * or free it. NULL and *error when it cannot listen.
 */
typedef void (*vdp_link_accepted_fn)(struct vdp_link *link, void *user_data);
struct vdp_link_server *vdp_link_server_new(const struct vdp_link_server_options *options,
                                            GMainContext *context, vdp_link_accepted_fn accepted,
                                            void *user_data, GError **error);
void vdp_link_accept(struct vdp_link *link, const struct vdp_link_events *events, void *user_data);
uint16_t vdp_link_server_port(struct vdp_link_server *server);
void vdp_link_server_free(struct vdp_link_server *server); /* its links are closed */

#endif
