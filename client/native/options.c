/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/options.h"

#include <glib.h>
#include <stddef.h>

#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/wire/messages.h"

#define AT(member) offsetof(struct client_config, member)

static const struct vd_option options[] = {
    {"answers-fd", VD_OPTION_INT, AT(answers_fd), "-1", -1, 1023, "N",
     "Descriptor whose lines answer the prompts of the login."},
    {"ca", VD_OPTION_STRING, AT(ca), NULL, 0, 0, "FILE",
     "Certificate authority that speaks for the server (PEM)."},
    {"headless", VD_OPTION_FLAG, AT(headless), NULL, 0, 0, NULL,
     "Work without a display and obey the commands on standard input."},
    {"once", VD_OPTION_STRING, AT(once), NULL, 0, 0, "FILE",
     "Log in, connect, write the settled picture as PNG, print the timings, end."},
    {"password-fd", VD_OPTION_INT, AT(password_fd), "-1", -1, 1023, "N",
     "Descriptor whose first line answers the first secret prompt."},
    {"pool", VD_OPTION_STRING, AT(pool), NULL, 0, 0, "NAME", "Pool to connect to after the login."},
    {"server", VD_OPTION_STRING, AT(server), NULL, 0, 0, "HOST:PORT", "The server; port 8443."},
    {"size", VD_OPTION_STRING, AT(size), NULL, 0, 0, "WxH", "Wanted size of the desktop, pixels."},
    {"table", VD_OPTION_FLAG, AT(table), NULL, 0, 0, NULL,
     "With --once, print the timings as a table for a person."},
    {"theme", VD_OPTION_STRING, AT(theme), NULL, 0, 0, "DIR", "Folder of the theme to wear."},
    {"timeout", VD_OPTION_INT, AT(timeout_ms), "120000", 1000, 3600000, "MS",
     "With --once, milliseconds until it gives up."},
    {"token-fd", VD_OPTION_INT, AT(token_fd), "-1", -1, 1023, "N",
     "Descriptor with the token of a login that was made elsewhere; headless only."},
    {"trust-fingerprint", VD_OPTION_STRING, AT(fingerprint), NULL, 0, 0, "SHA256",
     "Trust an unknown server whose authority has this fingerprint (sha256:…), and remember it."},
    {"user", VD_OPTION_STRING, AT(user), NULL, 0, 0, "NAME", "User to log in as."},
};

static const struct vd_program program = {
    .name = "vedette",
    .summary = "Shows your desktop.",
    .usage = "[OPTION...]",
    .options = options,
    .option_count = G_N_ELEMENTS(options),
};

static bool
options_size(struct client_config *config)
{
    g_auto(GStrv) parts = g_strsplit(config->size, "x", 3);
    guint64 width;
    guint64 height;

    if (g_strv_length(parts) != 2 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 64, VDP_MAX_SIDE, &width, NULL) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 64, VDP_MAX_SIDE, &height, NULL) ||
        width * height > VDP_MAX_PIXELS)
        return false;
    config->width = (uint16_t)width;
    config->height = (uint16_t)height;
    return true;
}

bool
client_options_parse(struct client_config *config, int argc, char **argv)
{
    int rest = vd_options_parse(&program, config, argc, argv, false);

    if (rest < 0)
        return false;
    if (rest < argc) {
        vd_error("options", "vedette takes no arguments, only options: '%s'", argv[rest]);
        return false;
    }
    if (config->size && !options_size(config)) {
        vd_error("options", "--size: '%s' is not WIDTHxHEIGHT", config->size);
        return false;
    }
    if (config->once)
        config->headless = true;
    if (config->headless && (!config->server || !config->user)) {
        vd_error("options", "--headless needs --server and --user");
        return false;
    }
    if (config->once && !config->pool) {
        vd_error("options", "--once needs --pool");
        return false;
    }
    return true;
}
