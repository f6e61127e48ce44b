/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/api.h"

#include "broker/groups.h"
#include "broker/lastscreen.h"
#include "broker/login.h"
#include "broker/session.h"
#include "protocol/base/clock.h"

char *
broker_api_cookie(const char *token)
{
    return g_strdup_printf("__Host-vedette=%s; Path=/; Secure; HttpOnly; SameSite=Strict%s", token,
                           token[0] == '\0' ? "; Max-Age=0" : "");
}

static void
answer_logout(struct broker *broker, const struct broker_api_request *request,
              struct broker_reply *reply)
{
    char *cookie = broker_api_cookie("");
    GError *error = NULL;

    if (request->token[0] != '\0' && !store_login_remove(broker->store, request->token, &error)) {
        broker_store_failed(broker, error);
        broker_reply_error(reply, 503, "unavailable", "The system cannot write right now.");
    } else {
        broker_reply_send(reply, 200, json_object(), request->native ? NULL : cookie);
    }
    g_free(cookie);
}

/* One refusal for everything, so that ids of sessions cannot be tried. */
static void
refuse_picture(struct broker_reply *reply)
{
    broker_reply_error(reply, 404, "not-found", "There is no such picture.");
}

static void
answer_picture(struct broker *broker, const struct broker_api_request *request, const char *user,
               struct broker_reply *reply)
{
    const struct broker_picture *picture =
        broker_lastscreen_find(broker->model, broker->pools, user, request->session);

    if (picture != NULL) {
        broker_reply_jpeg(reply, picture->data, picture->size);
    } else {
        refuse_picture(reply);
    }
}

static void
answer_known(struct broker *broker, const struct broker_api_request *request, const char *user,
             struct broker_reply *reply)
{
    json_t *body;

    switch (request->call) {
    case BROKER_API_ME:
        body = json_object();
        json_object_set_new(body, "user", json_string(user));
        broker_reply_send(reply, 200, body, NULL);
        break;
    case BROKER_API_POOLS:
        broker_reply_send(reply, 200, broker_session_pools(broker, user), NULL);
        break;
    case BROKER_API_CONNECT:
        broker_session_connect(broker, request, user, reply);
        break;
    case BROKER_API_LOGOFF:
        broker_session_logoff(broker, request, user, reply);
        break;
    case BROKER_API_PICTURE:
        answer_picture(broker, request, user, reply);
        break;
    case BROKER_API_LOGIN:
    case BROKER_API_ANSWER:
    case BROKER_API_LOGOUT:
        g_assert_not_reached();
    }
}

/* A call whose user's groups are being looked up. */
struct waiting {
    struct broker *broker; /* borrowed; outlives it */
    struct broker_api_request request;
    struct broker_reply *reply;
    char user[STORE_NAME_MAX + 1];
};

static void
free_waiting(gpointer data)
{
    struct waiting *waiting = data;

    broker_api_request_wipe(&waiting->request);
    broker_reply_free(waiting->reply);
    g_free(waiting);
}

static void
on_groups_known(void *user_data)
{
    struct waiting *waiting = user_data;

    answer_known(waiting->broker, &waiting->request, waiting->user,
                 g_steal_pointer(&waiting->reply));
    free_waiting(waiting);
}

static void
answer_with_groups(struct broker *broker, const struct broker_api_request *request,
                   const char *user, struct broker_reply *reply)
{
    struct waiting *waiting = g_new0(struct waiting, 1);

    waiting->broker = broker;
    waiting->request = *request;
    waiting->reply = reply;
    g_strlcpy(waiting->user, user, sizeof(waiting->user));
    broker_groups_ask(broker->groups, user, on_groups_known, waiting, free_waiting);
}

/* The calls that want a login. */
static void
answer_user(struct broker *broker, const struct broker_api_request *request,
            struct broker_reply *reply)
{
    char user[STORE_NAME_MAX + 1] = "";
    enum store_result result = STORE_NONE;
    GError *error = NULL;

    if (request->token[0] != '\0') {
        result = store_login_find(broker->store, request->token, vd_wall_ms(), BROKER_IDLE_MS, user,
                                  &error);
    }
    if (result == STORE_FAILED) {
        broker_store_failed(broker, error);
        broker_reply_error(reply, 503, "unavailable",
                           "The system cannot read its state right now.");
    } else if (result == STORE_NONE && request->call == BROKER_API_PICTURE) {
        refuse_picture(reply);
    } else if (result == STORE_NONE) {
        broker_reply_error(reply, 401, "login", "Log in first.");
    } else if (request->call == BROKER_API_POOLS || request->call == BROKER_API_CONNECT) {
        answer_with_groups(broker, request, user, reply);
    } else {
        answer_known(broker, request, user, reply);
    }
}

void
broker_api_handle(struct broker *broker, const json_t *message, struct broker_reply *reply)
{
    struct broker_api_request *request = g_new0(struct broker_api_request, 1);

    switch (broker_api_parse(message, request)) {
    case BROKER_API_NOT_FOUND:
        broker_reply_error(reply, 404, "not-found", "There is no such call.");
        break;
    case BROKER_API_METHOD:
        broker_reply_error(reply, 405, "method", "This call wants another method.");
        break;
    case BROKER_API_BAD:
        broker_reply_error(reply, 400, "bad-request", "The request is not as documented.");
        break;
    case BROKER_API_FINE:
        if (request->call == BROKER_API_LOGIN) {
            broker_login_begin(broker->logins, request, reply);
        } else if (request->call == BROKER_API_ANSWER) {
            broker_login_answer(broker->logins, request, reply);
        } else if (request->call == BROKER_API_LOGOUT) {
            answer_logout(broker, request, reply);
        } else {
            answer_user(broker, request, reply);
        }
        break;
    }
    broker_api_request_wipe(request);
    g_free(request);
}
