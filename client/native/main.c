/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless.h"
#include "client/native/text.h"

#include <jansson.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "client/native/options.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"

/* JSON texts hold passwords and tokens on their way: wipe all of them. */
static void
wiping_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

int
main(int argc, char **argv)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct client_config config = {0};

    vd_log_init("vedette");
    vd_secret_harden_process();
    json_set_alloc_funcs(malloc, wiping_free);
    sigaction(SIGPIPE, &ignore, NULL);
    setlocale(LC_ALL, "");
    bindtextdomain(CLIENT_TEXT_DOMAIN, VEDETTE_LOCALEDIR);
    bind_textdomain_codeset(CLIENT_TEXT_DOMAIN, "UTF-8");
    textdomain(CLIENT_TEXT_DOMAIN);
    if (!client_options_parse(&config, argc, argv))
        return CLIENT_EXIT_USAGE;
    return client_headless_run(&config);
}
