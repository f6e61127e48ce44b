/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_DBUS_LISTENER_H
#define STREAMER_DBUS_LISTENER_H

/*
 * dbus-listener: org.qemu.Display1.Listener, what QEMU calls to show one of its screens. Part of
 * capture-dbus.
 *
 * QEMU sends without waiting for answers and without any limit, so messages are taken as a filter
 * on GDBus's own reading thread: each is copied into the wall and dropped before the next one is
 * read, and nothing can queue up on our side. That thread never waits for the encoder. QEMU is not
 * trusted: every size is checked against the bytes that came.
 */

#include <gio/gio.h>

#include "hostd/streamer/wall.h"

#define DBUS_LISTENER_PATH      "/org/qemu/Display1/Listener"
#define DBUS_LISTENER_INTERFACE "org.qemu.Display1.Listener"

struct dbus_listener;

/*
 * Shows head of wall, which it takes a reference to. stale is called from the reading thread when
 * an Update lies outside of the known surface: QEMU 7.2 changes modes without a Scanout. release is
 * called for user_data when the last reference goes.
 */
struct dbus_listener *dbus_listener_new(struct streamer_wall *wall, unsigned head,
                                        void (*stale)(void *user_data), void *user_data,
                                        void (*release)(void *user_data));
/* Any thread. Accepts NULL. */
void dbus_listener_unref(struct dbus_listener *listener);

/*
 * After this returns the listener changes nothing any more: what QEMU still sends on its connection
 * is read and thrown away. Owner's thread.
 */
void dbus_listener_mute(struct dbus_listener *listener);

/* Installs the filter; to be called before message processing starts. */
void dbus_listener_attach(struct dbus_listener *listener, GDBusConnection *connection);

#endif
