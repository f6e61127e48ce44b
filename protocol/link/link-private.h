/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_LINK_PRIVATE_H
#define VDP_LINK_PRIVATE_H

/*
 * link-private: what link.c (the owner's side), line.c (the loop's side), loop.c and server.c
 * share.
 *
 * A link is used by two threads. Fields under "owner" belong to the owner's context, fields under
 * "loop" to the libwebsockets thread, fields under "shared" need the lock.
 */

#include <libwebsockets.h>
#include <openssl/x509.h>

#include "protocol/link/link.h"

#define VDP_LINK_CHANNELS     8u
#define VDP_LINK_CHUNK        (64u * 1024u)        /* at most one lws_write() */
#define VDP_LINK_UNSENT       (128 * 1024)         /* bytes that may wait in the kernel */
#define VDP_LINK_TOGETHER     (16u * 1024u)        /* small units share a lws_write() */
#define VDP_LINK_AT_ONCE      (16 * 1024)          /* unsent bytes behind which we may write */
#define VDP_LINK_RX_HIGH      (4u * 1024u * 1024u) /* pending for the owner: stop reading */
#define VDP_LINK_RX_LOW       (1u * 1024u * 1024u) /* read again */
#define VDP_LINK_LINGER_US    (2 * LWS_USEC_PER_SEC)
#define VDP_LINK_PING_SECS    5
#define VDP_LINK_DEAD_SECS    15
#define VDP_LINK_SERVER_SECS  10 /* libwebsockets gives the closing of a server's side 5 more */
#define VDP_LINK_CONNECT_MS   10000u
#define VDP_LINK_SUB_PROTOCOL "vdp.v1"

enum vdp_line_event_kind { LINE_OPENED, LINE_DATA, LINE_DRAINED, LINE_CLOSED };

struct vdp_line_event {
    enum vdp_line_event_kind kind;
    GByteArray *data;
    enum vdp_link_close reason;
    char *text;
};

struct vdp_link {
    gatomicrefcount refs; /* owner, owner's source, loop */
    GMutex lock;

    /* owner */
    const struct vdp_link_events *events;
    void *user_data;
    GMainContext *context;
    GSource *source; /* wakes the owner; ready when the inbox has something */
    bool freed;

    /* shared */
    GQueue inbox; /* of struct vdp_line_event */
    size_t inbox_bytes;
    bool rx_paused;
    GQueue outgoing[VDP_LINK_CHANNELS]; /* of GBytes */
    size_t queued;                      /* bytes of outgoing and of what libwebsockets keeps */
    bool wake_posted;
    bool tell_drained; /* the owner saw that something was left */
    bool ended;        /* nothing is queued or reported any more */
    int sockfd;        /* -1 when there is none */

    /* constant once opened was reported */
    char *peer_name;
    char *path;
    char *peer_address;

    /* loop */
    struct lws *wsi;
    bool is_client;
    bool open;
    bool closing;   /* the owner is gone; what is queued goes out, then the line closes */
    bool verified;  /* client: the certificate was accepted */
    bool reported;  /* LINE_CLOSED was posted */
    GBytes *unit;   /* being written */
    size_t unit_at; /* bytes of it that have gone */
    bool waiting;   /* WRITEABLE was asked for */
    lws_sorted_usec_list_t timer; /* connect deadline, then linger deadline */
    char *host;
    char *address;
    int port;
    char *origin;
    unsigned connect_timeout_ms;
    X509_STORE *store;
    X509 *cert;
    EVP_PKEY *key;
    char *untrusted; /* why the certificate was refused */
    struct vdp_link_server *server;
};

/* loop.c */
typedef void (*vdp_loop_fn)(void *data);
/* Runs fn on the loop's thread, in order; starts the thread at the first use. Any thread. */
void vdp_loop_post(vdp_loop_fn fn, void *data);
struct lws_context *vdp_loop_context(void);
struct lws_vhost *vdp_loop_client_vhost(void);

/* line.c: all on the loop's thread */
struct vdp_link *vdp_line_new(GMainContext *context);
struct vdp_link *vdp_line_ref(struct vdp_link *link);
void vdp_line_unref(struct vdp_link *link);
void vdp_line_event_free(struct vdp_line_event *event);
void vdp_line_connect(void *data);
void vdp_line_write(void *data);  /* the owner queued something */
void vdp_line_resume(void *data); /* the owner has caught up */
void vdp_line_close(void *data);  /* the owner is gone */
void vdp_line_finish(struct vdp_link *link, enum vdp_link_close reason, const char *text);
void vdp_line_opened(struct vdp_link *link, struct lws *wsi);
int vdp_line_received(struct vdp_link *link, const void *data, size_t size);
int vdp_line_writeable(struct vdp_link *link);
void vdp_line_paused_timer(struct vdp_link *link);
int vdp_line_client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
                             void *in, size_t size);

/* verify.c */
SSL_CTX *vdp_verify_client_ctx(void);
void vdp_verify_watch(struct vdp_link *link, bool on); /* links that are in their handshake */
char *vdp_verify_peer_name(struct lws *wsi);

/* server.c */
int vdp_server_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                        size_t size);

#endif
