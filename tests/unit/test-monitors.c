/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/wire/messages.h"

#include <glib.h>
#include <string.h>

/* What get says to these monitors; what it takes put takes too. */
static int
judge_monitors(struct vdp_monitors monitors)
{
    struct vdp_buffer out = {0};
    struct vdp_monitors read = {0};
    struct vdp_record record = {.type = VDP_MONITORS};
    int result;
    unsigned i;

    vdp_buffer_put_u8(&out, monitors.count);
    for (i = 0; i < monitors.count; i++) {
        const struct vdp_monitor *one = &monitors.at[i % VDP_MAX_MONITORS];

        vdp_buffer_put_u16(&out, one->x);
        vdp_buffer_put_u16(&out, one->y);
        vdp_buffer_put_u16(&out, one->width);
        vdp_buffer_put_u16(&out, one->height);
        vdp_buffer_put_u16(&out, one->scale);
    }
    record.body = out.data;
    record.size = out.size;
    result = vdp_get_monitors(&record, &read);
    vdp_buffer_reset(&out);
    g_assert_cmpint(vdp_put_monitors(&out, &monitors), ==, result);
    vdp_buffer_clear(&out);
    return result;
}

static void
test_monitors_stand_beside_each_other(void)
{
#define S 120
    static const struct vdp_monitors good[] = {
        {1, {{0, 0, 1, 1, VDP_MIN_SCALE}}},
        {1, {{0, 0, 8192, 4320, VDP_MAX_SCALE}}},
        {2, {{0, 0, 100, 100, S}, {100, 0, 100, 100, S}}},
        {2, {{0, 100, 100, 100, S}, {100, 0, 100, 100, S}}}, /* corner to corner */
        {2, {{0, 0, 100, 100, S}, {500, 900, 100, 100, S}}}, /* with a gap */
        {4,
         {{0, 0, 4096, 2160, S},
          {4096, 0, 4096, 2160, S},
          {0, 2160, 4096, 2160, S},
          {4096, 2160, 4096, 2160, S}}},
    };
    static const struct vdp_monitors bad[] = {
        {0, {{0, 0, 0, 0, 0}}},
        {5, {{0, 0, 1, 1, S}}},
        {255, {{0, 0, 1, 1, S}}},
        {1, {{1, 0, 100, 100, S}}},
        {1, {{0, 1, 100, 100, S}}},
        {1, {{0, 0, 0, 100, S}}},
        {1, {{0, 0, 8192, 4321, S}}},
        {1, {{0, 0, VDP_MAX_SIDE + 1, 1, S}}},
        {1, {{0, 0, 100, 100, VDP_MIN_SCALE - 1}}},
        {2, {{0, 0, 100, 100, S}, {100, 0, 100, 100, VDP_MAX_SCALE + 1}}},
        {2, {{0, 0, 100, 100, S}, {99, 99, 100, 100, S}}}, /* one pixel of both */
        {2, {{0, 0, 100, 100, S}, {0, 0, 100, 100, S}}},
        {2, {{0, 0, 300, 300, S}, {100, 100, 50, 50, S}}},      /* one within the other */
        {2, {{0, 0, 100, 100, S}, {VDP_MAX_SIDE, 0, 1, 1, S}}}, /* a wall too wide */
        {2, {{0, 0, 100, 100, S}, {8192, 4319, 1, 1, S}}},      /* or of too many pixels */
        {2, {{0, 0, 100, 100, S}, {65535, 0, 65535, 65535, S}}},
        {3, {{0, 0, 9, 9, S}, {9, 0, 9, 9, S}, {17, 8, 9, 9, S}}}, /* the last two */
    };
    unsigned i;

    for (i = 0; i < G_N_ELEMENTS(good); i++) {
        g_test_message("good %u", i);
        g_assert_cmpint(judge_monitors(good[i]), ==, 0);
    }
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("bad %u", i);
        g_assert_cmpint(judge_monitors(bad[i]), ==, VDP_ERR_RANGE);
    }
    g_assert_cmpuint(vdp_message_find(VDP_MONITORS)->max_body, ==, 1 + 10 * VDP_MAX_MONITORS);
#undef S
}

static void
test_a_layout_says_which_monitors_are_lit(void)
{
    static const struct vdp_layout good[] = {
        {0, 1, {{0, 0, 8192, 4320}}},
        {1, 1, {{10, 20, 100, 100}}}, /* its neighbours are dark */
        {1, 2, {{0, 0, 0, 0}, {0, 0, 100, 100}}},
    };
    static const struct vdp_layout bad[] = {
        {1, 0, {{0, 0, 9, 9}}},
        {1, 5, {{0, 0, 9, 9}}},
        {1, 1, {{0, 0, 0, 0}}},
        {1, 2, {{0, 0, 9, 9}, {0, 0, 0, 0}}},
        {1, 2, {{0, 0, 0, 9}, {0, 0, 9, 9}}},
        {1, 2, {{5, 0, 0, 0}, {0, 0, 9, 9}}},
        {1, 2, {{0, 0, 9, 9}, {8, 8, 9, 9}}},
        {1, 1, {{16384, 0, 9, 9}}},
        {1, 1, {{1, 0, 8192, 4320}}},
    };
    struct vdp_buffer out = {0};
    unsigned i;

    for (i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_cmpint(vdp_put_layout(&out, &good[i]), ==, 0);
    }
    vdp_buffer_reset(&out);
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("bad %u", i);
        g_assert_cmpint(vdp_put_layout(&out, &bad[i]), ==, VDP_ERR_RANGE);
    }
    g_assert_cmpuint(out.size, ==, 0);
    g_assert_cmpuint(vdp_message_find(VDP_LAYOUT)->max_body, ==, 3 + 8 * VDP_MAX_MONITORS);
    vdp_buffer_clear(&out);
}

static void
hello_with_monitors(const char *bytes, size_t size, int expected, uint8_t monitors)
{
    static const char head[] = "VDP1\1\0\1\0\0\0\0\0\0\0\0\0\15";
    struct vdp_buffer body = {0};
    struct vdp_record record = {.type = VDP_HELLO};
    struct vdp_hello hello = {0};

    vdp_buffer_put(&body, head, 17);
    vdp_buffer_put_u8(&body, 0);
    vdp_buffer_put_u16(&body, (uint16_t)size);
    vdp_buffer_put(&body, bytes, size);
    record.body = body.data;
    record.size = body.size;
    g_assert_cmpint(vdp_get_hello(&record, &hello), ==, expected);
    g_assert_cmpuint(hello.monitors, ==, monitors);
    vdp_buffer_clear(&body);
}

static void
test_hello_counts_monitors(void)
{
    struct vdp_buffer out = {0};
    const struct vdp_hello many = {1, 1, 0, 0, VDP_MAX_MONITORS + 1};

    hello_with_monitors("", 0, 0, 1);
    hello_with_monitors("\1", 1, 0, 1);
    hello_with_monitors("\4", 1, 0, 4);
    hello_with_monitors("\11", 1, 0, VDP_MAX_MONITORS); /* of a later version, maybe */
    hello_with_monitors("\0", 1, VDP_ERR_RANGE, 0);
    hello_with_monitors("\2\2", 2, VDP_ERR_RANGE, 0);
    g_assert_cmpint(vdp_put_hello(&out, &many), ==, VDP_ERR_RANGE);
    g_assert_cmpuint(out.size, ==, 0);
    vdp_buffer_clear(&out);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/monitors/stand-beside-each-other", test_monitors_stand_beside_each_other);
    g_test_add_func("/monitors/a-layout-says-which-are-lit",
                    test_a_layout_says_which_monitors_are_lit);
    g_test_add_func("/monitors/hello-counts-them", test_hello_counts_monitors);
    return g_test_run();
}
