/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless.h"
#include "client/native/text.h"

#include <glib.h>
#include <jansson.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/native/api.h"
#include "client/native/app.h"
#include "client/native/beside.h"
#include "client/native/options.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"
#include "protocol/video/video.h"

/* The catalogue beside a program in its build tree, else the installed one. */
static void
speak_the_language(void)
{
    char *beside = client_beside_program("../../po/locale");

    setlocale(LC_ALL, "");
    setlocale(LC_NUMERIC, "C");
    bindtextdomain(CLIENT_TEXT_DOMAIN, access(beside, R_OK) == 0 ? beside : VEDETTE_LOCALEDIR);
    bind_textdomain_codeset(CLIENT_TEXT_DOMAIN, "UTF-8");
    textdomain(CLIENT_TEXT_DOMAIN);
    g_free(beside);
}

int
main(int argc, char **argv)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct client_config config = {0};
    int code;

    vd_log_init("vedette");
    vd_secret_harden_process();
    vdp_video_prepare();
    json_set_alloc_funcs(malloc, vd_secret_release); /* passwords and tokens pass through */
    sigaction(SIGPIPE, &ignore, NULL);
    speak_the_language();
    if (!client_options_parse(&config, argc, argv))
        return CLIENT_EXIT_USAGE;
    code = config.headless ? client_headless_run(&config) : client_app_run(&config);
    client_api_finish();
    return code;
}
