/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/secret.h"

#include <glib.h>
#include <string.h>

static void
test_tokens_differ_and_are_well_formed(void)
{
    char a[VD_TOKEN_CHARS + 1];
    char b[VD_TOKEN_CHARS + 1];

    vd_token_new(a);
    vd_token_new(b);
    g_assert_true(vd_token_is_well_formed(a));
    g_assert_true(vd_token_is_well_formed(b));
    g_assert_cmpstr(a, !=, b);
}

static void
test_malformed_tokens_are_refused(void)
{
    char token[VD_TOKEN_CHARS + 2] = {0};

    g_assert_false(vd_token_is_well_formed(""));
    vd_token_new(token);
    token[5] = '+';
    g_assert_false(vd_token_is_well_formed(token));
    vd_token_new(token);
    token[VD_TOKEN_CHARS] = 'A';
    g_assert_false(vd_token_is_well_formed(token));
}

static void
test_comparison_sees_every_byte(void)
{
    const char a[] = "0123456789";
    char b[sizeof(a)];
    size_t i;

    for (i = 0; i < sizeof(a); i++) {
        memcpy(b, a, sizeof(a));
        g_assert_true(vd_secret_equal(a, b, sizeof(a)));
        b[i] ^= 1;
        g_assert_false(vd_secret_equal(a, b, sizeof(a)));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/secret/tokens-differ-and-are-well-formed",
                    test_tokens_differ_and_are_well_formed);
    g_test_add_func("/secret/malformed-tokens-are-refused", test_malformed_tokens_are_refused);
    g_test_add_func("/secret/comparison-sees-every-byte", test_comparison_sees_every_byte);
    return g_test_run();
}
