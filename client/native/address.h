/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_ADDRESS_H
#define CLIENT_ADDRESS_H

/*
 * address: the server a person typed, "host", "host:port", "192.0.2.1:8443" or
 * "[2001:db8::1]:8443".
 *
 * Only letters, digits, dots, hyphens and (inside brackets) colons pass, so that the host can be
 * put into a URL or, escaped, into a file name.
 */

#include <glib.h>
#include <stdbool.h>

#define CLIENT_DEFAULT_PORT 8443u
#define CLIENT_MAX_HOST     253u /* characters of a DNS name */

struct client_address {
    char *host; /* owned, lower case, without brackets */
    unsigned port;
};

/* False and *error (a sentence for a person) when text names no server. */
bool client_address_parse(const char *text, struct client_address *ret_address, GError **error);
void client_address_clear(struct client_address *address);
struct client_address client_address_copy(const struct client_address *address);
/* "host:port", an IPv6 host in brackets; g_free(). */
char *client_address_text(const struct client_address *address);

#endif
