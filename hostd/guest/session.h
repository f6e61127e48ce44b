/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_SESSION_H
#define VEDETTE_GUEST_SESSION_H

/*
 * session: the part of the agent that runs inside the user's X session. It keeps the display at the
 * mode that the host prefers: at the start and whenever the kernel says that a display changed.
 *
 * X notices the new modes by itself but keeps the old one until a client asks, and asking is what
 * the xrandr command does.
 */

/* Runs until it is killed; returns a negative errno when it cannot start. Needs DISPLAY. */
int session_run(void);

#endif
