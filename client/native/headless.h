/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_HEADLESS_H
#define CLIENT_HEADLESS_H

/*
 * headless: the client without a display, for tests, canaries and benches.
 *
 * Commands come as lines on standard input; each is answered by one JSON line on standard output,
 * {"ok":true,…} or {"ok":false,"error":…}, in order. What happens by itself comes as JSON lines
 * with a member "event".
 */

#include "client/native/options.h"

enum client_exit {
    CLIENT_EXIT_OK = 0,
    CLIENT_EXIT_FAILED = 1,
    CLIENT_EXIT_USAGE = 2,
    CLIENT_EXIT_REFUSED = 3,
    CLIENT_EXIT_UNTRUSTED = 4,
    CLIENT_EXIT_NO_DESKTOP = 5,
    CLIENT_EXIT_TIMEOUT = 6,
    CLIENT_EXIT_UNREACHABLE = 7,
};

/* Runs until the end and returns the exit code. */
int client_headless_run(const struct client_config *config);

#endif
