/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PAGE_H
#define GATEWAY_PAGE_H

/* page: the static files, compiled in. There is no path of a file system behind them. */

#include <stddef.h>
#include <stdint.h>

struct gateway_page {
    const char *path;
    const char *type;
    const char *tag; /* the ETag: a digest in double quotes */
    const uint8_t *plain;
    size_t plain_size;
    const uint8_t *packed; /* with gzip */
    size_t packed_size;
};

/* The table, which client/web/make-table.pl makes at build time. */
extern const struct gateway_page gateway_pages[];
extern const size_t gateway_page_count;

/* NULL for every path that is not in the table. */
const struct gateway_page *gateway_page_find(const char *path);

#endif
