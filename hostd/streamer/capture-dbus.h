/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CAPTURE_DBUS_H
#define STREAMER_CAPTURE_DBUS_H

/*
 * capture-dbus: a machine's screen, keyboard and mouse over QEMU's display on D-Bus
 * (`-display dbus,p2p=yes`, QEMU 7.2 and later), with as many heads as monitors are wanted.
 *
 * Threads: calls to QEMU are made from the owner's thread and never waited for; at most
 * DBUS_MAX_CALLS are without an answer, so a QEMU that hangs costs bounded memory. What QEMU shows
 * is taken on GDBus's reading thread, see dbus-listener.h.
 */

#include "hostd/streamer/capture.h"

#define DBUS_MAX_CALLS 1024u

/* Takes ownership of fd, the peer of QMP's add_client @dbus-display. Never NULL; what goes wrong
 * is told as lost. */
struct capture *capture_dbus_new(int fd, const struct capture_events *events, void *user_data);

#endif
