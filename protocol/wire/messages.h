/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VDP_MESSAGES_H
#define VDP_MESSAGES_H

/*
 * messages: one struct, one encoder and one decoder per record type of VDP.
 *
 * The fields stand in the order of their structs, little endian, without padding. Decoders accept
 * exactly the documented bytes: one short is VDP_ERR_TRUNCATED, one more VDP_ERR_TRAILING (HELLO
 * may end with TLVs, GOAWAY with text, FRAME with operations); a field outside its range is
 * VDP_ERR_RANGE. Encoders write header and body into a growing buffer and return 0 or
 * VDP_ERR_NOMEM; what a decoder would refuse they refuse too (VDP_ERR_RANGE, VDP_ERR_TOO_BIG) and
 * write nothing. Decoded pointers borrow from the body; GOAWAY's text is UTF-8 without control
 * characters and not terminated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/wire/buffer.h"
#include "protocol/wire/record.h"

#define VDP_MAGIC        0x31504456u /* "VDP1" */
#define VDP_VERSION_MIN  1u
#define VDP_VERSION_MAX  1u
#define VDP_MAX_SIDE     16384u /* pixels; a surface's width or height */
#define VDP_MAX_PIXELS   (8192u * 4320u)
#define VDP_MAX_CURSOR   256u  /* pixels; a cursor's width or height */
#define VDP_MAX_TEXT     512u  /* bytes of UTF-8 in GOAWAY and NOTICE */
#define VDP_MAX_TYPED    1024u /* bytes of UTF-8 in TEXT */
#define VDP_MAX_MOTION   4096  /* pixels in one MOTION, each way */
#define VDP_TOKEN_SIZE   43u   /* base64url characters of a 256 bit token */
#define VDP_MAX_KEY      767u  /* KEY_MAX of Linux evdev */
#define VDP_MAX_BUTTON   5u
#define VDP_MIN_SCALE    30u /* SET_SIZE, in 1/120: a quarter */
#define VDP_MAX_SCALE    1200u
#define VDP_MAX_HAVE     10240u /* digests in HAVE; more than any surface has tiles */
#define VDP_MAX_MONITORS 4u     /* in MONITORS and LAYOUT */

enum vdp_type {
#define VDP_MESSAGE(NAME, name, number, direction, state, channel, max_body) VDP_##NAME = number,
#include "protocol/wire/messages.list.h"
#undef VDP_MESSAGE
};

enum vdp_direction { VDP_FROM_CLIENT, VDP_FROM_HOST, VDP_BOTH, VDP_TO_GATEWAY, VDP_LOCAL };
enum vdp_state { VDP_OPEN, VDP_LIVE, VDP_ANY };

struct vdp_message_info {
    uint16_t type;
    const char *name; /* "key", for logs and documents */
    enum vdp_direction direction;
    enum vdp_state state;
    uint8_t channel;
    uint32_t max_body;
};

/* NULL for an unknown type. */
const struct vdp_message_info *vdp_message_find(uint16_t type);
/* The whole list, *ret_count entries. */
const struct vdp_message_info *vdp_message_list(size_t *ret_count);

/*
 * Says whether an end point in state may take this record from the peer: 0, VDP_ERR_STATE,
 * VDP_ERR_TOO_BIG, or VDP_ERR_CRITICAL for an unknown record that must be understood. An unknown
 * record that may be skipped returns 1.
 */
int vdp_message_permit(const struct vdp_record *record, bool peer_is_host, bool live);

enum vdp_goaway_reason {
    VDP_GOAWAY_ENDED = 1,      /* the session ended; do not come back */
    VDP_GOAWAY_TAKEN_OVER = 2, /* another device shows this session now */
    VDP_GOAWAY_REFUSED = 3,    /* ticket or uplink token not accepted */
    VDP_GOAWAY_RESTART = 4,    /* an end restarts; reconnect after retry_ms */
    VDP_GOAWAY_PROTOCOL = 5,   /* this peer sent nonsense */
    VDP_GOAWAY_TIMEOUT = 6,    /* the other end did not come in time; reconnect */
};

struct vdp_token {
    char text[VDP_TOKEN_SIZE + 1];
}; /* TICKET and UPLINK: exactly 43 characters */
struct vdp_hello {
    uint16_t version_min;
    uint16_t version_max;
    uint64_t nonce;
    uint64_t capabilities; /* known TLVs as bits, enum vdp_capability; unknown ones are ignored */
    uint8_t monitors;      /* TLV 13: what the sender can have; 0 when it does not know of them */
};
enum vdp_capability {
    VDP_CAP_TILES_ZSTD = 1u << 0, /* TLV 1: windowLog u8 */
    VDP_CAP_JPEG = 1u << 2,       /* TLV 3: decodes JPEG operations */
    VDP_CAP_PRESENT = 1u << 1,    /* TLV 8: present times in ACK */
    VDP_CAP_FRAGMENTS = 1u << 7,  /* TLV 11: puts fragments together */
    VDP_CAP_HAVE = 1u << 8,       /* TLV 12: HAVE follows at once */
    VDP_CAP_LAYOUT = 1u << 9,     /* TLV 13 came: takes LAYOUT; written by vdp_hello.monitors */
    VDP_CAP_H264 = 1u << 10,      /* TLV 4: decodes this in VIDEO */
    VDP_CAP_VP8 = 1u << 11,
};
struct vdp_goaway {
    uint8_t reason;
    uint32_t retry_ms;
    const char *text;
    size_t text_size;
};
struct vdp_ping {
    uint64_t stamp;
}; /* PING and PONG; opaque to the peer */
enum vdp_notice_kind {
    VDP_NOTICE_TEXT = 1,  /* an administrator's words */
    VDP_NOTICE_END = 2,   /* the session ends in so many seconds */
    VDP_NOTICE_HELD = 3,  /* the desktop stands still until its host has room on its disk */
    VDP_NOTICE_FREED = 4, /* it goes on */
    VDP_NOTICE_NEWER = 5, /* a newer desktop waits for the next login */
};
struct vdp_notice {
    uint8_t kind;
    uint32_t seconds; /* of END; else 0 */
    const char *text; /* of TEXT, UTF-8 without control characters, not terminated; else empty */
    size_t text_size;
};
struct vdp_key {
    uint32_t serial;
    uint32_t time_us;
    uint16_t code;
    uint8_t down;
}; /* code: Linux evdev KEY_* */
struct vdp_pointer {
    uint32_t serial;
    uint32_t time_us;
    uint16_t x;
    uint16_t y;
}; /* surface pixels */
struct vdp_button {
    uint32_t serial;
    uint32_t time_us;
    uint8_t button;
    uint8_t down;
}; /* 1 left 2 middle 3 right 4 back 5 forward */
struct vdp_wheel {
    uint32_t serial;
    uint32_t time_us;
    int16_t dx;
    int16_t dy;
}; /* 120 a notch, positive right and down */
struct vdp_motion {
    uint32_t serial;
    uint32_t time_us;
    int16_t dx;
    int16_t dy;
}; /* how far the mouse went, positive right and down; at most VDP_MAX_MOTION */
enum vdp_lock { VDP_LOCK_SCROLL = 0x01, VDP_LOCK_NUM = 0x02, VDP_LOCK_CAPS = 0x04 };
struct vdp_locks {
    uint32_t serial;
    uint32_t time_us;
    uint8_t locks; /* enum vdp_lock: what the client's keyboard shows as on */
};
struct vdp_text {
    uint32_t serial;
    uint32_t time_us;
    const char *text; /* UTF-8 without control characters; not terminated */
    size_t size;      /* 1 to VDP_MAX_TYPED */
};
struct vdp_set_size {
    uint16_t width;
    uint16_t height;
    uint16_t scale;
}; /* scale in 1/120 */
/* Of one size and place: pixels of the surface. */
struct vdp_monitor {
    uint16_t x, y, width, height;
    uint16_t scale; /* as in SET_SIZE */
};
/* The first is the primary one. They do not overlap, and the least x and y are 0. */
struct vdp_monitors {
    uint8_t count; /* 1 to VDP_MAX_MONITORS */
    struct vdp_monitor at[VDP_MAX_MONITORS];
};
struct vdp_cursor_shape {
    uint32_t id;
    uint16_t width, height, hot_x, hot_y;
    const uint8_t *rgba; /* width * height * 4 bytes, not premultiplied */
};
struct vdp_cursor_use {
    uint32_t id;
    uint8_t visible;
};
struct vdp_cursor_warp {
    uint16_t x;
    uint16_t y;
};
struct vdp_surface {
    uint16_t id;
    uint16_t width;
    uint16_t height;
};
struct vdp_area {
    uint16_t x, y, width, height;
};
/* What of the surface is which monitor, in the order of MONITORS. Width and height of a dark one
 * are 0, x and y too; the last one is not dark. */
struct vdp_layout {
    uint16_t surface;
    uint8_t count; /* 1 to VDP_MAX_MONITORS */
    struct vdp_area at[VDP_MAX_MONITORS];
};
enum vdp_frame_flag { VDP_FRAME_KEY = 0x01, VDP_FRAME_SETTLED = 0x02 };
struct vdp_frame {
    uint32_t id;           /* counts up by one, per connection */
    uint32_t input_serial; /* of the newest input that QEMU had before this capture */
    uint32_t capture_us;   /* damage to encoded, saturating */
    uint16_t surface;
    uint8_t flags;
    const uint8_t *ops; /* for the codec */
    size_t ops_size;
};
struct vdp_ack {
    uint32_t frame;
    uint16_t decode;
    uint16_t present;
    uint8_t queued;
}; /* times in 1/8 ms, saturating */
struct vdp_have {
    uint16_t width, height; /* of the picture that the client still shows */
    uint32_t count;         /* digests, one a tile */
    const uint8_t *digests; /* count * 4 bytes, little endian; for the codec */
};

/* vdp_put_NAME appends a whole record; vdp_get_NAME decodes a body. */
int vdp_put_ticket(struct vdp_buffer *out, const struct vdp_token *message);
int vdp_get_ticket(const struct vdp_record *record, struct vdp_token *ret_message);
int vdp_put_uplink(struct vdp_buffer *out, const struct vdp_token *message);
int vdp_get_uplink(const struct vdp_record *record, struct vdp_token *ret_message);
int vdp_put_hello(struct vdp_buffer *out, const struct vdp_hello *message);
int vdp_get_hello(const struct vdp_record *record, struct vdp_hello *ret_message);
/* The version both ends speak, or VDP_ERR_VERSION when there is none. */
int vdp_hello_version(const struct vdp_hello *peer);
int vdp_put_goaway(struct vdp_buffer *out, const struct vdp_goaway *message);
int vdp_get_goaway(const struct vdp_record *record, struct vdp_goaway *ret_message);
int vdp_put_notice(struct vdp_buffer *out, const struct vdp_notice *message);
int vdp_get_notice(const struct vdp_record *record, struct vdp_notice *ret_message);
int vdp_put_ping(struct vdp_buffer *out, const struct vdp_ping *message);
int vdp_put_pong(struct vdp_buffer *out, const struct vdp_ping *message);
int vdp_get_ping(const struct vdp_record *record, struct vdp_ping *ret_message); /* PING or PONG */
int vdp_put_key(struct vdp_buffer *out, const struct vdp_key *message);
int vdp_get_key(const struct vdp_record *record, struct vdp_key *ret_message);
int vdp_put_pointer(struct vdp_buffer *out, const struct vdp_pointer *message);
int vdp_get_pointer(const struct vdp_record *record, struct vdp_pointer *ret_message);
int vdp_put_button(struct vdp_buffer *out, const struct vdp_button *message);
int vdp_get_button(const struct vdp_record *record, struct vdp_button *ret_message);
int vdp_put_wheel(struct vdp_buffer *out, const struct vdp_wheel *message);
int vdp_get_wheel(const struct vdp_record *record, struct vdp_wheel *ret_message);
int vdp_put_motion(struct vdp_buffer *out, const struct vdp_motion *message);
int vdp_get_motion(const struct vdp_record *record, struct vdp_motion *ret_message);
int vdp_put_locks(struct vdp_buffer *out, const struct vdp_locks *message);
int vdp_get_locks(const struct vdp_record *record, struct vdp_locks *ret_message);
int vdp_put_text(struct vdp_buffer *out, const struct vdp_text *message);
int vdp_get_text(const struct vdp_record *record, struct vdp_text *ret_message);
int vdp_put_release_all(struct vdp_buffer *out);
int vdp_put_set_size(struct vdp_buffer *out, const struct vdp_set_size *message);
int vdp_get_set_size(const struct vdp_record *record, struct vdp_set_size *ret_message);
int vdp_put_monitors(struct vdp_buffer *out, const struct vdp_monitors *message);
int vdp_get_monitors(const struct vdp_record *record, struct vdp_monitors *ret_message);
int vdp_put_cursor_shape(struct vdp_buffer *out, const struct vdp_cursor_shape *message);
int vdp_get_cursor_shape(const struct vdp_record *record, struct vdp_cursor_shape *ret_message);
int vdp_put_cursor_use(struct vdp_buffer *out, const struct vdp_cursor_use *message);
int vdp_get_cursor_use(const struct vdp_record *record, struct vdp_cursor_use *ret_message);
int vdp_put_cursor_warp(struct vdp_buffer *out, const struct vdp_cursor_warp *message);
int vdp_get_cursor_warp(const struct vdp_record *record, struct vdp_cursor_warp *ret_message);
int vdp_put_surface(struct vdp_buffer *out, const struct vdp_surface *message);
int vdp_get_surface(const struct vdp_record *record, struct vdp_surface *ret_message);
int vdp_put_layout(struct vdp_buffer *out, const struct vdp_layout *message);
int vdp_get_layout(const struct vdp_record *record, struct vdp_layout *ret_message);
int vdp_put_frame(struct vdp_buffer *out, const struct vdp_frame *message);
int vdp_get_frame(const struct vdp_record *record, struct vdp_frame *ret_message);
int vdp_put_ack(struct vdp_buffer *out, const struct vdp_ack *message);
int vdp_get_ack(const struct vdp_record *record, struct vdp_ack *ret_message);
int vdp_put_refresh(struct vdp_buffer *out);
int vdp_put_have(struct vdp_buffer *out, const struct vdp_have *message);
int vdp_get_have(const struct vdp_record *record, struct vdp_have *ret_message);
int vdp_get_empty(const struct vdp_record *record); /* RELEASE_ALL and REFRESH: no body */
int vdp_put_json(struct vdp_buffer *out, const char *text, size_t size);

#endif
