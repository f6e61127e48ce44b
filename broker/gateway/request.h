/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_REQUEST_H
#define GATEWAY_REQUEST_H

/*
 * request: judges what a stranger put into an HTTP request. Pure: no I/O, no state, no memory.
 */

#include <stdbool.h>
#include <stddef.h>

#include "protocol/base/secret.h"

/* Under which names people reach this gateway. */
struct gateway_names {
    const char *const *items; /* "desk.example", "127.0.0.1", "[::1]" or "::1"; lower case */
    size_t count;
    unsigned port;
};

enum gateway_route {
    GATEWAY_ROUTE_OK,
    GATEWAY_ROUTE_UNKNOWN, /* no such path */
    GATEWAY_ROUTE_METHOD,  /* the path wants another method */
};

/* Host header, "name" or "name:port"; the port is ignored, the case too. */
bool gateway_host_allowed(const struct gateway_names *names, const char *host);

/* Origin header: exactly "https://name:port", without the port when that is 443. */
bool gateway_origin_allowed(const struct gateway_names *names, const char *origin);

/* The value of __Host-vedette in a Cookie header; false when it is absent, twice or malformed. */
bool gateway_cookie_token(const char *cookie, char ret_token[VD_TOKEN_CHARS + 1]);

/* The token of "Bearer TOKEN"; false when malformed. */
bool gateway_bearer_token(const char *authorization, char ret_token[VD_TOKEN_CHARS + 1]);

enum gateway_route gateway_api_route(bool is_post, const char *path);

/* Whether an Accept-Encoding header takes gzip: it is named and not with q=0. */
bool gateway_accepts_gzip(const char *accept);

/*
 * The policy of our pages: everything from ourselves and nothing from anybody else. Browsers differ
 * in whether 'self' covers wss, so the names are listed too, as many as there is room for.
 */
void gateway_policy(const struct gateway_names *names, char *buffer, size_t size);

/* A number of at most limit from Content-Length; false for anything but digits. */
bool gateway_content_length(const char *text, size_t limit, size_t *ret_size);

#endif
