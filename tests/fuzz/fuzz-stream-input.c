/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends, through framing, permit table and decoders, in pieces of changing size. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "hostd/streamer/inbound.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
    bool live;
    unsigned events;
};

static int
take_hello(const struct vdp_hello *hello, void *user_data)
{
    struct state *state = user_data;

    assert(!state->live);
    if (hello->version_min > VDP_VERSION_MAX || hello->version_max < VDP_VERSION_MIN) {
        return VDP_ERR_VERSION;
    }
    state->live = true;
    return 0;
}

static void
take_goaway(const struct vdp_goaway *goaway, void *user_data)
{
    struct state *state = user_data;
    size_t i;

    assert(goaway->text_size <= VDP_MAX_TEXT);
    for (i = 0; i < goaway->text_size; i++) {
        state->events += (unsigned char)goaway->text[i];
    }
}

static void
take_ping(const struct vdp_ping *ping, void *user_data)
{
    ((struct state *)user_data)->events += (unsigned)ping->stamp;
}

/* The rest may come after HELLO only. */
#define TAKE(name, type)                                                                           \
    static void take_##name(const struct type *message, void *user_data)                           \
    {                                                                                              \
        struct state *state = user_data;                                                           \
                                                                                                   \
        (void)message;                                                                             \
        assert(state->live);                                                                       \
        state->events++;                                                                           \
    }

TAKE(key, vdp_key)
TAKE(pointer, vdp_pointer)
TAKE(button, vdp_button)
TAKE(wheel, vdp_wheel)
TAKE(motion, vdp_motion)
TAKE(locks, vdp_locks)
TAKE(text, vdp_text)
TAKE(set_size, vdp_set_size)
TAKE(monitors, vdp_monitors)

static void
take_have(const struct vdp_have *have, void *user_data)
{
    struct state *state = user_data;

    assert(state->live && have->count >= 1 && have->count <= VDP_MAX_HAVE);
    state->events += have->digests[have->count * 4 - 1];
}

static void
take_bare(void *user_data)
{
    assert(((struct state *)user_data)->live);
}

static int
take_ack(const struct vdp_ack *ack, void *user_data)
{
    assert(((struct state *)user_data)->live);
    return ack->frame == UINT32_MAX ? VDP_ERR_RANGE : 0;
}

static const struct streamer_inbound_events events = {
    .hello = take_hello,
    .goaway = take_goaway,
    .ping = take_ping,
    .pong = take_ping,
    .key = take_key,
    .pointer = take_pointer,
    .button = take_button,
    .wheel = take_wheel,
    .motion = take_motion,
    .release_all = take_bare,
    .locks = take_locks,
    .text = take_text,
    .set_size = take_set_size,
    .monitors = take_monitors,
    .ack = take_ack,
    .refresh = take_bare,
    .have = take_have,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state state = {0};
    struct streamer_inbound *inbound = streamer_inbound_new(&events, &state);
    size_t at = 0;
    size_t step = size > 0 ? 1 + data[0] % 37 : 1;
    int result = 0;

    if (inbound == NULL) {
        return 0;
    }
    while (at < size && result == 0) {
        size_t piece = step < size - at ? step : size - at;

        result = streamer_inbound_push(inbound, data + at, piece);
        at += piece;
    }
    if (result < 0) {
        /* Errors are sticky. */
        assert(streamer_inbound_push(inbound, data, size) == result);
    }
    streamer_inbound_free(inbound);
    return 0;
}
