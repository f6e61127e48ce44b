/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_ENCODE_H
#define STREAMER_ENCODE_H

/*
 * encode: one frame at a time, on a worker thread or at once. See pump.h for who owns what when.
 */

#include <stdbool.h>
#include <stdint.h>

#include "hostd/streamer/film.h"
#include "hostd/streamer/quality.h"
#include "hostd/streamer/shadow.h"
#include "protocol/wire/buffer.h"
#include "protocol/wire/messages.h"

struct streamer_encode;

/* What a job is to do and for whom. */
struct streamer_encode_order {
    uint32_t generation;
    uint32_t input_serial;
    bool reset;           /* a key frame */
    size_t refine_budget; /* bytes; 0: a frame of the newest picture, else exact tiles of the old */
    struct streamer_lossy lossy;
    struct streamer_line line;
};

struct streamer_encode_result {
    uint32_t generation; /* of the order */
    int tiles;           /* sent, or a negative enum vdp_error */
    bool key;
    uint16_t width, height;
    struct vdp_layout layout; /* of what was encoded */
    uint32_t input_serial;    /* of the order */
    uint32_t encode_us;       /* time of the codec alone */
    int64_t since_us;         /* oldest damage in this frame; 0 when none */
    uint32_t tiles_compared;
    int64_t refine_us;     /* when something inexact can be mended; 0: all is exact */
    int64_t film_until_us; /* when the film ends if nothing moves any more; 0: there is none */
    struct vdp_buffer ops; /* the callee clears it */
};

typedef void (*streamer_encoded_fn)(struct streamer_encode_result *result, void *user_data);

/* encoded is called in the thread-default main context of the caller. NULL when memory is short. */
struct streamer_encode *streamer_encode_new(streamer_encoded_fn encoded, void *user_data);
/* Waits for a running job; encoded is not called any more. Accepts NULL. */
void streamer_encode_free(struct streamer_encode *encode);

bool streamer_encode_is_busy(const struct streamer_encode *encode);
/* Starts a job; never while one runs. */
void streamer_encode_start(struct streamer_encode *encode, struct streamer_shadow *shadow,
                           const struct streamer_encode_order *order);
/* For the next job that makes a key frame: what its client shows already; NULL for nothing. */
void streamer_encode_peer_has(struct streamer_encode *encode, const struct vdp_have *have);
/*
 * The same, no key frame, in the caller's thread, and encoded is not called: for little damage,
 * where waking a thread takes longer than encoding. The caller clears ret_result->ops.
 */
void streamer_encode_now(struct streamer_encode *encode, struct streamer_shadow *shadow,
                         const struct streamer_encode_order *order,
                         struct streamer_encode_result *ret_result);

#endif
