/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PAGE_H
#define GATEWAY_PAGE_H

/* page: the static files, compiled in. There is no path of a file system behind them. */

#include <stddef.h>

struct gateway_page {
    const char *path;
    const char *type;
    const char *text;
};

/* NULL for every path that is not in the table. */
const struct gateway_page *gateway_page_find(const char *path);

#endif
