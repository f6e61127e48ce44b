/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/stream-fixture.h"

void
peer_send(struct peer *peer, struct vdp_buffer *out)
{
    GBytes *bytes = g_bytes_new(out->data, out->size);

    vdp_link_send(peer->link, bytes, VDP_CHANNEL_CONTROL);
    g_bytes_unref(bytes);
    vdp_buffer_clear(out);
}

void
peer_hello(struct peer *peer)
{
    struct vdp_hello hello = {1, 1, 42, VDP_CAP_TILES_ZSTD | VDP_CAP_FRAGMENTS,
                              peer->fixture->monitors};
    struct vdp_buffer out = {0};

    vdp_put_hello(&out, &hello);
    peer_send(peer, &out);
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
        peer_send(peer, &out);
    }
}

static void
answer_ping(struct peer *peer, const struct vdp_record *record)
{
    struct vdp_buffer out = {0};
    struct vdp_ping ping;

    g_assert_cmpint(vdp_get_ping(record, &ping), ==, 0);
    if (!peer->deaf) {
        vdp_put_pong(&out, &ping);
        peer_send(peer, &out);
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
            peer_hello(peer);
        }
        break;
    case VDP_HELLO:
        g_assert_cmpint(vdp_get_hello(record, &hello), ==, 0);
        g_assert_true(peer->got_token);
        peer->got_hello = true;
        peer->most = hello.monitors;
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
        peer->layout = (struct vdp_layout){0};
        g_assert_cmpint(vdp_decoder_resize(peer->decoder, surface.width, surface.height), ==, 0);
        break;
    case VDP_LAYOUT:
        g_assert_cmpint(vdp_get_layout(record, &peer->layout), ==, 0);
        peer->layouts++;
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
        answer_ping(peer, record);
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

static void
machine_set_monitors(void *state, const struct vdp_area *areas, unsigned count)
{
    struct fixture *fixture = state;
    unsigned i;

    if (count == 1) {
        machine_set_size(state, areas[0].width, areas[0].height);
        return;
    }
    for (i = 0; i < count; i++) {
        g_string_append_printf(fixture->input, "%ux%u+%u+%u ", areas[i].width, areas[i].height,
                               areas[i].x, areas[i].y);
    }
}

static void
machine_pointed(void *state)
{
    struct fixture *fixture = state;

    g_string_append(fixture->input, "pointed ");
}

static const struct capture_backend machine = {
    .name = "test",
    .free = machine_free,
    .key = machine_key,
    .pointer = machine_pointer,
    .button = machine_button,
    .wheel = machine_wheel,
    .set_monitors = machine_set_monitors,
    .pointed = machine_pointed,
};

static void
ignore_change(void *user_data)
{
    (void)user_data;
}

static void
ignore_text(const char *text, size_t size, void *user_data)
{
    (void)text;
    (void)size;
    (void)user_data;
}

static bool
note_motion(int dx, int dy, void *user_data)
{
    struct fixture *fixture = user_data;

    g_string_append_printf(fixture->input, "motion %d %d ", dx, dy);
    return !fixture->no_mouse;
}

static bool
note_point(uint16_t x, uint16_t y, void *user_data)
{
    struct fixture *fixture = user_data;

    g_string_append_printf(fixture->input, "point %u %u ", x, y);
    return !fixture->no_mouse;
}

static void
note_places(const struct vdp_area *areas, unsigned count, void *user_data)
{
    struct fixture *fixture = user_data;
    unsigned i;

    for (i = 0; i < count; i++) {
        g_string_append_printf(fixture->input, "place %u,%u ", areas[i].x, areas[i].y);
    }
}

static void
keep_left(json_t *message, void *user_data)
{
    struct fixture *fixture = user_data;

    json_decref(fixture->left);
    fixture->left = message;
}

static const struct streamer_events streamer_events = {ignore_change, ignore_text, note_motion,
                                                       note_point,    note_places, keep_left};

void
fixture_use_machine(struct fixture *fixture)
{
    uint8_t *picture = fixture_picture(0);

    fixture->capture = capture_new(streamer_capture_events(), fixture->streamer);
    capture_set_backend(fixture->capture, &machine, fixture);
    streamer_shadow_replace(capture_shadow(fixture->capture), FIXTURE_WIDTH, FIXTURE_HEIGHT,
                            picture, FIXTURE_WIDTH * 4);
    streamer_set_capture(fixture->streamer, fixture->capture);
    g_free(picture);
}

void
fixture_set_up(struct fixture *fixture, const void *data)
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
    fixture->streamer = streamer_new(&streamer_events, fixture);
    fixture_use_machine(fixture);
}

void
fixture_tear_down(struct fixture *fixture, const void *data)
{
    (void)data;
    streamer_free(fixture->streamer);
    json_decref(fixture->left);
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

struct peer *
fixture_dial(struct fixture *fixture)
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
