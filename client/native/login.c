/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/login.h"

#include <string.h>

#include "client/native/text.h"

struct client_login {
    struct client_api *api; /* borrowed */
    const struct client_login_events *events;
    void *user_data;
    char *id; /* of the conversation at the server; NULL before the first round */
};

static void
login_error_status(struct client_login *login, const struct client_api_result *result)
{
    struct client_error_reply error;

    if (!client_reply_error(result->body, result->size, &error)) {
        login->events->failed(CLIENT_API_ERROR, _("The server gave an answer without meaning."),
                              login->user_data);
        return;
    }
    if (result->http == 401 || result->http == 403 || result->http == 429 || result->http == 410)
        login->events->refused(error.message, login->user_data);
    else
        login->events->failed(CLIENT_API_ERROR, error.message, login->user_data);
    client_error_reply_clear(&error);
}

static void
login_reply(const struct client_api_result *result, void *user_data)
{
    struct client_login *login = user_data;
    struct client_login_reply reply;

    if (result->status == CLIENT_API_ERROR) {
        login_error_status(login, result);
        return;
    }
    if (result->status != CLIENT_API_OK) {
        login->events->failed(result->status, result->text, login->user_data);
        return;
    }
    if (!client_reply_login(result->body, result->size, &reply)) {
        login->events->failed(CLIENT_API_ERROR, _("The server gave an answer without meaning."),
                              login->user_data);
        return;
    }
    switch (reply.state) {
    case CLIENT_LOGIN_PROMPT:
        g_free(login->id);
        login->id = g_strdup(reply.login);
        login->events->prompts(&reply, login->user_data);
        break;
    case CLIENT_LOGIN_OK:
        client_api_set_token(login->api, reply.token);
        login->events->done(reply.user, login->user_data);
        break;
    case CLIENT_LOGIN_REFUSED:
        login->events->refused(reply.message, login->user_data);
        break;
    }
    client_login_reply_clear(&reply);
}

struct client_login *
client_login_new(struct client_api *api, const char *user, const struct client_login_events *events,
                 void *user_data)
{
    struct client_login *login = g_new0(struct client_login, 1);

    login->api = api;
    login->events = events;
    login->user_data = user_data;
    client_api_set_token(api, NULL);
    client_api_call(api, "/api/login", json_pack("{s:s}", "user", user), login_reply, login);
    return login;
}

void
client_login_free(struct client_login *login)
{
    if (!login)
        return;
    client_api_cancel(login->api, login);
    g_free(login->id);
    g_free(login);
}

void
client_login_answer(struct client_login *login, const char *const *answers, size_t count)
{
    json_t *list = json_array();
    size_t i;

    for (i = 0; i < count; i++)
        json_array_append_new(list, json_string(answers[i]));
    client_api_call(login->api, "/api/login/answer",
                    json_pack("{s:s, s:o}", "login", login->id ? login->id : "", "answers", list),
                    login_reply, login);
}
