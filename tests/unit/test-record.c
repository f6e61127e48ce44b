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
    return g_test_run();
}
