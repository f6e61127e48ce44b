/* SPDX-License-Identifier: Apache-2.0 */
/* MONITORS and LAYOUT of a streamer, against a client made of the link and the codec. */
#include <string.h>

#include "hostd/streamer/wish.h"
#include "tests/unit/stream-fixture.h"

static bool
has_settled_frame(void *data)
{
    return ((struct peer *)data)->settled;
}

static bool
is_closed(void *data)
{
    return ((struct peer *)data)->closed;
}

static bool
has_input(void *data)
{
    return ((struct fixture *)data)->input->len > 0;
}

static bool
is_arranged(void *data)
{
    struct peer *peer = data;

    return peer->settled && peer->layout.count == 2;
}

static void
send_monitors(struct peer *peer, const struct vdp_monitors *monitors)
{
    struct vdp_buffer out = {0};

    g_string_truncate(peer->fixture->input, 0);
    g_assert_cmpint(vdp_put_monitors(&out, monitors), ==, 0);
    peer_send(peer, &out);
    fixture_wait(has_input, peer->fixture);
}

static const struct vdp_monitors three = {
    3, {{0, 0, 1024, 768, 120}, {1024, 0, 800, 600, 120}, {1824, 100, 640, 480, 240}}};

static void
test_as_many_as_the_desktop_can_have(struct fixture *fixture, const void *data)
{
    struct peer *peer;

    (void)data;
    fixture->monitors = 4;
    peer = fixture_dial(fixture);
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->most, ==, 1);
    send_monitors(peer, &three);
    g_assert_cmpstr(fixture->input->str, ==, "size 1024 768 ");
    streamer_allow_monitors(fixture->streamer, 2);
    send_monitors(peer, &three);
    g_assert_cmpstr(fixture->input->str, ==, "place 0,0 place 1024,0 1024x768+0+0 800x600+1024+0 ");
    streamer_allow_monitors(fixture->streamer, 4);
    send_monitors(peer, &three);
    g_assert_cmpstr(fixture->input->str, ==,
                    "place 0,0 place 1024,0 place 1824,100 1024x768+0+0 800x600+1024+0 "
                    "640x480+1824+100 ");
    /* Who has more than is allowed loses them. */
    g_string_truncate(fixture->input, 0);
    streamer_allow_monitors(fixture->streamer, 1);
    fixture_wait(has_input, fixture);
    g_assert_cmpstr(fixture->input->str, ==, "size 1024 768 ");
    streamer_allow_monitors(fixture->streamer, 3);
    peer = fixture_dial(fixture);
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->most, ==, 3);
}

/* Both halves of the fixture's picture as monitors. */
static void
arrange(struct fixture *fixture, uint16_t left)
{
    struct streamer_arrangement next = {
        .width = FIXTURE_WIDTH,
        .height = FIXTURE_HEIGHT,
        .layout = {0,
                   2,
                   {{0, 0, left, FIXTURE_HEIGHT},
                    {left, 0, (uint16_t)(FIXTURE_WIDTH - left), FIXTURE_HEIGHT}}},
        .moves = {{{0, 0, FIXTURE_WIDTH, FIXTURE_HEIGHT}, 0, 0}},
        .move_count = 1,
    };

    g_assert_true(streamer_shadow_arrange(capture_shadow(fixture->capture), &next));
}

static void
test_a_layout_follows_its_surface(struct fixture *fixture, const void *data)
{
    struct peer *peer;

    (void)data;
    fixture->monitors = 2;
    peer = fixture_dial(fixture);
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->layouts, ==, 1);
    g_assert_cmpuint(peer->layout.count, ==, 1);
    g_assert_cmpuint(peer->layout.at[0].width, ==, FIXTURE_WIDTH);
    /* Of the same size, and not one pixel of it is another. */
    arrange(fixture, 16);
    fixture_wait(is_arranged, peer);
    g_assert_cmpuint(peer->layouts, ==, 2);
    g_assert_cmpuint(peer->layout.at[1].x, ==, 16);
    /* One that did not say that it knows of monitors hears nothing of them. */
    fixture->monitors = 0;
    peer = fixture_dial(fixture);
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->layouts, ==, 0);
    fixture->monitors = 1;
    peer = fixture_dial(fixture);
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->layout.count, ==, 2);
}

/* Overlapping, too large, five: it costs that connection, and the next one is served. */
static void
test_nonsense_costs_one_connection(struct fixture *fixture, const void *data)
{
    static const uint8_t overlap[] = {2,   0, 0,   0, 0, 0, 4, 0, 3,   120, 0,
                                      255, 3, 255, 2, 0, 4, 0, 3, 120, 0};
    static const uint8_t large[] = {1, 0, 0, 0, 0, 1, 32, 224, 16, 120, 0};
    static const uint8_t five[1 + 5 * 10] = {5};
    static const struct {
        const uint8_t *body;
        size_t size;
    } bad[] = {{overlap, sizeof(overlap)}, {large, sizeof(large)}, {five, sizeof(five)}};
    size_t i;

    (void)data;
    fixture->monitors = 4;
    streamer_allow_monitors(fixture->streamer, 4);
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct peer *peer = fixture_dial(fixture);
        uint8_t header[VDP_RECORD_HEADER_SIZE];
        struct vdp_buffer out = {0};

        fixture_wait(has_settled_frame, peer);
        vdp_record_header(header, VDP_MONITORS, VDP_CHANNEL_INPUT, 0, (uint32_t)bad[i].size);
        vdp_buffer_put(&out, header, sizeof(header));
        vdp_buffer_put(&out, bad[i].body, bad[i].size);
        peer_send(peer, &out);
        fixture_wait(is_closed, peer);
        g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);
        g_assert_cmpstr(fixture->input->str, ==, "");
    }
    fixture_wait(has_settled_frame, fixture_dial(fixture));
}

/* Positions and motions share one road; the newest position is enough, and an answer is told on. */
static void
test_positions_wait_for_the_road(struct fixture *fixture, const void *data)
{
    (void)data;
    fixture_wait(has_settled_frame, fixture_dial(fixture));
    g_assert_true(capture_point(fixture->capture, 1, 2));
    g_assert_true(capture_point(fixture->capture, 3, 4));
    g_assert_true(capture_point(fixture->capture, 5, 6));
    g_assert_cmpstr(fixture->input->str, ==, "point 1 2 ");
    streamer_moved(fixture->streamer);
    g_assert_cmpstr(fixture->input->str, ==, "point 1 2 pointed point 5 6 ");
    streamer_moved(fixture->streamer);
    streamer_moved(fixture->streamer);
    g_assert_cmpstr(fixture->input->str, ==, "point 1 2 pointed point 5 6 pointed ");
    fixture->no_mouse = true;
    g_assert_false(capture_point(fixture->capture, 7, 8));
    fixture->no_mouse = false;
    g_assert_true(capture_point(fixture->capture, 9, 9));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/stream-monitors/" path, struct fixture, NULL, fixture_set_up, function,           \
               fixture_tear_down)
    ADD("as-many-as-the-desktop-can-have", test_as_many_as_the_desktop_can_have);
    ADD("a-layout-follows-its-surface", test_a_layout_follows_its_surface);
    ADD("nonsense-costs-one-connection", test_nonsense_costs_one_connection);
    ADD("positions-wait-for-the-road", test_positions_wait_for_the_road);
    return g_test_run();
}
