/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_DBUS_LOCKS_H
#define STREAMER_DBUS_LOCKS_H

/*
 * dbus-locks: which lights of its keyboard a guest has switched on, as QEMU's D-Bus display tells
 * (property Modifiers of org.qemu.Display1.Keyboard; QEMU's ui/dbus-display1.xml). A guest that
 * never touched them is not heard of.
 */

#include <gio/gio.h>
#include <stdint.h>

struct dbus_locks;

/* told gets enum vdp_lock, in the thread-default main context of the caller. bus is borrowed. */
struct dbus_locks *dbus_locks_new(GDBusConnection *bus, const char *path,
                                  void (*told)(uint8_t locks, void *user_data), void *user_data);
void dbus_locks_free(struct dbus_locks *locks); /* accepts NULL; told is not called any more */

#endif
