/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/record.h"

#include <glib.h>
#include <string.h>

#include "protocol/wire/buffer.h"
#include "protocol/wire/messages.h"

#define MAX_BODY 1000u

static void
put_record(struct vdp_buffer *out, uint16_t type, uint8_t flags, size_t size)
{
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    size_t i;

    vdp_record_header(header, type, VDP_CHANNEL_BULK, flags, (uint32_t)size);
    vdp_buffer_put(out, header, sizeof(header));
    for (i = 0; i < size; i++) {
        vdp_buffer_put_u8(out, (uint8_t)(i * 7 + type));
    }
}

static void
check_record(const struct vdp_record *record, uint16_t type, uint8_t flags, size_t size)
{
    size_t i;

    g_assert_cmpuint(record->type, ==, type);
    g_assert_cmpuint(record->flags, ==, flags);
    g_assert_cmpuint(record->channel, ==, VDP_CHANNEL_BULK);
    g_assert_cmpuint(record->size, ==, size);
    g_assert_true((record->body == NULL) == (size == 0));
    for (i = 0; i < size; i++) {
        g_assert_cmpuint(record->body[i], ==, (uint8_t)(i * 7 + type));
    }
}

/* Feeds bytes in parts of at most part bytes (the first one first bytes) and checks all records. */
static void
feed(const struct vdp_buffer *bytes, size_t first, size_t part)
{
    static const size_t sizes[] = {0, 1, 600, 0, 37};
    struct vdp_framer *framer = vdp_framer_new(MAX_BODY);
    size_t at = 0;
    size_t seen = 0;
    size_t limit = first;

    while (at < bytes->size || seen < G_N_ELEMENTS(sizes)) {
        struct vdp_record record;
        size_t size = MIN(limit, bytes->size - at);
        size_t taken = SIZE_MAX;

        g_assert_cmpint(vdp_framer_push(framer, bytes->data + at, size, &taken), ==, 0);
        g_assert_cmpuint(taken, <=, size);
        at += taken;
        limit = part;
        while (vdp_framer_next(framer, &record) == 1) {
            check_record(&record, (uint16_t)(1000 + seen), seen == 1 ? VDP_RECORD_CRITICAL : 0,
                         sizes[seen]);
            seen++;
        }
    }
    g_assert_cmpuint(seen, ==, G_N_ELEMENTS(sizes));
    g_assert_cmpuint(at, ==, bytes->size);
    vdp_framer_free(framer);
}

static void
test_records_survive_every_split(void)
{
    struct vdp_buffer bytes = {0};
    size_t i;

    put_record(&bytes, 1000, 0, 0);
    put_record(&bytes, 1001, VDP_RECORD_CRITICAL, 1);
    put_record(&bytes, 1002, 0, 600);
    put_record(&bytes, 1003, 0, 0);
    put_record(&bytes, 1004, 0, 37);
    g_assert_cmpint(bytes.error, ==, 0);
    for (i = 1; i <= bytes.size; i++) {
        feed(&bytes, i, bytes.size);
        feed(&bytes, i, i);
    }
    vdp_buffer_clear(&bytes);
}

static void
test_a_waiting_record_takes_no_more_bytes(void)
{
    struct vdp_buffer bytes = {0};
    struct vdp_framer *framer = vdp_framer_new(MAX_BODY);
    struct vdp_record record;
    size_t taken = 0;

    put_record(&bytes, 1000, 0, 5);
    put_record(&bytes, 1001, 0, 5);
    g_assert_cmpint(vdp_framer_push(framer, bytes.data, bytes.size, &taken), ==, 0);
    g_assert_cmpuint(taken, ==, 13);
    g_assert_cmpint(vdp_framer_push(framer, bytes.data + 13, 13, &taken), ==, 0);
    g_assert_cmpuint(taken, ==, 0);
    g_assert_cmpint(vdp_framer_next(framer, &record), ==, 1);
    g_assert_cmpint(vdp_framer_next(framer, &record), ==, 0);
    g_assert_cmpint(vdp_framer_push(framer, bytes.data + 13, 13, &taken), ==, 0);
    g_assert_cmpuint(taken, ==, 13);
    g_assert_cmpint(vdp_framer_next(framer, &record), ==, 1);
    check_record(&record, 1001, 0, 5);
    vdp_framer_free(framer);
    vdp_buffer_clear(&bytes);
}

static void
expect_error(uint16_t type, uint8_t channel, uint8_t flags, uint32_t size, int error)
{
    struct vdp_framer *framer = vdp_framer_new(MAX_BODY);
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    struct vdp_record record;
    size_t taken = SIZE_MAX;
    int result;

    vdp_record_header(header, type, channel, flags, size);
    result = vdp_framer_push(framer, header, sizeof(header), &taken);
    g_assert_cmpint(result, ==, error);
    if (error != 0) {
        g_assert_cmpuint(taken, ==, SIZE_MAX);
        g_assert_cmpint(vdp_framer_push(framer, header, 1, &taken), ==, error);
        g_assert_cmpint(vdp_framer_next(framer, &record), ==, error);
    }
    vdp_framer_free(framer);
}

static void
test_bad_headers_are_refused_for_good(void)
{
    size_t count;
    const struct vdp_message_info *infos = vdp_message_list(&count);
    size_t i;

    expect_error(1000, 0, 0, MAX_BODY, 0);
    expect_error(1000, 0, 0, MAX_BODY + 1, VDP_ERR_TOO_BIG);
    expect_error(1000, 0, 0, UINT32_MAX, VDP_ERR_TOO_BIG);
    expect_error(1000, VDP_CHANNEL_BULK, 0, 1, 0);
    expect_error(1000, VDP_CHANNEL_BULK + 1, 0, 1, VDP_ERR_RANGE);
    expect_error(1000, 0, 0x01, 1, VDP_ERR_RANGE);
    expect_error(1000, 0, 0x80, 1, VDP_ERR_RANGE);
    expect_error(1000, 0, VDP_RECORD_CRITICAL, 1, 0);
    for (i = 0; i < count; i++) {
        uint32_t max = MIN(infos[i].max_body, MAX_BODY);

        expect_error(infos[i].type, infos[i].channel, 0, max, 0);
        expect_error(infos[i].type, infos[i].channel, 0, max + 1, VDP_ERR_TOO_BIG);
    }
}

static void
test_buffer_errors_are_sticky(void)
{
    struct vdp_buffer buffer = {0};

    vdp_buffer_put_u32(&buffer, 0x04030201);
    g_assert_cmpmem(buffer.data, buffer.size, "\1\2\3\4", 4);
    g_assert_null(vdp_buffer_reserve(&buffer, SIZE_MAX));
    vdp_buffer_put_u8(&buffer, 1);
    g_assert_cmpint(buffer.error, ==, VDP_ERR_NOMEM);
    g_assert_cmpuint(buffer.size, ==, 4);
    vdp_buffer_reset(&buffer);
    vdp_buffer_put_u64(&buffer, 1);
    g_assert_cmpuint(buffer.size, ==, 8);
    vdp_buffer_clear(&buffer);
    g_assert_null(buffer.data);
}

static void
test_a_token_is_wiped(void)
{
    static const uint8_t record[8 + 43] = {VDP_TICKET, 0, 0, 0, 43, 0, 0, 0, 'c', 'a', 'n'};
    struct vdp_framer *framer = vdp_framer_new(4096);
    struct vdp_record seen;
    size_t taken;
    size_t i;

    g_assert_cmpint(vdp_framer_push(framer, record, sizeof(record), &taken), ==, 0);
    g_assert_cmpint(vdp_framer_next(framer, &seen), ==, 1);
    g_assert_cmpint(seen.body[0], ==, 'c');
    g_assert_cmpint(vdp_framer_push(framer, record, 1, &taken), ==, 0); /* the next one begins */
    for (i = 0; i < seen.size; i++) {
        g_assert_cmpint(seen.body[i], ==, 0);
    }
    vdp_framer_free(framer);
}

static void
put_part(struct vdp_buffer *out, uint16_t type, uint8_t channel, uint8_t flags, const char *text)
{
    uint8_t header[VDP_RECORD_HEADER_SIZE];

    vdp_record_header(header, type, channel, flags, (uint32_t)strlen(text));
    vdp_buffer_put(out, header, sizeof(header));
    vdp_buffer_put(out, text, strlen(text));
}

/* What a framer makes of bytes: "type:body " per message, and "error" at the end if it fails. */
static char *
take_all(const struct vdp_buffer *bytes, size_t part)
{
    struct vdp_framer *framer = vdp_framer_new(MAX_BODY);
    GString *text = g_string_new("");
    size_t at = 0;
    int result = 0;

    while (at < bytes->size && result >= 0) {
        struct vdp_record record;
        size_t taken = 0;

        result = vdp_framer_push(framer, bytes->data + at, MIN(part, bytes->size - at), &taken);
        at += taken;
        while (result >= 0 && (result = vdp_framer_next(framer, &record)) == 1) {
            g_assert_cmpuint(record.flags & VDP_RECORD_MORE, ==, 0);
            g_string_append_printf(text, "%u:%.*s ", record.type, (int)record.size,
                                   record.size > 0 ? (const char *)record.body : "");
        }
    }
    if (result < 0) {
        g_string_append(text, "error");
    }
    vdp_framer_free(framer);
    return g_string_free(text, FALSE);
}

struct part {
    uint16_t type;
    uint8_t channel, flags;
    const char *text;
};

static void
check_parts(const struct part *parts, size_t count, const char *expected)
{
    size_t size;

    for (size = 1; size < 64; size += 9) {
        struct vdp_buffer bytes = {0};
        char *text;
        size_t i;

        for (i = 0; i < count; i++) {
            put_part(&bytes, parts[i].type, parts[i].channel, parts[i].flags, parts[i].text);
        }
        text = take_all(&bytes, size);
        g_assert_cmpstr(text, ==, expected);
        g_free(text);
        vdp_buffer_clear(&bytes);
    }
}

#define MORE     VDP_RECORD_MORE
#define CRITICAL VDP_RECORD_CRITICAL

static void
test_fragments_are_put_together(void)
{
    static const struct part parts[] = {
        {900, 4, MORE, "one "}, {900, 4, MORE, "two "}, {900, 4, 0, "three"}, {901, 4, 0, "whole"},
        {900, 4, MORE, "a"},    {900, 4, 0, ""},        {900, 4, MORE, "b"},  {900, 4, 0, "c"},
    };

    check_parts(parts, G_N_ELEMENTS(parts), "900:one two three 901:whole 900:a 900:bc ");
}

static void
test_other_channels_go_between_fragments(void)
{
    static const struct part parts[] = {
        {900, 4, MORE, "x"}, {902, 0, 0, "pong"}, {900, 6, MORE, "bulk "}, {903, 2, 0, "cursor"},
        {900, 4, MORE, "y"}, {900, 6, 0, "end"},  {903, 2, 0, ""},         {900, 4, 0, "z"},
    };

    check_parts(parts, G_N_ELEMENTS(parts), "902:pong 903:cursor 900:bulk end 903: 900:xyz ");
}

static void
test_what_is_no_fragment_is_refused(void)
{
    static const struct part another_type[] = {{900, 4, MORE, "x"}, {901, 4, 0, "y"}};
    static const struct part another_flag[] = {{900, 4, MORE, "x"}, {900, 4, CRITICAL, "y"}};
    static const struct part empty[] = {{900, 4, MORE, ""}};
    static const struct part urgent[] = {{900, 2, MORE, "x"}, {900, 2, 0, "y"}};

    check_parts(another_type, G_N_ELEMENTS(another_type), "error");
    check_parts(another_flag, G_N_ELEMENTS(another_flag), "error");
    check_parts(empty, G_N_ELEMENTS(empty), "error");
    check_parts(urgent, G_N_ELEMENTS(urgent), "error");
}

static void
test_fragments_are_bounded_together(void)
{
    char *half = g_strnfill(MAX_BODY / 2, 'h');
    struct part parts[] = {{900, 4, MORE, half}, {900, 4, MORE, half}, {900, 4, 0, "!"}};
    struct part known[] = {{VDP_ACK, 4, MORE, "123456789"}, {VDP_ACK, 4, 0, "12345678"}};

    check_parts(parts, G_N_ELEMENTS(parts), "error");
    check_parts(known, G_N_ELEMENTS(known), "error"); /* the limit of the type: 16 */
    g_free(half);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/record/records-survive-every-split", test_records_survive_every_split);
    g_test_add_func("/record/a-waiting-record-takes-no-more-bytes",
                    test_a_waiting_record_takes_no_more_bytes);
    g_test_add_func("/record/bad-headers-are-refused-for-good",
                    test_bad_headers_are_refused_for_good);
    g_test_add_func("/record/a-token-is-wiped", test_a_token_is_wiped);
    g_test_add_func("/buffer/errors-are-sticky", test_buffer_errors_are_sticky);
    g_test_add_func("/record/fragments-are-put-together", test_fragments_are_put_together);
    g_test_add_func("/record/other-channels-go-between-fragments",
                    test_other_channels_go_between_fragments);
    g_test_add_func("/record/what-is-no-fragment-is-refused", test_what_is_no_fragment_is_refused);
    g_test_add_func("/record/fragments-are-bounded-together", test_fragments_are_bounded_together);
    return g_test_run();
}
