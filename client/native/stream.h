/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

/*
 * stream: one connection to one desktop, from ticket to pixels and back with input.
 *
 * Runs in one GMainContext. A host that sends nonsense, or nothing for 6 s, ends the stream and
 * nothing else. Any callback may free the stream.
 */

#include <gio/gio.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/native/canvas.h"
#include "client/native/cursor.h"
#include "protocol/codec/mix.h"
#include "protocol/link/link.h"

struct client_stream;

enum client_stream_cause {
    CLIENT_STREAM_LOST,      /* closed, dead or unreachable: try again */
    CLIENT_STREAM_NONSENSE,  /* the host broke the protocol */
    CLIENT_STREAM_UNTRUSTED, /* the certificate does not verify */
    CLIENT_STREAM_GOAWAY,    /* the other side said why */
};

struct client_stream_end {
    enum client_stream_cause cause;
    enum vdp_goaway_reason goaway; /* of GOAWAY */
    unsigned retry_ms;             /* of GOAWAY */
    const char *text; /* borrowed, valid UTF-8, never NULL; a peer may have written it */
};

struct client_stream_stats {
    uint64_t bytes_in;
    uint64_t frames;
    uint64_t decode_us; /* sum */
    unsigned
        mismatches;  /* pictures that differed from the host's digest; each was asked for anew */
    unsigned rtt_us; /* last; 0 before the first PONG */
    unsigned capture_us; /* last: damage to encoded at the host */
    struct vdp_mix mix;  /* what the bytes of the frames were spent on */
    unsigned shown_us;   /* last: from a frame's last byte to the screen; 0 before the first one */
};

struct client_stream_events {
    void (*live)(void *user_data);
    void (*surface)(void *user_data); /* the canvas has another size */
    /* The canvas has it; answer with client_stream_presented() once it was shown. */
    void (*frame)(const struct client_frame *frame, void *user_data);
    /* client_stream_layout() is another; the picture follows with its next frame. May be NULL. */
    void (*layout)(void *user_data);
    void (*cursor)(void *user_data);
    void (*notice)(const struct vdp_notice *notice, void *user_data);
    void (*warp)(uint16_t x, uint16_t y, void *user_data);                /* may be NULL */
    void (*closed)(const struct client_stream_end *end, void *user_data); /* once and last */
};

struct client_stream_options {
    const char *url; /* wss://host:port/stream */
    const char *ca_pem;
    const char *ticket;
    uint16_t width, height; /* wanted size of the desktop in pixels; 0: as it is */
    uint16_t scale;         /* in 1/120; 0 means 120 */
    /* Several of them instead, or NULL; borrowed. */
    const struct vdp_monitors *wanted;
    uint8_t monitors; /* that this client can show; 0: it does not know of layouts */
};

/* canvas (which keeps the picture between streams) and events are borrowed. Never NULL. */
struct client_stream *client_stream_new(const struct client_stream_options *options,
                                        struct client_canvas *canvas, GMainContext *context,
                                        const struct client_stream_events *events, void *user_data);
void client_stream_free(struct client_stream *stream); /* accepts NULL */

/*
 * Acknowledges every frame that was handed out, as seen at shown_us (CLOCK_MONOTONIC; 0: at once
 * when it was decoded). Called late or never, a timer does it.
 */
void client_stream_presented(struct client_stream *stream, int64_t shown_us);

/* Input; nothing is sent before the stream is live. */
/* Returns the serial of the event, 0 when the stream is not live. */
uint32_t client_stream_key(struct client_stream *stream, uint16_t code, bool down);
void client_stream_pointer(struct client_stream *stream, uint16_t x, uint16_t y);
void client_stream_button(struct client_stream *stream, uint8_t button, bool down);
void client_stream_wheel(struct client_stream *stream, int16_t dx, int16_t dy);
/* How far the mouse went, at most VDP_MAX_MOTION each way. */
void client_stream_motion(struct client_stream *stream, int16_t dx, int16_t dy);
void client_stream_locks(struct client_stream *stream, uint8_t locks); /* enum vdp_lock */
/* Text for the guest's session; false when it is not UTF-8 or holds control characters. */
bool client_stream_text(struct client_stream *stream, const char *text);
void client_stream_release_all(struct client_stream *stream);
void client_stream_set_size(struct client_stream *stream, uint16_t width, uint16_t height,
                            uint16_t scale);
/* Refused (false) when they overlap or are too large: see MONITORS in docs/PROTOCOL.md. A host that
 * can have one only is told the first one's size. */
bool client_stream_set_monitors(struct client_stream *stream, const struct vdp_monitors *monitors);
/* How many monitors the desktop can have, as its host says; 1 when it does not. */
unsigned client_stream_most_monitors(const struct client_stream *stream);
/* Which part of the picture is which monitor; count 0 before the host has said so. */
const struct vdp_layout *client_stream_layout(const struct client_stream *stream);
/* Says goodbye; free the stream afterwards. */
void client_stream_goaway(struct client_stream *stream, enum vdp_goaway_reason reason,
                          const char *text);

const struct client_cursor *client_stream_cursor(const struct client_stream *stream);
bool client_stream_cursor_hidden(const struct client_stream *stream);
const struct client_stream_stats *client_stream_stats(const struct client_stream *stream);

#endif
