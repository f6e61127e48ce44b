/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/apireply.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte says which call was answered. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *body = (const char *)data + 1;
    struct client_login_reply login;
    struct client_pools_reply pools;
    struct client_connect_reply ticket;
    struct client_error_reply error;

    if (size == 0)
        return 0;
    switch (data[0] & 3) {
    case 0:
        if (client_reply_login(body, size - 1, &login))
            client_login_reply_clear(&login);
        break;
    case 1:
        if (client_reply_pools(body, size - 1, &pools))
            client_pools_reply_clear(&pools);
        break;
    case 2:
        if (client_reply_connect(body, size - 1, &ticket))
            client_connect_reply_clear(&ticket);
        break;
    default:
        if (client_reply_error(body, size - 1, &error))
            client_error_reply_clear(&error);
        break;
    }
    return 0;
}
