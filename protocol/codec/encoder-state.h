/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_ENCODER_STATE_H
#define VDP_ENCODER_STATE_H

/* encoder-state: what the files of the encoder share. Not used outside protocol/codec. */

#include <zstd.h>

#include "protocol/codec/activity.h"
#include "protocol/codec/cache.h"
#include "protocol/codec/codec.h"
#include "protocol/codec/copy.h"
#include "protocol/codec/jpeg.h"
#include "protocol/codec/tiles.h"
#include "protocol/codec/video.h"

/*
 * Bytes of one frame after which no further operation is begun: with one more batch of noise it
 * still fits a FRAME record. What is left goes with the next frame.
 */
#define VDP_MAX_FRAME (48u * 1024u * 1024u)

/* A part of a tile, in its own pixels. */
struct vdp_patch {
    uint8_t x, y, width, height;
};

struct vdp_encoder {
    ZSTD_CCtx *stream; /* owned; one compressed stream from RESET to RESET */
    struct vdp_grid grid;
    uint8_t *shadow;           /* owned; what the peer shows, B G R 255 without gaps between rows */
    uint8_t *known;            /* owned; per tile: 1 when the peer has it as in shadow */
    uint8_t *wanted;           /* owned; per tile: 1 when this frame must look at it */
    uint16_t *changed;         /* owned; tiles to be sent, rising */
    uint64_t *hashes;          /* owned; of the tiles in changed */
    uint8_t *smooth;           /* owned; per tile: 1 when it was last sent predicted */
    struct vdp_patch *patches; /* owned; per tile: the part that changed; height 0: all of it */
    bool needs_key;
    bool digest_asked;
    bool strict;
    unsigned quality; /* of JPEG; 0: everything is exact at once */
    bool restless;    /* ... of tiles alone that change again and again */
    uint32_t now_ms;
    struct vdp_activity *activity; /* owned; per tile */
    struct vdp_jpeg_writer *jpeg;  /* owned; NULL until one is needed */
    uint8_t *photo;                /* owned; per tile: scratch of the search for photographs */
    uint32_t *lossy;        /* owned; per tile: when it was last sent inexactly, 0: it is exact */
    uint32_t *lossy_before; /* owned; scratch */
    uint32_t lossy_clock;
    uint8_t *peer_has; /* owned; 4 bytes a tile, for the next key frame; NULL: nothing known */
    uint8_t *differed; /* owned; per tile: 1 when the last frame found it changed */
    struct vdp_video_source video; /* encode NULL: none */
    bool video_open;               /* the peer has that region */
    bool video_key;                /* the next access unit must stand alone */
    uint64_t seed;                 /* of the hashes; nobody else knows it */
    struct vdp_sent sent;          /* what the peer's cache holds */
    struct vdp_copy_finder finder;
    uint8_t tile[VDP_TILE * VDP_TILE * 4]; /* one tile without gaps */
    uint8_t staging[VDP_TILE_SIZE];        /* one tile as it goes into zstd */
};

/* Adds a digest when one was asked for and the peer shows exactly the shadow. */
bool vdp_encoder_put_digest(struct vdp_encoder *encoder, struct vdp_buffer *out);
/*
 * Sends the photographic ones of the first count tiles of encoder->changed as JPEG. Returns how
 * many others are left there, or an enum vdp_error.
 */
int vdp_encoder_put_lossy(struct vdp_encoder *encoder, const struct vdp_image *image,
                          uint32_t count, struct vdp_buffer *out);
/*
 * For the first count tiles of encoder->changed, which are not in the shadow yet: finds out which
 * are better sent as patches of what the peer shows.
 */
void vdp_encoder_find_patches(struct vdp_encoder *encoder, const struct vdp_image *image,
                              uint32_t count);
/* Marks as lossy what a copy brings from lossy places. */
void vdp_encoder_carry_lossy(struct vdp_encoder *encoder, const struct vdp_copy *copy);

/*
 * Sends the video region when one of the first count tiles of encoder->changed, which are those in
 * wanted, lies in it. Afterwards changed holds what is left or must go on top of it. Returns how
 * many these are, or an enum vdp_error; *ret_brought: tiles that need nothing else.
 */
int vdp_encoder_put_video(struct vdp_encoder *encoder, const struct vdp_image *image,
                          uint32_t count, struct vdp_buffer *out, uint32_t *ret_brought);
/* Ends a region that has no source any more. */
int vdp_encoder_end_video(struct vdp_encoder *encoder, struct vdp_buffer *out);
/* Takes the region's tiles out of wanted, as nothing to look for copies for. Returns how many. */
uint32_t vdp_encoder_hide_video(struct vdp_encoder *encoder, uint32_t changed);
bool vdp_encoder_in_video(const struct vdp_encoder *encoder, uint32_t tile);

/* Begins an operation; its size is filled in by vdp_op_end(). Returns where it starts. */
size_t vdp_op_begin(struct vdp_buffer *out, enum vdp_op kind);
int vdp_op_end(struct vdp_buffer *out, size_t start);

/*
 * Sends the first count tiles of encoder->changed, which are brought into the shadow on the way,
 * until the frame that started at start is full. Returns how many are left (now the first of
 * changed), or an enum vdp_error. Adds to *ret_hits what came from the cache.
 */
int vdp_encoder_put_tiles(struct vdp_encoder *encoder, const struct vdp_image *image,
                          uint32_t count, struct vdp_buffer *out, size_t start, uint32_t *ret_hits);

#endif
