/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/name.h"

#include <glib.h>
#include <string.h>

#include "protocol/base/secret.h"

static bool
is_made_of(const char *text, const char *extra)
{
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        if (i == BROKER_MAX_NAME || (!g_ascii_isalnum(text[i]) && strchr(extra, text[i]) == NULL)) {
            return false;
        }
    }
    return i > 0;
}

bool
broker_user_is_valid(const char *text)
{
    return is_made_of(text, "._@-") && text[0] != '-' && text[0] != '@';
}

bool
broker_name_is_valid(const char *text)
{
    return is_made_of(text, "._-") && g_ascii_isalnum(text[0]);
}

bool
broker_id_is_valid(const char *text, char prefix)
{
    size_t digits;

    if (text[0] != prefix || text[1] != '-') {
        return false;
    }
    digits = strspn(text + 2, "0123456789abcdef");
    return digits >= 8 && digits <= 30 && text[2 + digits] == '\0';
}

void
broker_id_new(char *ret_id, unsigned size, char prefix, unsigned bytes)
{
    unsigned char random[16];

    g_assert(bytes <= sizeof(random) && size >= 2 * bytes + 3);
    vd_random(random, bytes);
    ret_id[0] = prefix;
    ret_id[1] = '-';
    vd_hex(ret_id + 2, random, bytes);
}
