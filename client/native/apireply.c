/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/apireply.h"

#include <glib.h>
#include <jansson.h>
#include <string.h>

#include "protocol/base/secret.h"

static const char *const prompt_styles[] = {"secret", "echo", "info", "error"};
static const char *const pool_states[] = {"ready", "running", "starting", "full", "unavailable"};

/* The body as an object (json_decref()), or NULL. */
static json_t *
reply_object(const char *body, size_t size)
{
    json_t *object;

    if (size == 0 || size > CLIENT_MAX_REPLY)
        return NULL;
    object = json_loadb(body, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Copies member name. An absent or null member is "" when optional. False for anything else. */
static bool
reply_string(const json_t *object, const char *name, bool optional, char **ret_text)
{
    const json_t *member = json_object_get(object, name);

    if (optional && (!member || json_is_null(member))) {
        *ret_text = g_strdup("");
        return true;
    }
    if (!json_is_string(member) || json_string_length(member) > CLIENT_MAX_STRING)
        return false;
    *ret_text = g_strdup(json_string_value(member));
    return true;
}

static int
reply_choice(const json_t *object, const char *name, const char *const *choices, size_t count)
{
    const char *text = json_string_value(json_object_get(object, name));
    size_t i;

    for (i = 0; text && i < count; i++)
        if (strcmp(text, choices[i]) == 0)
            return (int)i;
    return -1;
}

static bool
reply_unsigned(const json_t *object, const char *name, unsigned *ret_value)
{
    const json_t *member = json_object_get(object, name);
    json_int_t value = json_integer_value(member);

    if (!json_is_integer(member) || value < 0 || value > 1000000000)
        return false;
    *ret_value = (unsigned)value;
    return true;
}

static bool
login_prompts(const json_t *object, struct client_login_reply *reply)
{
    const json_t *list = json_object_get(object, "prompts");
    size_t count = json_array_size(list);
    size_t i;

    if (!json_is_array(list) || count > CLIENT_MAX_PROMPTS ||
        !reply_string(object, "login", false, &reply->login))
        return false;
    reply->prompts = g_new0(struct client_prompt, count + 1);
    for (i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        int style = reply_choice(item, "style", prompt_styles, G_N_ELEMENTS(prompt_styles));

        if (style < 0 || !reply_string(item, "text", true, &reply->prompts[i].text))
            return false;
        reply->prompts[i].style = (enum client_prompt_style)style;
        reply->prompt_count = i + 1;
    }
    return true;
}

static bool
login_parse(const json_t *object, struct client_login_reply *reply)
{
    static const char *const states[] = {"prompt", "ok", "refused"};
    int state = reply_choice(object, "state", states, G_N_ELEMENTS(states));

    if (state < 0)
        return false;
    reply->state = (enum client_login_state)state;
    switch (reply->state) {
    case CLIENT_LOGIN_PROMPT:
        return login_prompts(object, reply);
    case CLIENT_LOGIN_OK:
        return reply_string(object, "user", false, &reply->user) &&
               reply_string(object, "token", false, &reply->token) && reply->token[0];
    case CLIENT_LOGIN_REFUSED:
        return reply_string(object, "message", true, &reply->message);
    }
    return false;
}

bool
client_reply_login(const char *body, size_t size, struct client_login_reply *ret_reply)
{
    json_t *object = reply_object(body, size);
    bool good;

    memset(ret_reply, 0, sizeof(*ret_reply));
    good = object && login_parse(object, ret_reply);
    json_decref(object);
    if (!good)
        client_login_reply_clear(ret_reply);
    return good;
}

void
client_login_reply_clear(struct client_login_reply *reply)
{
    size_t i;

    /* The prompt that failed to parse may be one past the count. */
    for (i = 0; reply->prompts && i <= reply->prompt_count; i++)
        g_free(reply->prompts[i].text);
    g_free(reply->prompts);
    g_free(reply->login);
    g_free(reply->user);
    vd_secret_free(reply->token);
    g_free(reply->message);
    memset(reply, 0, sizeof(*reply));
}

/* null, or a time beside a session whose id can stand in an address. */
static bool
picture_parse(const json_t *object, struct client_pool *pool)
{
    const json_t *picture = json_object_get(object, "picture");

    if (!picture || json_is_null(picture))
        return true;
    pool->picture = json_integer_value(picture);
    return pool->picture > 0 && pool->session[0] &&
           strspn(pool->session, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(pool->session);
}

static bool
pool_parse(const json_t *object, struct client_pool *pool)
{
    int state = reply_choice(object, "state", pool_states, G_N_ELEMENTS(pool_states));

    if (state < 0)
        return false;
    pool->state = (enum client_pool_state)state;
    return reply_string(object, "name", false, &pool->name) && pool->name[0] &&
           reply_string(object, "description", true, &pool->description) &&
           reply_string(object, "text", true, &pool->text) &&
           reply_string(object, "session", true, &pool->session) && picture_parse(object, pool);
}

bool
client_reply_pools(const char *body, size_t size, struct client_pools_reply *ret_reply)
{
    json_t *object = reply_object(body, size);
    const json_t *list = json_object_get(object, "pools");
    size_t count = json_array_size(list);
    bool good = json_is_array(list) && count <= CLIENT_MAX_POOLS;
    size_t i;

    memset(ret_reply, 0, sizeof(*ret_reply));
    if (good)
        ret_reply->pools = g_new0(struct client_pool, count + 1);
    for (i = 0; good && i < count; i++) {
        ret_reply->count = i + 1;
        good = pool_parse(json_array_get(list, i), &ret_reply->pools[i]);
    }
    json_decref(object);
    if (!good)
        client_pools_reply_clear(ret_reply);
    return good;
}

void
client_pools_reply_clear(struct client_pools_reply *reply)
{
    size_t i;

    for (i = 0; i < reply->count; i++) {
        g_free(reply->pools[i].name);
        g_free(reply->pools[i].description);
        g_free(reply->pools[i].text);
        g_free(reply->pools[i].session);
    }
    g_free(reply->pools);
    memset(reply, 0, sizeof(*reply));
}

/* The path ends up in a URL: nothing but a plain absolute path passes. */
static bool
path_is_plain(const char *path)
{
    const char *c;

    if (path[0] != '/' || strlen(path) > 128 || strstr(path, "..") || strstr(path, "//"))
        return false;
    for (c = path; *c; c++)
        if (!g_ascii_isalnum(*c) && !strchr("/-_.", *c))
            return false;
    return true;
}

static bool
connect_parse(const json_t *object, struct client_connect_reply *reply)
{
    static const char *const states[] = {"ready", "waiting"};
    int state = reply_choice(object, "state", states, G_N_ELEMENTS(states));

    if (state < 0 || !reply_string(object, "session", true, &reply->session))
        return false;
    reply->ready = state == 0;
    if (reply->ready)
        return reply_string(object, "desktop", true, &reply->desktop) &&
               reply_string(object, "ticket", false, &reply->ticket) &&
               vd_token_is_well_formed(reply->ticket) &&
               reply_string(object, "stream_path", false, &reply->stream_path) &&
               path_is_plain(reply->stream_path);
    if (!reply_string(object, "text", true, &reply->text) ||
        !reply_unsigned(object, "position", &reply->position) ||
        !reply_unsigned(object, "retry_ms", &reply->retry_ms))
        return false;
    reply->retry_ms = CLAMP(reply->retry_ms, 100, 30000);
    return true;
}

bool
client_reply_connect(const char *body, size_t size, struct client_connect_reply *ret_reply)
{
    json_t *object = reply_object(body, size);
    bool good;

    memset(ret_reply, 0, sizeof(*ret_reply));
    good = object && connect_parse(object, ret_reply);
    json_decref(object);
    if (!good)
        client_connect_reply_clear(ret_reply);
    return good;
}

void
client_connect_reply_clear(struct client_connect_reply *reply)
{
    g_free(reply->session);
    g_free(reply->desktop);
    vd_secret_free(reply->ticket);
    g_free(reply->stream_path);
    g_free(reply->text);
    memset(reply, 0, sizeof(*reply));
}

bool
client_reply_error(const char *body, size_t size, struct client_error_reply *ret_reply)
{
    json_t *object = reply_object(body, size);
    bool good;

    memset(ret_reply, 0, sizeof(*ret_reply));
    good = object && reply_string(object, "error", false, &ret_reply->code) &&
           reply_string(object, "message", true, &ret_reply->message);
    json_decref(object);
    if (!good)
        client_error_reply_clear(ret_reply);
    return good;
}

void
client_error_reply_clear(struct client_error_reply *reply)
{
    g_free(reply->code);
    g_free(reply->message);
    memset(reply, 0, sizeof(*reply));
}

const char *
client_pool_state_name(enum client_pool_state state)
{
    return pool_states[state];
}

bool
client_prompt_wants_answer(const struct client_prompt *prompt)
{
    return prompt->style == CLIENT_PROMPT_SECRET || prompt->style == CLIENT_PROMPT_ECHO;
}
