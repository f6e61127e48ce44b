/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of sessions: ordered, joined, replaced, over. */
#include <string.h>

#include "broker/change-private.h"
#include "broker/gateways.h"
#include "broker/name.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/messages.h"

#define MODULE       "change"
#define STREAM_BYTES 8

bool
broker_change_commit(struct broker *broker, bool ok, GError **error)
{
    if (store_end(broker->store, ok, ok ? error : NULL)) {
        broker->store_failed = false;
        return true;
    }
    return broker_store_failed(broker, g_steal_pointer(error));
}

void
broker_change_close_streams(struct broker *broker, const char *session, int reason,
                            const char *text)
{
    guint i;

    for (i = 0; i < broker->model->streams->len; i++) {
        struct broker_stream *stream = g_ptr_array_index(broker->model->streams, i);

        if (strcmp(stream->row.session, session) == 0 && !stream->replaced) {
            stream->replaced = true;
            broker_gateways_close(broker->gateways, stream->row.gateway, stream->row.id, reason,
                                  text);
        }
    }
}

/* Streams of the session that never came to be: their tickets die with them. */
static bool
remove_pending(struct broker *broker, const char *session, GError **error)
{
    guint i;

    for (i = 0; i < broker->model->streams->len; i++) {
        const struct broker_stream *stream = g_ptr_array_index(broker->model->streams, i);

        if (!stream->row.joined && strcmp(stream->row.session, session) == 0 &&
            !store_stream_remove(broker->store, stream->row.id, error)) {
            return false;
        }
    }
    return true;
}

static bool
put_tickets(struct broker *broker, const struct store_session *session,
            const struct store_stream *stream, const char *ticket_token, const char *uplink_token,
            GError **error)
{
    struct store_ticket ticket = {.kind = STORE_TICKET_CLIENT,
                                  .expires_ms = stream->created_ms + BROKER_TICKET_MS};

    g_strlcpy(ticket.stream, stream->id, sizeof(ticket.stream));
    g_strlcpy(ticket.session, session->id, sizeof(ticket.session));
    g_strlcpy(ticket.user, session->user, sizeof(ticket.user));
    if (ticket_token != NULL && !store_ticket_put(broker->store, ticket_token, &ticket, error)) {
        return false;
    }
    ticket.kind = STORE_TICKET_UPLINK;
    return store_ticket_put(broker->store, uplink_token, &ticket, error);
}

struct broker_stream *
broker_change_stream(struct broker *broker, struct broker_session *session, const char *gateway,
                     const char *url, char ret_ticket[VD_TOKEN_CHARS + 1])
{
    struct store_stream row = {.created_ms = vd_wall_ms()};
    char uplink[VD_TOKEN_CHARS + 1];
    struct broker_stream *stream;
    GError *error = NULL;
    bool ok;
    guint i;

    broker_id_new(row.id, sizeof(row.id), 'x', STREAM_BYTES);
    g_strlcpy(row.session, session->row.id, sizeof(row.session));
    g_strlcpy(row.desktop, session->row.desktop, sizeof(row.desktop));
    g_strlcpy(row.gateway, gateway, sizeof(row.gateway));
    g_strlcpy(row.url, url, sizeof(row.url));
    vd_token_new(ret_ticket);
    vd_token_new(uplink);
    if (!store_begin(broker->store, &error)) {
        broker_store_failed(broker, error);
        return NULL;
    }
    ok = remove_pending(broker, session->row.id, &error) &&
         store_stream_put(broker->store, &row, &error) &&
         put_tickets(broker, &session->row, &row, ret_ticket, uplink, &error);
    if (!broker_change_commit(broker, ok, &error)) {
        return NULL;
    }
    /*
     * The desktop's streamer lets the old client go as soon as it hears of the new stream; the
     * gateway says why, so that the old client does not come back and take over in its turn.
     */
    broker_change_close_streams(broker, session->row.id, VDP_GOAWAY_TAKEN_OVER,
                                "another device shows this desktop now");
    for (i = broker->model->streams->len; i > 0; i--) {
        stream = g_ptr_array_index(broker->model->streams, i - 1);
        if (!stream->row.joined && strcmp(stream->row.session, session->row.id) == 0) {
            broker_model_remove_stream(broker->model, stream);
        }
    }
    stream = broker_model_add_stream(broker->model, &row);
    memcpy(stream->token, uplink, sizeof(uplink));
    explicit_bzero(uplink, sizeof(uplink));
    return stream;
}

static bool
put_connected(struct broker *broker, struct broker_session *session, int64_t disconnected_ms,
              GError **error)
{
    struct store_session row = session->row;

    row.disconnected_ms = disconnected_ms;
    return store_session_put(broker->store, &row, error);
}

bool
broker_change_joined(struct broker *broker, struct broker_stream *stream)
{
    struct broker_session *session = broker_model_session(broker->model, stream->row.session);
    struct store_stream row = stream->row;
    GError *error = NULL;
    bool ok;

    if (session == NULL) {
        return true;
    }
    row.joined = true;
    if (!store_begin(broker->store, &error)) {
        return broker_store_failed(broker, error);
    }
    ok = store_stream_put(broker->store, &row, &error) && put_connected(broker, session, 0, &error);
    if (!broker_change_commit(broker, ok, &error)) {
        return false;
    }
    stream->row = row;
    session->row.disconnected_ms = 0;
    broker_model_set_picture(session, NULL, 0, 0); /* what it shows now is another one */
    vd_info(MODULE, "session %s: stream %s is joined", session->row.id, row.id);
    return true;
}

static bool
has_other_joined(const struct broker_model *model, const struct broker_stream *but)
{
    guint i;

    for (i = 0; i < model->streams->len; i++) {
        const struct broker_stream *stream = g_ptr_array_index(model->streams, i);

        if (stream != but && stream->row.joined &&
            strcmp(stream->row.session, but->row.session) == 0) {
            return true;
        }
    }
    return false;
}

bool
broker_change_closed(struct broker *broker, struct broker_stream *stream)
{
    struct broker_session *session = broker_model_session(broker->model, stream->row.session);
    int64_t now_ms = vd_wall_ms();
    bool alone = session != NULL && session->row.disconnected_ms == 0 &&
                 !has_other_joined(broker->model, stream);
    GError *error = NULL;
    bool ok;

    if (!store_begin(broker->store, &error)) {
        return broker_store_failed(broker, error);
    }
    ok = store_stream_remove(broker->store, stream->row.id, &error) &&
         (!alone || put_connected(broker, session, now_ms, &error));
    if (!broker_change_commit(broker, ok, &error)) {
        return false;
    }
    if (alone) {
        session->row.disconnected_ms = now_ms;
    }
    vd_info(MODULE, "session %s: stream %s is over", stream->row.session, stream->row.id);
    broker_model_remove_stream(broker->model, stream);
    return true;
}

void
broker_change_refresh_streams(struct broker *broker)
{
    guint i;

    for (i = 0; i < broker->model->streams->len; i++) {
        struct broker_stream *stream = g_ptr_array_index(broker->model->streams, i);
        const struct broker_session *session =
            broker_model_session(broker->model, stream->row.session);
        GError *error = NULL;

        /* A joined stream needs no valid one any more, only a well-formed member of its entry. */
        vd_token_new(stream->token);
        if (!stream->row.joined && session != NULL &&
            !put_tickets(broker, &session->row, &stream->row, NULL, stream->token, &error)) {
            broker_store_failed(broker, error);
        }
    }
}

void
broker_change_expire_streams(struct broker *broker)
{
    int64_t now_ms = vd_wall_ms();
    guint i;

    for (i = broker->model->streams->len; i > 0; i--) {
        struct broker_stream *stream = g_ptr_array_index(broker->model->streams, i - 1);

        if (!stream->row.joined && now_ms - stream->row.created_ms > BROKER_PENDING_MS &&
            !broker_change_closed(broker, stream)) {
            return;
        }
    }
}
