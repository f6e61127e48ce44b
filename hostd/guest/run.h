/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_RUN_H
#define VEDETTE_GUEST_RUN_H

/*
 * run: the script of whoever patches the image that this guest was booted from.
 *
 * Only a machine that vedette-patch started takes one: "vedette.patch" stands among the arguments
 * of its kernel, which no desktop of a user has and nobody in a guest can add.
 */

#include <stdbool.h>

#include "hostd/guest/port.h"

bool run_is_allowed(void);
bool run_is_allowed_by(const char *arguments); /* the same, of these arguments */

/* Messages "script" (a piece of it) and "run" (that was all: begin). docs/PROTOCOL.md. */
void run_take(const char *type, const char *line, size_t size);

/* The descriptor to poll for reading while a script runs and its output is taken, else -1. */
int run_fd(void);

/* Passes output on and says when the script has ended; to be called again within RUN_RETRY_MS while
 * run_is_pending(): the host end was slow. */
#define RUN_RETRY_MS 20
void run_step(struct guest_port *port);
bool run_is_pending(void);

#endif
