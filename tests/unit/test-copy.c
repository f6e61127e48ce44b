/* SPDX-License-Identifier: Apache-2.0 */
/* The search for what moved, without an encoder around it. */
#include "protocol/codec/copy.h"

#include <glib.h>
#include <string.h>

#include "tests/unit/codec-fixture.h"

static void
test_copies_that_read_what_was_written_are_not_apart(void)
{
    /* The second reads what the first has written; the other way round it reads first. */
    const struct vdp_copy down[2] = {{0, 0, 0, 100, 64, 100}, {0, 100, 0, 200, 64, 100}};
    const struct vdp_copy up[2] = {{0, 100, 0, 200, 64, 100}, {0, 0, 0, 100, 64, 100}};
    const struct vdp_copy beside[2] = {{0, 0, 0, 100, 64, 100}, {64, 100, 64, 200, 64, 100}};

    g_assert_false(vdp_copies_are_apart(down, 2));
    g_assert_true(vdp_copies_are_apart(up, 2));
    g_assert_true(vdp_copies_are_apart(beside, 2));
    g_assert_true(vdp_copies_are_apart(down, 1));
    g_assert_true(vdp_copies_are_apart(NULL, 0));
}

/* One's own source is no matter: a copy reads before it writes. */
static void
test_a_copy_onto_itself_is_apart(void)
{
    const struct vdp_copy copy = {0, 3, 0, 0, 500, 600};

    g_assert_true(vdp_copies_are_apart(&copy, 1));
}

/* The wheel that goes on is followed by its last step; one that turns back is noticed. */
static void
test_a_scroll_that_goes_on_or_turns_is_found(void)
{
    static const int steps[] = {20, 20, 20, -20, -20, 45, 45, 20, -33};
    struct pair pair;
    size_t i;

    pair_init(&pair, 500, 600);
    fill_noise(&pair, (struct vdp_rect){0, 0, 500, 600});
    (void)pair_step(&pair, NULL, 0);
    for (i = 0; i < G_N_ELEMENTS(steps); i++) {
        size_t stride = pair.width * 4u;
        unsigned distance = (unsigned)ABS(steps[i]);
        size_t kept = (600 - distance) * stride;

        if (steps[i] > 0) {
            memmove(pair.pixels, pair.pixels + distance * stride, kept);
            fill_noise(&pair,
                       (struct vdp_rect){0, (uint16_t)(600 - distance), 500, (uint16_t)distance});
        } else {
            memmove(pair.pixels + distance * stride, pair.pixels, kept);
            fill_noise(&pair, (struct vdp_rect){0, 0, 500, (uint16_t)distance});
        }
        g_assert_cmpint(pair_step(&pair, NULL, 0), ==, 80); /* and it is exact */
        g_assert_cmpuint(pair.stats.tiles_copied, >=, 64);
    }
    pair_clear(&pair);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/copy/copies-that-read-what-was-written-are-not-apart",
                    test_copies_that_read_what_was_written_are_not_apart);
    g_test_add_func("/copy/a-copy-onto-itself-is-apart", test_a_copy_onto_itself_is_apart);
    g_test_add_func("/copy/a-scroll-that-goes-on-or-turns-is-found",
                    test_a_scroll_that_goes_on_or_turns_is_found);
    return g_test_run();
}
