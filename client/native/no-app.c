/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/app.h"

#include "client/native/headless.h"
#include "protocol/base/log.h"

/* Takes the place of app.c in a build --without-client. */
int
client_app_run(const struct client_config *config)
{
    (void)config;
    vd_error("app", "this vedette was built without windows; use --headless");
    return CLIENT_EXIT_FAILED;
}
