/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_STREAMER_PRIVATE_H
#define STREAMER_STREAMER_PRIVATE_H

/* streamer-private: what streamer.c (life) and streamer-input.c (what clients send) share. */

#include <gio/gio.h>

#include "hostd/streamer/motion.h"
#include "hostd/streamer/streamer.h"
#include "hostd/streamer/wish.h"

struct streamer {
    const struct streamer_events *events;
    void *user_data;
    struct capture *capture;
    struct streamer_pump *pump;
    struct streamer_stream *active;    /* live, or NULL */
    struct streamer_stream *candidate; /* dialling or waiting, or NULL */
    GPtrArray *leaving;                /* of struct streamer_stream, closing */
    GSource *timer;                    /* for the wish below */
    struct streamer_wish wish;
    uint32_t typed_room;           /* bytes of text that may go on now */
    bool typed_much;               /* and what came last was too much */
    int64_t typed_us;              /* when that was computed */
    struct streamer_motion motion; /* for a machine that its capture cannot tell */
    GSource *told;                 /* ready when changed() is due */
    bool keeps_picture;            /* of the screen when its client leaves */
    bool owes_picture;             /* the client has left */
    char *text;
    uint16_t width, height; /* as told last */
};

/* Passes the wish for monitors on, now or when its interval is over. */
void streamer_input_follow(struct streamer *streamer);
/* Of the capture: the pointer is to go by the road that motion goes. */
bool streamer_input_point(uint16_t x, uint16_t y, void *user_data);

/* Of the streams; only the active one's counts, and only while there is a machine. */
void streamer_input_key(struct streamer_stream *stream, const struct vdp_key *key, void *user_data);
void streamer_input_pointer(struct streamer_stream *stream, const struct vdp_pointer *pointer,
                            void *user_data);
void streamer_input_button(struct streamer_stream *stream, const struct vdp_button *button,
                           void *user_data);
void streamer_input_motion(struct streamer_stream *stream, const struct vdp_motion *motion,
                           void *user_data);
void streamer_input_wheel(struct streamer_stream *stream, const struct vdp_wheel *wheel,
                          void *user_data);
void streamer_input_release_all(struct streamer_stream *stream, void *user_data);
void streamer_input_locks(struct streamer_stream *stream, const struct vdp_locks *locks,
                          void *user_data);
void streamer_input_text(struct streamer_stream *stream, const struct vdp_text *text,
                         void *user_data);
void streamer_input_set_size(struct streamer_stream *stream, const struct vdp_set_size *size,
                             void *user_data);
void streamer_input_monitors(struct streamer_stream *stream, const struct vdp_monitors *monitors,
                             void *user_data);
uint8_t streamer_input_most_monitors(void *user_data);

#endif
