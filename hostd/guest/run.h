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

/* How many bytes the script of a message "run" has; false when that does not say. */
#define RUN_MAX_SCRIPT (256u * 1024u)
bool run_parse_size(const char *line, size_t size, size_t *ret_bytes);

/* The end of a script as a line: its exit status as a number, or one of these. */
#define RUN_REFUSED "refused" /* this machine takes none */
#define RUN_LOST    "lost"    /* not all of it has come: nothing was run */
void run_answer(const char *status, char answer[GUEST_PORT_LINE_MAX]);

/*
 * Messages "script" (a piece of it) and "run" (that was all: begin). docs/PROTOCOL.md. The answer
 * is run_step()'s to give.
 */
void run_take(const char *type, const char *line, size_t size);

/* The descriptor to poll for reading while a script runs and its output is taken, else -1. */
int run_fd(void);

/* Passes output on and says when the script has ended; to be called again within RUN_RETRY_MS while
 * run_is_pending(): the host end was slow. */
#define RUN_RETRY_MS 20
void run_step(struct guest_port *port);
bool run_is_pending(void);

#endif
