/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/session.h"

#include <string.h>

#include "broker/api.h"
#include "broker/canary.h"
#include "broker/change.h"
#include "broker/groups.h"
#include "broker/hosts.h"
#include "broker/jsonget.h"
#include "broker/lastscreen.h"
#include "broker/line.h"
#include "broker/placement.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"

#define MODULE    "session"
#define TEXT_SIZE 600u

/* The newest session of user in pool; one with a desktop before one that waits. */
static struct broker_session *
find_own(const struct broker_model *model, const char *user, const char *pool, unsigned *ret_count)
{
    struct broker_session *found = NULL;
    guint i;

    *ret_count = 0;
    for (i = 0; i < model->sessions->len; i++) {
        struct broker_session *session = g_ptr_array_index(model->sessions, i);

        if (strcmp(session->row.user, user) != 0 || strcmp(session->row.pool, pool) != 0) {
            continue;
        }
        (*ret_count)++;
        if (found == NULL || session->row.desktop[0] != '\0' || found->row.desktop[0] == '\0') {
            found = session;
        }
    }
    return found;
}

/* The sentence of the first host that refuses, or why there is none. */
static void
placement_text(const struct broker_placement *placement, char *ret_text, size_t size)
{
    if (placement->refusals->len == 0) {
        g_strlcpy(ret_text, "No host has joined yet.", size);
    } else {
        const struct broker_refusal *first =
            &g_array_index(placement->refusals, struct broker_refusal, 0);

        g_snprintf(ret_text, size, "No host can run this desktop: %s: %s.", first->host->row.name,
                   first->text);
    }
}

enum broker_outlook
broker_session_outlook(struct broker *broker, const struct broker_pool *pool, const char *user,
                       char *ret_text, size_t size)
{
    struct broker_pool_count count = broker_pool_count(broker->model, pool, vd_wall_ms());
    const struct broker_restraint *restraint = broker_model_restraint(broker->model, pool->name);
    const struct store_userdisk *disk = user != NULL && pool->userdisk_mb > 0
                                            ? broker_model_userdisk(broker->model, user, pool->name)
                                            : NULL;
    const char *home = disk != NULL ? disk->host : NULL;
    const struct broker_host *host = home != NULL ? broker_model_host(broker->model, home) : NULL;
    struct broker_placement placement;
    enum broker_outlook outlook = BROKER_OUTLOOK_STARTING;

    ret_text[0] = '\0';
    if (home != NULL && (host == NULL || !host->connected)) {
        g_snprintf(ret_text, size, "Your files are on the host %s, which is not connected.", home);
        return BROKER_OUTLOOK_UNAVAILABLE;
    }
    if (disk != NULL && disk->gone) {
        g_strlcpy(ret_text, "Your files of this pool are being deleted.", size);
        return BROKER_OUTLOOK_UNAVAILABLE;
    }
    if (count.waiting == 0 && count.ready > 0) {
        return BROKER_OUTLOOK_READY;
    }
    if (count.assigned + count.kept + count.waiting >= pool->max) {
        g_snprintf(ret_text, size, "All %u desktops of this pool are in use.", pool->max);
        return BROKER_OUTLOOK_FULL;
    }
    g_strlcpy(ret_text, "A desktop is being started.", size);
    if (count.ready + count.starting + count.parked + count.outdated + count.stopping + count.lost >
        count.waiting) {
        return BROKER_OUTLOOK_STARTING;
    }
    if (broker_model_is_aside(broker->model, pool->name, vd_wall_ms())) {
        g_snprintf(ret_text, size, "The desktops of this pool fail to start: %s.", restraint->text);
        return BROKER_OUTLOOK_UNAVAILABLE;
    }
    placement = broker_placement_find(broker->model, pool, home);
    if (placement.delayed) {
        g_strlcpy(ret_text, "The hosts are busy; a desktop is started as soon as one is less so.",
                  size);
    } else if (placement.host == NULL) {
        placement_text(&placement, ret_text, size);
        outlook = BROKER_OUTLOOK_UNAVAILABLE;
    }
    broker_placement_clear(&placement);
    return outlook;
}

static json_t *
pool_json(struct broker *broker, const struct broker_pool *pool, const char *user)
{
    static const char *const states[] = {"ready", "starting", "full", "unavailable"};
    char text[TEXT_SIZE] = "";
    unsigned own;
    const struct broker_session *session = find_own(broker->model, user, pool->name, &own);
    bool running = session != NULL && session->row.desktop[0] != '\0';
    const struct broker_picture *picture =
        running ? broker_lastscreen_find(broker->model, broker->pools, user, session->row.id)
                : NULL;
    const char *state = "running";
    json_t *json = json_object();

    if (!running && session != NULL) {
        state = "starting";
        g_strlcpy(text, "You are waiting for a desktop.", sizeof(text));
    } else if (!running && broker_model_own(broker->model, user, pool->name) != NULL) {
        state = "ready";
    } else if (!running) {
        state = states[broker_session_outlook(broker, pool, user, text, sizeof(text))];
    }
    json_object_set_new(json, "name", json_string(pool->name));
    json_object_set_new(json, "description", broker_json_string(pool->description));
    json_object_set_new(json, "state", json_string(state));
    json_object_set_new(json, "text", broker_json_string(text));
    json_object_set_new(json, "session", running ? json_string(session->row.id) : json_null());
    /* When it was taken tells a launcher whether it has that one already. */
    json_object_set_new(json, "picture",
                        picture != NULL ? json_integer(picture->taken_ms) : json_null());
    return json;
}

json_t *
broker_session_pools(struct broker *broker, const char *user)
{
    json_t *body = json_object();
    json_t *list = json_array();
    guint i;

    for (i = 0; i < broker->pools->items->len; i++) {
        const struct broker_pool *pool = g_ptr_array_index(broker->pools->items, i);

        if (broker_may_use(broker, pool, user).allowed) {
            json_array_append_new(list, pool_json(broker, pool, user));
        }
    }
    json_object_set_new(body, "pools", list);
    return body;
}

static void
answer_waiting(struct broker_session *session, int position, const char *text,
               struct broker_reply *reply)
{
    json_t *body = json_object();

    json_object_set_new(body, "state", json_string("waiting"));
    json_object_set_new(body, "session", json_string(session->row.id));
    json_object_set_new(body, "position", json_integer(position));
    json_object_set_new(body, "text", broker_json_string(text));
    json_object_set_new(body, "retry_ms", json_integer(BROKER_RETRY_MS));
    broker_reply_send(reply, 200, body, NULL);
}

/* The session has a desktop: a new stream to it, and the ticket for that. */
static void
answer_ready(struct broker *broker, struct broker_session *session, struct broker_reply *reply)
{
    const struct broker_desktop *desktop =
        broker_model_desktop(broker->model, session->row.desktop);
    const struct broker_host *host =
        desktop != NULL ? broker_model_host(broker->model, desktop->row.host) : NULL;
    char ticket[VD_TOKEN_CHARS + 1];
    char why[BROKER_PLACEMENT_TEXT];
    char text[TEXT_SIZE];
    json_t *body;

    if (host == NULL || !host->connected) {
        answer_waiting(session, 0, "The host of your desktop is not connected; it runs on there.",
                       reply);
        return;
    }
    if (desktop->row.parked && !broker_placement_has_room(broker->model, desktop, why)) {
        g_snprintf(text, sizeof(text), "Your desktop is parked, and its host has no room now: %s.",
                   why);
        answer_waiting(session, 0, text, reply);
        return;
    }
    if (desktop->row.parked) {
        if (broker_change_wake(broker, session)) {
            broker_hosts_update(broker->hosts);
        }
        answer_waiting(session, 0, "Your desktop is being brought back.", reply);
        return;
    }
    if (desktop->state != BROKER_READY) {
        answer_waiting(session, 0, "Your desktop is not ready yet.", reply);
        return;
    }
    if (session->row.account[0] != '\0' && !desktop->signed_in) {
        answer_waiting(session, 0,
                       desktop->text[0] != '\0' ? desktop->text : "Your session is being opened.",
                       reply);
        return;
    }
    if (broker_reply_uplink_url(reply)[0] == '\0' ||
        broker_change_stream(broker, session, broker_reply_gateway(reply),
                             broker_reply_uplink_url(reply), ticket) == NULL) {
        broker_reply_error(reply, 503, "unavailable",
                           "The system cannot connect anyone right now.");
        return;
    }
    body = json_object();
    json_object_set_new(body, "state", json_string("ready"));
    json_object_set_new(body, "session", json_string(session->row.id));
    json_object_set_new(body, "desktop", json_string(session->row.desktop));
    json_object_set_new(body, "ticket", json_string(ticket));
    json_object_set_new(body, "stream_path", json_string("/stream"));
    broker_hosts_update(broker->hosts);
    broker_reply_send(reply, 200, body, NULL);
    explicit_bzero(ticket, sizeof(ticket));
}

/* Puts the user in line. NULL after answering with the reason. */
static struct broker_session *
begin_session(struct broker *broker, const struct broker_pool *pool, const char *user, unsigned own,
              struct broker_reply *reply)
{
    const json_t *account = pool->accounts && !broker_canary_is(user)
                                ? broker_groups_account(broker->groups, user)
                                : NULL;
    char text[TEXT_SIZE];
    struct broker_session *session;

    if (pool->accounts && account == NULL && !broker_canary_is(user)) {
        broker_reply_error(reply, 403, "no-account",
                           "This pool opens your own account, and the system does not know it. "
                           "Please ask your administrator.");
        return NULL;
    }
    if (own >= pool->max_per_user) {
        g_snprintf(text, sizeof(text),
                   "You have %u of the %u desktops of this pool that one "
                   "person may have.",
                   own, pool->max_per_user);
        broker_reply_error(reply, 409, "full", text);
        return NULL;
    }
    switch (broker_model_own(broker->model, user, pool->name) != NULL
                ? BROKER_OUTLOOK_STARTING
                : broker_session_outlook(broker, pool, user, text, sizeof(text))) {
    case BROKER_OUTLOOK_FULL:
        broker_reply_error(reply, 409, "full", text);
        return NULL;
    case BROKER_OUTLOOK_UNAVAILABLE:
        broker_reply_error(reply, 503, "unavailable", text);
        return NULL;
    case BROKER_OUTLOOK_READY:
    case BROKER_OUTLOOK_STARTING:
        break;
    }
    session = broker->model->sessions->len < BROKER_MAX_WAITING + broker->model->desktops->len
                  ? broker_change_wait(broker, user, pool->name, account)
                  : NULL;
    if (session == NULL) {
        broker_reply_error(reply, 503, "unavailable", "The system cannot start a session now.");
    }
    return session;
}

/* The session that the request is about, or NULL when it wants a new one. */
static struct broker_session *
choose_session(struct broker *broker, const struct broker_api_request *request, const char *user,
               unsigned *ret_own)
{
    struct broker_session *session = find_own(broker->model, user, request->pool, ret_own);
    struct broker_session *named = broker_model_session(broker->model, request->session);

    if (named != NULL && strcmp(named->row.user, user) == 0 &&
        strcmp(named->row.pool, request->pool) == 0) {
        return named;
    }
    /* A further session that still waits is the one that "new" asked for before. */
    return request->another && session != NULL && session->row.desktop[0] != '\0' ? NULL : session;
}

/* Whoever waits for a desktop of the pool waits for the pressure on the hosts to be over. */
static bool
is_delayed(struct broker *broker, const struct broker_pool *pool, const char *user)
{
    struct broker_placement placement;
    bool delayed;

    if (pool == NULL || broker_pool_count(broker->model, pool, vd_wall_ms()).starting > 0) {
        return false;
    }
    placement = broker_placement_find(
        broker->model, pool,
        pool->userdisk_mb > 0 ? broker_model_home(broker->model, user, pool->name) : NULL);
    delayed = placement.delayed;
    broker_placement_clear(&placement);
    return delayed;
}

void
broker_session_connect(struct broker *broker, const struct broker_api_request *request,
                       const char *user, struct broker_reply *reply)
{
    const struct broker_pool *pool = broker_pools_find(broker->pools, request->pool);
    unsigned own = 0;
    struct broker_session *session = choose_session(broker, request, user, &own);
    char text[TEXT_SIZE];
    char id[STORE_ID_MAX + 1];

    /* Without valid pool files a desktop that somebody has stays reachable, and nothing else. */
    if (pool == NULL ? broker->pools_are_valid || session == NULL
                     : !broker_may_use(broker, pool, user).allowed) {
        broker_reply_error(reply, 403, "denied",
                           "There is no such pool, or it is not open to you.");
        return;
    }
    if (session == NULL) {
        session = begin_session(broker, pool, user, own, reply);
        if (session == NULL) {
            return;
        }
    }
    session->polled_ms = vd_wall_ms();
    if (session->row.desktop[0] == '\0') {
        g_strlcpy(id, session->row.id, sizeof(id));
        broker_settle(broker);
        session = broker_model_session(broker->model, id);
    }
    if (session == NULL) {
        broker_reply_error(reply, 503, "unavailable", "The session has just ended.");
    } else if (session->row.desktop[0] != '\0') {
        answer_ready(broker, session, reply);
    } else {
        int position = (int)broker_line_position(broker->model, session, vd_wall_ms());

        if (broker_model_is_aside(broker->model, session->row.pool, vd_wall_ms())) {
            g_strlcpy(text, "The desktops of this pool fail to start; it is tried again later.",
                      sizeof(text));
        } else if (is_delayed(broker, pool, user)) {
            g_snprintf(text, sizeof(text), "The hosts are busy; you are number %d in line.",
                       position);
        } else {
            g_snprintf(text, sizeof(text), "A desktop is being started; you are number %d in line.",
                       position);
        }
        answer_waiting(session, position, text, reply);
    }
}

void
broker_session_logoff(struct broker *broker, const struct broker_api_request *request,
                      const char *user, struct broker_reply *reply)
{
    struct broker_session *session = broker_model_session(broker->model, request->session);

    if (session == NULL || strcmp(session->row.user, user) != 0) {
        broker_reply_error(reply, 404, "not-found", "You have no such session.");
        return;
    }
    if (!broker_change_end(broker, session, "logoff", "you logged off")) {
        broker_reply_error(reply, 503, "unavailable", "The system cannot write right now.");
        return;
    }
    broker_settle_soon(broker);
    broker_reply_send(reply, 200, json_object(), NULL);
}
