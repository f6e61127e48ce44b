/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_GATEWAYS_H
#define BROKER_GATEWAYS_H

/* gateways: run/gateway.sock: API calls, tickets and streams of the gateways that dial it. */

#include <jansson.h>

#include "broker/broker.h"

#define BROKER_MAX_GATEWAYS 64u

/* NULL and *error when it cannot listen. */
struct broker_gateways *broker_gateways_new(struct broker *broker, GError **error);
void broker_gateways_free(struct broker_gateways *gateways); /* accepts NULL */

/* Tells the gateway of this name, if it is connected, to close a stream; reason as in GOAWAY. */
void broker_gateways_close(struct broker_gateways *gateways, const char *gateway,
                           const char *stream, int reason, const char *text);

/* [{"name","uplink_url"}] of those that are connected and said hello; a new reference; accepts
 * NULL. */
json_t *broker_gateways_json(const struct broker_gateways *gateways);

/* Whom an answer to an API call goes to. Given out once, consumed by broker_reply_send(). */
struct broker_reply;

/*
 * Sends the answer (body's reference is stolen) unless its gateway is gone. cookie is the value of
 * a Set-Cookie header, or NULL. Frees reply.
 */
void broker_reply_send(struct broker_reply *reply, int status, json_t *body, const char *cookie);
/* 200 with a picture in place of a body. */
void broker_reply_jpeg(struct broker_reply *reply, const uint8_t *data, size_t size);
/* {"error": code, "message": text}. */
void broker_reply_error(struct broker_reply *reply, int status, const char *code, const char *text);
void broker_reply_free(struct broker_reply *reply); /* sends nothing; accepts NULL */
/* The name and uplink URL of the gateway that waits for the answer; "" before its hello. */
const char *broker_reply_gateway(const struct broker_reply *reply);
const char *broker_reply_uplink_url(const struct broker_reply *reply);

#endif
