/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An API call. The first byte picks method and path, the rest is the body as text; input that
 * begins with '{' is the whole message of a gateway instead.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/apirequest.h"
#include "broker/name.h"
#include "tests/fuzz/fuzz.h"

static json_t *
wrap(const uint8_t *data, size_t size)
{
    static const char *const calls[][2] = {{"POST", "/api/login"},  {"POST", "/api/login/answer"},
                                           {"POST", "/api/logout"}, {"GET", "/api/me"},
                                           {"GET", "/api/pools"},   {"POST", "/api/connect"},
                                           {"POST", "/api/logoff"}};
    const char *const *call = calls[data[0] % (sizeof(calls) / sizeof(calls[0]))];
    json_t *message = json_object();
    json_t *body = json_stringn((const char *)data + 1, size - 1);

    json_object_set_new(message, "method", json_string(call[0]));
    json_object_set_new(message, "path", json_string(call[1]));
    json_object_set_new(message, "source", json_string("192.0.2.1"));
    json_object_set(message, "cookie", body);
    json_object_set_new(message, "body", body != NULL ? body : json_null());
    return message;
}

static void
check(const struct broker_api_request *request)
{
    if ((request->user[0] != '\0' && !broker_user_is_valid(request->user)) ||
        (request->token[0] != '\0' && !vd_token_is_well_formed(request->token)) ||
        request->answer_count > BROKER_API_MAX_ANSWERS ||
        (request->call == BROKER_API_ANSWER && !vd_token_is_well_formed(request->login))) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct broker_api_request request;
    json_t *message;

    if (size == 0) {
        return 0;
    }
    message = data[0] == '{' ? json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL)
                             : wrap(data, size);
    if (json_is_object(message) && broker_api_parse(message, &request) == BROKER_API_FINE) {
        check(&request);
    }
    broker_api_request_wipe(&request);
    json_decref(message);
    return 0;
}
