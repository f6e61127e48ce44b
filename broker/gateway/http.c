/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/gateway/page.h"
#include "protocol/base/base64.h"
#include "protocol/base/log.h"
#include "protocol/codec/small.h"

#define MAX_FIELD      1024u /* a header that we look at */
#define MAX_COOKIES    4096u /* other sites' cookies of a shared name come along */
#define HEADER_BYTES   2048u
#define WRITE_BYTES    16384u
#define JSON_TYPE      "application/json"
#define JPEG_TYPE      "image/jpeg"
#define TEXT_TYPE      "text/plain; charset=utf-8"
#define MAX_REPLY_BODY (512u * 1024u)
#define MAX_PICTURE    VDP_SMALL_MAX_BYTES

/* What the headers say about who asks. */
struct caller {
    bool native;
    bool has_origin;
    bool has_cookie;
    char origin[MAX_FIELD];
    char bearer[VD_TOKEN_CHARS + 1];
    char cookie[VD_TOKEN_CHARS + 1];
};

/* The value of a header; false when it is absent, larger than the buffer or holds a zero byte. */
static bool
header(struct lws *wsi, enum lws_token_indexes token, char *buffer, size_t size)
{
    int length = lws_hdr_total_length(wsi, token);

    return length > 0 && (size_t)length < size &&
           lws_hdr_copy(wsi, buffer, (int)size, token) == length &&
           strlen(buffer) == (size_t)length;
}

static bool
custom(struct lws *wsi, const char *name, char *buffer, size_t size)
{
    int length = lws_hdr_custom_length(wsi, name, (int)strlen(name));

    return length > 0 && (size_t)length < size &&
           lws_hdr_custom_copy(wsi, buffer, (int)size, name, (int)strlen(name)) > 0;
}

static void
look_at(struct lws *wsi, struct caller *caller)
{
    char buffer[MAX_COOKIES] = "";

    memset(caller, 0, sizeof(*caller));
    caller->native =
        custom(wsi, "x-vedette-client:", buffer, sizeof(buffer)) && strcmp(buffer, "native") == 0;
    caller->has_origin = lws_hdr_total_length(wsi, WSI_TOKEN_ORIGIN) > 0;
    (void)header(wsi, WSI_TOKEN_ORIGIN, caller->origin, sizeof(caller->origin));
    caller->has_cookie = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_COOKIE) > 0;
    if (header(wsi, WSI_TOKEN_HTTP_COOKIE, buffer, sizeof(buffer))) {
        (void)gateway_cookie_token(buffer, caller->cookie);
    }
    if (header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, buffer, sizeof(buffer))) {
        (void)gateway_bearer_token(buffer, caller->bearer);
    }
    explicit_bzero(buffer, sizeof(buffer));
}

static bool
host_is_ours(struct gateway_conn *conn)
{
    char host[MAX_FIELD];

    return header(conn->socket.wsi, WSI_TOKEN_HOST, host, sizeof(host)) &&
           gateway_host_allowed(&conn->socket.gateway->config.names, host);
}

static void
response_clear(struct gateway_response *response)
{
    if (response->cookie != NULL) {
        vd_secret_free(response->cookie);
    }
    if (response->text != NULL) {
        explicit_bzero(response->text, response->size); /* a login's answer holds a token */
        free(response->text);
    }
    memset(response, 0, sizeof(*response));
}

void
gateway_http_clear(struct gateway_conn *conn)
{
    response_clear(&conn->response);
    if (conn->body != NULL) {
        explicit_bzero(conn->body, conn->body_size);
        free(conn->body);
    }
    conn->body = NULL;
    conn->body_size = 0;
    conn->body_wanted = 0;
    json_decref(conn->api);
    conn->api = NULL;
    conn->request = 0;
}

/* Takes text. */
static int
respond_take(struct gateway_conn *conn, unsigned status, const char *type, char *text, size_t size)
{
    response_clear(&conn->response);
    if (text == NULL) {
        return -1;
    }
    conn->response.status = status;
    conn->response.type = type;
    conn->response.text = text;
    conn->response.data = text;
    conn->response.size = size;
    conn->response.ready = true;
    gateway_conn_deadline(conn, GATEWAY_IDLE_MS);
    lws_callback_on_writable(conn->socket.wsi);
    return 0;
}

static int
respond(struct gateway_conn *conn, unsigned status, const char *type, const char *text)
{
    return respond_take(conn, status, type, strdup(text), strlen(text));
}

static int
respond_error(struct gateway_conn *conn, unsigned status, const char *code, const char *text)
{
    char buffer[256];

    (void)snprintf(buffer, sizeof(buffer), "{\"error\":\"%s\",\"message\":\"%s\"}", code, text);
    return respond(conn, status, JSON_TYPE, buffer);
}

/* A file of ours, or that the browser has it already. */
static int
respond_page(struct gateway_conn *conn, const struct gateway_page *page)
{
    struct gateway_response *response = &conn->response;
    char value[MAX_FIELD];

    response_clear(response);
    response->page = page;
    response->type = page->type;
    response->ready = true;
    response->status = 200;
    if (header(conn->socket.wsi, WSI_TOKEN_HTTP_IF_NONE_MATCH, value, sizeof(value)) &&
        strcmp(value, page->tag) == 0) {
        response->status = 304;
    } else if (header(conn->socket.wsi, WSI_TOKEN_HTTP_ACCEPT_ENCODING, value, sizeof(value)) &&
               gateway_accepts_gzip(value)) {
        response->packed = true;
        response->data = page->packed;
        response->size = page->packed_size;
    } else {
        response->data = page->plain;
        response->size = page->plain_size;
    }
    gateway_conn_deadline(conn, GATEWAY_IDLE_MS);
    lws_callback_on_writable(conn->socket.wsi);
    return 0;
}

/* Sends the request on; the answer comes through gateway_http_reply(). */
static int
ask_broker(struct gateway_conn *conn)
{
    struct gateway *gateway = conn->socket.gateway;
    json_t *message = conn->api;
    json_t *body = json_null();

    conn->api = NULL;
    if (conn->body_size > 0) {
        body = json_loadb(conn->body, conn->body_size, JSON_REJECT_DUPLICATES, NULL);
        explicit_bzero(conn->body, conn->body_size);
        if (!json_is_object(body)) {
            json_decref(body);
            json_decref(message);
            return respond_error(conn, 400, "malformed", "The body is not a JSON object.");
        }
    }
    json_object_set_new(message, "body", body);
    conn->request = ++gateway->next_request;
    json_object_set_new(message, "id", json_integer(conn->request));
    if (!gateway_broker_send(gateway, message)) {
        gateway_http_away(conn);
        return 0;
    }
    gateway_conn_deadline(conn, GATEWAY_REPLY_MS);
    return 0;
}

/* Says whether this caller may use the API: a native client, or a page of ours. */
static bool
caller_is_fine(struct gateway_conn *conn, const struct caller *caller, bool is_post)
{
    char site[MAX_FIELD];

    if (caller->has_origin) {
        return gateway_origin_allowed(&conn->socket.gateway->config.names, caller->origin);
    }
    if (caller->native && !caller->has_cookie) {
        return true;
    }
    /* Browsers leave Origin out of a GET to the same origin, and say so in a header of theirs. */
    return !is_post && custom(conn->socket.wsi, "sec-fetch-site:", site, sizeof(site)) &&
           strcmp(site, "same-origin") == 0;
}

static int
start_api(struct gateway_conn *conn, const char *path, bool is_post)
{
    struct lws *wsi = conn->socket.wsi;
    struct caller caller;
    char length[MAX_FIELD];

    switch (gateway_api_route(is_post, path)) {
    case GATEWAY_ROUTE_UNKNOWN:
        return respond_error(conn, 404, "unknown", "There is no such call.");
    case GATEWAY_ROUTE_METHOD:
        return respond_error(conn, 405, "method", "This call wants another method.");
    case GATEWAY_ROUTE_OK:
        break;
    }
    look_at(wsi, &caller);
    if (!caller_is_fine(conn, &caller, is_post)) {
        return respond_error(conn, 403, "origin", "Requests from there are not accepted.");
    }
    conn->body_wanted = 0;
    if (is_post && lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) <= 0) {
        return respond_error(conn, 411, "length", "A Content-Length is needed.");
    }
    if (is_post && (!header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof(length)) ||
                    !gateway_content_length(length, GATEWAY_MAX_BODY, &conn->body_wanted))) {
        return respond_error(conn, 413, "too-large", "The body is too large.");
    }
    conn->api = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:b}", "type", "api", "method",
                          is_post ? "POST" : "GET", "path", path, "source", conn->source, "bearer",
                          caller.bearer, "cookie", caller.cookie, "native",
                          caller.native && !caller.has_origin);
    explicit_bzero(&caller, sizeof(caller));
    if (conn->body_wanted == 0) {
        return ask_broker(conn);
    }
    conn->body = malloc(conn->body_wanted);
    gateway_conn_deadline(conn, GATEWAY_BODY_MS);
    return conn->body != NULL ? 0 : -1;
}

int
gateway_http_request(struct gateway_conn *conn, const char *path)
{
    struct lws *wsi = conn->socket.wsi;
    struct gateway *gateway = conn->socket.gateway;
    bool is_get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;
    bool is_post = lws_hdr_total_length(wsi, WSI_TOKEN_POST_URI) > 0;
    const struct gateway_page *page;

    gateway_http_clear(conn);
    lws_set_timeout(wsi, NO_PENDING_TIMEOUT, 0); /* our own deadlines are at work */
    if (!host_is_ours(conn)) {
        return respond(conn, 421, TEXT_TYPE, "This server does not go by that name.\n");
    }
    if (!is_get && !is_post) {
        return respond(conn, 405, TEXT_TYPE, "GET and POST only.\n");
    }
    if (strncmp(path, "/api/", 5) == 0) {
        return start_api(conn, path, is_post);
    }
    if (is_get && gateway->ca_pem != NULL && strcmp(path, "/ca.pem") == 0) {
        return respond(conn, 200, "application/x-pem-file", gateway->ca_pem);
    }
    page = gateway_page_find(path);
    if (page == NULL) {
        return respond(conn, 404, TEXT_TYPE, "There is nothing here.\n");
    }
    if (!is_get) {
        return respond(conn, 405, TEXT_TYPE, "GET only.\n");
    }
    return respond_page(conn, page);
}

int
gateway_http_body(struct gateway_conn *conn, const char *data, size_t size)
{
    if (conn->response.ready || size == 0) {
        return 0; /* already answered: the rest of the body is nobody's */
    }
    if (conn->body == NULL || size > conn->body_wanted - conn->body_size) {
        return -1;
    }
    memcpy(conn->body + conn->body_size, data, size);
    conn->body_size += size;
    return 0;
}

int
gateway_http_body_end(struct gateway_conn *conn)
{
    lws_set_timeout(conn->socket.wsi, NO_PENDING_TIMEOUT, 0);
    return conn->api != NULL ? ask_broker(conn) : 0;
}

static int
put_header(struct lws *wsi, const char *name, const char *value, uint8_t **at, uint8_t *end)
{
    return lws_add_http_header_by_name(wsi, (const uint8_t *)name, (const uint8_t *)value,
                                       (int)strlen(value), at, end);
}

/* Pages are asked for again with their tag; answers of the API are kept by nobody. */
static int
put_caching(struct lws *wsi, const struct gateway_response *response, uint8_t **at, uint8_t *end)
{
    if (response->page == NULL) {
        return put_header(wsi, "cache-control:", "no-store", at, end);
    }
    return put_header(wsi, "cache-control:", "no-cache", at, end) != 0 ||
                   put_header(wsi, "vary:", "accept-encoding", at, end) != 0 ||
                   put_header(wsi, "etag:", response->page->tag, at, end) != 0 ||
                   (response->packed && put_header(wsi, "content-encoding:", "gzip", at, end) != 0)
               ? -1
               : 0;
}

static int
write_headers(struct gateway_conn *conn)
{
    struct gateway_response *response = &conn->response;
    struct lws *wsi = conn->socket.wsi;
    uint8_t buffer[LWS_PRE + HEADER_BYTES];
    uint8_t *start = buffer + LWS_PRE;
    uint8_t *end = buffer + sizeof(buffer) - 1;
    uint8_t *at = start;
    const char *cookie = response->cookie;
    int r;

    r = lws_add_http_common_headers(wsi, response->status, response->type, response->size, &at,
                                    end);
    if (r == 0) {
        r = put_caching(wsi, response, &at, end);
    }
    if (r == 0 && cookie != NULL) {
        r = put_header(wsi, "set-cookie:", cookie, &at, end);
    }
    if (r != 0 || lws_finalize_write_http_header(wsi, start, &at, end) != 0) {
        r = -1;
    }
    explicit_bzero(buffer, sizeof(buffer));
    response->headers_sent = true;
    if (r == 0) {
        lws_callback_on_writable(wsi);
    }
    return r;
}

static int
finish(struct gateway_conn *conn)
{
    int r = conn->response.status >= 400 ? -1 : 0; /* who was refused has to come again */

    gateway_http_clear(conn);
    gateway_conn_deadline(conn, GATEWAY_IDLE_MS);
    return r != 0 || lws_http_transaction_completed(conn->socket.wsi) != 0 ? -1 : 0;
}

int
gateway_http_writeable(struct gateway_conn *conn)
{
    static uint8_t chunk[LWS_PRE + WRITE_BYTES];
    struct gateway_response *response = &conn->response;
    struct lws *wsi = conn->socket.wsi;
    size_t part;
    bool last;
    int r;

    if (!response->ready) {
        return 0;
    }
    if (!response->headers_sent) {
        return write_headers(conn);
    }
    if (response->status == 304) {
        return finish(conn);
    }
    part = response->size - response->sent;
    part = part < WRITE_BYTES ? part : WRITE_BYTES;
    last = response->sent + part == response->size;
    memcpy(chunk + LWS_PRE, (const char *)response->data + response->sent, part);
    r = lws_write(wsi, chunk + LWS_PRE, part, last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
    explicit_bzero(chunk, sizeof(chunk));
    if (r < (int)part) {
        return -1;
    }
    response->sent += part;
    if (!last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    return finish(conn);
}

/* A picture comes as text inside JSON and goes out as what it is. */
static bool
reply_jpeg(struct gateway_conn *conn, const json_t *jpeg)
{
    uint8_t *data = malloc(MAX_PICTURE);
    size_t size = 0;

    if (data == NULL || !vd_base64_decode(json_string_value(jpeg), json_string_length(jpeg), data,
                                          MAX_PICTURE, &size)) {
        free(data);
        return false;
    }
    (void)respond_take(conn, 200, JPEG_TYPE, (char *)data, size);
    return true;
}

void
gateway_http_reply(struct gateway_conn *conn, const json_t *message)
{
    const json_t *jpeg = json_object_get(message, "jpeg");
    json_int_t status = json_integer_value(json_object_get(message, "status"));
    const char *cookie = json_string_value(json_object_get(message, "cookie"));
    const json_t *body = json_object_get(message, "body");
    char *text;

    conn->request = 0;
    if (json_is_string(jpeg) && status == 200 && reply_jpeg(conn, jpeg)) {
        return;
    }
    text = json_is_object(body) ? json_dumps(body, JSON_COMPACT) : NULL;
    if (text == NULL || status < 200 || status > 599 || strlen(text) > MAX_REPLY_BODY ||
        (cookie != NULL && strpbrk(cookie, "\r\n") != NULL)) {
        free(text);
        (void)respond_error(conn, 502, "broker", "The broker gave no usable answer.");
        return;
    }
    if (respond_take(conn, (unsigned)status, JSON_TYPE, text, strlen(text)) == 0 &&
        cookie != NULL) {
        conn->response.cookie = strdup(cookie);
    }
}

void
gateway_http_away(struct gateway_conn *conn)
{
    conn->request = 0;
    (void)respond_error(conn, 503, "away", "The broker is away. Try again in a moment.");
}

unsigned
gateway_http_upgrade(struct gateway_conn *conn)
{
    struct lws *wsi = conn->socket.wsi;
    struct caller caller;
    char path[MAX_FIELD];
    char protocol[MAX_FIELD];
    bool fine;

    if (!host_is_ours(conn)) {
        return 421;
    }
    if (!header(wsi, WSI_TOKEN_GET_URI, path, sizeof(path)) ||
        (strcmp(path, "/stream") != 0 && strcmp(path, "/uplink") != 0)) {
        return 404;
    }
    if (!header(wsi, WSI_TOKEN_PROTOCOL, protocol, sizeof(protocol)) ||
        strcmp(protocol, "vdp.v1") != 0) {
        return 400;
    }
    look_at(wsi, &caller);
    if (strcmp(path, "/uplink") == 0) {
        fine = !caller.has_origin && !caller.has_cookie;
        conn->kind = GATEWAY_CONN_UPLINK;
    } else {
        fine = caller.has_origin
                   ? gateway_origin_allowed(&conn->socket.gateway->config.names, caller.origin)
                   : !caller.has_cookie;
        conn->kind = GATEWAY_CONN_STREAM;
    }
    explicit_bzero(&caller, sizeof(caller));
    if (!fine) {
        conn->kind = GATEWAY_CONN_HTTP;
        return 403;
    }
    return 0;
}
