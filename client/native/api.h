/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_API_H
#define CLIENT_API_H

/*
 * api: calls of the HTTPS JSON API, one after the other, on a worker thread (libcurl).
 *
 * The server is verified against ca_pem and nothing else, TLS 1.3, no proxy from the environment,
 * no redirect. A server that does not verify gets no byte of a request. Replies arrive in the
 * context given at creation, never from inside a call of this API and never after
 * client_api_cancel() or client_api_free().
 */

#include <glib.h>
#include <jansson.h>

#include "client/native/address.h"

enum client_api_status {
    CLIENT_API_OK,          /* 200; the body is the answer */
    CLIENT_API_ERROR,       /* the server answered with an error status */
    CLIENT_API_UNREACHABLE, /* no connection, a time-out, a connection that broke */
    CLIENT_API_UNTRUSTED,   /* the certificate does not verify: a hard stop */
};

struct client_api_result {
    enum client_api_status status;
    long http;        /* status code; 0 when there was no answer */
    const char *body; /* borrowed, "" when empty */
    size_t size;
    const char *text; /* for logs: why it is unreachable or untrusted; "" otherwise */
};

typedef void (*client_api_fn)(const struct client_api_result *result, void *user_data);

struct client_api;

/* context NULL is the default one. Never NULL. */
struct client_api *client_api_new(const struct client_address *address, const char *ca_pem,
                                  GMainContext *context);
void client_api_free(struct client_api *api); /* accepts NULL */
/*
 * Waits for the worker threads of freed apis. Call once before main() returns: the TLS library
 * takes itself apart at exit and must not be in use then.
 */
void client_api_finish(void);

/* The bearer token of later calls; NULL forgets it. */
void client_api_set_token(struct client_api *api, const char *token);

/* path is "/api/…". body is stolen; NULL makes it a GET. */
void client_api_call(struct client_api *api, const char *path, json_t *body, client_api_fn done,
                     void *user_data);
/* Calls made with user_data will not answer any more. */
void client_api_cancel(struct client_api *api, void *user_data);

#endif
