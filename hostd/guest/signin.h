/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_SIGNIN_H
#define VEDETTE_GUEST_SIGNIN_H

/*
 * signin: how a desktop becomes one user's. The host says who she is (the message "account",
 * docs/PROTOCOL.md, "Local channels"); nobody says a password.
 */

#include <stdbool.h>
#include <stddef.h>

#include "hostd/guest/port.h"

#define SIGNIN_NAME_MAX   33u /* bytes, terminator included, as are those below */
#define SIGNIN_ID_MAX     11u
#define SIGNIN_GROUPS_MAX 2801u /* "NAME:ID,NAME:ID" */

struct signin {
    char name[SIGNIN_NAME_MAX], group[SIGNIN_NAME_MAX];
    char uid[SIGNIN_ID_MAX], gid[SIGNIN_ID_MAX];
    char groups[SIGNIN_GROUPS_MAX];
    char full_name[GUEST_PORT_TEXT_MAX];
    bool disk; /* her own disk is plugged, or about to be */
};

/* False when a member is missing or is not what it should be; the message comes from the host. */
bool signin_parse(const char *line, size_t size, struct signin *ret_signin);

/* The answer that her session is on the screen or, with text, why it is not. */
void signin_answer(const char *name, const char *text, char answer[GUEST_PORT_LINE_MAX]);

#endif
