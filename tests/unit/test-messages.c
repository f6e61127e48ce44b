/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include <glib.h>
#include <string.h>

#define TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"

/* A put, and a get followed by another put: what comes back must be the same bytes. */
struct message_case {
    const char *name;
    int (*put)(struct vdp_buffer *out);
    int (*again)(const struct vdp_record *record, struct vdp_buffer *out);
    bool open_ended; /* HELLO, GOAWAY, FRAME: more bytes are not an error of their own */
};

#define MESSAGE(name, type, ...)                                                                   \
    static int put_##name(struct vdp_buffer *out)                                                  \
    {                                                                                              \
        const type message = {__VA_ARGS__};                                                        \
        return vdp_put_##name(out, &message);                                                      \
    }                                                                                              \
    static int again_##name(const struct vdp_record *record, struct vdp_buffer *out)               \
    {                                                                                              \
        type message;                                                                              \
        int error = vdp_get_##name(record, &message);                                              \
        return error != 0 ? error : vdp_put_##name(out, &message);                                 \
    }

static const uint8_t shape_pixels[3 * 2 * 4] = {1, 2, 3, 4, 5};

MESSAGE(ticket, struct vdp_token, .text = TOKEN)
MESSAGE(uplink, struct vdp_token, .text = TOKEN)
MESSAGE(hello, struct vdp_hello, .version_min = 1, .version_max = 3, .nonce = 0x1122334455667788,
        .capabilities = VDP_CAP_TILES_ZSTD | VDP_CAP_JPEG | VDP_CAP_PRESENT | VDP_CAP_H264 |
                        VDP_CAP_VP8,
        .monitors = 3)
MESSAGE(goaway, struct vdp_goaway, .reason = VDP_GOAWAY_RESTART, .retry_ms = 1500, .text = "끝났다",
        .text_size = 9)
MESSAGE(ping, struct vdp_ping, .stamp = UINT64_MAX - 1)
MESSAGE(key, struct vdp_key, .serial = 1, .time_us = 2, .code = 30, .down = 1)
MESSAGE(pointer, struct vdp_pointer, .serial = 1, .time_us = 2, .x = 1919, .y = 1079)
MESSAGE(button, struct vdp_button, .serial = 1, .time_us = 2, .button = 5, .down = 0)
MESSAGE(wheel, struct vdp_wheel, .serial = 1, .time_us = 2, .dx = -120, .dy = INT16_MIN)
MESSAGE(motion, struct vdp_motion, .serial = 1, .time_us = 2, .dx = -VDP_MAX_MOTION,
        .dy = VDP_MAX_MOTION)
MESSAGE(notice, struct vdp_notice, .kind = VDP_NOTICE_TEXT, .text = "안녕", .text_size = 6)
MESSAGE(locks, struct vdp_locks, .serial = 1, .time_us = 2, .locks = VDP_LOCK_CAPS)
MESSAGE(text, struct vdp_text, .serial = 1, .time_us = 2, .text = "한글", .size = 6)
MESSAGE(set_size, struct vdp_set_size, .width = 1920, .height = 1080, .scale = 120)
MESSAGE(monitors, struct vdp_monitors, .count = 2,
        .at = {{1280, 0, 1920, 1080, 120}, {0, 56, 1280, 1024, 240}})
MESSAGE(layout, struct vdp_layout, .surface = 7, .count = 3,
        .at = {{0, 0, 1920, 1080}, {0, 0, 0, 0}, {1920, 0, 800, 600}})
MESSAGE(cursor_shape, struct vdp_cursor_shape, .id = 9, .width = 3, .height = 2, .hot_x = 2,
        .hot_y = 1, .rgba = shape_pixels)
MESSAGE(cursor_use, struct vdp_cursor_use, .id = 9, .visible = 1)
MESSAGE(cursor_warp, struct vdp_cursor_warp, .x = 1, .y = 2)
MESSAGE(surface, struct vdp_surface, .id = 1, .width = 8192, .height = 4320)
MESSAGE(frame, struct vdp_frame, .id = 77, .input_serial = 3, .capture_us = 4, .surface = 1,
        .flags = VDP_FRAME_KEY, .ops = (const uint8_t *)"ops", .ops_size = 3)
MESSAGE(ack, struct vdp_ack, .frame = 77, .decode = 1, .present = 65535, .queued = 2)
MESSAGE(have, struct vdp_have, .width = 65, .height = 64, .count = 2,
        .digests = (const uint8_t *)"digests!")

static const struct message_case cases[] = {
    {"ticket", put_ticket, again_ticket, false},
    {"uplink", put_uplink, again_uplink, false},
    {"hello", put_hello, again_hello, true},
    {"goaway", put_goaway, again_goaway, true},
    {"ping", put_ping, again_ping, false},
    {"key", put_key, again_key, false},
    {"pointer", put_pointer, again_pointer, false},
    {"button", put_button, again_button, false},
    {"wheel", put_wheel, again_wheel, false},
    {"motion", put_motion, again_motion, false},
    {"notice", put_notice, again_notice, true},
    {"locks", put_locks, again_locks, false},
    {"text", put_text, again_text, true},
    {"set_size", put_set_size, again_set_size, false},
    {"monitors", put_monitors, again_monitors, false},
    {"layout", put_layout, again_layout, false},
    {"cursor_shape", put_cursor_shape, again_cursor_shape, false},
    {"cursor_use", put_cursor_use, again_cursor_use, false},
    {"cursor_warp", put_cursor_warp, again_cursor_warp, false},
    {"surface", put_surface, again_surface, false},
    {"frame", put_frame, again_frame, true},
    {"ack", put_ack, again_ack, false},
    {"have", put_have, again_have, true},
};

static struct vdp_record
body_of(const struct vdp_buffer *bytes)
{
    struct vdp_record record = {
        .type = (uint16_t)(bytes->data[0] | bytes->data[1] << 8),
        .channel = bytes->data[2],
        .flags = bytes->data[3],
        .body = bytes->data + VDP_RECORD_HEADER_SIZE,
        .size = bytes->size - VDP_RECORD_HEADER_SIZE,
    };

    return record;
}

static void
test_round_trips_give_the_same_bytes(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct vdp_buffer first = {0};
        struct vdp_buffer second = {0};
        struct vdp_record record;
        const struct vdp_message_info *info;

        g_assert_cmpint(cases[i].put(&first), ==, 0);
        record = body_of(&first);
        info = vdp_message_find(record.type);
        g_assert_nonnull(info);
        g_assert_cmpstr(info->name, ==, cases[i].name);
        g_assert_cmpuint(record.channel, ==, info->channel);
        g_assert_cmpuint(record.size, <=, info->max_body);
        g_assert_cmpuint(record.size, ==,
                         (size_t)first.data[4] | (size_t)first.data[5] << 8 |
                             (size_t)first.data[6] << 16 | (size_t)first.data[7] << 24);
        g_assert_cmpint(cases[i].again(&record, &second), ==, 0);
        g_assert_cmpmem(first.data, first.size, second.data, second.size);
        vdp_buffer_clear(&first);
        vdp_buffer_clear(&second);
    }
}

static void
test_one_byte_short_or_long_is_refused(void)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct vdp_buffer bytes = {0};
        struct vdp_buffer unused = {0};
        struct vdp_record record;

        g_assert_cmpint(cases[i].put(&bytes), ==, 0);
        vdp_buffer_put_u8(&bytes, 0);
        record = body_of(&bytes);
        if (!cases[i].open_ended) {
            g_assert_cmpint(cases[i].again(&record, &unused), ==, VDP_ERR_TRAILING);
            record.size -= 2;
            g_assert_cmpint(cases[i].again(&record, &unused), ==, VDP_ERR_TRUNCATED);
        }
        record.size = 0;
        record.body = NULL;
        g_assert_cmpint(cases[i].again(&record, &unused), ==, VDP_ERR_TRUNCATED);
        vdp_buffer_clear(&bytes);
        vdp_buffer_clear(&unused);
    }
}

static const struct message_case *
find_case(const char *name)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases) && strcmp(cases[i].name, name) != 0; i++) {
    }
    g_assert_cmpuint(i, <, G_N_ELEMENTS(cases));
    return &cases[i];
}

/* Fixed parts of the open-ended ones: every size below is truncated. */
static void
test_fixed_parts_are_whole(void)
{
    static const struct {
        const char *name;
        size_t fixed;
    } parts[] = {{"hello", 16}, {"goaway", 5}, {"frame", 15}};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(parts); i++) {
        const struct message_case *one = find_case(parts[i].name);
        struct vdp_buffer bytes = {0};
        struct vdp_buffer unused = {0};
        struct vdp_record record;

        g_assert_cmpint(one->put(&bytes), ==, 0);
        record = body_of(&bytes);
        for (record.size = 0; record.size < parts[i].fixed; record.size++) {
            g_assert_cmpint(one->again(&record, &unused), ==, VDP_ERR_TRUNCATED);
        }
        g_assert_cmpint(one->again(&record, &unused), ==, 0);
        vdp_buffer_clear(&bytes);
        vdp_buffer_clear(&unused);
    }
}

/* Overwrites size bytes at offset of a valid body and expects that result. */
static void
poke(const char *name, size_t offset, uint64_t value, size_t size, int expected)
{
    struct vdp_buffer bytes = {0};
    struct vdp_buffer unused = {0};
    struct vdp_record record;

    g_assert_cmpint(find_case(name)->put(&bytes), ==, 0);
    while (size-- > 0) {
        bytes.data[VDP_RECORD_HEADER_SIZE + offset++] = (uint8_t)value;
        value >>= 8;
    }
    record = body_of(&bytes);
    g_assert_cmpint(find_case(name)->again(&record, &unused), ==, expected);
    vdp_buffer_clear(&bytes);
    vdp_buffer_clear(&unused);
}

static void
test_have_names_whole_digests_of_a_surface(void)
{
    static const uint8_t bytes[4 * (VDP_MAX_HAVE + 1)] = {1, 0, 1, 0};
    struct vdp_record record = {.type = VDP_HAVE, .body = bytes, .size = 4};
    struct vdp_have have;

    g_assert_cmpint(vdp_get_have(&record, &have), ==, VDP_ERR_RANGE); /* none */
    record.size = 7;
    g_assert_cmpint(vdp_get_have(&record, &have), ==, VDP_ERR_TRAILING);
    record.size = 3;
    g_assert_cmpint(vdp_get_have(&record, &have), ==, VDP_ERR_TRUNCATED);
    record.size = 4 + 4 * VDP_MAX_HAVE;
    g_assert_cmpint(vdp_get_have(&record, &have), ==, 0);
    g_assert_cmpuint(have.count, ==, VDP_MAX_HAVE);
    g_assert_cmpuint(record.size, ==, vdp_message_find(VDP_HAVE)->max_body);
    record.body = bytes + 4; /* 0x0 */
    record.size = 8;
    g_assert_cmpint(vdp_get_have(&record, &have), ==, VDP_ERR_RANGE);
}

static void
test_fields_out_of_range_are_refused(void)
{
    poke("ticket", 0, '+', 1, VDP_ERR_RANGE);
    poke("uplink", 42, 0, 1, VDP_ERR_RANGE);
    poke("hello", 0, 0x32504456, 4, VDP_ERR_RANGE);
    poke("hello", 4, 0, 2, VDP_ERR_RANGE);
    poke("hello", 4, 4, 2, VDP_ERR_RANGE);
    poke("hello", 4, 3, 2, 0);
    poke("goaway", 0, 0, 1, VDP_ERR_RANGE);
    poke("goaway", 5, 0x1b, 1, VDP_ERR_RANGE);
    poke("goaway", 5, 0xff, 1, VDP_ERR_RANGE);
    poke("key", 8, 0, 2, VDP_ERR_RANGE);
    poke("key", 8, VDP_MAX_KEY, 2, 0);
    poke("key", 8, VDP_MAX_KEY + 1, 2, VDP_ERR_RANGE);
    poke("key", 10, 2, 1, VDP_ERR_RANGE);
    poke("pointer", 8, VDP_MAX_SIDE - 1, 2, 0);
    poke("pointer", 8, VDP_MAX_SIDE, 2, VDP_ERR_RANGE);
    poke("pointer", 10, VDP_MAX_SIDE, 2, VDP_ERR_RANGE);
    poke("button", 8, 0, 1, VDP_ERR_RANGE);
    poke("button", 8, VDP_MAX_BUTTON + 1, 1, VDP_ERR_RANGE);
    poke("button", 9, 2, 1, VDP_ERR_RANGE);
    poke("motion", 8, VDP_MAX_MOTION, 2, 0);
    poke("motion", 8, VDP_MAX_MOTION + 1, 2, VDP_ERR_RANGE);
    poke("motion", 10, VDP_MAX_MOTION + 1, 2, VDP_ERR_RANGE);
    poke("motion", 10, (uint16_t)-VDP_MAX_MOTION, 2, 0);
    poke("motion", 10, (uint16_t)(-VDP_MAX_MOTION - 1), 2, VDP_ERR_RANGE);
    poke("motion", 10, (uint16_t)INT16_MIN, 2, VDP_ERR_RANGE);
    poke("locks", 8, 8, 1, VDP_ERR_RANGE);
    poke("text", 8, 0x07, 1, VDP_ERR_RANGE);
    poke("notice", 0, 3, 1, VDP_ERR_RANGE); /* with a text */
    poke("notice", 0, 5, 1, VDP_ERR_RANGE);
    poke("notice", 1, 7, 4, VDP_ERR_RANGE);
    poke("set_size", 0, 0, 2, VDP_ERR_RANGE);
    poke("set_size", 2, 0, 2, VDP_ERR_RANGE);
    poke("set_size", 0, VDP_MAX_SIDE, 2, 0);
    poke("set_size", 0, VDP_MAX_SIDE + 1, 2, VDP_ERR_RANGE);
    poke("set_size", 0, VDP_MAX_SIDE | VDP_MAX_SIDE << 16, 4, VDP_ERR_RANGE);
    poke("set_size", 4, VDP_MIN_SCALE - 1, 2, VDP_ERR_RANGE);
    poke("set_size", 4, VDP_MAX_SCALE + 1, 2, VDP_ERR_RANGE);
    poke("layout", 2, 0, 1, VDP_ERR_TRAILING);
    poke("layout", 2, 5, 1, VDP_ERR_RANGE);
    poke("layout", 3, 1200, 2, VDP_ERR_RANGE); /* the first one over the third */
    poke("layout", 19, 0, 8, VDP_ERR_RANGE);   /* the last one dark */
    poke("cursor_shape", 4, 0, 2, VDP_ERR_RANGE);
    poke("cursor_shape", 6, VDP_MAX_CURSOR + 1, 2, VDP_ERR_RANGE);
    poke("cursor_shape", 6, VDP_MAX_CURSOR, 2, VDP_ERR_TRUNCATED);
    poke("cursor_shape", 8, 3, 2, VDP_ERR_RANGE);
    poke("cursor_shape", 10, 2, 2, VDP_ERR_RANGE);
    poke("cursor_use", 4, 2, 1, VDP_ERR_RANGE);
    poke("cursor_warp", 0, VDP_MAX_SIDE, 2, VDP_ERR_RANGE);
    poke("cursor_warp", 2, VDP_MAX_SIDE, 2, VDP_ERR_RANGE);
    poke("surface", 2, 0, 2, VDP_ERR_RANGE);
    poke("surface", 4, 4321, 2, VDP_ERR_RANGE);
    poke("frame", 14, 0x04, 1, VDP_ERR_RANGE);
    poke("frame", 14, VDP_FRAME_KEY | VDP_FRAME_SETTLED, 1, 0);
}

static void
test_encoders_refuse_what_decoders_would(void)
{
    struct vdp_buffer out = {0};
    const struct vdp_cursor_shape huge = {.width = 512, .height = 512, .rgba = shape_pixels};
    const struct vdp_token bad = {.text = "short"};
    char text[VDP_MAX_TEXT + 1];
    struct vdp_goaway goaway = {.reason = 1, .text = text, .text_size = sizeof(text)};
    const struct vdp_frame frame = {.ops = shape_pixels, .ops_size = 67108864 - 14};

    memset(text, 'x', sizeof(text));
    g_assert_cmpint(vdp_put_cursor_shape(&out, &huge), ==, VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_ticket(&out, &bad), ==, VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_goaway(&out, &goaway), ==, VDP_ERR_TOO_BIG);
    g_assert_cmpint(vdp_put_frame(&out, &frame), ==, VDP_ERR_TOO_BIG);
    g_assert_cmpint(vdp_put_json(&out, text, 1048577), ==, VDP_ERR_TOO_BIG);
    g_assert_cmpuint(out.size, ==, 0);
    goaway.text_size = VDP_MAX_TEXT;
    g_assert_cmpint(vdp_put_goaway(&out, &goaway), ==, 0);
    vdp_buffer_clear(&out);
}

static void
hello_with_tlv(uint16_t id, const char *bytes, size_t size, int expected, uint64_t capabilities)
{
    struct vdp_buffer body = {0};
    struct vdp_hello hello = {0};
    struct vdp_record record = {.type = VDP_HELLO};

    vdp_buffer_put_u32(&body, VDP_MAGIC);
    vdp_buffer_put_u16(&body, 1);
    vdp_buffer_put_u16(&body, 1);
    vdp_buffer_put_u64(&body, 5);
    vdp_buffer_put_u16(&body, id);
    vdp_buffer_put_u16(&body, (uint16_t)size);
    vdp_buffer_put(&body, bytes, size);
    record.body = body.data;
    record.size = body.size;
    g_assert_cmpint(vdp_get_hello(&record, &hello), ==, expected);
    g_assert_cmpuint(hello.capabilities, ==, capabilities);
    record.size--;
    g_assert_cmpint(vdp_get_hello(&record, &hello), ==, VDP_ERR_TRUNCATED);
    vdp_buffer_clear(&body);
}

static void
test_hello_ignores_what_it_may(void)
{
    struct vdp_hello hello = {.version_min = 1, .version_max = 9};

    hello_with_tlv(0x7a0a, "xy", 2, 0, 0);
    hello_with_tlv(0xfa0a, "xy", 2, VDP_ERR_CRITICAL, 0);
    hello_with_tlv(1, "\x17", 1, 0, VDP_CAP_TILES_ZSTD);
    hello_with_tlv(0x8001, "\x17", 1, 0, VDP_CAP_TILES_ZSTD);
    hello_with_tlv(1, "\x16", 1, 0, 0);
    hello_with_tlv(1, "\x40", 1, VDP_ERR_RANGE, 0);
    hello_with_tlv(1, "\x17\0", 2, VDP_ERR_RANGE, 0);
    hello_with_tlv(3, "", 0, 0, VDP_CAP_JPEG);
    hello_with_tlv(3, "x", 1, VDP_ERR_RANGE, 0);
    hello_with_tlv(8, "", 0, 0, VDP_CAP_PRESENT);
    hello_with_tlv(8, "x", 1, VDP_ERR_RANGE, 0);
    hello_with_tlv(4, "\1\2", 2, 0, VDP_CAP_H264 | VDP_CAP_VP8);
    hello_with_tlv(4, "\7\2", 2, 0, VDP_CAP_VP8);
    hello_with_tlv(4, "", 0, 0, 0);
    g_assert_cmpint(vdp_hello_version(&hello), ==, 1);
    hello.version_min = 2;
    g_assert_cmpint(vdp_hello_version(&hello), ==, VDP_ERR_VERSION);
}

static void
test_permit_follows_the_list(void)
{
    size_t count;
    const struct vdp_message_info *infos = vdp_message_list(&count);
    unsigned i;

    for (i = 0; i < count * 4; i++) {
        const struct vdp_message_info *info = &infos[i / 4];
        bool from_host = (i & 1) != 0;
        bool live = (i & 2) != 0;
        struct vdp_record record = {.type = info->type, .size = info->max_body};
        bool direction_fits = info->direction == VDP_BOTH ||
                              info->direction == (from_host ? VDP_FROM_HOST : VDP_FROM_CLIENT);
        bool state_fits = info->state == VDP_ANY || info->state == (live ? VDP_LIVE : VDP_OPEN);
        int expected = direction_fits && state_fits ? 0 : VDP_ERR_STATE;

        g_assert_cmpint(vdp_message_permit(&record, from_host, live), ==, expected);
        record.size++;
        if (expected == 0) {
            g_assert_cmpint(vdp_message_permit(&record, from_host, live), ==, VDP_ERR_TOO_BIG);
        }
    }
}

static void
test_unknown_records_are_skipped_unless_critical(void)
{
    struct vdp_record record = {.type = 60000};

    g_assert_null(vdp_message_find(60000));
    g_assert_cmpint(vdp_message_permit(&record, true, true), ==, 1);
    record.flags = VDP_RECORD_CRITICAL;
    g_assert_cmpint(vdp_message_permit(&record, true, true), ==, VDP_ERR_CRITICAL);
}

static void
test_empty_messages_are_empty(void)
{
    struct vdp_buffer out = {0};
    struct vdp_record record;

    g_assert_cmpint(vdp_put_refresh(&out), ==, 0);
    g_assert_cmpint(vdp_put_release_all(&out), ==, 0);
    g_assert_cmpuint(out.size, ==, 16);
    record = body_of(&out);
    g_assert_cmpint(vdp_get_empty(&record), ==, VDP_ERR_TRAILING);
    record.size = 0;
    g_assert_cmpint(vdp_get_empty(&record), ==, 0);
    vdp_buffer_clear(&out);
}

static void
test_every_error_has_a_text(void)
{
    int error;

    for (error = 1; error >= VDP_ERR_CORRUPT - 1; error--) {
        g_assert_nonnull(vdp_strerror(error));
    }
    g_assert_cmpstr(vdp_strerror(VDP_ERR_CORRUPT), !=, vdp_strerror(VDP_ERR_CORRUPT - 1));
}

static void
test_what_people_write_and_read(void)
{
    struct vdp_buffer out = {0};
    char many[VDP_MAX_TYPED + 1];

    memset(many, 'x', sizeof(many));
    g_assert_cmpint(vdp_put_text(&out, &(struct vdp_text){1, 2, many, VDP_MAX_TYPED}), ==, 0);
    g_assert_cmpint(vdp_put_text(&out, &(struct vdp_text){1, 2, many, sizeof(many)}), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_text(&out, &(struct vdp_text){1, 2, many, 0}), ==, VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_text(&out, &(struct vdp_text){1, 2, "a\nb", 3}), ==, VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_text(&out, &(struct vdp_text){1, 2, "\xed\xa0\x80", 3}), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_locks(&out, &(struct vdp_locks){1, 2, 8}), ==, VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_END, 5, NULL, 0}), ==, 0);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_END, 5, "x", 1}), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_TEXT, 0, NULL, 0}), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){5, 0, "x", 1}), ==, VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_HELD, 0, NULL, 0}), ==, 0);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_NEWER, 0, NULL, 0}), ==,
                    0);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_NEWER, 1, NULL, 0}), ==,
                    VDP_ERR_RANGE);
    g_assert_cmpint(vdp_put_notice(&out, &(struct vdp_notice){VDP_NOTICE_FREED, 1, NULL, 0}), ==,
                    VDP_ERR_RANGE);
    vdp_buffer_clear(&out);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/messages/round-trips-give-the-same-bytes",
                    test_round_trips_give_the_same_bytes);
    g_test_add_func("/messages/one-byte-short-or-long-is-refused",
                    test_one_byte_short_or_long_is_refused);
    g_test_add_func("/messages/fixed-parts-are-whole", test_fixed_parts_are_whole);
    g_test_add_func("/messages/have-names-whole-digests-of-a-surface",
                    test_have_names_whole_digests_of_a_surface);
    g_test_add_func("/messages/fields-out-of-range-are-refused",
                    test_fields_out_of_range_are_refused);
    g_test_add_func("/messages/encoders-refuse-what-decoders-would",
                    test_encoders_refuse_what_decoders_would);
    g_test_add_func("/messages/hello-ignores-what-it-may", test_hello_ignores_what_it_may);
    g_test_add_func("/messages/permit-follows-the-list", test_permit_follows_the_list);
    g_test_add_func("/messages/unknown-records-are-skipped-unless-critical",
                    test_unknown_records_are_skipped_unless_critical);
    g_test_add_func("/messages/empty-messages-are-empty", test_empty_messages_are_empty);
    g_test_add_func("/messages/every-error-has-a-text", test_every_error_has_a_text);
    g_test_add_func("/messages/what-people-write-and-read", test_what_people_write_and_read);
    return g_test_run();
}
