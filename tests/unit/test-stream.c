/* SPDX-License-Identifier: Apache-2.0 */
/* The streamer against a link server that plays gateway and client at once. */
#include <linux/input-event-codes.h>
#include <string.h>

#include "hostd/streamer/capture-replay.h"
#include "hostd/streamer/pacing.h"
#include "protocol/base/base64.h"
#include "protocol/codec/jpeg.h"
#include "protocol/codec/small.h"
#include "tests/unit/stream-fixture.h"

static bool
has_settled_frame(void *data)
{
    struct peer *peer = data;

    return peer->frames > 0 && peer->settled;
}

static bool
is_closed(void *data)
{
    return ((struct peer *)data)->closed;
}

static void
assert_picture(struct peer *peer, const uint8_t *expected)
{
    struct vdp_image image = vdp_decoder_image(peer->decoder);
    unsigned y;

    g_assert_cmpuint(image.width, ==, FIXTURE_WIDTH);
    g_assert_cmpuint(image.height, ==, FIXTURE_HEIGHT);
    for (y = 0; y < image.height; y++) {
        g_assert_cmpint(memcmp(image.pixels + y * image.stride, expected + y * FIXTURE_WIDTH * 4,
                               (size_t)FIXTURE_WIDTH * 4),
                        ==, 0);
    }
}

static const char *
state_of(struct fixture *fixture)
{
    struct streamer_status status;

    streamer_status(fixture->streamer, &status);
    return status.state;
}

static void
test_the_picture_arrives_exactly(struct fixture *fixture, const void *data)
{
    uint8_t *expected = fixture_picture(0);
    struct peer *peer = fixture_dial(fixture);

    (void)data;
    fixture_wait(has_settled_frame, peer);
    g_assert_true(peer->got_hello);
    g_assert_cmpuint(peer->keys, ==, 1);
    g_assert_cmpstr(state_of(fixture), ==, "streaming");
    assert_picture(peer, expected);
    g_free(expected);
}

struct replayed {
    struct peer *peer;
    uint8_t *expected;
};

static bool
shows_the_last_step(void *data)
{
    struct replayed *replayed = data;
    struct vdp_image image = vdp_decoder_image(replayed->peer->decoder);

    return replayed->peer->settled && image.width == FIXTURE_WIDTH &&
           image.stride == FIXTURE_WIDTH * 4 &&
           memcmp(image.pixels, replayed->expected, (size_t)FIXTURE_WIDTH * FIXTURE_HEIGHT * 4) ==
               0;
}

static void
use_replay(struct fixture *fixture, unsigned steps)
{
    GBytes *trace = fixture_trace(steps, 3000);

    fixture->capture =
        capture_replay_new(trace, streamer_capture_events(), fixture->streamer, NULL);
    streamer_set_capture(fixture->streamer, fixture->capture);
    g_bytes_unref(trace);
}

static void
test_a_replay_ends_settled_and_equal(struct fixture *fixture, const void *data)
{
    struct replayed replayed = {.expected = fixture_picture(60)};
    struct streamer_status status;

    (void)data;
    use_replay(fixture, 60);
    replayed.peer = fixture_dial(fixture);
    fixture_wait(shows_the_last_step, &replayed);
    g_assert_cmpuint(replayed.peer->keys, ==, 1);
    g_assert_cmpuint(replayed.peer->frames, >, 1);
    streamer_status(fixture->streamer, &status);
    g_assert_cmpuint(status.stats.frames, ==, replayed.peer->frames);
    g_assert_cmpuint(status.stats.encode_p50_us, >, 0);
    g_free(replayed.expected);
}

static bool
damage_waits(void *data)
{
    struct fixture *fixture = data;
    int64_t since_us = streamer_shadow_damaged_since(capture_shadow(fixture->capture));

    return since_us != 0 && g_get_monotonic_time() - since_us > 300000;
}

static gboolean
keep_turning(gpointer data)
{
    (void)data;
    return G_SOURCE_CONTINUE;
}

static void
send_ack(struct peer *peer, uint32_t frame)
{
    struct vdp_ack ack = {.frame = frame};
    struct vdp_buffer out = {0};

    vdp_put_ack(&out, &ack);
    peer_send(peer, &out);
}

static void
test_a_client_that_does_not_ack_gets_two_frames(struct fixture *fixture, const void *data)
{
    struct replayed replayed = {.expected = fixture_picture(100)};
    guint tick;

    (void)data;
    use_replay(fixture, 100);
    fixture->no_ack = true;
    replayed.peer = fixture_dial(fixture);
    /* After the end of the trace only this timer turns the loop. */
    tick = g_timeout_add(20, keep_turning, NULL);
    fixture_wait(damage_waits, fixture);
    g_source_remove(tick);
    g_assert_cmpuint(replayed.peer->frames, ==, STREAMER_MIN_SLOTS);
    /* The newest picture waits for the first acknowledgement. */
    replayed.peer->no_ack = false;
    send_ack(replayed.peer, STREAMER_MIN_SLOTS);
    fixture_wait(shows_the_last_step, &replayed);
    g_assert_cmpuint(replayed.peer->frames, <=, STREAMER_MIN_SLOTS + 2);
    g_free(replayed.expected);
}

static bool
has_two_keys(void *data)
{
    struct peer *peer = data;

    return peer->keys == 2 && peer->settled;
}

static void
test_refresh_brings_a_key_frame(struct fixture *fixture, const void *data)
{
    uint8_t *expected = fixture_picture(0);
    struct peer *peer = fixture_dial(fixture);
    struct vdp_buffer out = {0};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_decoder_free(peer->decoder);
    peer->decoder = vdp_decoder_new();
    vdp_decoder_resize(peer->decoder, FIXTURE_WIDTH, FIXTURE_HEIGHT);
    vdp_put_refresh(&out);
    peer_send(peer, &out);
    fixture_wait(has_two_keys, peer);
    assert_picture(peer, expected);
    g_free(expected);
}

static bool
is_idle(void *data)
{
    return strcmp(state_of(data), "idle") == 0;
}

static bool
has_input(void *data)
{
    struct fixture *fixture = data;

    return strstr(fixture->input->str, "size 4096 200 ") != NULL;
}

static void
test_keys_are_released_when_the_client_leaves(struct fixture *fixture, const void *data)
{
    struct peer *peer = fixture_dial(fixture);
    struct vdp_key key = {1, 0, KEY_LEFTSHIFT, 1};
    struct vdp_button button = {2, 0, 3, 1};
    struct vdp_pointer pointer = {3, 0, 5, 6};
    struct vdp_wheel wheel = {4, 0, 0, -240};
    struct vdp_set_size size = {VDP_MAX_SIDE, 1, 120};
    struct vdp_buffer out = {0};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_put_key(&out, &key);
    vdp_put_button(&out, &button);
    vdp_put_pointer(&out, &pointer);
    vdp_put_wheel(&out, &wheel);
    vdp_put_set_size(&out, &size);
    peer_send(peer, &out);
    fixture_wait(has_input, fixture);
    g_assert_cmpstr(fixture->input->str, ==,
                    "key 42 1 button 3 1 pointer 5 6 wheel 0 -2 size 4096 200 ");
    g_string_truncate(fixture->input, 0);
    vdp_link_free(peer->link);
    peer->link = NULL;
    fixture_wait(is_idle, fixture);
    g_assert_cmpstr(fixture->input->str, ==, "key 42 0 button 3 0 ");
}

static bool
has_left(void *data)
{
    return ((struct fixture *)data)->left != NULL;
}

/* Lets the client of a new stream see the screen and leave it. */
static void
look_and_leave(struct fixture *fixture)
{
    struct peer *peer = fixture_dial(fixture);

    fixture_wait(has_settled_frame, peer);
    vdp_link_free(peer->link);
    peer->link = NULL;
    fixture_wait(is_idle, fixture);
}

static void
test_the_last_screen_is_given_where_it_may_be(struct fixture *fixture, const void *data)
{
    g_autofree uint8_t *expected = fixture_picture(0);
    g_autofree uint8_t *pixels = g_malloc(FIXTURE_WIDTH * FIXTURE_HEIGHT * 4);
    struct vdp_rect whole = {0, 0, FIXTURE_WIDTH, FIXTURE_HEIGHT};
    uint8_t jpeg[VDP_SMALL_MAX_BYTES];
    size_t size = 0;
    const json_t *text;
    int64_t means[3] = {0};
    size_t i;

    (void)data;
    look_and_leave(fixture);
    g_assert_null(fixture->left);
    streamer_keep_picture(fixture->streamer, true);
    look_and_leave(fixture);
    fixture_wait(has_left, fixture);
    text = json_object_get(fixture->left, "jpeg");
    g_assert_true(vd_base64_decode(json_string_value(text), json_string_length(text), jpeg,
                                   sizeof(jpeg), &size));
    g_assert_cmpint(vdp_small_check(jpeg, size, FIXTURE_WIDTH, FIXTURE_HEIGHT), ==, 0);
    g_assert_cmpint(vdp_jpeg_decode(jpeg, size, &whole, pixels, FIXTURE_WIDTH * 4), ==, 0);
    /* Noise, which JPEG blurs: what is left of it is its colour. */
    for (i = 0; i < (size_t)FIXTURE_WIDTH * FIXTURE_HEIGHT * 4; i++) {
        if (i % 4 < 3) {
            means[i % 4] += pixels[i] - expected[i];
        }
    }
    for (i = 0; i < G_N_ELEMENTS(means); i++) {
        g_assert_cmpint(ABS(means[i]), <, FIXTURE_WIDTH * FIXTURE_HEIGHT * 4);
    }
    g_clear_pointer(&fixture->left, json_decref);
    streamer_keep_picture(fixture->streamer, false);
    look_and_leave(fixture);
    g_assert_null(fixture->left);
}

static bool
has_pong(void *data)
{
    return ((struct peer *)data)->pong == 4711;
}

/* Behind what is in out: the PONG says that all of it was taken. */
static void
send_key_and_ping(struct peer *peer, struct vdp_buffer *out)
{
    struct vdp_key key = {1, 0, KEY_B, 1};
    struct vdp_ping ping = {4711};

    vdp_put_key(out, &key);
    vdp_put_ping(out, &ping);
    peer_send(peer, out);
}

static void
send_motions(struct peer *peer, int16_t dx, unsigned count)
{
    struct vdp_motion motion = {1, 0, dx, -1};
    struct vdp_buffer out = {0};

    for (; count > 0; count--) {
        vdp_put_motion(&out, &motion);
    }
    peer->pong = 0;
    send_key_and_ping(peer, &out);
    fixture_wait(has_pong, peer);
}

/* What comes while one is under way is one more, and no sum leaves its range. */
static void
test_motions_wait_for_the_one_under_way(struct fixture *fixture, const void *data)
{
    struct peer *peer = fixture_dial(fixture);

    (void)data;
    fixture_wait(has_settled_frame, peer);
    send_motions(peer, 5, 3);
    g_assert_cmpstr(fixture->input->str, ==, "motion 5 -1 key 48 1 ");
    g_string_truncate(fixture->input, 0);
    streamer_moved(fixture->streamer);
    streamer_moved(fixture->streamer);
    streamer_moved(fixture->streamer);
    g_assert_cmpstr(fixture->input->str, ==, "motion 10 -2 ");
    send_motions(peer, VDP_MAX_MOTION, 1);
    send_motions(peer, VDP_MAX_MOTION, 9);
    g_string_truncate(fixture->input, 0);
    streamer_moved(fixture->streamer);
    g_assert_cmpstr(fixture->input->str, ==, "motion 32767 -9 ");
    fixture->no_mouse = true;
    send_motions(peer, 5, 2);
    g_string_truncate(fixture->input, 0);
    streamer_moved(fixture->streamer);
    g_assert_cmpstr(fixture->input->str, ==, "motion 10 -2 ");
    send_motions(peer, 5, 1);
    g_assert_nonnull(strstr(fixture->input->str, "motion 5 -1 "));
}

static bool
is_streaming(void *data)
{
    return strcmp(state_of(data), "streaming") == 0;
}

static void
test_a_machine_may_come_after_its_client(struct fixture *fixture, const void *data)
{
    struct vdp_set_size size = {640, 480, 120};
    struct vdp_buffer out = {0};
    struct peer *peer;
    uint8_t *expected = fixture_picture(0);

    (void)data;
    streamer_set_capture(fixture->streamer, NULL);
    peer = fixture_dial(fixture);
    fixture_wait(is_streaming, fixture);
    vdp_put_set_size(&out, &size);
    send_key_and_ping(peer, &out);
    fixture_wait(has_pong, peer);
    g_assert_cmpuint(peer->frames, ==, 0);
    fixture_use_machine(fixture);
    fixture_wait(has_settled_frame, peer);
    assert_picture(peer, expected);
    g_assert_cmpstr(fixture->input->str, ==, "size 640 480 ");
    g_free(expected);
}

struct serial {
    struct peer *peer;
    uint32_t serial;
};

static bool
has_serial(void *data)
{
    struct serial *serial = data;

    return serial->peer->input_serial == serial->serial;
}

static bool
has_key_input(void *data)
{
    struct fixture *fixture = data;

    return fixture->input->len > 0;
}

static void
test_frames_name_the_newest_input(struct fixture *fixture, const void *data)
{
    static const uint8_t pixel[4] = {1, 2, 3, 255};
    struct peer *peer = fixture_dial(fixture);
    struct vdp_key key = {77, 0, KEY_A, 1};
    struct vdp_buffer out = {0};
    struct serial serial = {peer, 77};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->input_serial, ==, 0);
    vdp_put_key(&out, &key);
    peer_send(peer, &out);
    fixture_wait(has_key_input, fixture);
    streamer_shadow_write(capture_shadow(fixture->capture), 0, 0, 1, 1, pixel, 4);
    fixture_wait(has_serial, &serial);
}

static bool
was_taken_over(void *data)
{
    struct peer *peer = data;

    return peer->goaway == VDP_GOAWAY_TAKEN_OVER && peer->closed;
}

static void
test_a_new_client_takes_over(struct fixture *fixture, const void *data)
{
    uint8_t *expected = fixture_picture(0);
    struct peer *first = fixture_dial(fixture);
    struct peer *second;
    struct streamer_status status;

    (void)data;
    streamer_keep_picture(fixture->streamer, true);
    fixture_wait(has_settled_frame, first);
    fixture->mute = true;
    second = fixture_dial(fixture);
    streamer_status(fixture->streamer, &status);
    g_assert_cmpstr(status.stream, ==, "s1");
    g_assert_cmpstr(status.next, ==, "s2");
    g_assert_cmpint(first->goaway, ==, 0);
    peer_hello(second);
    fixture_wait(has_settled_frame, second);
    fixture_wait(was_taken_over, first);
    assert_picture(second, expected);
    streamer_status(fixture->streamer, &status);
    g_assert_cmpstr(status.stream, ==, "s2");
    g_assert_null(status.next);
    g_assert_null(fixture->left); /* somebody looks on */
    g_free(expected);
}

static void
test_nonsense_closes_that_uplink_only(struct fixture *fixture, const void *data)
{
    static const uint8_t garbage[] = "GET / HTTP/1.1\r\nHost: nonsense\r\n\r\n";
    struct peer *peer = fixture_dial(fixture);
    struct vdp_ack ack = {.frame = 1000};
    struct vdp_buffer out = {0};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_buffer_put(&out, garbage, sizeof(garbage));
    peer_send(peer, &out);
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);
    fixture_wait(is_idle, fixture);

    /* An acknowledgement of a frame that was never sent. */
    peer = fixture_dial(fixture);
    fixture_wait(has_settled_frame, peer);
    vdp_put_ack(&out, &ack);
    peer_send(peer, &out);
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);

    /* Input before HELLO. */
    fixture->mute = true;
    peer = fixture_dial(fixture);
    vdp_put_refresh(&out);
    peer_send(peer, &out);
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);
    g_assert_cmpuint(peer->frames, ==, 0);

    fixture->mute = false;
    fixture_wait(has_settled_frame, fixture_dial(fixture));
}

static void
test_hangup_says_why(struct fixture *fixture, const void *data)
{
    struct peer *peer = fixture_dial(fixture);

    (void)data;
    fixture_wait(has_settled_frame, peer);
    streamer_hangup(fixture->streamer, "other", VDP_GOAWAY_ENDED, "not this one");
    g_assert_cmpstr(state_of(fixture), ==, "streaming");
    streamer_hangup(fixture->streamer, "s1", VDP_GOAWAY_ENDED, "logged off");
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_ENDED);
    fixture_wait(is_idle, fixture);
}

struct cursor_wait {
    struct peer *peer;
    unsigned uses;
};

static bool
has_uses(void *data)
{
    struct cursor_wait *wait = data;

    return wait->peer->uses == wait->uses;
}

static void
test_each_cursor_shape_is_sent_once(struct fixture *fixture, const void *data)
{
    static const uint8_t shapes[2][4] = {{255, 0, 0, 255}, {0, 255, 0, 255}};
    struct cursor_wait wait = {fixture_dial(fixture), 0};
    unsigned i;

    (void)data;
    fixture_wait(has_settled_frame, wait.peer);
    for (i = 0; i < 10; i++) {
        streamer_shadow_set_cursor(capture_shadow(fixture->capture), 1, 1, 0, 0, shapes[i % 2]);
        wait.uses++;
        fixture_wait(has_uses, &wait);
        g_assert_cmpuint(wait.peer->cursor_id, ==, 1 + i % 2);
    }
    g_assert_cmpuint(wait.peer->shapes, ==, 2);
}

static void
test_a_silent_client_is_given_up(struct fixture *fixture, const void *data)
{
    struct peer *peer = fixture_dial(fixture);
    struct vdp_ping ping = {4711};
    struct vdp_buffer out = {0};
    int64_t start_us;

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_put_ping(&out, &ping);
    peer_send(peer, &out);
    fixture_wait(has_pong, peer);
    start_us = g_get_monotonic_time();
    /* From here on the peer answers nothing, PING included. */
    peer->deaf = true;
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_TIMEOUT);
    g_assert_cmpuint(peer->pings, >=, 1);
    g_assert_cmpint(g_get_monotonic_time() - start_us, >=, (STREAMER_DEAD_MS - 100) * 1000);
    g_assert_cmpint(g_get_monotonic_time() - start_us, <,
                    (STREAMER_DEAD_MS + 2 * STREAMER_PING_MS) * 1000);
    fixture_wait(is_idle, fixture);
}

static bool
has_new_size(void *data)
{
    struct peer *peer = data;

    return peer->width == 100 && peer->settled && peer->keys == 2;
}

static void
test_a_new_mode_is_a_new_surface(struct fixture *fixture, const void *data)
{
    uint32_t *pixels = g_new0(uint32_t, 100 * 50);
    struct peer *peer = fixture_dial(fixture);
    struct vdp_image image;

    (void)data;
    fixture_wait(has_settled_frame, peer);
    pixels[99] = 0xff112233u;
    streamer_shadow_replace(capture_shadow(fixture->capture), 100, 50, (const uint8_t *)pixels,
                            400);
    fixture_wait(has_new_size, peer);
    image = vdp_decoder_image(peer->decoder);
    g_assert_cmpuint(image.height, ==, 50);
    g_assert_cmpint(memcmp(image.pixels + 99 * 4, &pixels[99], 3), ==, 0);
    g_free(pixels);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
#define ADD(path, function)                                                                        \
    g_test_add("/stream/" path, struct fixture, NULL, fixture_set_up, function, fixture_tear_down)
    ADD("the-picture-arrives-exactly", test_the_picture_arrives_exactly);
    ADD("a-replay-ends-settled-and-equal", test_a_replay_ends_settled_and_equal);
    ADD("a-client-that-does-not-ack-gets-two-frames",
        test_a_client_that_does_not_ack_gets_two_frames);
    ADD("refresh-brings-a-key-frame", test_refresh_brings_a_key_frame);
    ADD("keys-are-released-when-the-client-leaves", test_keys_are_released_when_the_client_leaves);
    ADD("the-last-screen-is-given-where-it-may-be", test_the_last_screen_is_given_where_it_may_be);
    ADD("frames-name-the-newest-input", test_frames_name_the_newest_input);
    ADD("motions-wait-for-the-one-under-way", test_motions_wait_for_the_one_under_way);
    ADD("a-new-client-takes-over", test_a_new_client_takes_over);
    ADD("nonsense-closes-that-uplink-only", test_nonsense_closes_that_uplink_only);
    ADD("hangup-says-why", test_hangup_says_why);
    ADD("each-cursor-shape-is-sent-once", test_each_cursor_shape_is_sent_once);
    ADD("a-machine-may-come-after-its-client", test_a_machine_may_come_after_its_client);
    ADD("a-silent-client-is-given-up", test_a_silent_client_is_given_up);
    ADD("a-new-mode-is-a-new-surface", test_a_new_mode_is_a_new_surface);
    return g_test_run();
}
