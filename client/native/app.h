/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_APP_H
#define CLIENT_APP_H

/* app: the client with windows: login, then launcher, then desktops. */

#include "client/native/options.h"

/* Runs until the last window is closed; returns the exit code. */
int client_app_run(const struct client_config *config);

#endif
