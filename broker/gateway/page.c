/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/page.h"

#include <string.h>

const struct gateway_page *
gateway_page_find(const char *path)
{
    size_t i;

    for (i = 0; i < gateway_page_count; i++) {
        if (strcmp(gateway_pages[i].path, path) == 0) {
            return &gateway_pages[i];
        }
    }
    return NULL;
}
