/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_PUMP_H
#define STREAMER_PUMP_H

/*
 * pump: the sender. Takes what changed from the capture, has it encoded, sends it when the client
 * can take it.
 *
 * Threads: everything here belongs to the thread that called streamer_pump_new() and its
 * thread-default main context; that thread also parses input and hands it to the capture, and never
 * encodes. Encoding runs on one worker thread, one frame at a time: while a job runs the encoder
 * and the picture are the worker's, and the main thread leaves them alone; the job takes its pixels
 * from the shadow (shadow.h), which has its own lock. So input never waits for the encoder, and at
 * most one encoded frame waits for the line. It waits here, in the pump: the line is given
 * fragments as the window (congestion.h) opens, so that what is urgent finds the line's queue
 * short.
 *
 * There is one pump and one encoder for the life of the process; a new connection starts with
 * SURFACE and a key frame.
 */

#include <gio/gio.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hostd/streamer/capture.h"
#include "protocol/codec/mix.h"
#include "protocol/wire/messages.h"

struct streamer_pump;

/* Where records go. */
struct streamer_sink {
    void (*send)(GBytes *bytes, uint8_t channel, void *user_data); /* bytes stay the caller's */
    size_t (*unsent)(void *user_data);                             /* bytes not on the line yet */
    /* Asks the client to bring number back to streamer_pump_fence(), behind what went to channel.
     */
    void (*fence)(uint32_t number, uint8_t channel, void *user_data);
};

struct streamer_stats {
    uint64_t frames, bytes, tiles_sent, tiles_compared; /* since the process started */
    uint32_t encode_p50_us;                             /* of the last 128 frames */
    uint32_t rtt_us;                                    /* of this connection; 0: not known */
    uint32_t unacked;
    uint32_t rate;    /* bytes per second that the line was seen to carry; 0: not known */
    uint32_t host_us; /* of the last frame, from damage to encoded */
    uint32_t idle_s;  /* since the user last touched anything */
    uint32_t decode_us, present_us; /* of the last one that was acknowledged, at the client */
    struct vdp_mix mix;             /* what the frames' bytes were spent on */
};

struct streamer_pump *streamer_pump_new(void);
void streamer_pump_free(struct streamer_pump *pump); /* accepts NULL; waits for a running job */

/* capture is borrowed until the next call; NULL for none. */
void streamer_pump_set_capture(struct streamer_pump *pump, struct capture *capture);
/*
 * A client is there: everything starts anew. sink is borrowed until detach. capabilities: its, enum
 * vdp_capability. One that says HAVE is waited for before the first frame.
 */
void streamer_pump_attach(struct streamer_pump *pump, const struct streamer_sink *sink,
                          uint64_t capabilities, void *user_data);
void streamer_pump_detach(struct streamer_pump *pump);

void streamer_pump_changed(struct streamer_pump *pump); /* the capture has something new */
void streamer_pump_input(struct streamer_pump *pump);   /* a key, a button or the wheel */
void streamer_pump_drained(struct streamer_pump *pump); /* the line took all */
int streamer_pump_ack(struct streamer_pump *pump, const struct vdp_ack *ack); /* or VDP_ERR_RANGE */
void streamer_pump_fence(struct streamer_pump *pump, uint32_t number);
/* The client lost track: a key frame, at most four a second. */
void streamer_pump_refresh(struct streamer_pump *pump);
/* What the client shows from an earlier connection; too late, it is left alone. */
void streamer_pump_have(struct streamer_pump *pump, const struct vdp_have *have);

/* The user moved the pointer: nothing to hurry for, but she is there. */
void streamer_pump_touched(struct streamer_pump *pump);
void streamer_pump_stats(struct streamer_pump *pump, struct streamer_stats *ret_stats);

#endif
