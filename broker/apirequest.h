/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_APIREQUEST_H
#define BROKER_APIREQUEST_H

/* apirequest: an API call as a gateway relays it, checked field by field. Pure. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "broker/store/store.h"
#include "protocol/base/secret.h"

#define BROKER_API_MAX_BODY    16384u
#define BROKER_API_MAX_ANSWERS 16u
#define BROKER_API_MAX_ANSWER  512u /* bytes */

enum broker_api_call {
    BROKER_API_LOGIN,
    BROKER_API_ANSWER,
    BROKER_API_LOGOUT,
    BROKER_API_ME,
    BROKER_API_POOLS,
    BROKER_API_CONNECT,
    BROKER_API_LOGOFF,
    BROKER_API_PICTURE,
};

struct broker_api_request {
    enum broker_api_call call;
    bool native;                     /* a native client: the token goes into the body */
    char source[STORE_NAME_MAX + 1]; /* the client's address */
    char token[VD_TOKEN_CHARS + 1];  /* bearer or cookie; "" without or malformed */
    char user[STORE_NAME_MAX + 1];   /* LOGIN; "" for an impossible name */
    char login[VD_TOKEN_CHARS + 1];  /* ANSWER */
    size_t answer_count;             /* ANSWER */
    char answers[BROKER_API_MAX_ANSWERS][BROKER_API_MAX_ANSWER + 1];
    char pool[STORE_NAME_MAX + 1];  /* CONNECT */
    char session[STORE_ID_MAX + 1]; /* LOGOFF, PICTURE; CONNECT to say which of several, or "" */
    bool another;                   /* CONNECT: "new": true wants a further session */
};

enum broker_api_problem {
    BROKER_API_FINE,
    BROKER_API_NOT_FOUND, /* no such path */
    BROKER_API_METHOD,    /* the path is there, the method is not */
    BROKER_API_BAD,       /* the body is not as documented */
};

/* Fills *ret_request, which may hold passwords then: broker_api_request_wipe() it. */
enum broker_api_problem broker_api_parse(const json_t *message,
                                         struct broker_api_request *ret_request);
void broker_api_request_wipe(struct broker_api_request *request);

#endif
