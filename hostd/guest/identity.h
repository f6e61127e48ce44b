/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_IDENTITY_H
#define VEDETTE_GUEST_IDENTITY_H

/*
 * identity: how a guest that was forked from another one becomes somebody of its own.
 *
 * Host name, machine-id, the kernel's random numbers and the clock are set here; what else must not
 * be the same twice (host keys, say) is the business of the program /usr/lib/vedette/renew, if
 * there is one. The product's UUID lies in tables that the firmware wrote before the fork: the new
 * one is mounted over the kernel's file of the old one.
 */

#include <stddef.h>

#include "hostd/guest/port.h"

/*
 * Does what the message "identity" says (docs/PROTOCOL.md, "Local channels") and writes the line
 * that answers it: what the guest has now, whatever went wrong on the way. Takes as long as the
 * program does, 10 s at most.
 */
void identity_take(const char *line, size_t size, char answer[GUEST_PORT_LINE_MAX]);

#endif
