/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/activity.h"

#include <glib.h>

static void
test_restless_is_often_and_lately(void)
{
    struct vdp_activity tile = {0};
    uint32_t now_ms = UINT32_MAX - 500; /* the clock wraps on the way */

    vdp_activity_drawn(&tile, now_ms);
    vdp_activity_drawn(&tile, now_ms + 400);
    g_assert_false(vdp_activity_is_restless(&tile, now_ms + 400));
    vdp_activity_drawn(&tile, now_ms + 900);
    g_assert_true(vdp_activity_is_restless(&tile, now_ms + VDP_RESTLESS_MS));
    g_assert_false(vdp_activity_is_restless(&tile, now_ms + VDP_RESTLESS_MS + 1));
    vdp_activity_drawn(&tile, now_ms + VDP_RESTLESS_MS + 1);
    g_assert_true(vdp_activity_is_restless(&tile, now_ms + VDP_RESTLESS_MS + 1));
}

static void
test_wait_ends_when_quiet(void)
{
    struct vdp_activity tile = {0};

    vdp_activity_changed(&tile, 1000);
    g_assert_cmpuint(vdp_activity_wait(&tile, 70, 1000), ==, 70);
    g_assert_cmpuint(vdp_activity_wait(&tile, 70, 1069), ==, 1);
    g_assert_cmpuint(vdp_activity_wait(&tile, 70, 1070), ==, 0);
    g_assert_cmpuint(vdp_activity_wait(&tile, 0, 1000), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/activity/restless", test_restless_is_often_and_lately);
    g_test_add_func("/activity/wait", test_wait_ends_when_quiet);
    return g_test_run();
}
