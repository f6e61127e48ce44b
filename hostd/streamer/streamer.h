/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_STREAMER_H
#define STREAMER_STREAMER_H

/*
 * streamer: what the process is about: one capture, one pump, and the streams that were ordered.
 *
 * One stream shows the desktop (active), one may be on its way (candidate). When the candidate's
 * client says HELLO it becomes active, and the former one is told that it was taken over. Belongs
 * to the thread that made it and its thread-default main context. See pump.h for the threads.
 */

#include <jansson.h>
#include <stdbool.h>

#include "hostd/streamer/capture.h"
#include "hostd/streamer/pump.h"
#include "hostd/streamer/stream.h"

struct streamer;

struct streamer_status {
    bool display; /* there is a capture */
    uint16_t width, height;
    const char *stream; /* id or NULL; borrowed */
    const char *state;  /* "idle", "dialling", "waiting", "streaming" */
    const char *next;   /* id of a candidate beside an active stream, or NULL */
    const char *text;   /* why the last stream or display ended, "" at first */
    struct streamer_stats stats;
};

/* None may free the streamer. */
struct streamer_events {
    void (*changed)(void *user_data); /* the status is worth a message; never from inside a call */
    /* UTF-8 without control characters, not terminated, for the agent inside the guest. */
    void (*typed)(const char *text, size_t size, void *user_data);
    /*
     * How far the mouse went, for a machine that its capture cannot tell; false when nobody is
     * there to be told. None follows until streamer_moved().
     */
    bool (*moved)(int dx, int dy, void *user_data);
    /* The same for a place of the pointer on both axes, 0 to 32767. */
    bool (*pointed)(uint16_t x, uint16_t y, void *user_data);
    /* Several monitors were asked of the machine: the guest is to be told where they are wanted. */
    void (*placed)(const struct vdp_area *areas, unsigned count, void *user_data);
    /* The last screen, after its client left; see streamer_keep_picture(). message is owned. */
    void (*left)(json_t *message, void *user_data);
};

/* events is borrowed. NULL when memory is short. */
struct streamer *streamer_new(const struct streamer_events *events, void *user_data);
void streamer_free(struct streamer *streamer); /* accepts NULL; closes without GOAWAY */

/* What capture_new() of the next capture is to be called with. */
const struct capture_events *streamer_capture_events(void);
/* Takes ownership; user_data of its events must be streamer. Replaces the former one. */
void streamer_set_capture(struct streamer *streamer, struct capture *capture);

/* Orders a stream; one that is there already under this id is left alone. */
void streamer_dial(struct streamer *streamer, const struct streamer_dial *dial);
/* Ends the stream with this id, if there is one. */
void streamer_hangup(struct streamer *streamer, const char *stream, enum vdp_goaway_reason reason,
                     const char *text);
/* Something to read for whoever looks at the stream with this id. */
void streamer_notice(struct streamer *streamer, const char *stream,
                     const struct vdp_notice *notice);
/* The machine has what moved() or pointed() was told, or never will. */
void streamer_moved(struct streamer *streamer);
/* Whether a picture is made of the screen when its client leaves. Not before this was said. */
void streamer_keep_picture(struct streamer *streamer, bool keep);
/* How many monitors a client can have; one before this was said. Who has more loses them. */
void streamer_allow_monitors(struct streamer *streamer, unsigned most);
/* Tells every client to come back; true when nobody was there to be told. */
bool streamer_say_restart(struct streamer *streamer);

void streamer_status(struct streamer *streamer, struct streamer_status *ret_status);

#endif
