/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/stream.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"
#include "protocol/link/link.h"

#define MAX_PONGS 50u /* in a second; more PINGs are left without an answer */
/* The stamp of a fence: its number under this, which no clock shows in a while. */
#define FENCE      (UINT64_C(0xfe) << 56)
#define FENCE_MASK (UINT64_MAX << 32)

struct streamer_stream {
    const struct streamer_stream_events *events;
    void *user_data;
    char *id;
    char *token; /* NULL after it was sent */
    enum streamer_stream_state state;
    struct vdp_link *link; /* NULL when closed */
    struct streamer_inbound *inbound;
    GSource *timer;        /* the deadline or the next PING of the state */
    uint64_t capabilities; /* of the client: enum vdp_capability */
    int64_t heard_us;
    int64_t pong_second; /* the second that pongs counts */
    unsigned pongs;
    char *close_text;
};

static gboolean
dispatch_timer(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    return callback(data);
}

static GSourceFuncs timer_funcs = {.dispatch = dispatch_timer};

static void
set_timer(struct streamer_stream *stream, int64_t in_ms)
{
    g_source_set_ready_time(stream->timer, vd_monotonic_us() + in_ms * 1000);
}

static void
enter_state(struct streamer_stream *stream, enum streamer_stream_state state, int64_t timer_ms)
{
    stream->state = state;
    set_timer(stream, timer_ms);
    stream->events->changed(stream, stream->user_data);
}

/* The owner usually frees the stream in here. */
static void
finish(struct streamer_stream *stream, const char *text)
{
    vdp_link_free(stream->link);
    stream->link = NULL;
    g_source_set_ready_time(stream->timer, -1);
    stream->state = STREAMER_CLOSING;
    stream->events->closed(stream, text, stream->user_data);
}

static void
send_buffer(struct streamer_stream *stream, struct vdp_buffer *buffer, uint8_t channel)
{
    if (buffer->error == 0 && buffer->size > 0 && stream->link != NULL) {
        GBytes *bytes = g_bytes_new(buffer->data, buffer->size);

        vdp_link_send(stream->link, bytes, channel);
        g_bytes_unref(bytes);
    }
    vdp_buffer_clear(buffer);
}

void
streamer_stream_send(struct streamer_stream *stream, GBytes *bytes, uint8_t channel)
{
    if (stream->state == STREAMER_LIVE) {
        vdp_link_send(stream->link, bytes, channel);
    }
}

size_t
streamer_stream_unsent(struct streamer_stream *stream)
{
    return stream->link != NULL ? vdp_link_unsent(stream->link) : 0;
}

void
streamer_stream_fence(struct streamer_stream *stream, uint32_t number, uint8_t channel)
{
    struct vdp_ping ping = {FENCE | number};
    struct vdp_buffer out = {0};

    if (stream->state == STREAMER_LIVE) {
        vdp_put_ping(&out, &ping);
        send_buffer(stream, &out, channel);
    }
}

uint64_t
streamer_stream_capabilities(const struct streamer_stream *stream)
{
    return stream->capabilities;
}

void
streamer_stream_notice(struct streamer_stream *stream, const struct vdp_notice *notice)
{
    struct vdp_buffer out = {0};

    if (stream->state == STREAMER_LIVE && vdp_put_notice(&out, notice) == 0) {
        send_buffer(stream, &out, VDP_CHANNEL_CONTROL);
    }
}

void
streamer_stream_goaway(struct streamer_stream *stream, enum vdp_goaway_reason reason,
                       uint32_t retry_ms, const char *text)
{
    struct vdp_goaway goaway = {(uint8_t)reason, retry_ms, text, strnlen(text, VDP_MAX_TEXT)};
    struct vdp_buffer out = {0};
    bool was_open = stream->state == STREAMER_WAITING || stream->state == STREAMER_LIVE;

    if (stream->state == STREAMER_CLOSING) {
        return;
    }
    stream->close_text = g_strdup(text);
    if (was_open) {
        vdp_put_goaway(&out, &goaway);
        send_buffer(stream, &out, VDP_CHANNEL_CONTROL);
        (void)streamer_stream_unsent(stream); /* so that drained is told */
    }
    /* What was never open has nothing to flush: the timer ends it at once, outside this call. */
    enter_state(stream, STREAMER_CLOSING, was_open ? STREAMER_FLUSH_MS : 0);
}

static void
send_ping(struct streamer_stream *stream)
{
    struct vdp_ping ping = {(uint64_t)vd_monotonic_us()};
    struct vdp_buffer out = {0};

    vdp_put_ping(&out, &ping);
    send_buffer(stream, &out, VDP_CHANNEL_CONTROL);
}

/* Asks an end that says nothing, and gives up one that does not answer. */
static void
check_silence(struct streamer_stream *stream)
{
    int64_t silent_ms = (vd_monotonic_us() - stream->heard_us) / 1000;

    if (silent_ms >= STREAMER_DEAD_MS) {
        streamer_stream_goaway(stream, VDP_GOAWAY_TIMEOUT, 0, "the client is silent");
        return;
    }
    if (silent_ms >= STREAMER_PING_MS) {
        send_ping(stream);
        set_timer(stream, STREAMER_DEAD_MS - silent_ms);
    } else {
        set_timer(stream, STREAMER_PING_MS - silent_ms);
    }
}

static gboolean
run_timer(gpointer data)
{
    struct streamer_stream *stream = data;

    g_source_set_ready_time(stream->timer, -1);
    switch (stream->state) {
    case STREAMER_DIALLING:
        /* The link has a time-out of its own and tells. */
        break;
    case STREAMER_WAITING:
        streamer_stream_goaway(stream, VDP_GOAWAY_TIMEOUT, 0, "no client came");
        break;
    case STREAMER_LIVE:
        check_silence(stream);
        break;
    case STREAMER_CLOSING:
        finish(stream, stream->close_text);
        break;
    }
    return G_SOURCE_CONTINUE;
}

static int
take_hello(const struct vdp_hello *hello, void *user_data)
{
    struct streamer_stream *stream = user_data;
    struct vdp_hello ours = {0};
    struct vdp_buffer out = {0};

    if (stream->state != STREAMER_WAITING) {
        return VDP_ERR_STATE;
    }
    if (hello->version_min > VDP_VERSION_MAX || hello->version_max < VDP_VERSION_MIN) {
        return VDP_ERR_VERSION;
    }
    stream->capabilities = hello->capabilities;
    ours.version_min = VDP_VERSION_MIN;
    ours.version_max = VDP_VERSION_MAX;
    vd_random(&ours.nonce, sizeof(ours.nonce));
    ours.capabilities = VDP_CAP_TILES_ZSTD;
    ours.monitors = stream->events->most_monitors != NULL
                        ? stream->events->most_monitors(stream->user_data)
                        : 1;
    vdp_put_hello(&out, &ours);
    send_buffer(stream, &out, VDP_CHANNEL_CONTROL);
    enter_state(stream, STREAMER_LIVE, STREAMER_PING_MS);
    stream->events->live(stream, stream->user_data);
    return 0;
}

static void
take_goaway(const struct vdp_goaway *goaway, void *user_data)
{
    struct streamer_stream *stream = user_data;
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    if (stream->state == STREAMER_CLOSING) {
        return;
    }
    vd_log_quote(quoted, sizeof(quoted), goaway->text, goaway->text_size);
    stream->close_text = g_strdup_printf("the other end left, reason %u: %s", goaway->reason,
                                         goaway->text_size > 0 ? quoted : "no text");
    enter_state(stream, STREAMER_CLOSING, 0);
}

static void
take_ping(const struct vdp_ping *ping, void *user_data)
{
    struct streamer_stream *stream = user_data;
    struct vdp_buffer out = {0};
    int64_t second = vd_monotonic_us() / 1000000;

    if (second != stream->pong_second) {
        stream->pong_second = second;
        stream->pongs = 0;
    }
    if (stream->state != STREAMER_CLOSING && stream->pongs++ < MAX_PONGS) {
        vdp_put_pong(&out, ping);
        send_buffer(stream, &out, VDP_CHANNEL_CONTROL);
    }
}

static void
take_pong(const struct vdp_ping *pong, void *user_data)
{
    struct streamer_stream *stream = user_data;

    if (stream->state == STREAMER_LIVE && (pong->stamp & FENCE_MASK) == FENCE) {
        stream->events->fence(stream, (uint32_t)pong->stamp, stream->user_data);
    }
}

#define FORWARD(name, type)                                                                        \
    static void take_##name(const struct type *message, void *user_data)                           \
    {                                                                                              \
        struct streamer_stream *stream = user_data;                                                \
                                                                                                   \
        if (stream->state == STREAMER_LIVE) {                                                      \
            stream->events->name(stream, message, stream->user_data);                              \
        }                                                                                          \
    }

FORWARD(key, vdp_key)
FORWARD(pointer, vdp_pointer)
FORWARD(button, vdp_button)
FORWARD(wheel, vdp_wheel)
FORWARD(motion, vdp_motion)
FORWARD(locks, vdp_locks)
FORWARD(text, vdp_text)
FORWARD(set_size, vdp_set_size)
FORWARD(monitors, vdp_monitors)
FORWARD(have, vdp_have)

static void
take_release_all(void *user_data)
{
    struct streamer_stream *stream = user_data;

    if (stream->state == STREAMER_LIVE) {
        stream->events->release_all(stream, stream->user_data);
    }
}

static int
take_ack(const struct vdp_ack *ack, void *user_data)
{
    struct streamer_stream *stream = user_data;

    return stream->state == STREAMER_LIVE ? stream->events->ack(stream, ack, stream->user_data) : 0;
}

static void
take_refresh(void *user_data)
{
    struct streamer_stream *stream = user_data;

    if (stream->state == STREAMER_LIVE) {
        stream->events->refresh(stream, stream->user_data);
    }
}

static const struct streamer_inbound_events inbound_events = {
    .hello = take_hello,
    .goaway = take_goaway,
    .ping = take_ping,
    .pong = take_pong,
    .key = take_key,
    .pointer = take_pointer,
    .button = take_button,
    .wheel = take_wheel,
    .motion = take_motion,
    .release_all = take_release_all,
    .locks = take_locks,
    .text = take_text,
    .set_size = take_set_size,
    .monitors = take_monitors,
    .ack = take_ack,
    .refresh = take_refresh,
    .have = take_have,
};

static void
link_opened(struct vdp_link *link, void *user_data)
{
    struct streamer_stream *stream = user_data;
    struct vdp_token token = {0};
    struct vdp_buffer out = {0};

    (void)link;
    memcpy(token.text, stream->token, VDP_TOKEN_SIZE);
    vdp_put_uplink(&out, &token);
    explicit_bzero(&token, sizeof(token));
    vd_secret_free(stream->token);
    stream->token = NULL;
    send_buffer(stream, &out, VDP_CHANNEL_CONTROL);
    enter_state(stream, STREAMER_WAITING, STREAMER_JOIN_MS);
}

static void
link_data(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data)
{
    struct streamer_stream *stream = user_data;
    char text[96];
    int result;

    (void)link;
    stream->heard_us = vd_monotonic_us();
    if (stream->state == STREAMER_CLOSING) {
        return;
    }
    result = streamer_inbound_push(stream->inbound, data, size);
    if (result < 0) {
        g_snprintf(text, sizeof(text), "the client sent nonsense: %s", vdp_strerror(result));
        vd_warning("stream", "%s: %s", stream->id, text);
        streamer_stream_goaway(stream, VDP_GOAWAY_PROTOCOL, 0, text);
    }
}

static void
link_drained(struct vdp_link *link, void *user_data)
{
    struct streamer_stream *stream = user_data;

    (void)link;
    if (stream->state == STREAMER_LIVE) {
        stream->events->drained(stream, stream->user_data);
    } else if (stream->state == STREAMER_CLOSING) {
        finish(stream, stream->close_text);
    }
}

static void
link_closed(struct vdp_link *link, enum vdp_link_close reason, const char *text, void *user_data)
{
    struct streamer_stream *stream = user_data;

    (void)link;
    (void)reason;
    finish(stream, stream->close_text != NULL ? stream->close_text : text);
}

static const struct vdp_link_events link_events = {
    .opened = link_opened,
    .data = link_data,
    .drained = link_drained,
    .closed = link_closed,
};

const char *
streamer_dial_check(const struct streamer_dial *dial)
{
    if (dial->stream == NULL || dial->url == NULL || dial->token == NULL || dial->ca == NULL) {
        return "stream, url, token or ca is missing";
    }
    if (dial->stream[0] == '\0' || strlen(dial->stream) > STREAMER_MAX_STREAM_ID) {
        return "the stream id is empty or too long";
    }
    if (strncmp(dial->url, "wss://", 6) != 0 || strlen(dial->url) > STREAMER_MAX_URL) {
        return "the url is not wss:// or too long";
    }
    if (!vd_token_is_well_formed(dial->token)) {
        return "the token is malformed";
    }
    if (strlen(dial->ca) > STREAMER_MAX_CA) {
        return "the ca is too long";
    }
    return NULL;
}

struct streamer_stream *
streamer_stream_new(const struct streamer_dial *dial, const struct streamer_stream_events *events,
                    void *user_data)
{
    struct streamer_stream *stream = g_new0(struct streamer_stream, 1);
    struct vdp_link_options options = {.url = dial->url, .ca_pem = dial->ca};

    stream->events = events;
    stream->user_data = user_data;
    stream->id = g_strdup(dial->stream);
    stream->token = g_strdup(dial->token);
    stream->state = STREAMER_DIALLING;
    stream->inbound = streamer_inbound_new(&inbound_events, stream);
    if (stream->inbound == NULL) {
        g_error("out of memory");
    }
    stream->timer = g_source_new(&timer_funcs, sizeof(GSource));
    g_source_set_callback(stream->timer, run_timer, stream, NULL);
    g_source_set_ready_time(stream->timer, -1);
    g_source_attach(stream->timer, g_main_context_get_thread_default());
    stream->link =
        vdp_link_connect(&options, g_main_context_get_thread_default(), &link_events, stream);
    return stream;
}

void
streamer_stream_free(struct streamer_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    vdp_link_free(stream->link);
    g_source_destroy(stream->timer);
    g_source_unref(stream->timer);
    streamer_inbound_free(stream->inbound);
    vd_secret_free(stream->token);
    g_free(stream->close_text);
    g_free(stream->id);
    g_free(stream);
}

const char *
streamer_stream_id(const struct streamer_stream *stream)
{
    return stream->id;
}

enum streamer_stream_state
streamer_stream_state(const struct streamer_stream *stream)
{
    return stream->state;
}
