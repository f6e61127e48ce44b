/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_SESSION_H
#define BROKER_SESSION_H

/* session: what a user who logged in can do: see pools, connect, log off. */

#include <jansson.h>

#include "broker/apirequest.h"
#include "broker/broker.h"
#include "broker/gateways.h"

/* The body of GET /api/pools for this user. */
json_t *broker_session_pools(struct broker *broker, const char *user);

/* Both consume reply and answer at once. */
void broker_session_connect(struct broker *broker, const struct broker_api_request *request,
                            const char *user, struct broker_reply *reply);
void broker_session_logoff(struct broker *broker, const struct broker_api_request *request,
                           const char *user, struct broker_reply *reply);

enum broker_outlook {
    BROKER_OUTLOOK_READY,       /* a desktop can be had at once */
    BROKER_OUTLOOK_STARTING,    /* one will be there soon */
    BROKER_OUTLOOK_FULL,        /* Max= desktops are in use or spoken for */
    BROKER_OUTLOOK_UNAVAILABLE, /* no host can run one */
};

/*
 * What a further session of the pool could expect, of user or (NULL) of anybody; text (size bytes)
 * becomes the reason, "" when ready.
 */
enum broker_outlook broker_session_outlook(struct broker *broker, const struct broker_pool *pool,
                                           const char *user, char *ret_text, size_t size);

#endif
