/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_SESSION_H
#define VEDETTE_GUEST_SESSION_H

/*
 * session: the part of the agent that runs inside the user's X session.
 *
 * It keeps the display at the mode that the host prefers: at the start and whenever the kernel says
 * that a display changed. X notices the new modes by itself but keeps the old one until a client
 * asks, and asking is what the xrandr command does.
 *
 * It also writes text into whatever has the keyboard, with the xdotool command, which binds spare
 * keys to characters that no key has. The text comes from the agent's other half, the system
 * service, as datagrams of UTF-8 to a socket that only root and this user may write to.
 */

#include <stdbool.h>
#include <stddef.h>

#define SESSION_SOCKET   "/run/vedette/text"
#define SESSION_TEXT_MAX 1024u /* bytes of a datagram */

/* For the system service: false when no session takes it. */
bool session_type(const char *text);

/* Runs until it is killed; returns a negative errno when it cannot start. Needs DISPLAY. */
int session_run(void);

#endif
