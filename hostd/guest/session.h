/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_SESSION_H
#define VEDETTE_GUEST_SESSION_H

/*
 * session: the part of the agent that runs inside the user's X session.
 *
 * It keeps every display at the mode that the host prefers and, when there are several, where the
 * host wants it: at the start and whenever the kernel says that a display changed, or the agent's
 * other half that a place did. X notices the new modes by itself but keeps the old one until a
 * client asks, and asking is what the xrandr command does.
 *
 * It also writes text into whatever has the keyboard, with the xdotool command, which binds spare
 * keys to characters that no key has. The text comes from the agent's other half, the system
 * service, as datagrams of UTF-8 to a socket that only root and this user may write to.
 */

#include <stdbool.h>
#include <stddef.h>

#include "hostd/guest/places.h"

#define SESSION_SOCKET   "/run/vedette/text"
#define SESSION_TEXT_MAX 1024u /* bytes of a datagram */
#define SESSION_FOLDER   "/run/vedette"
#define SESSION_PLACES   "monitors" /* a file there: where the host wants them */

/* For the system service: false when no session takes it. */
bool session_type(const char *text);

/* For the system service: tells the session, now or when it comes. False when it cannot. */
bool session_place(const struct places *places);

/* Runs until it is killed; returns a negative errno when it cannot start. Needs DISPLAY. */
int session_run(void);

#endif
