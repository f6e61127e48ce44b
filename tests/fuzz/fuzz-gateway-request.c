/* SPDX-License-Identifier: Apache-2.0 */
/* Headers as a stranger may write them: the first byte picks the header, the rest is its value. */
#include "broker/gateway/pipe.h"

#include <stdlib.h>
#include <string.h>

#include "broker/gateway/request.h"
#include "tests/fuzz/fuzz.h"

static const char *const items[] = {"desk.example", "127.0.0.1", "[::1]"};
static const struct gateway_names names = {.items = items, .count = 3, .port = 8443};

static void
check_token(bool found, const char *token)
{
    if (found && !vd_token_is_well_formed(token)) {
        abort();
    }
}

/* A pipe that ends must hold whole records and then the last one. */
static void
walk_pipe(const uint8_t *data, size_t size)
{
    struct gateway_pipe pipe = {0};
    size_t first = size / 3;

    if (gateway_pipe_put(&pipe, data, first) &&
        gateway_pipe_put(&pipe, data + first, size - first)) {
        gateway_pipe_take(&pipe, size / 4);
        if (pipe.boundary > pipe.put || gateway_pipe_size(&pipe) > size) {
            abort();
        }
        (void)gateway_pipe_end(&pipe, (const uint8_t *)"last", 4);
    }
    gateway_pipe_clear(&pipe);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char token[VD_TOKEN_CHARS + 1] = "";
    size_t length = 0;
    char *text;

    if (size == 0) {
        return 0;
    }
    text = malloc(size);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] % 6) {
    case 0:
        (void)gateway_host_allowed(&names, text);
        break;
    case 1:
        if (gateway_origin_allowed(&names, text) && strncmp(text, "https://", 8) != 0) {
            abort();
        }
        break;
    case 2:
        check_token(gateway_cookie_token(text, token), token);
        break;
    case 3:
        check_token(gateway_bearer_token(text, token), token);
        break;
    case 4:
        (void)gateway_api_route(true, text);
        (void)gateway_accepts_gzip(text);
        if (gateway_content_length(text, 16384, &length) && length > 16384) {
            abort();
        }
        break;
    default:
        walk_pipe(data + 1, size - 1);
        break;
    }
    free(text);
    return 0;
}
