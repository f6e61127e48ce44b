/* SPDX-License-Identifier: Apache-2.0 */
/* The streamer against a link server that plays gateway and client at once. */
#include <gio/gio.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/streamer/capture-replay.h"
#include "hostd/streamer/pacing.h"
#include "hostd/streamer/streamer.h"
#include "protocol/base/secret.h"
#include "protocol/codec/codec.h"
#include "protocol/link/link.h"
#include "protocol/link/pki.h"
#include "tests/unit/streamer-fixture.h"

struct fixture;

/* One uplink as the gateway and the client see it. */
struct peer {
    struct fixture *fixture;
    struct vdp_link *link;
    struct vdp_framer *framer;
    struct vdp_decoder *decoder;
    bool mute;   /* sends no HELLO */
    bool no_ack; /* presents frames, says nothing */
    bool got_token;
    bool got_hello;
    bool closed;
    uint16_t width, height;
    unsigned frames, keys;
    unsigned shapes, uses;
    uint32_t cursor_id;
    uint32_t input_serial;
    bool settled;
    int goaway; /* reason, 0 before */
    unsigned pings;
    uint64_t pong; /* stamp of the last one */
};

struct fixture {
    struct vdp_pair ca;
    struct vdp_link_server *server;
    char *url;
    struct streamer *streamer;
    struct capture *capture; /* owned by the streamer */
    GPtrArray *peers;        /* of struct peer */
    bool mute, no_ack;       /* for the next peer */
    GString *input;          /* what reached the machine */
    unsigned dials;
    char token[VD_TOKEN_CHARS + 1];
};

static void
send_out(struct peer *peer, struct vdp_buffer *out)
{
    GBytes *bytes = g_bytes_new(out->data, out->size);

    vdp_link_send(peer->link, bytes, VDP_CHANNEL_CONTROL);
    g_bytes_unref(bytes);
    vdp_buffer_clear(out);
}

static void
send_hello(struct peer *peer)
{
    struct vdp_hello hello = {1, 1, 42, VDP_CAP_TILES_ZSTD};
    struct vdp_buffer out = {0};

    vdp_put_hello(&out, &hello);
    send_out(peer, &out);
}

static void
take_frame(struct peer *peer, const struct vdp_record *record)
{
    struct vdp_frame frame;
    struct vdp_rect dirty;
    struct vdp_buffer out = {0};

    g_assert_cmpint(vdp_get_frame(record, &frame), ==, 0);
    g_assert_cmpuint(frame.id, ==, ++peer->frames);
    g_assert_cmpint(vdp_decoder_frame(peer->decoder, frame.ops, frame.ops_size,
                                      (frame.flags & VDP_FRAME_KEY) != 0, &dirty),
                    ==, 0);
    peer->keys += (frame.flags & VDP_FRAME_KEY) != 0 ? 1 : 0;
    peer->settled = (frame.flags & VDP_FRAME_SETTLED) != 0;
    peer->input_serial = frame.input_serial;
    if (!peer->no_ack) {
        struct vdp_ack ack = {.frame = frame.id};

        vdp_put_ack(&out, &ack);
        send_out(peer, &out);
    }
}

static void
take_record(struct peer *peer, const struct vdp_record *record)
{
    struct vdp_token token;
    struct vdp_hello hello;
    struct vdp_goaway goaway;
    struct vdp_surface surface;
    struct vdp_cursor_shape shape;
    struct vdp_cursor_use use;
    struct vdp_ping ping;

    switch (record->type) {
    case VDP_UPLINK:
        g_assert_cmpint(vdp_get_uplink(record, &token), ==, 0);
        g_assert_cmpstr(token.text, ==, peer->fixture->token);
        peer->got_token = true;
        if (!peer->mute) {
            send_hello(peer);
        }
        break;
    case VDP_HELLO:
        g_assert_cmpint(vdp_get_hello(record, &hello), ==, 0);
        g_assert_true(peer->got_token);
        peer->got_hello = true;
        break;
    case VDP_GOAWAY:
        g_assert_cmpint(vdp_get_goaway(record, &goaway), ==, 0);
        peer->goaway = goaway.reason;
        break;
    case VDP_SURFACE:
        g_assert_cmpint(vdp_get_surface(record, &surface), ==, 0);
        g_assert_true(peer->got_hello);
        peer->width = surface.width;
        peer->height = surface.height;
        g_assert_cmpint(vdp_decoder_resize(peer->decoder, surface.width, surface.height), ==, 0);
        break;
    case VDP_FRAME:
        take_frame(peer, record);
        break;
    case VDP_CURSOR_SHAPE:
        g_assert_cmpint(vdp_get_cursor_shape(record, &shape), ==, 0);
        peer->shapes++;
        break;
    case VDP_CURSOR_USE:
        g_assert_cmpint(vdp_get_cursor_use(record, &use), ==, 0);
        peer->uses++;
        peer->cursor_id = use.id;
        break;
    case VDP_PING:
        peer->pings++;
        break;
    case VDP_PONG:
        g_assert_cmpint(vdp_get_ping(record, &ping), ==, 0);
        peer->pong = ping.stamp;
        break;
    default:
        break;
    }
}

static void
peer_data(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data)
{
    struct peer *peer = user_data;
    struct vdp_record record;
    size_t taken;

    (void)link;
    while (size > 0) {
        g_assert_cmpint(vdp_framer_push(peer->framer, data, size, &taken), ==, 0);
        data += taken;
        size -= taken;
        while (vdp_framer_next(peer->framer, &record) == 1) {
            take_record(peer, &record);
        }
    }
}

static void
peer_closed(struct vdp_link *link, enum vdp_link_close reason, const char *text, void *user_data)
{
    struct peer *peer = user_data;

    (void)link;
    (void)reason;
    (void)text;
    peer->closed = true;
}

static const struct vdp_link_events peer_events = {.data = peer_data, .closed = peer_closed};

static void
accept_peer(struct vdp_link *link, void *user_data)
{
    struct fixture *fixture = user_data;
    struct peer *peer = g_new0(struct peer, 1);

    g_assert_cmpstr(vdp_link_path(link), ==, "/uplink");
    peer->fixture = fixture;
    peer->link = link;
    peer->framer = vdp_framer_new(64u * 1024 * 1024);
    peer->decoder = vdp_decoder_new();
    peer->mute = fixture->mute;
    peer->no_ack = fixture->no_ack;
    g_ptr_array_add(fixture->peers, peer);
    vdp_link_accept(link, &peer_events, peer);
}

static void
free_peer(gpointer data)
{
    struct peer *peer = data;

    vdp_link_free(peer->link);
    vdp_framer_free(peer->framer);
    vdp_decoder_free(peer->decoder);
    g_free(peer);
}

/* A machine that writes down what it is told. */

static void
machine_free(void *state)
{
    (void)state;
}

static void
machine_key(void *state, uint32_t serial, uint16_t code, bool down)
{
    struct fixture *fixture = state;

    g_string_append_printf(fixture->input, "key %u %d ", code, down);
    capture_delivered(fixture->capture, serial);
}

static void
machine_pointer(void *state, uint32_t serial, uint16_t x, uint16_t y)
{
    struct fixture *fixture = state;

    g_string_append_printf(fixture->input, "pointer %u %u ", x, y);
    capture_delivered(fixture->capture, serial);
}

static void
machine_button(void *state, uint32_t serial, uint8_t button, bool down)
{
    struct fixture *fixture = state;

    (void)serial;
    g_string_append_printf(fixture->input, "button %u %d ", button, down);
}

static void
machine_wheel(void *state, uint32_t serial, int x, int y)
{
    struct fixture *fixture = state;

    (void)serial;
    g_string_append_printf(fixture->input, "wheel %d %d ", x, y);
}

static void
machine_set_size(void *state, uint16_t width, uint16_t height)
{
    struct fixture *fixture = state;

    g_string_append_printf(fixture->input, "size %u %u ", width, height);
}

static const struct capture_backend machine = {
    .name = "test",
    .free = machine_free,
    .key = machine_key,
    .pointer = machine_pointer,
    .button = machine_button,
    .wheel = machine_wheel,
    .set_size = machine_set_size,
};

static void
ignore_change(void *user_data)
{
    (void)user_data;
}

static void
use_machine(struct fixture *fixture)
{
    uint8_t *picture = fixture_picture(0);

    fixture->capture = capture_new(streamer_capture_events(), fixture->streamer);
    capture_set_backend(fixture->capture, &machine, fixture);
    streamer_shadow_replace(capture_shadow(fixture->capture), FIXTURE_WIDTH, FIXTURE_HEIGHT,
                            picture, FIXTURE_WIDTH * 4);
    streamer_set_capture(fixture->streamer, fixture->capture);
    g_free(picture);
}

static void
set_up(struct fixture *fixture, const void *data)
{
    static const char *const names[] = {"127.0.0.1", NULL};
    struct vdp_link_server_options options = {.bind = "127.0.0.1", .max_links = 8};
    struct vdp_pair pair = {0};
    GError *error = NULL;

    (void)data;
    g_assert_true(vdp_pki_make_ca("test", &fixture->ca, &error));
    g_assert_true(vdp_pki_make_server(&fixture->ca, names, 1, &pair, &error));
    options.ca_pem = fixture->ca.cert_pem;
    options.cert_pem = pair.cert_pem;
    options.key_pem = pair.key_pem;
    fixture->peers = g_ptr_array_new_with_free_func(free_peer);
    fixture->input = g_string_new(NULL);
    fixture->server = vdp_link_server_new(&options, NULL, accept_peer, fixture, &error);
    g_assert_no_error(error);
    vdp_pair_clear(&pair);
    fixture->url =
        g_strdup_printf("wss://127.0.0.1:%u/uplink", vdp_link_server_port(fixture->server));
    vd_token_new(fixture->token);
    fixture->streamer = streamer_new(ignore_change, NULL);
    use_machine(fixture);
}

static void
tear_down(struct fixture *fixture, const void *data)
{
    (void)data;
    streamer_free(fixture->streamer);
    g_ptr_array_free(fixture->peers, TRUE);
    vdp_link_server_free(fixture->server);
    vdp_pair_clear(&fixture->ca);
    g_string_free(fixture->input, TRUE);
    g_free(fixture->url);
    while (g_main_context_iteration(NULL, FALSE)) {
    }
}

static bool
peer_came(void *data)
{
    struct fixture *fixture = data;

    return fixture->peers->len == fixture->dials;
}

/* Dials as stream "s1", "s2", … and returns the gateway's side. */
static struct peer *
dial(struct fixture *fixture)
{
    char id[16];
    struct streamer_dial order = {id, fixture->url, fixture->token, fixture->ca.cert_pem};

    fixture->dials++;
    g_snprintf(id, sizeof(id), "s%u", fixture->dials);
    g_assert_null(streamer_dial_check(&order));
    streamer_dial(fixture->streamer, &order);
    fixture_wait(peer_came, fixture);
    return g_ptr_array_index(fixture->peers, fixture->dials - 1);
}

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
    struct peer *peer = dial(fixture);

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
    replayed.peer = dial(fixture);
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
    send_out(peer, &out);
}

static void
test_a_client_that_does_not_ack_gets_two_frames(struct fixture *fixture, const void *data)
{
    struct replayed replayed = {.expected = fixture_picture(100)};
    guint tick;

    (void)data;
    use_replay(fixture, 100);
    fixture->no_ack = true;
    replayed.peer = dial(fixture);
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
    struct peer *peer = dial(fixture);
    struct vdp_buffer out = {0};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_decoder_free(peer->decoder);
    peer->decoder = vdp_decoder_new();
    vdp_decoder_resize(peer->decoder, FIXTURE_WIDTH, FIXTURE_HEIGHT);
    vdp_put_refresh(&out);
    send_out(peer, &out);
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
    struct peer *peer = dial(fixture);
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
    send_out(peer, &out);
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
    send_out(peer, out);
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
    peer = dial(fixture);
    fixture_wait(is_streaming, fixture);
    vdp_put_set_size(&out, &size);
    send_key_and_ping(peer, &out);
    fixture_wait(has_pong, peer);
    g_assert_cmpuint(peer->frames, ==, 0);
    use_machine(fixture);
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
    struct peer *peer = dial(fixture);
    struct vdp_key key = {77, 0, KEY_A, 1};
    struct vdp_buffer out = {0};
    struct serial serial = {peer, 77};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    g_assert_cmpuint(peer->input_serial, ==, 0);
    vdp_put_key(&out, &key);
    send_out(peer, &out);
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
    struct peer *first = dial(fixture);
    struct peer *second;
    struct streamer_status status;

    (void)data;
    fixture_wait(has_settled_frame, first);
    fixture->mute = true;
    second = dial(fixture);
    streamer_status(fixture->streamer, &status);
    g_assert_cmpstr(status.stream, ==, "s1");
    g_assert_cmpstr(status.next, ==, "s2");
    g_assert_cmpint(first->goaway, ==, 0);
    send_hello(second);
    fixture_wait(has_settled_frame, second);
    fixture_wait(was_taken_over, first);
    assert_picture(second, expected);
    streamer_status(fixture->streamer, &status);
    g_assert_cmpstr(status.stream, ==, "s2");
    g_assert_null(status.next);
    g_free(expected);
}

static void
test_nonsense_closes_that_uplink_only(struct fixture *fixture, const void *data)
{
    static const uint8_t garbage[] = "GET / HTTP/1.1\r\nHost: nonsense\r\n\r\n";
    struct peer *peer = dial(fixture);
    struct vdp_ack ack = {.frame = 1000};
    struct vdp_buffer out = {0};

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_buffer_put(&out, garbage, sizeof(garbage));
    send_out(peer, &out);
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);
    fixture_wait(is_idle, fixture);

    /* An acknowledgement of a frame that was never sent. */
    peer = dial(fixture);
    fixture_wait(has_settled_frame, peer);
    vdp_put_ack(&out, &ack);
    send_out(peer, &out);
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);

    /* Input before HELLO. */
    fixture->mute = true;
    peer = dial(fixture);
    vdp_put_refresh(&out);
    send_out(peer, &out);
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_PROTOCOL);
    g_assert_cmpuint(peer->frames, ==, 0);

    fixture->mute = false;
    fixture_wait(has_settled_frame, dial(fixture));
}

static void
test_hangup_says_why(struct fixture *fixture, const void *data)
{
    struct peer *peer = dial(fixture);

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
    struct cursor_wait wait = {dial(fixture), 0};
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
    struct peer *peer = dial(fixture);
    struct vdp_ping ping = {4711};
    struct vdp_buffer out = {0};
    int64_t start_us;

    (void)data;
    fixture_wait(has_settled_frame, peer);
    vdp_put_ping(&out, &ping);
    send_out(peer, &out);
    fixture_wait(has_pong, peer);
    start_us = g_get_monotonic_time();
    /* From here on the peer answers nothing, PING included. */
    fixture_wait(is_closed, peer);
    g_assert_cmpint(peer->goaway, ==, VDP_GOAWAY_TIMEOUT);
    g_assert_cmpuint(peer->pings, >=, 2);
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
    struct peer *peer = dial(fixture);
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
    g_test_add("/stream/" path, struct fixture, NULL, set_up, function, tear_down)
    ADD("the-picture-arrives-exactly", test_the_picture_arrives_exactly);
    ADD("a-replay-ends-settled-and-equal", test_a_replay_ends_settled_and_equal);
    ADD("a-client-that-does-not-ack-gets-two-frames",
        test_a_client_that_does_not_ack_gets_two_frames);
    ADD("refresh-brings-a-key-frame", test_refresh_brings_a_key_frame);
    ADD("keys-are-released-when-the-client-leaves", test_keys_are_released_when_the_client_leaves);
    ADD("frames-name-the-newest-input", test_frames_name_the_newest_input);
    ADD("a-new-client-takes-over", test_a_new_client_takes_over);
    ADD("nonsense-closes-that-uplink-only", test_nonsense_closes_that_uplink_only);
    ADD("hangup-says-why", test_hangup_says_why);
    ADD("each-cursor-shape-is-sent-once", test_each_cursor_shape_is_sent_once);
    ADD("a-machine-may-come-after-its-client", test_a_machine_may_come_after_its_client);
    ADD("a-silent-client-is-given-up", test_a_silent_client_is_given_up);
    ADD("a-new-mode-is-a-new-surface", test_a_new_mode_is_a_new_surface);
    return g_test_run();
}
