/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/apirequest.h"

#include <string.h>

#include "broker/jsonget.h"
#include "broker/name.h"

#define COOKIE  "__Host-vedette="
#define PICTURE "/api/picture/" /* and the id of a session */

static const struct {
    const char *method;
    const char *path;
    enum broker_api_call call;
} calls[] = {
    {"POST", "/api/login", BROKER_API_LOGIN},   {"POST", "/api/login/answer", BROKER_API_ANSWER},
    {"POST", "/api/logout", BROKER_API_LOGOUT}, {"GET", "/api/me", BROKER_API_ME},
    {"GET", "/api/pools", BROKER_API_POOLS},    {"POST", "/api/connect", BROKER_API_CONNECT},
    {"POST", "/api/logoff", BROKER_API_LOGOFF},
};

/* What follows PICTURE is a session; anything else is a path that there is not. */
static enum broker_api_problem
find_picture(const char *method, const char *id, struct broker_api_request *request)
{
    if (!broker_id_is_valid(id, 's')) {
        return BROKER_API_NOT_FOUND;
    }
    if (strcmp(method, "GET") != 0) {
        return BROKER_API_METHOD;
    }
    memcpy(request->session, id, strlen(id) + 1);
    request->call = BROKER_API_PICTURE;
    return BROKER_API_FINE;
}

static enum broker_api_problem
find_call(const json_t *message, struct broker_api_request *request)
{
    const char *method = json_string_value(json_object_get(message, "method"));
    const char *path = json_string_value(json_object_get(message, "path"));
    enum broker_api_problem problem = BROKER_API_NOT_FOUND;
    size_t i;

    if (method == NULL || path == NULL) {
        return BROKER_API_BAD;
    }
    if (strncmp(path, PICTURE, strlen(PICTURE)) == 0) {
        return find_picture(method, path + strlen(PICTURE), request);
    }
    for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(calls[i].path, path) != 0) {
            continue;
        }
        if (strcmp(calls[i].method, method) == 0) {
            request->call = calls[i].call;
            return BROKER_API_FINE;
        }
        problem = BROKER_API_METHOD;
    }
    return problem;
}

static void
take_token(const char *text, size_t size, char ret_token[VD_TOKEN_CHARS + 1])
{
    char token[VD_TOKEN_CHARS + 1];

    if (size != VD_TOKEN_CHARS) {
        return;
    }
    memcpy(token, text, size);
    token[size] = '\0';
    if (vd_token_is_well_formed(token)) {
        memcpy(ret_token, token, sizeof(token));
    }
    explicit_bzero(token, sizeof(token));
}

/* The bearer, or else our cookie: its value alone or a whole Cookie header. */
static void
find_token(const json_t *message, char ret_token[VD_TOKEN_CHARS + 1])
{
    const char *bearer = json_string_value(json_object_get(message, "bearer"));
    const char *cookie = json_string_value(json_object_get(message, "cookie"));

    if (bearer != NULL && bearer[0] != '\0') {
        take_token(bearer, strlen(bearer), ret_token);
        return;
    }
    if (cookie == NULL) {
        return;
    }
    if (strchr(cookie, '=') == NULL) {
        take_token(cookie, strlen(cookie), ret_token);
        return;
    }
    while (*cookie != '\0') {
        size_t size;

        cookie += strspn(cookie, " ;");
        size = strcspn(cookie, ";");
        if (size > strlen(COOKIE) && strncmp(cookie, COOKIE, strlen(COOKIE)) == 0) {
            take_token(cookie + strlen(COOKIE), size - strlen(COOKIE), ret_token);
            return;
        }
        cookie += size;
    }
}

static bool
parse_answers(const json_t *body, struct broker_api_request *request)
{
    const json_t *answers = json_object_get(body, "answers");
    size_t i;

    if (!json_is_array(answers) || json_array_size(answers) > BROKER_API_MAX_ANSWERS) {
        return false;
    }
    request->answer_count = json_array_size(answers);
    for (i = 0; i < request->answer_count; i++) {
        const json_t *answer = json_array_get(answers, i);

        if (!json_is_string(answer) || json_string_length(answer) > BROKER_API_MAX_ANSWER) {
            return false;
        }
        memcpy(request->answers[i], json_string_value(answer), json_string_length(answer) + 1);
    }
    return true;
}

static bool
parse_body(const json_t *body, struct broker_api_request *request)
{
    const char *user;
    const json_t *another;

    switch (request->call) {
    case BROKER_API_LOGIN:
        user = json_string_value(json_object_get(body, "user"));
        if (user == NULL) {
            return false;
        }
        if (broker_user_is_valid(user)) {
            memcpy(request->user, user, strlen(user) + 1);
        }
        return true;
    case BROKER_API_ANSWER:
        return broker_json_text(body, "login", request->login, sizeof(request->login)) &&
               vd_token_is_well_formed(request->login) && parse_answers(body, request);
    case BROKER_API_CONNECT:
        another = json_object_get(body, "new");
        request->another = json_is_true(another);
        return broker_json_text(body, "pool", request->pool, sizeof(request->pool)) &&
               (another == NULL || json_is_boolean(another)) &&
               broker_json_text_cut(body, "session", request->session, sizeof(request->session));
    case BROKER_API_LOGOFF:
        return broker_json_text(body, "session", request->session, sizeof(request->session));
    case BROKER_API_LOGOUT:
    case BROKER_API_ME:
    case BROKER_API_POOLS:
    case BROKER_API_PICTURE:
        break;
    }
    return true;
}

/* The body comes as text or, from a gateway that parsed it, as an object. */
static json_t *
load_body(const json_t *message)
{
    json_t *body = json_object_get(message, "body");

    if (json_is_string(body)) {
        if (json_string_length(body) > BROKER_API_MAX_BODY) {
            return NULL;
        }
        if (json_string_length(body) == 0) {
            return json_object();
        }
        body = json_loadb(json_string_value(body), json_string_length(body), JSON_REJECT_DUPLICATES,
                          NULL);
        if (!json_is_object(body)) {
            json_decref(body);
            return NULL;
        }
        return body;
    }
    if (body == NULL || json_is_null(body)) {
        return json_object();
    }
    return json_is_object(body) ? json_incref(body) : NULL;
}

enum broker_api_problem
broker_api_parse(const json_t *message, struct broker_api_request *ret_request)
{
    enum broker_api_problem problem;
    json_t *body;

    memset(ret_request, 0, sizeof(*ret_request));
    problem = find_call(message, ret_request);
    if (problem != BROKER_API_FINE) {
        return problem;
    }
    ret_request->native = json_is_true(json_object_get(message, "native"));
    if (!broker_json_text(message, "source", ret_request->source, sizeof(ret_request->source))) {
        return BROKER_API_BAD;
    }
    find_token(message, ret_request->token);
    body = load_body(message);
    if (body == NULL || !parse_body(body, ret_request)) {
        problem = BROKER_API_BAD;
    }
    json_decref(body);
    return problem;
}

void
broker_api_request_wipe(struct broker_api_request *request)
{
    explicit_bzero(request, sizeof(*request));
}
