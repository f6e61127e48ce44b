/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/address.h"

#include <gio/gio.h>
#include <string.h>

#include "client/native/text.h"

static bool
address_port(const char *text, unsigned *ret_port)
{
    guint64 value;

    if (!g_ascii_string_to_unsigned(text, 10, 1, 65535, &value, NULL))
        return false;
    *ret_port = (unsigned)value;
    return true;
}

static bool
address_host_is_sane(const char *host, bool bracketed)
{
    const char *c;

    if (!host[0] || strlen(host) > CLIENT_MAX_HOST || host[0] == '-' || host[0] == '.')
        return false;
    if (bracketed)
        return g_hostname_is_ip_address(host) && strchr(host, ':') && !strchr(host, '%');
    for (c = host; *c; c++)
        if (!g_ascii_isalnum(*c) && *c != '.' && *c != '-')
            return false;
    return true;
}

/* Cuts text into host and port; both belong to the caller. */
static bool
address_split(const char *text, char **ret_host, const char **ret_port, bool *ret_bracketed)
{
    const char *end;

    *ret_port = NULL;
    *ret_bracketed = text[0] == '[';
    if (*ret_bracketed) {
        end = strchr(text, ']');
        if (!end || (end[1] && end[1] != ':'))
            return false;
        *ret_host = g_ascii_strdown(text + 1, end - text - 1);
        if (end[1] == ':')
            *ret_port = end + 2;
        return true;
    }
    end = strchr(text, ':');
    *ret_host = g_ascii_strdown(text, end ? end - text : -1);
    if (end)
        *ret_port = end + 1;
    return true;
}

bool
client_address_parse(const char *text, struct client_address *ret_address, GError **error)
{
    g_autofree char *trimmed = g_strstrip(g_strdup(text));
    g_autofree char *host = NULL;
    const char *start = trimmed;
    const char *port_text;
    unsigned port = CLIENT_DEFAULT_PORT;
    bool bracketed;

    if (g_str_has_prefix(start, "https://"))
        start += strlen("https://");
    if (start[0] && start[strlen(start) - 1] == '/')
        trimmed[strlen(trimmed) - 1] = '\0';
    if (!address_split(start, &host, &port_text, &bracketed) ||
        !address_host_is_sane(host, bracketed) || (port_text && !address_port(port_text, &port))) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, "%s",
                    _("This is not the address of a server. Write it as name or name:port."));
        return false;
    }
    ret_address->host = g_steal_pointer(&host);
    ret_address->port = port;
    return true;
}

void
client_address_clear(struct client_address *address)
{
    g_clear_pointer(&address->host, g_free);
    address->port = 0;
}

struct client_address
client_address_copy(const struct client_address *address)
{
    return (struct client_address){.host = g_strdup(address->host), .port = address->port};
}

char *
client_address_text(const struct client_address *address)
{
    if (strchr(address->host, ':'))
        return g_strdup_printf("[%s]:%u", address->host, address->port);
    return g_strdup_printf("%s:%u", address->host, address->port);
}
