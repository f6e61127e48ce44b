/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/request.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PICTURE     "/api/picture/" /* and the id of a session */
#define MAX_ID      64u
#define COOKIE_NAME "__Host-vedette="
#define SCHEME      "https://"
#define MAX_DIGITS  9

static const struct {
    const char *path;
    bool is_post;
} api_routes[] = {
    {"/api/login", true},  {"/api/login/answer", true}, {"/api/logout", true}, {"/api/me", false},
    {"/api/pools", false}, {"/api/connect", true},      {"/api/logoff", true},
};

/* Bytes of the host part of "host:port"; 0 when it is malformed. */
static size_t
host_size(const char *text)
{
    if (text[0] == '[') {
        size_t inside = strspn(text + 1, "0123456789abcdefABCDEF:.");

        return text[1 + inside] == ']' ? inside + 2 : 0;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");
}

/* Whether host, size bytes, is this name; an IPv6 address may be listed without its brackets. */
static bool
is_name(const char *item, const char *host, size_t size, bool fold_case)
{
    if (host[0] == '[' && item[0] != '[') {
        host++;
        size -= 2;
    }
    return strlen(item) == size &&
           (fold_case ? strncasecmp(item, host, size) : strncmp(item, host, size)) == 0;
}

static bool
is_number(const char *text)
{
    size_t size = strspn(text, "0123456789");

    return size > 0 && size <= MAX_DIGITS && text[size] == '\0';
}

static unsigned
to_number(const char *text)
{
    unsigned number = 0;

    for (; *text != '\0'; text++) {
        number = number * 10 + (unsigned)(*text - '0');
    }
    return number;
}

bool
gateway_host_allowed(const struct gateway_names *names, const char *host)
{
    size_t size = host_size(host);
    size_t i;

    if (size == 0 || (host[size] != '\0' && (host[size] != ':' || !is_number(host + size + 1)))) {
        return false;
    }
    for (i = 0; i < names->count; i++) {
        if (is_name(names->items[i], host, size, true)) {
            return true;
        }
    }
    return false;
}

bool
gateway_origin_allowed(const struct gateway_names *names, const char *origin)
{
    const char *host = origin + strlen(SCHEME);
    size_t size;
    size_t i;

    if (strncmp(origin, SCHEME, strlen(SCHEME)) != 0) {
        return false;
    }
    size = host_size(host);
    if (size == 0) {
        return false;
    }
    if (host[size] == '\0') {
        if (names->port != 443) {
            return false;
        }
    } else if (host[size] != ':' || host[size + 1] == '0' || !is_number(host + size + 1) ||
               to_number(host + size + 1) != names->port || names->port == 443) {
        return false;
    }
    for (i = 0; i < names->count; i++) {
        /* Browsers write origins in lower case: anything else is not one. */
        if (is_name(names->items[i], host, size, false)) {
            return true;
        }
    }
    return false;
}

static bool
take_token(const char *text, size_t size, char ret_token[VD_TOKEN_CHARS + 1])
{
    char token[VD_TOKEN_CHARS + 1];
    bool fine;

    if (size != VD_TOKEN_CHARS) {
        return false;
    }
    memcpy(token, text, size);
    token[size] = '\0';
    fine = vd_token_is_well_formed(token);
    if (fine) {
        memcpy(ret_token, token, sizeof(token));
    }
    explicit_bzero(token, sizeof(token));
    return fine;
}

bool
gateway_cookie_token(const char *cookie, char ret_token[VD_TOKEN_CHARS + 1])
{
    bool found = false;

    while (*cookie != '\0') {
        size_t size;

        cookie += strspn(cookie, " ;");
        size = strcspn(cookie, ";");
        if (strncmp(cookie, COOKIE_NAME, strlen(COOKIE_NAME)) == 0) {
            if (found || size < strlen(COOKIE_NAME) ||
                !take_token(cookie + strlen(COOKIE_NAME), size - strlen(COOKIE_NAME), ret_token)) {
                return false;
            }
            found = true;
        }
        cookie += size;
    }
    return found;
}

bool
gateway_bearer_token(const char *authorization, char ret_token[VD_TOKEN_CHARS + 1])
{
    if (strncasecmp(authorization, "Bearer ", 7) != 0) {
        return false;
    }
    return take_token(authorization + 7, strlen(authorization + 7), ret_token);
}

/* What a broker may have given out as an id; whose it is the broker knows. */
static bool
is_id(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size > 0 && size <= MAX_ID && text[size] == '\0';
}

enum gateway_route
gateway_api_route(bool is_post, const char *path)
{
    size_t i;

    if (strncmp(path, PICTURE, strlen(PICTURE)) == 0) {
        return !is_id(path + strlen(PICTURE)) ? GATEWAY_ROUTE_UNKNOWN
               : is_post                      ? GATEWAY_ROUTE_METHOD
                                              : GATEWAY_ROUTE_OK;
    }
    for (i = 0; i < sizeof(api_routes) / sizeof(api_routes[0]); i++) {
        if (strcmp(api_routes[i].path, path) == 0) {
            return api_routes[i].is_post == is_post ? GATEWAY_ROUTE_OK : GATEWAY_ROUTE_METHOD;
        }
    }
    return GATEWAY_ROUTE_UNKNOWN;
}

bool
gateway_content_length(const char *text, size_t limit, size_t *ret_size)
{
    if (!is_number(text) || to_number(text) > limit) {
        return false;
    }
    *ret_size = to_number(text);
    return true;
}

/* Whether "; q=..." of a coding, size bytes, is a zero. */
static bool
is_refused(const char *text, size_t size)
{
    size_t at = strspn(text, " ;\t");

    return at + 3 <= size && strncasecmp(text + at, "q=0", 3) == 0 &&
           at + 3 + strspn(text + at + 3, "0. \t") >= size;
}

bool
gateway_accepts_gzip(const char *accept)
{
    while (*accept != '\0') {
        size_t size;

        accept += strspn(accept, " ,\t");
        size = strcspn(accept, ",");
        if (size >= 4 && strncasecmp(accept, "gzip", 4) == 0 &&
            (size == 4 || strchr(" ;\t", accept[4]) != NULL)) {
            return !is_refused(accept + 4, size - 4);
        }
        accept += size;
    }
    return false;
}

void
gateway_policy(const struct gateway_names *names, char *buffer, size_t size)
{
    static const char before[] =
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src "
        "'self' blob: data:; worker-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; connect-src 'self'";
    size_t used = sizeof(before) - 1;
    size_t i;

    (void)snprintf(buffer, size, "%s", before);
    for (i = 0; i < names->count && used < size; i++) {
        int more;

        if (strchr(names->items[i], ':') != NULL) {
            continue; /* a policy cannot name an IPv6 address */
        }
        more = snprintf(buffer + used, size - used, " wss://%s:%u", names->items[i], names->port);
        if (more < 0 || (size_t)more >= size - used) {
            buffer[used] = '\0';
            return;
        }
        used += (size_t)more;
    }
}
