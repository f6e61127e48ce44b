/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_API_H
#define BROKER_API_H

/* api: the calls of docs/PROTOCOL.md, "API", as gateways relay them. */

#include "broker/apirequest.h"
#include "broker/broker.h"
#include "broker/gateways.h"

#define BROKER_RETRY_MS 500 /* a waiting client asks again after */

/* Answers message, now or later. Consumes reply. */
void broker_api_handle(struct broker *broker, const json_t *message, struct broker_reply *reply);

/* The value of a Set-Cookie header for a login; "" as token takes it back. vd_secret_free(). */
char *broker_api_cookie(const char *token);

#endif
