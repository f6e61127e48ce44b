/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_CODEC_H
#define VDP_CODEC_H

/*
 * codec: a picture into the operations of a FRAME record, and back. docs/PROTOCOL.md, "Operations".
 *
 * 64x64 tiles are compared exactly with the last frame that was sent. A changed tile that the peer
 * saw before is named by its slot in a cache that both ends keep in step (cache.h); others travel
 * as BGR24, or predicted where they are smooth (predict.h), through one zstd stream (level 1, 8 MiB
 * window) that lives as long as the connection and is flushed per frame. What moved is copied
 * (copy.h). Lossless unless asked otherwise. No I/O, no log,
 * no loop; one thread at a time per object. The decoder compiles for wasm32 from the same files.
 *
 * Pixels are 32 bit, bytes B G R X in memory; X is ignored on input and 255 on output.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/wire/buffer.h"
#include "protocol/wire/error.h"

#define VDP_TILE             64u
#define VDP_CODEC_WINDOW_LOG 23 /* 8 MiB */

struct vdp_rect {
    uint16_t x, y, width, height;
};

struct vdp_image {
    const uint8_t *pixels; /* borrowed */
    size_t stride;         /* bytes from row to row */
    uint16_t width, height;
};

struct vdp_encode_stats {
    uint32_t tiles_compared;
    uint32_t tiles_sent;   /* pixels or hits */
    uint32_t tiles_copied; /* were right after COPY: nothing else was sent for them */
    uint32_t tiles_hit;    /* of these, the peer had them in its cache */
    uint32_t tiles_lossy;  /* of these, JPEG: vdp_encoder_refine() brings their exact pixels */
    uint32_t tiles_video;  /* were right as far as the video codec goes (video.h) */
    bool has_digest;
    uint32_t tiles_left; /* did not fit this frame's limit: the next frame takes them unasked */
};

struct vdp_encoder;

/* NULL when memory is short. Starts without a surface. */
struct vdp_encoder *vdp_encoder_new(void);
void vdp_encoder_free(struct vdp_encoder *encoder); /* accepts NULL */

/* New surface size; the next frame is a key frame. VDP_ERR_RANGE beyond the limits of messages.h.
 */
int vdp_encoder_resize(struct vdp_encoder *encoder, uint16_t width, uint16_t height);

/* Forgets all that the peer knows: the next frame is a key frame with a fresh zstd stream. */
void vdp_encoder_reset(struct vdp_encoder *encoder);

/*
 * The peer says that it still shows a picture of the surface's size: digests has count * 4 bytes as
 * vdp_decoder_digests() wrote them. The next frame, which must be a key frame, leaves out the tiles
 * that are so already. A list of another length, or memory that is short, is as good as none; so is
 * any list for a strict encoder. Ask for a digest too: it tells what 32 bits a tile overlooked.
 */
void vdp_encoder_peer_has(struct vdp_encoder *encoder, const uint8_t *digests, uint32_t count);

/*
 * Strict: no frame's size tells anything about earlier frames: zstd and the cache start anew with
 * each, nothing is copied, and operations are padded to a multiple of 256 bytes. For desktops on
 * which a stranger's page may stand beside a secret.
 */
void vdp_encoder_set_strict(struct vdp_encoder *encoder, bool strict);

/*
 * quality 1 to 100: photographic tiles that changed may be sent as JPEG, all of them or, restless,
 * those alone that were drawn three times within a second; 0, as it starts: never.
 * Legible text, on whatever ground, and flat surfaces are exact at all times outside films, and
 * what is exact stays so until it changes. Ask vdp_encoder_refine() for exact pixels whenever the
 * line is idle. A strict encoder sends no JPEG.
 */
void vdp_encoder_set_lossy(struct vdp_encoder *encoder, unsigned quality, bool restless);
/* The time, for what follows: milliseconds of any clock that runs on. It may wrap. */
void vdp_encoder_set_time(struct vdp_encoder *encoder, uint32_t now_ms);
/* How many tiles the peer shows inexactly. */
uint32_t vdp_encoder_lossy_tiles(const struct vdp_encoder *encoder);
/*
 * Appends the operations of a frame, never a key frame, that makes inexact tiles exact, oldest
 * first, in about budget bytes but one tile at least. Tiles that changed within the last quiet_ms
 * are left alone: they may do so again; so is what a video shows as long as it is there. Returns
 * how many tiles, 0 when there is nothing to do (or the next frame is a key frame anyway), or
 * VDP_ERR_NOMEM. *ret_digest says whether a digest that was asked for is among the operations.
 */
int vdp_encoder_refine(struct vdp_encoder *encoder, size_t budget, uint32_t quiet_ms,
                       struct vdp_buffer *out, bool *ret_digest);
/* Whether refining is of use at all, and then in how many milliseconds it begins to be. */
bool vdp_encoder_refine_wait(const struct vdp_encoder *encoder, uint32_t quiet_ms,
                             uint32_t *ret_wait_ms);

/*
 * The next frame that changes anything and after which the peer shows exactly the picture carries a
 * digest of it. Costs 12 bytes and a walk over the picture.
 */
void vdp_encoder_ask_digest(struct vdp_encoder *encoder);

/*
 * Appends the operations that bring the peer to image, looking only at tiles that damage touches
 * (damage NULL means everything; a key frame always looks at everything). Returns the number of
 * tiles sent, so 0 means the picture is unchanged and out is as it was, or VDP_ERR_NOMEM /
 * VDP_ERR_RANGE (image is not of the surface's size). *ret_key says whether this must be flagged
 * VDP_FRAME_KEY.
 */
int vdp_encoder_frame(struct vdp_encoder *encoder, const struct vdp_image *image,
                      const struct vdp_rect *damage, size_t damage_count, struct vdp_buffer *out,
                      bool *ret_key, struct vdp_encode_stats *ret_stats);

struct vdp_decoder;

struct vdp_decoder *vdp_decoder_new(void);
void vdp_decoder_free(struct vdp_decoder *decoder); /* accepts NULL */

/* New surface; pixels keep the old picture where both overlap, the rest is black. */
int vdp_decoder_resize(struct vdp_decoder *decoder, uint16_t width, uint16_t height);

/*
 * Applies the operations of one FRAME. key is VDP_FRAME_KEY of its flags; the first frame after
 * resize must be one. Returns 0 and sets
 * *ret_dirty to the bounding box of what changed (zero-sized when nothing did), or an error after
 * which only a key frame (or free) makes sense. Output is bounded by the surface before anything is
 * decompressed.
 */
int vdp_decoder_frame(struct vdp_decoder *decoder, const uint8_t *ops, size_t size, bool key,
                      struct vdp_rect *ret_dirty);

/*
 * Digests of the tiles of the picture as it is shown, 4 bytes each, little endian, for
 * vdp_encoder_peer_has() at the other end. Returns how many there are; writes nothing when room (in
 * digests) is less.
 */
uint32_t vdp_decoder_digests(const struct vdp_decoder *decoder, uint8_t *ret_digests,
                             uint32_t room);

/* What the digest of the last frame said. Wrong: both ends differ; ask for a key frame. */
enum vdp_verdict { VDP_VERDICT_NONE, VDP_VERDICT_RIGHT, VDP_VERDICT_WRONG };
enum vdp_verdict vdp_decoder_verdict(const struct vdp_decoder *decoder);

/* Writes to the picture what was decoded elsewhere: B G R X without gaps. rect lies inside. */
void vdp_decoder_place(struct vdp_decoder *decoder, const struct vdp_rect *rect,
                       const uint8_t *bgrx);

/* The dirty tiles of the last frame: *ret_count indices ty * tiles_across + tx, borrowed. */
const uint32_t *vdp_decoder_dirty_tiles(const struct vdp_decoder *decoder, size_t *ret_count);

/* The picture; pixels stay valid until the next resize or free. */
struct vdp_image vdp_decoder_image(const struct vdp_decoder *decoder);

#endif
