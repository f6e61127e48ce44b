/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_ENCODE_H
#define STREAMER_ENCODE_H

/*
 * encode: one frame at a time, on a worker thread or at once. See pump.h for who owns what when.
 */

#include <stdbool.h>
#include <stdint.h>

#include "hostd/streamer/film.h"
#include "hostd/streamer/shadow.h"
#include "protocol/wire/buffer.h"
#include "protocol/wire/messages.h"

struct streamer_encode;

struct streamer_encode_result {
    uint32_t generation; /* as given to start */
    int tiles;           /* sent, or a negative enum vdp_error */
    bool key;
    uint16_t width, height;
    uint32_t input_serial; /* as given to start */
    uint32_t encode_us;    /* time of the codec alone */
    int64_t since_us;      /* oldest damage in this frame; 0 when none */
    uint32_t tiles_compared;
    uint32_t lossy;        /* tiles that the client does not show exactly */
    int64_t film_until_us; /* when the film ends if nothing moves any more; 0: there is none */
    struct vdp_buffer ops; /* the callee clears it */
};

typedef void (*streamer_encoded_fn)(struct streamer_encode_result *result, void *user_data);

/* encoded is called in the thread-default main context of the caller. NULL when memory is short. */
struct streamer_encode *streamer_encode_new(streamer_encoded_fn encoded, void *user_data);
/* Waits for a running job; encoded is not called any more. Accepts NULL. */
void streamer_encode_free(struct streamer_encode *encode);

bool streamer_encode_is_busy(const struct streamer_encode *encode);
/* Starts a job; never while one runs. reset makes it a key frame. */
void streamer_encode_start(struct streamer_encode *encode, struct streamer_shadow *shadow,
                           bool reset, uint32_t generation, uint32_t input_serial);
/* For the next jobs. */
void streamer_encode_set_line(struct streamer_encode *encode, const struct streamer_line *line);
/* Starts a job that makes what was shown inexactly exact, in about budget bytes. */
void streamer_encode_refine(struct streamer_encode *encode, struct streamer_shadow *shadow,
                            size_t budget, uint32_t generation, uint32_t input_serial);
/* For the next job that makes a key frame: what its client shows already; NULL for nothing. */
void streamer_encode_peer_has(struct streamer_encode *encode, const struct vdp_have *have);
/*
 * The same, no key frame, in the caller's thread, and encoded is not called: for little damage,
 * where waking a thread takes longer than encoding. The caller clears ret_result->ops.
 */
void streamer_encode_now(struct streamer_encode *encode, struct streamer_shadow *shadow,
                         uint32_t generation, uint32_t input_serial,
                         struct streamer_encode_result *ret_result);

#endif
