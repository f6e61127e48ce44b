/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/stream.h"

#include <string.h>

#include "client/native/film.h"
#include "client/native/stream-private.h"
#include "protocol/base/clock.h"
#include "protocol/base/secret.h"

#define TICK_MS         500u
#define PING_US         (3000 * 1000) /* of silence */
#define RTT_US          (2000 * 1000) /* between two PINGs while pictures come: they show the round trip */
#define DEAD_US         (5500 * 1000) /* noticed by the next tick: within 6 s */
#define HELLO_US        (20 * 1000 * 1000)
#define CONNECT_MS      5000u
#define PRESENT_LATE_MS 100u
#define MAX_BODY        67108864u /* a FRAME, the largest of the list */

static void
stream_unref(struct client_stream *stream)
{
    if (--stream->refs > 0)
        return;
    vdp_framer_free(stream->framer);
    vdp_buffer_clear(&stream->have);
    client_cursors_clear(&stream->cursors);
    vd_secret_free(stream->ticket);
    g_main_context_unref(stream->context);
    g_free(stream);
}

static void
stream_source_clear(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}

/* Stops everything that could call back. */
static void
stream_silence(struct client_stream *stream)
{
    stream->dead = true;
    stream->live = false;
    stream_source_clear(&stream->tick);
    stream_source_clear(&stream->ack_late);
    client_canvas_attach(stream->canvas, NULL, NULL);
    vdp_link_free(stream->link);
    stream->link = NULL;
}

void
stream_finish(struct client_stream *stream, const struct client_stream_end *end)
{
    if (stream->dead)
        return;
    stream_silence(stream);
    stream->events->closed(end, stream->user_data);
}

void
stream_send(struct client_stream *stream, struct vdp_buffer *buffer, uint8_t channel)
{
    GBytes *bytes;

    if (stream->link && stream->opened && buffer->error == 0 && buffer->size > 0) {
        bytes = g_bytes_new(buffer->data, buffer->size);
        vdp_link_send(stream->link, bytes, channel);
        g_bytes_unref(bytes);
    }
    vdp_buffer_clear(buffer);
}

void
stream_nonsense(struct client_stream *stream, int error)
{
    struct client_stream_end end = {.cause = CLIENT_STREAM_NONSENSE, .text = vdp_strerror(error)};

    if (stream->dead)
        return;
    client_stream_goaway(stream, VDP_GOAWAY_PROTOCOL, vdp_strerror(error));
    stream_finish(stream, &end);
}

static void
stream_opened(struct vdp_link *link, void *user_data)
{
    struct client_stream *stream = user_data;
    struct vdp_buffer buffer = {0};
    struct vdp_token ticket = {0};
    struct vdp_hello hello = {
        .version_min = VDP_VERSION_MIN,
        .version_max = VDP_VERSION_MAX,
        .capabilities = VDP_CAP_TILES_ZSTD | VDP_CAP_JPEG | VDP_CAP_PRESENT | VDP_CAP_FRAGMENTS |
                        client_films_capabilities(),
    };

    (void)link;
    stream->opened = true;
    stream->heard_us = vd_monotonic_us();
    g_strlcpy(ticket.text, stream->ticket, sizeof(ticket.text));
    hello.monitors = stream->can_show;
    vd_random(&hello.nonce, sizeof(hello.nonce));
    vdp_put_ticket(&buffer, &ticket);
    if (stream->have.size > 0)
        hello.capabilities |= VDP_CAP_HAVE;
    vdp_put_hello(&buffer, &hello);
    stream_send(stream, &buffer, VDP_CHANNEL_CONTROL);
    stream_send(stream, &stream->have, VDP_CHANNEL_DISPLAY);
    explicit_bzero(&ticket, sizeof(ticket));
    vd_secret_free(stream->ticket);
    stream->ticket = NULL;
}

/* Works through the complete records of the framer. */
static int
stream_drain(struct client_stream *stream)
{
    struct vdp_record record;
    int r = 0;

    while (!stream->dead && (r = vdp_framer_next(stream->framer, &record)) > 0) {
        r = stream_record(stream, &record);
        if (r < 0)
            break;
    }
    return r;
}

static void
stream_data(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data)
{
    struct client_stream *stream = user_data;
    size_t taken = 0;
    int r = 0;

    (void)link;
    stream->refs++;
    stream->heard_us = vd_monotonic_us();
    stream->stats.bytes_in += size;
    while (size > 0 && r >= 0 && !stream->dead) {
        r = vdp_framer_push(stream->framer, data, size, &taken);
        if (r < 0)
            break;
        data += taken;
        size -= taken;
        r = stream_drain(stream);
    }
    if (r < 0)
        stream_nonsense(stream, r);
    stream_unref(stream);
}

static void
stream_closed(struct vdp_link *link, enum vdp_link_close reason, const char *text, void *user_data)
{
    struct client_stream *stream = user_data;
    struct client_stream_end end = {
        .cause = reason == VDP_LINK_UNTRUSTED ? CLIENT_STREAM_UNTRUSTED : CLIENT_STREAM_LOST,
        .text = text,
    };

    (void)link;
    stream_finish(stream, &end);
}

static void
stream_ping(struct client_stream *stream, int64_t now)
{
    struct vdp_buffer buffer = {0};
    struct vdp_ping ping = {.stamp = (uint64_t)now};

    stream->pinged_us = now;
    stream->pinged_frames = stream->stats.frames;
    vdp_put_ping(&buffer, &ping);
    stream_send(stream, &buffer, VDP_CHANNEL_CONTROL);
}

static gboolean
stream_tick(void *user_data)
{
    struct client_stream *stream = user_data;
    struct client_stream_end dead = {.cause = CLIENT_STREAM_LOST, .text = "nothing heard for 6 s"};
    struct client_stream_end late = {.cause = CLIENT_STREAM_LOST, .text = "no desktop answered"};
    int64_t now = vd_monotonic_us();

    if (!stream->live) {
        if (now - stream->started_us <= HELLO_US)
            return G_SOURCE_CONTINUE;
        stream_finish(stream, &late);
        return G_SOURCE_REMOVE;
    }
    if (now - stream->heard_us > DEAD_US) {
        stream_finish(stream, &dead);
        return G_SOURCE_REMOVE;
    }
    if (now - MAX(stream->heard_us, stream->pinged_us) >= PING_US ||
        (now - stream->pinged_us >= RTT_US && stream->stats.frames != stream->pinged_frames))
        stream_ping(stream, now);
    return G_SOURCE_CONTINUE;
}

static gboolean
stream_ack_late(void *user_data)
{
    struct client_stream *stream = user_data;

    client_stream_presented(stream, vd_monotonic_us()); /* destroys this source */
    return G_SOURCE_REMOVE;
}

static GSource *
stream_timer(struct client_stream *stream, unsigned ms, GSourceFunc run)
{
    GSource *source = g_timeout_source_new(ms);

    g_source_set_callback(source, run, stream, NULL);
    g_source_attach(source, stream->context);
    return source;
}

struct client_stream *
client_stream_new(const struct client_stream_options *options, struct client_canvas *canvas,
                  GMainContext *context, const struct client_stream_events *events, void *user_data)
{
    static const struct vdp_link_events link_events = {
        .opened = stream_opened, .data = stream_data, .closed = stream_closed};
    struct vdp_link_options link = {
        .url = options->url, .ca_pem = options->ca_pem, .connect_timeout_ms = CONNECT_MS};
    struct client_stream *stream = g_new0(struct client_stream, 1);

    stream->refs = 1;
    stream->context = g_main_context_ref(context ? context : g_main_context_default());
    stream->canvas = canvas;
    stream->events = events;
    stream->user_data = user_data;
    stream->ticket = g_strdup(options->ticket);
    stream->can_show = options->monitors;
    if (options->wanted)
        stream->wanted = *options->wanted;
    else if (options->width > 0 && options->height > 0)
        stream->wanted = (struct vdp_monitors){
            1, {{0, 0, options->width, options->height, options->scale ? options->scale : 120}}};
    stream->framer = vdp_framer_new(MAX_BODY);
    g_assert(stream->framer);
    stream->started_us = vd_monotonic_us();
    client_canvas_attach(canvas, &stream_canvas_events, stream);
    client_canvas_digest(canvas); /* known long before the link is open */
    stream->link = vdp_link_connect(&link, stream->context, &link_events, stream);
    stream->tick = stream_timer(stream, TICK_MS, stream_tick);
    return stream;
}

void
client_stream_free(struct client_stream *stream)
{
    if (!stream)
        return;
    if (!stream->dead)
        stream_silence(stream);
    stream_unref(stream);
}

static uint16_t
eighths_of_ms(int64_t us)
{
    int64_t value = us / 125;

    return (uint16_t)CLAMP(value, 0, UINT16_MAX);
}

void
client_stream_presented(struct client_stream *stream, int64_t shown_us)
{
    struct vdp_buffer buffer = {0};
    unsigned i;

    stream_source_clear(&stream->ack_late);
    for (i = 0; i < stream->pending_count; i++) {
        const struct stream_pending *pending = &stream->pending[i];
        int64_t seen_us = MAX(shown_us, pending->decoded_us);
        struct vdp_ack ack = {
            .frame = pending->frame,
            .decode = eighths_of_ms(pending->decode_us),
            .present = eighths_of_ms(seen_us - pending->decoded_us),
            .queued = (uint8_t)(stream->pending_count - 1 - i),
        };

        vdp_put_ack(&buffer, &ack);
        stream->stats.shown_us = (unsigned)MAX(seen_us - pending->received_us, 0);
    }
    stream->pending_count = 0;
    stream_send(stream, &buffer, VDP_CHANNEL_DISPLAY);
}

/* The owner calls this from frame() or later; the timer covers a window that is never drawn. */
void
stream_expect_present(struct client_stream *stream)
{
    if (stream->pending_count == STREAM_MAX_PENDING)
        client_stream_presented(stream, vd_monotonic_us());
    else if (!stream->ack_late)
        stream->ack_late = stream_timer(stream, PRESENT_LATE_MS, stream_ack_late);
}

const struct client_cursor *
client_stream_cursor(const struct client_stream *stream)
{
    return client_cursors_current(&stream->cursors);
}

bool
client_stream_cursor_hidden(const struct client_stream *stream)
{
    return client_cursors_hidden(&stream->cursors);
}

const struct client_stream_stats *
client_stream_stats(const struct client_stream *stream)
{
    return &stream->stats;
}
