/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_CANVAS_H
#define CLIENT_CANVAS_H

/*
 * canvas: the picture of a desktop, decoded by a thread of its own.
 *
 * Everything here is called from one GMainContext, and calls back in it, in order. The thread alone
 * touches the decoder; it hands over immutable pieces of the picture, so whoever shows them neither
 * waits for it nor copies. A painter shows the pixels sooner, on the thread itself. The picture
 * outlives a stream: while there is none it shows the last one.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "client/native/cells.h"
#include "protocol/wire/messages.h"

struct client_canvas;

struct client_frame {
    uint32_t id;
    uint32_t input_serial;
    bool key;
    bool settled;
    /* Set by the canvas: */
    size_t size;         /* bytes of operations */
    unsigned pieces;     /* that changed; 0: there is nothing new to show */
    bool painted;        /* the painter has shown it, at painted_us */
    bool film_failed;    /* a region has no video decoder any more until a key frame comes */
    bool wrong;          /* the picture is not what the sender says */
    unsigned decode_us;  /* work of the thread */
    int64_t received_us; /* CLOCK_MONOTONIC */
    int64_t decoded_us;
    int64_t painted_us;
};

/* error is 0 or an enum vdp_error, after which only another resize makes sense. */
struct client_canvas_events {
    void (*resized)(int error, void *user_data);
    void (*decoded)(const struct client_frame *frame, int error, void *user_data);
    /* What the picture holds; have is borrowed. Not called while there is no picture. */
    void (*digested)(const struct vdp_have *have, void *user_data);
};

/* context NULL: the default one. Never NULL. */
struct client_canvas *client_canvas_new(GMainContext *context);
/* Waits for the frame that is being decoded, for no other. Accepts NULL. */
void client_canvas_free(struct client_canvas *canvas);

/*
 * From now on events are told what becomes of what is asked for; NULL for nobody. What was asked
 * for earlier still gets into the picture, without a word. events is borrowed.
 */
void client_canvas_attach(struct client_canvas *canvas, const struct client_canvas_events *events,
                          void *user_data);
/*
 * Keeps the old picture where both overlap. This and the next return false when so much waits that
 * the sender cannot have waited for ACKs.
 */
bool client_canvas_resize(struct client_canvas *canvas, uint16_t width, uint16_t height);
/* Copies the operations. */
bool client_canvas_frame(struct client_canvas *canvas, const struct client_frame *frame,
                         const uint8_t *ops, size_t size);

/* Whoever can show pixels at once, without pieces. */
struct client_painter {
    /* By the thread: shows these tiles (NULL: all). False: it could not, pieces are wanted. */
    bool (*paint)(const struct vdp_image *image, const uint32_t *tiles, size_t count,
                  void *user_data);
    /* In the context: client_canvas_renew() is done. */
    void (*renewed)(void *user_data);
};
/*
 * painter is borrowed, NULL for nobody; the former one is not called any more when this returns.
 * pieces: they are wanted although the painter shows the picture. Pieces that were not cut are
 * missing until client_canvas_renew().
 */
void client_canvas_set_painter(struct client_canvas *canvas, const struct client_painter *painter,
                               void *user_data, bool pieces);
/* Paints all of the picture and cuts it into pieces. */
void client_canvas_renew(struct client_canvas *canvas);

/* Asks for the digests of what is shown when all that was asked for before is decoded. */
void client_canvas_digest(struct client_canvas *canvas);

/* The picture as it was last reported; borrowed. */
const struct client_cells *client_canvas_cells(const struct client_canvas *canvas);

#endif
