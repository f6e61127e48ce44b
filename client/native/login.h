/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_LOGIN_H
#define CLIENT_LOGIN_H

/*
 * login: one conversation with the server's PAM stack, from a user name to a token or a refusal.
 *
 * Exactly one of refused, failed and done ends it; the login may be freed inside any callback.
 */

#include "client/native/api.h"
#include "client/native/apireply.h"

struct client_login;

struct client_login_events {
    /* A round: answer it with client_login_answer(). The reply is borrowed for the call. */
    void (*prompts)(const struct client_login_reply *round, void *user_data);
    /* The api has the token already. */
    void (*done)(const char *user, void *user_data);
    /* The server said no; message is its text for the person, "" when it gave none. */
    void (*refused)(const char *message, void *user_data);
    /* No usable answer: unreachable, untrusted, or nonsense (then text says so). */
    void (*failed)(enum client_api_status status, const char *text, void *user_data);
};

/* api and events are borrowed. Asks at once; never NULL. */
struct client_login *client_login_new(struct client_api *api, const char *user,
                                      const struct client_login_events *events, void *user_data);
void client_login_free(struct client_login *login); /* accepts NULL; no callback after it */
/* answers: one for each prompt of the round that wants one. */
void client_login_answer(struct client_login *login, const char *const *answers, size_t count);

#endif
