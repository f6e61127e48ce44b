/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAM_FIXTURE_H
#define STREAM_FIXTURE_H

/*
 * stream-fixture: a streamer with a machine that writes down its input, and a link server that
 * plays gateway and client at once.
 */

#include <gio/gio.h>
#include <stdbool.h>

#include "hostd/streamer/streamer.h"
#include "protocol/base/secret.h"
#include "protocol/codec/codec.h"
#include "protocol/link/link.h"
#include "protocol/link/pki.h"
#include "tests/unit/streamer-fixture.h"

struct fixture;

/* One uplink as the gateway and the client see it. */
struct peer {
    struct fixture *fixture;
    struct vdp_link *link;
    struct vdp_framer *framer;
    struct vdp_decoder *decoder;
    bool mute;   /* sends no HELLO */
    bool no_ack; /* presents frames, says nothing */
    bool deaf;   /* does not answer PING */
    bool got_token;
    bool got_hello;
    bool closed;
    uint16_t width, height;
    uint8_t most;             /* monitors, as the host's HELLO says */
    struct vdp_layout layout; /* the last one since the last SURFACE */
    unsigned layouts;
    unsigned frames, keys;
    unsigned shapes, uses;
    uint32_t cursor_id;
    uint32_t input_serial;
    bool settled;
    int goaway; /* reason, 0 before */
    unsigned pings;
    uint64_t pong; /* stamp of the last one */
};

struct fixture {
    struct vdp_pair ca;
    struct vdp_link_server *server;
    char *url;
    struct streamer *streamer;
    struct capture *capture; /* owned by the streamer */
    GPtrArray *peers;        /* of struct peer */
    bool mute, no_ack;       /* for the next peer */
    uint8_t monitors;        /* that it says it can show; 0: it says nothing */
    GString *input;          /* what reached the machine */
    bool no_mouse;           /* nobody is there to be told a motion */
    json_t *left;            /* the last screen after a client left, or NULL */
    unsigned dials;
    char token[VD_TOKEN_CHARS + 1];
};

/* For g_test_add(). */
void fixture_set_up(struct fixture *fixture, const void *data);
void fixture_tear_down(struct fixture *fixture, const void *data);

/* A fresh machine that shows fixture_picture(0) becomes the streamer's capture. */
void fixture_use_machine(struct fixture *fixture);
/* Orders stream "s1", "s2", ... and returns the gateway's side of it. */
struct peer *fixture_dial(struct fixture *fixture);

void peer_send(struct peer *peer, struct vdp_buffer *out); /* clears out */
void peer_hello(struct peer *peer);

#endif
