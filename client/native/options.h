/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

/* options: the command line of vedette. No secret is ever taken from it. */

#include <stdbool.h>
#include <stdint.h>

struct client_config {
    bool headless;
    bool table;
    const char *server;
    const char *ca; /* PEM file */
    const char *user;
    const char *pool;
    const char *size; /* "1280x800" */
    const char *once; /* PNG file */
    const char *fingerprint;
    const char *theme;      /* folder */
    int64_t password_fd;    /* -1: none */
    int64_t answers_fd;     /* -1: none */
    int64_t token_fd;       /* -1: none */
    int64_t timeout_ms;     /* of --once */
    uint16_t width, height; /* from size; 0: as it is */
};

/* False after one line on standard error: the caller exits with 2. */
bool client_options_parse(struct client_config *config, int argc, char **argv);

#endif
