/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_APIREPLY_H
#define CLIENT_APIREPLY_H

/*
 * apireply: the JSON bodies of the API into structs. Pure; the bodies are a server's and may be
 * anything.
 *
 * A parser returns false for a body that is not exactly what docs/PROTOCOL.md, "API", promises:
 * wrong types, an unknown state, a count or a text above the limits here. Unknown members are
 * ignored. After true the struct is the caller's to clear; after false it is empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_MAX_REPLY   (256u * 1024u) /* bytes of a body */
#define CLIENT_MAX_PROMPTS 16u            /* in one round of a login */
#define CLIENT_MAX_POOLS   256u
#define CLIENT_MAX_STRING  1024u /* bytes of any text in a reply */

enum client_prompt_style {
    CLIENT_PROMPT_SECRET,
    CLIENT_PROMPT_ECHO,
    CLIENT_PROMPT_INFO,
    CLIENT_PROMPT_ERROR,
};

struct client_prompt {
    enum client_prompt_style style;
    char *text;
};

enum client_login_state { CLIENT_LOGIN_PROMPT, CLIENT_LOGIN_OK, CLIENT_LOGIN_REFUSED };

struct client_login_reply {
    enum client_login_state state;
    char *login; /* PROMPT: the conversation */
    struct client_prompt *prompts;
    size_t prompt_count;
    char *user;    /* OK */
    char *token;   /* OK; wiped when cleared */
    char *message; /* REFUSED */
};

enum client_pool_state {
    CLIENT_POOL_READY,
    CLIENT_POOL_RUNNING,
    CLIENT_POOL_STARTING,
    CLIENT_POOL_FULL,
    CLIENT_POOL_UNAVAILABLE,
};

struct client_pool {
    char *name;
    char *description;
    char *text;
    char *session;   /* of a desktop the user has, or NULL */
    int64_t picture; /* when the last screen of that session was taken; 0: there is none */
    enum client_pool_state state;
};

struct client_pools_reply {
    struct client_pool *pools;
    size_t count;
};

struct client_connect_reply {
    bool ready; /* otherwise waiting */
    char *session;
    char *desktop;     /* ready */
    char *ticket;      /* ready; 43 characters; wiped when cleared */
    char *stream_path; /* ready; starts with a slash */
    unsigned position; /* waiting; 1 is next */
    unsigned retry_ms; /* waiting; within 100 and 30000 */
    char *text;        /* waiting; never NULL then */
};

struct client_error_reply {
    char *code;
    char *message;
};

bool client_reply_login(const char *body, size_t size, struct client_login_reply *ret_reply);
void client_login_reply_clear(struct client_login_reply *reply);
bool client_reply_pools(const char *body, size_t size, struct client_pools_reply *ret_reply);
void client_pools_reply_clear(struct client_pools_reply *reply);
bool client_reply_connect(const char *body, size_t size, struct client_connect_reply *ret_reply);
void client_connect_reply_clear(struct client_connect_reply *reply);
bool client_reply_error(const char *body, size_t size, struct client_error_reply *ret_reply);
void client_error_reply_clear(struct client_error_reply *reply);

const char *client_pool_state_name(enum client_pool_state state); /* as on the wire */
bool client_prompt_wants_answer(const struct client_prompt *prompt);

#endif
