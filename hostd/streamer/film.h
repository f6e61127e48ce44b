/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_FILM_H
#define STREAMER_FILM_H

/*
 * film: the one film that goes through a video codec, from its region (region.h) to its encoder.
 * Belongs to the thread that encodes.
 *
 * The codecs are loaded when the first film runs for a client that decodes one, and encoders are
 * made, on a thread of their own; until then the film goes picture by picture. Whatever fails is
 * said once in the log, and pictures go on without it.
 */

#include "hostd/streamer/region.h"
#include "protocol/video/video.h"

/* What is known of the line and of whoever is at its other end. */
struct streamer_line {
    vdp_video_codecs codecs; /* that the client decodes */
    uint64_t rate;           /* bytes per second; 0: not known */
};

struct streamer_film;

/* encoder is borrowed. Never NULL. */
struct streamer_film *streamer_film_new(struct vdp_encoder *encoder);
void streamer_film_free(struct streamer_film *film); /* accepts NULL; before the encoder */
/* The encoder has another surface. */
void streamer_film_resize(struct streamer_film *film, uint16_t width, uint16_t height);
/* Before a frame is encoded: begins, moves or ends the encoder's video region. */
void streamer_film_before(struct streamer_film *film, const struct vdp_image *image,
                          const struct streamer_line *line, int64_t now_us);
/* After it; ticks as of streamer_picture. */
void streamer_film_after(struct streamer_film *film, const struct vdp_image *image,
                         const uint8_t *ticks, int64_t now_us);
/* Without a frame: ends a film that stands still. */
void streamer_film_check(struct streamer_film *film, int64_t now_us);
/* When the film ends if nothing moves any more; 0: there is none. */
int64_t streamer_film_until_us(const struct streamer_film *film);

/*
 * Whether a codec is worth it for a film of that size on a line of that rate (bytes per second, 0
 * not known). H.264 costs no more than JPEG; VP8 does, so it is for lines that JPEG would fill.
 */
bool streamer_film_is_worth(enum vdp_video_codec codec, uint32_t pixels, unsigned fps,
                            uint64_t rate);
/* Bytes that a picture of a film may have, so that it leaves room for the rest. */
uint32_t streamer_film_budget(unsigned fps, uint64_t rate);

#endif
