/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/base64.h"

#include <glib.h>
#include <string.h>

static void
test_what_is_written_is_read(void)
{
    uint8_t data[100];
    uint8_t again[sizeof(data)];
    char text[VD_BASE64_CHARS(sizeof(data)) + 1];
    size_t size;
    size_t got;
    size_t i;

    for (i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)g_test_rand_int();
    }
    for (size = 0; size <= sizeof(data); size++) {
        g_autofree char *expected = g_base64_encode(data, size);

        vd_base64_encode(text, data, size);
        g_assert_cmpstr(text, ==, expected);
        g_assert_true(vd_base64_decode(text, strlen(text), again, size, &got));
        g_assert_cmpmem(again, got, data, size);
        if (size > 0) {
            g_assert_false(vd_base64_decode(text, strlen(text), again, size - 1, &got));
        }
    }
}

static void
test_anything_else_is_refused(void)
{
    static const char *const bad[] = {"A",    "QQ",   "QQ=",  "QQ==\n",   " QQ==", "Q===",   "====",
                                      "QR==", "QUF=", "Q=Q=", "QQ==QQ==", "QU-_",  "QUJ\x80"};
    uint8_t data[16];
    size_t got;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(vd_base64_decode(bad[i], strlen(bad[i]), data, sizeof(data), &got));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base64/what-is-written-is-read", test_what_is_written_is_read);
    g_test_add_func("/base64/anything-else-is-refused", test_anything_else_is_refused);
    return g_test_run();
}
