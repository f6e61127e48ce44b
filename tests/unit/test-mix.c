/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/mix.h"

#include <glib.h>

#include "protocol/codec/tiles.h"

static void
test_bytes_go_where_they_belong(void)
{
    static const uint8_t ops[] = {VDP_OP_ZTILES,
                                  2,
                                  0,
                                  0,
                                  1,
                                  2,
                                  VDP_OP_PATCH,
                                  0,
                                  0,
                                  0,
                                  VDP_OP_HIT,
                                  1,
                                  0,
                                  0,
                                  9,
                                  VDP_OP_JPEG,
                                  3,
                                  0,
                                  0,
                                  1,
                                  2,
                                  3,
                                  VDP_OP_VIDEO,
                                  0,
                                  0,
                                  0,
                                  VDP_OP_DIGEST,
                                  0,
                                  0,
                                  0};
    struct vdp_mix mix = {0};

    g_assert_cmpuint(vdp_mix_share(&mix, mix.exact), ==, 0);
    vdp_mix_add(&mix, ops, sizeof(ops));
    g_assert_cmpuint(mix.exact, ==, 10);
    g_assert_cmpuint(mix.reused, ==, 5);
    g_assert_cmpuint(mix.photo, ==, 7);
    g_assert_cmpuint(mix.film, ==, 4);
    g_assert_cmpuint(vdp_mix_share(&mix, mix.exact), ==, 38);
}

static void
test_what_is_cut_off_is_left_out(void)
{
    static const uint8_t ops[] = {VDP_OP_HIT, 0, 0, 0, VDP_OP_ZTILES, 9, 0, 0, 1};
    struct vdp_mix mix = {0};

    vdp_mix_add(&mix, ops, sizeof(ops));
    vdp_mix_add(&mix, ops, 3);
    g_assert_cmpuint(mix.exact, ==, 0);
    g_assert_cmpuint(mix.reused, ==, 4);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/mix/bytes-go-where-they-belong", test_bytes_go_where_they_belong);
    g_test_add_func("/mix/what-is-cut-off-is-left-out", test_what_is_cut_off_is_left_out);
    return g_test_run();
}
