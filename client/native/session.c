/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/session.h"

#include <string.h>

#include "client/native/text.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"

#define STEADY_MS 3000u /* of pictures, after which failures are forgotten */

struct client_session {
    struct client_api *api; /* borrowed */
    struct client_address address;
    char *ca_pem;
    char *pool;
    struct vdp_monitors wanted; /* count 0: whatever the desktop has */
    uint8_t monitors;           /* that the client can show */
    const struct client_session_events *events;
    void *user_data;
    struct client_machine machine;
    struct client_stream *stream;
    struct client_canvas *canvas; /* keeps the picture between streams */
    guint timer;
    guint steady;
    char *id; /* of the session at the server */
    char *desktop;
    char *ticket;
    char *stream_path;
    char *text; /* of the server, for the state */
    unsigned position;
    bool fresh;
    struct client_stream_stats ended; /* of the streams that are gone */
    int64_t started_us;
    int64_t ticket_us;
    struct client_session_times times;
};

static void session_do(struct client_session *session, enum client_happening what,
                       unsigned delay_ms, enum client_end end);

static int64_t
since_ms(int64_t start_us)
{
    return (vd_monotonic_us() - start_us) / 1000;
}

static void
session_say(struct client_session *session, const char *text)
{
    g_free(session->text);
    session->text = g_strdup(text ? text : "");
}

static void
mix_sum(struct vdp_mix *sum, const struct vdp_mix *mix)
{
    sum->exact += mix->exact;
    sum->reused += mix->reused;
    sum->photo += mix->photo;
    sum->film += mix->film;
}

static void
session_drop_stream(struct client_session *session)
{
    const struct client_stream_stats *stats;

    g_clear_handle_id(&session->steady, g_source_remove);
    if (!session->stream)
        return;
    stats = client_stream_stats(session->stream);
    session->ended.bytes_in += stats->bytes_in;
    session->ended.frames += stats->frames;
    session->ended.decode_us += stats->decode_us;
    session->ended.mismatches += stats->mismatches;
    mix_sum(&session->ended.mix, &stats->mix);
    client_stream_free(session->stream);
    session->stream = NULL;
}

static void
session_silence(struct client_session *session)
{
    client_api_cancel(session->api, session);
    g_clear_handle_id(&session->timer, g_source_remove);
    session_drop_stream(session);
    vd_secret_free(session->ticket);
    session->ticket = NULL;
}

static gboolean
session_steady(void *user_data)
{
    struct client_session *session = user_data;

    session->steady = 0;
    session_do(session, CLIENT_HAPPENS_STEADY, 0, CLIENT_END_NONE);
    return G_SOURCE_REMOVE;
}

static void
stream_live(void *user_data)
{
    struct client_session *session = user_data;

    session_say(session, "");
    session_do(session, CLIENT_HAPPENS_LIVE, 0, CLIENT_END_NONE);
}

static void
stream_layout(void *user_data)
{
    struct client_session *session = user_data;

    if (session->events->layout)
        session->events->layout(session->user_data);
}

static void
stream_surface(void *user_data)
{
    struct client_session *session = user_data;

    session->events->surface(session->user_data);
}

static void
stream_frame(const struct client_frame *frame, void *user_data)
{
    struct client_session *session = user_data;

    if (session->times.first_frame < 0)
        session->times.first_frame = since_ms(session->ticket_us);
    if (frame->settled)
        session->times.settled = since_ms(session->ticket_us);
    if (!session->steady && session->machine.attempt > 0)
        session->steady = g_timeout_add(STEADY_MS, session_steady, session);
    session->events->frame(frame, session->user_data);
}

static void
stream_cursor(void *user_data)
{
    struct client_session *session = user_data;

    session->events->cursor(session->user_data);
}

static void
stream_notice(const struct vdp_notice *notice, void *user_data)
{
    struct client_session *session = user_data;

    session->events->notice(notice, session->user_data);
}

static void
session_goaway(struct client_session *session, const struct client_stream_end *end)
{
    switch (end->goaway) {
    case VDP_GOAWAY_ENDED:
        session_do(session, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_SESSION);
        return;
    case VDP_GOAWAY_TAKEN_OVER:
        session_do(session, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_TAKEN_OVER);
        return;
    default:
        session_do(session, CLIENT_HAPPENS_LOST, end->retry_ms, CLIENT_END_NONE);
        return;
    }
}

static void
stream_closed(const struct client_stream_end *end, void *user_data)
{
    struct client_session *session = user_data;
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    vd_info("session", "the stream ended: %s",
            vd_log_quote(quoted, sizeof(quoted), end->text, strlen(end->text)));
    session_say(session, end->text);
    session_drop_stream(session);
    switch (end->cause) {
    case CLIENT_STREAM_GOAWAY:
        session_goaway(session, end);
        return;
    case CLIENT_STREAM_UNTRUSTED:
        session_do(session, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_UNTRUSTED);
        return;
    case CLIENT_STREAM_LOST:
    case CLIENT_STREAM_NONSENSE:
        session_do(session, CLIENT_HAPPENS_LOST, 0, CLIENT_END_NONE);
        return;
    }
}

static void
session_dial(struct client_session *session)
{
    static const struct client_stream_events events = {
        .live = stream_live,
        .surface = stream_surface,
        .layout = stream_layout,
        .frame = stream_frame,
        .cursor = stream_cursor,
        .notice = stream_notice,
        .closed = stream_closed,
    };
    g_autofree char *where = client_address_text(&session->address);
    g_autofree char *url = g_strconcat("wss://", where, session->stream_path, NULL);
    struct client_stream_options options = {
        .url = url,
        .ca_pem = session->ca_pem,
        .ticket = session->ticket,
        .wanted = &session->wanted,
        .monitors = session->monitors,
    };

    session_drop_stream(session);
    session->stream = client_stream_new(&options, session->canvas, NULL, &events, session);
    vd_secret_free(session->ticket);
    session->ticket = NULL;
}

static enum client_end
session_end_of_code(const char *code)
{
    if (strcmp(code, "denied") == 0)
        return CLIENT_END_DENIED;
    if (strcmp(code, "full") == 0)
        return CLIENT_END_FULL;
    if (strcmp(code, "unavailable") == 0)
        return CLIENT_END_UNAVAILABLE;
    return CLIENT_END_NONE;
}

/* An answer other than 200: a reason of the broker, or a gateway without a broker behind it. */
static void
session_connect_error(struct client_session *session, const struct client_api_result *result)
{
    struct client_error_reply error;
    enum client_end end = CLIENT_END_NONE;

    if (client_reply_error(result->body, result->size, &error)) {
        session_say(session, error.message);
        end = session_end_of_code(error.code);
        client_error_reply_clear(&error);
    }
    if (result->http == 401)
        end = CLIENT_END_LOGIN;
    if (end != CLIENT_END_NONE)
        session_do(session, CLIENT_HAPPENS_REFUSED, 0, end);
    else if (result->http >= 500 || result->http == 429)
        session_do(session, CLIENT_HAPPENS_SILENCE, 0, CLIENT_END_NONE);
    else
        session_do(session, CLIENT_HAPPENS_REFUSED, 0, CLIENT_END_UNAVAILABLE);
}

static void
session_take_ticket(struct client_session *session, struct client_connect_reply *reply)
{
    session->fresh = session->machine.was_live && session->id && reply->session[0] &&
                     strcmp(session->id, reply->session) != 0;
    g_free(session->id);
    session->id = g_steal_pointer(&reply->session);
    g_free(session->desktop);
    session->desktop = g_steal_pointer(&reply->desktop);
    vd_secret_free(session->ticket);
    session->ticket = g_steal_pointer(&reply->ticket);
    g_free(session->stream_path);
    session->stream_path = g_steal_pointer(&reply->stream_path);
    session->ticket_us = vd_monotonic_us();
    if (session->times.connect < 0)
        session->times.connect = since_ms(session->started_us);
    session_do(session, CLIENT_HAPPENS_TICKET, 0, CLIENT_END_NONE);
}

static void
session_connect_reply(const struct client_api_result *result, void *user_data)
{
    struct client_session *session = user_data;
    struct client_connect_reply reply;

    switch (result->status) {
    case CLIENT_API_UNTRUSTED:
        session_do(session, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_UNTRUSTED);
        return;
    case CLIENT_API_UNREACHABLE:
        session_say(session, result->text);
        session_do(session, CLIENT_HAPPENS_SILENCE, 0, CLIENT_END_NONE);
        return;
    case CLIENT_API_ERROR:
        session_connect_error(session, result);
        return;
    case CLIENT_API_OK:
        break;
    }
    if (!client_reply_connect(result->body, result->size, &reply)) {
        session_say(session, _("The server gave an answer without meaning."));
        session_do(session, CLIENT_HAPPENS_SILENCE, 0, CLIENT_END_NONE);
        return;
    }
    if (reply.ready) {
        session_take_ticket(session, &reply);
    } else {
        unsigned retry_ms = reply.retry_ms;

        session->position = reply.position;
        session_say(session, reply.text);
        session_do(session, CLIENT_HAPPENS_QUEUED, retry_ms, CLIENT_END_NONE);
    }
    client_connect_reply_clear(&reply);
}

static gboolean
session_timer(void *user_data)
{
    struct client_session *session = user_data;

    session->timer = 0;
    session_do(session, CLIENT_HAPPENS_TIMER, 0, CLIENT_END_NONE);
    return G_SOURCE_REMOVE;
}

static void
session_wait(struct client_session *session, unsigned delay_ms)
{
    /* A quarter of jitter keeps a building full of clients from knocking at once. */
    unsigned jitter = delay_ms >= 4 ? (unsigned)g_random_int_range(0, (gint32)(delay_ms / 4)) : 0;

    g_clear_handle_id(&session->timer, g_source_remove);
    session->timer = g_timeout_add(delay_ms + jitter, session_timer, session);
}

/* Feeds the machine, does what it says and reports. Nothing of session is touched after it. */
static void
session_do(struct client_session *session, enum client_happening what, unsigned delay_ms,
           enum client_end end)
{
    struct client_step step = client_machine_feed(&session->machine, what, delay_ms, end);

    switch (step.action) {
    case CLIENT_DO_NOTHING:
        break;
    case CLIENT_DO_ASK:
        client_api_call(session->api, "/api/connect", json_pack("{s:s}", "pool", session->pool),
                        session_connect_reply, session);
        break;
    case CLIENT_DO_DIAL:
        session_dial(session);
        break;
    case CLIENT_DO_WAIT:
        session_wait(session, step.delay_ms);
        break;
    case CLIENT_DO_CLOSE:
        session_silence(session);
        break;
    }
    session->events->changed(session->user_data);
}

struct client_session *
client_session_new(struct client_api *api, const struct client_session_options *options,
                   const struct client_session_events *events, void *user_data)
{
    struct client_session *session = g_new0(struct client_session, 1);

    session->api = api;
    session->address = client_address_copy(options->address);
    session->ca_pem = g_strdup(options->ca_pem);
    session->pool = g_strdup(options->pool);
    session->monitors = options->monitors;
    client_session_set_size(session, options->width, options->height, options->scale);
    session->events = events;
    session->user_data = user_data;
    session->text = g_strdup("");
    session->times = (struct client_session_times){-1, -1, -1};
    session->canvas = client_canvas_new(NULL);
    return session;
}

void
client_session_free(struct client_session *session)
{
    if (!session)
        return;
    session_silence(session);
    client_canvas_free(session->canvas);
    client_address_clear(&session->address);
    g_free(session->ca_pem);
    g_free(session->pool);
    g_free(session->id);
    g_free(session->desktop);
    g_free(session->stream_path);
    g_free(session->text);
    g_free(session);
}

void
client_session_start(struct client_session *session)
{
    session->times = (struct client_session_times){-1, -1, -1};
    session->started_us = vd_monotonic_us();
    session->position = 0;
    session->fresh = false;
    session_say(session, "");
    session_do(session, CLIENT_HAPPENS_START, 0, CLIENT_END_NONE);
}

void
client_session_disconnect(struct client_session *session)
{
    if (session->stream) {
        client_stream_release_all(session->stream);
        client_stream_goaway(session->stream, VDP_GOAWAY_ENDED, "disconnected by the user");
    }
    session_say(session, "");
    session_do(session, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_DISCONNECTED);
}

static void
session_logoff_reply(const struct client_api_result *result, void *user_data)
{
    struct client_session *session = user_data;

    if (result->status == CLIENT_API_OK) {
        session_say(session, "");
        session_do(session, CLIENT_HAPPENS_STOPPED, 0, CLIENT_END_LOGGED_OFF);
        return;
    }
    session_say(session, _("The server could not be asked to log off. Please try again."));
    session->events->changed(session->user_data);
}

void
client_session_logoff(struct client_session *session)
{
    if (!session->id || !session->id[0]) {
        client_session_disconnect(session);
        return;
    }
    client_api_call(session->api, "/api/logoff", json_pack("{s:s}", "session", session->id),
                    session_logoff_reply, session);
}

struct client_session_status
client_session_status(const struct client_session *session)
{
    return (struct client_session_status){
        .state = session->machine.state,
        .end = session->machine.end,
        .position = session->position,
        .text = session->text,
        .session = session->id ? session->id : "",
        .desktop = session->desktop ? session->desktop : "",
        .attempt = session->machine.attempt,
        .fresh = session->fresh,
    };
}

struct client_session_times
client_session_times(const struct client_session *session)
{
    return session->times;
}

struct client_stream_stats
client_session_stats(const struct client_session *session)
{
    struct client_stream_stats sum = session->ended;
    const struct client_stream_stats *stats;

    if (!session->stream)
        return sum;
    stats = client_stream_stats(session->stream);
    sum.bytes_in += stats->bytes_in;
    sum.frames += stats->frames;
    sum.decode_us += stats->decode_us;
    sum.mismatches += stats->mismatches;
    mix_sum(&sum.mix, &stats->mix);
    sum.rtt_us = stats->rtt_us;
    sum.capture_us = stats->capture_us;
    sum.shown_us = stats->shown_us;
    return sum;
}

const char *
client_session_pool(const struct client_session *session)
{
    return session->pool;
}

const struct client_cells *
client_session_cells(const struct client_session *session)
{
    return client_canvas_cells(session->canvas);
}

struct client_canvas *
client_session_canvas(const struct client_session *session)
{
    return session->canvas;
}

const struct client_cursor *
client_session_cursor(const struct client_session *session)
{
    return session->stream ? client_stream_cursor(session->stream) : NULL;
}

struct client_stream *
client_session_stream(const struct client_session *session)
{
    return session->stream;
}

void
client_session_set_size(struct client_session *session, uint16_t width, uint16_t height,
                        uint16_t scale)
{
    session->wanted = (struct vdp_monitors){.count = 0};
    if (width > 0 && height > 0)
        session->wanted = (struct vdp_monitors){1, {{0, 0, width, height, scale ? scale : 120}}};
    if (session->stream)
        client_stream_set_size(session->stream, width, height, scale);
}

bool
client_session_set_monitors(struct client_session *session, const struct vdp_monitors *monitors)
{
    struct vdp_buffer buffer = {0};
    bool good = vdp_put_monitors(&buffer, monitors) == 0;

    vdp_buffer_clear(&buffer);
    if (!good)
        return false;
    session->wanted = *monitors;
    return session->stream ? client_stream_set_monitors(session->stream, monitors) : true;
}
