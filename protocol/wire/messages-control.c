/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include <string.h>

#include "protocol/wire/body.h"

enum tlv {
    TLV_TILES_ZSTD = 1,
    TLV_JPEG = 3,
    TLV_VIDEO = 4,
    TLV_PRESENT = 8,
    TLV_FRAGMENTS = 11,
    TLV_HAVE = 12,
    TLV_MONITORS = 13,
    TLV_MUST_UNDERSTAND = 0x8000,
    TLV_GREASE = 0x0a0a, /* with any bits 12 to 14; see put_grease() */
};

/* Video codecs as bytes of TLV_VIDEO: enum vdp_video_codec. */
static const struct {
    uint8_t codec;
    uint64_t capability;
} video_codecs[] = {{1, VDP_CAP_H264}, {2, VDP_CAP_VP8}};

#define VIDEO_CODECS      (sizeof(video_codecs) / sizeof(video_codecs[0]))
#define HELLO_FIXED_SIZE  16u
#define MIN_WINDOW_LOG    10u /* what zstd knows at all */
#define MAX_WINDOW_LOG    31u
#define NEEDED_WINDOW_LOG 23u /* what the encoder uses: VDP_CODEC_WINDOW_LOG */

static bool
is_token(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
               VDP_TOKEN_SIZE &&
           text[VDP_TOKEN_SIZE] == '\0';
}

static int
put_token(struct vdp_buffer *out, uint16_t type, const struct vdp_token *message)
{
    if (memchr(message->text, '\0', sizeof(message->text)) == NULL || !is_token(message->text)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, type, VDP_TOKEN_SIZE);
    vdp_buffer_put(out, message->text, VDP_TOKEN_SIZE);
    return out->error;
}

static int
get_token(const struct vdp_record *record, struct vdp_token *ret_message)
{
    struct vdp_token token = {{0}};
    struct vdp_reader reader;
    const uint8_t *text;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    text = vdp_reader_bytes(&reader, VDP_TOKEN_SIZE);
    error = vdp_reader_end(&reader);
    if (error != 0) {
        return error;
    }
    memcpy(token.text, text, VDP_TOKEN_SIZE);
    if (!is_token(token.text)) {
        return VDP_ERR_RANGE;
    }
    *ret_message = token;
    return 0;
}

int
vdp_put_ticket(struct vdp_buffer *out, const struct vdp_token *message)
{
    return put_token(out, VDP_TICKET, message);
}

int
vdp_get_ticket(const struct vdp_record *record, struct vdp_token *ret_message)
{
    return get_token(record, ret_message);
}

int
vdp_put_uplink(struct vdp_buffer *out, const struct vdp_token *message)
{
    return put_token(out, VDP_UPLINK, message);
}

int
vdp_get_uplink(const struct vdp_record *record, struct vdp_token *ret_message)
{
    return get_token(record, ret_message);
}

/*
 * An id that means nothing and must be ignored, a different one on most connections. It keeps
 * every implementation honest about ids that it does not know (RFC 8701 does this for TLS).
 */
static void
put_grease(struct vdp_buffer *tlvs, uint64_t nonce)
{
    vdp_buffer_put_u16(tlvs, (uint16_t)(TLV_GREASE | (nonce & 7) << 12));
    vdp_buffer_put_u16(tlvs, 2);
    vdp_buffer_put_u16(tlvs, (uint16_t)(nonce >> 8));
}

static void
put_video(struct vdp_buffer *tlvs, uint64_t capabilities)
{
    uint16_t count = 0;
    size_t i;

    for (i = 0; i < VIDEO_CODECS; i++) {
        count += (capabilities & video_codecs[i].capability) != 0;
    }
    if (count == 0) {
        return;
    }
    vdp_buffer_put_u16(tlvs, TLV_VIDEO);
    vdp_buffer_put_u16(tlvs, count);
    for (i = 0; i < VIDEO_CODECS; i++) {
        if ((capabilities & video_codecs[i].capability) != 0) {
            vdp_buffer_put_u8(tlvs, video_codecs[i].codec);
        }
    }
}

int
vdp_put_hello(struct vdp_buffer *out, const struct vdp_hello *message)
{
    struct vdp_buffer tlvs = {0};

    if (message->version_min == 0 || message->version_min > message->version_max ||
        message->monitors > VDP_MAX_MONITORS) {
        return VDP_ERR_RANGE;
    }
    if ((message->capabilities & VDP_CAP_TILES_ZSTD) != 0) {
        vdp_buffer_put_u16(&tlvs, TLV_TILES_ZSTD);
        vdp_buffer_put_u16(&tlvs, 1);
        vdp_buffer_put_u8(&tlvs, NEEDED_WINDOW_LOG);
    }
    if ((message->capabilities & VDP_CAP_JPEG) != 0) {
        vdp_buffer_put_u16(&tlvs, TLV_JPEG);
        vdp_buffer_put_u16(&tlvs, 0);
    }
    put_video(&tlvs, message->capabilities);
    if ((message->capabilities & VDP_CAP_PRESENT) != 0) {
        vdp_buffer_put_u16(&tlvs, TLV_PRESENT);
        vdp_buffer_put_u16(&tlvs, 0);
    }
    if ((message->capabilities & VDP_CAP_FRAGMENTS) != 0) {
        vdp_buffer_put_u16(&tlvs, TLV_FRAGMENTS);
        vdp_buffer_put_u16(&tlvs, 0);
    }
    if ((message->capabilities & VDP_CAP_HAVE) != 0) {
        vdp_buffer_put_u16(&tlvs, TLV_HAVE);
        vdp_buffer_put_u16(&tlvs, 0);
    }
    if (message->monitors > 0) {
        vdp_buffer_put_u16(&tlvs, TLV_MONITORS);
        vdp_buffer_put_u16(&tlvs, 1);
        vdp_buffer_put_u8(&tlvs, message->monitors);
    }
    put_grease(&tlvs, message->nonce);
    if (tlvs.error != 0) {
        vdp_buffer_clear(&tlvs);
        return VDP_ERR_NOMEM;
    }
    vdp_body_begin(out, VDP_HELLO, HELLO_FIXED_SIZE + tlvs.size);
    vdp_buffer_put_u32(out, VDP_MAGIC);
    vdp_buffer_put_u16(out, message->version_min);
    vdp_buffer_put_u16(out, message->version_max);
    vdp_buffer_put_u64(out, message->nonce);
    vdp_buffer_put(out, tlvs.data, tlvs.size);
    vdp_buffer_clear(&tlvs);
    return out->error;
}

static uint64_t
read_video(const uint8_t *codecs, uint16_t count)
{
    uint64_t capabilities = 0;
    uint16_t i;
    size_t j;

    for (i = 0; i < count; i++) {
        for (j = 0; j < VIDEO_CODECS; j++) {
            capabilities |= codecs[i] == video_codecs[j].codec ? video_codecs[j].capability : 0;
        }
    }
    return capabilities;
}

/* None said is one, and more than this version knows of is as many as it knows. */
static int
read_monitors(const uint8_t *bytes, uint16_t size, uint8_t *ret_monitors)
{
    if (size > 1 || (size == 1 && bytes[0] == 0)) {
        return VDP_ERR_RANGE;
    }
    *ret_monitors = size == 0                     ? 1
                    : bytes[0] > VDP_MAX_MONITORS ? (uint8_t)VDP_MAX_MONITORS
                                                  : bytes[0];
    return 0;
}

static int
read_tlv(struct vdp_reader *reader, struct vdp_hello *hello)
{
    uint16_t id = vdp_reader_u16(reader);
    uint16_t size = vdp_reader_u16(reader);
    const uint8_t *bytes = vdp_reader_bytes(reader, size);

    if (bytes == NULL) {
        return reader->error;
    }
    switch (id & ~TLV_MUST_UNDERSTAND) {
    case TLV_TILES_ZSTD:
        if (size != 1 || bytes[0] < MIN_WINDOW_LOG || bytes[0] > MAX_WINDOW_LOG) {
            return VDP_ERR_RANGE;
        }
        /* A peer with a smaller window cannot follow our stream. */
        if (bytes[0] >= NEEDED_WINDOW_LOG) {
            hello->capabilities |= VDP_CAP_TILES_ZSTD;
        }
        return 0;
    case TLV_JPEG:
        hello->capabilities |= VDP_CAP_JPEG;
        return size == 0 ? 0 : VDP_ERR_RANGE;
    case TLV_VIDEO:
        hello->capabilities |= read_video(bytes, size);
        return 0;
    case TLV_PRESENT:
        hello->capabilities |= VDP_CAP_PRESENT;
        return size == 0 ? 0 : VDP_ERR_RANGE;
    case TLV_FRAGMENTS:
        hello->capabilities |= VDP_CAP_FRAGMENTS;
        return size == 0 ? 0 : VDP_ERR_RANGE;
    case TLV_HAVE:
        hello->capabilities |= VDP_CAP_HAVE;
        return size == 0 ? 0 : VDP_ERR_RANGE;
    case TLV_MONITORS:
        hello->capabilities |= VDP_CAP_LAYOUT;
        return read_monitors(bytes, size, &hello->monitors);
    default:
        return (id & TLV_MUST_UNDERSTAND) != 0 ? VDP_ERR_CRITICAL : 0;
    }
}

int
vdp_get_hello(const struct vdp_record *record, struct vdp_hello *ret_message)
{
    struct vdp_hello hello = {0};
    struct vdp_reader reader;
    uint32_t magic;

    vdp_reader_init(&reader, record->body, record->size);
    magic = vdp_reader_u32(&reader);
    hello.version_min = vdp_reader_u16(&reader);
    hello.version_max = vdp_reader_u16(&reader);
    hello.nonce = vdp_reader_u64(&reader);
    if (reader.error != 0) {
        return reader.error;
    }
    if (magic != VDP_MAGIC || hello.version_min == 0 || hello.version_min > hello.version_max) {
        return VDP_ERR_RANGE;
    }
    while (reader.left > 0) {
        int error = read_tlv(&reader, &hello);

        if (error != 0) {
            return error;
        }
    }
    *ret_message = hello;
    return 0;
}

int
vdp_hello_version(const struct vdp_hello *peer)
{
    uint16_t version = peer->version_max < VDP_VERSION_MAX ? peer->version_max : VDP_VERSION_MAX;

    return version < peer->version_min || version < VDP_VERSION_MIN ? VDP_ERR_VERSION : version;
}

int
vdp_put_goaway(struct vdp_buffer *out, const struct vdp_goaway *message)
{
    if (message->text_size > VDP_MAX_TEXT) {
        return VDP_ERR_TOO_BIG;
    }
    if (message->reason == 0 || !vdp_body_is_text(message->text, message->text_size)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_GOAWAY, 5 + message->text_size);
    vdp_buffer_put_u8(out, message->reason);
    vdp_buffer_put_u32(out, message->retry_ms);
    vdp_buffer_put(out, message->text, message->text_size);
    return out->error;
}

int
vdp_get_goaway(const struct vdp_record *record, struct vdp_goaway *ret_message)
{
    struct vdp_goaway goaway = {0};
    struct vdp_reader reader;

    vdp_reader_init(&reader, record->body, record->size);
    goaway.reason = vdp_reader_u8(&reader);
    goaway.retry_ms = vdp_reader_u32(&reader);
    if (reader.error != 0) {
        return reader.error;
    }
    goaway.text_size = reader.left;
    goaway.text = (const char *)vdp_reader_bytes(&reader, reader.left);
    if (goaway.text_size > VDP_MAX_TEXT) {
        return VDP_ERR_TOO_BIG;
    }
    if (goaway.reason == 0 || !vdp_body_is_text(goaway.text, goaway.text_size)) {
        return VDP_ERR_RANGE;
    }
    *ret_message = goaway;
    return 0;
}

static int
put_stamp(struct vdp_buffer *out, uint16_t type, const struct vdp_ping *message)
{
    vdp_body_begin(out, type, 8);
    vdp_buffer_put_u64(out, message->stamp);
    return out->error;
}

#define NOTICE_HEAD 5u /* bytes before the text */

static bool
is_valid_notice(const struct vdp_notice *message)
{
    if (message->kind == VDP_NOTICE_END) {
        return message->text_size == 0;
    }
    if (message->kind == VDP_NOTICE_HELD || message->kind == VDP_NOTICE_FREED ||
        message->kind == VDP_NOTICE_NEWER) {
        return message->text_size == 0 && message->seconds == 0;
    }
    return message->kind == VDP_NOTICE_TEXT && message->seconds == 0 && message->text_size > 0 &&
           message->text_size <= VDP_MAX_TEXT &&
           vdp_body_is_text(message->text, message->text_size);
}

int
vdp_put_notice(struct vdp_buffer *out, const struct vdp_notice *message)
{
    if (!is_valid_notice(message)) {
        return VDP_ERR_RANGE;
    }
    vdp_body_begin(out, VDP_NOTICE, NOTICE_HEAD + message->text_size);
    vdp_buffer_put_u8(out, message->kind);
    vdp_buffer_put_u32(out, message->seconds);
    vdp_buffer_put(out, message->text, message->text_size);
    return out->error;
}

int
vdp_get_notice(const struct vdp_record *record, struct vdp_notice *ret_message)
{
    struct vdp_notice notice;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    notice.kind = vdp_reader_u8(&reader);
    notice.seconds = vdp_reader_u32(&reader);
    notice.text_size = record->size > NOTICE_HEAD ? record->size - NOTICE_HEAD : 0;
    notice.text = (const char *)vdp_reader_bytes(&reader, notice.text_size);
    error = vdp_reader_end(&reader);
    if (error == 0 && !is_valid_notice(&notice)) {
        error = VDP_ERR_RANGE;
    }
    if (error == 0) {
        *ret_message = notice;
    }
    return error;
}

int
vdp_put_ping(struct vdp_buffer *out, const struct vdp_ping *message)
{
    return put_stamp(out, VDP_PING, message);
}

int
vdp_put_pong(struct vdp_buffer *out, const struct vdp_ping *message)
{
    return put_stamp(out, VDP_PONG, message);
}

int
vdp_get_ping(const struct vdp_record *record, struct vdp_ping *ret_message)
{
    struct vdp_ping ping;
    struct vdp_reader reader;
    int error;

    vdp_reader_init(&reader, record->body, record->size);
    ping.stamp = vdp_reader_u64(&reader);
    error = vdp_reader_end(&reader);
    if (error == 0) {
        *ret_message = ping;
    }
    return error;
}
