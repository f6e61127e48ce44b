/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_DBUS_HEAD_H
#define STREAMER_DBUS_HEAD_H

/*
 * dbus-head: one head of a machine, which QEMU's D-Bus display calls a console: keeps a listener
 * there, notices modes that QEMU changes without a word, and passes wishes for a size on. Part of
 * capture-dbus.
 *
 * Belongs to the thread that made it and its thread-default main context.
 */

#include <gio/gio.h>

#include "hostd/streamer/wall.h"

struct dbus_head;

/* lost is called when head 0 cannot be seen; a machine may lack the others. text is borrowed. */
typedef void (*dbus_head_lost_fn)(const char *text, void *user_data);

/* References to bus and wall are taken. Shows nothing before dbus_head_register(). */
struct dbus_head *dbus_head_new(GDBusConnection *bus, struct streamer_wall *wall, unsigned number,
                                dbus_head_lost_fn lost, void *user_data);
void dbus_head_free(struct dbus_head *head); /* accepts NULL; lost is not called any more */

/* Has QEMU show all of the head, from now on. */
void dbus_head_register(struct dbus_head *head);
/* Wishes for a size and a place; width 0: to be switched off. */
void dbus_head_wish(struct dbus_head *head, const struct vdp_area *area);

/* Takes ownership of fd. NULL when it is no socket. */
GIOStream *dbus_head_stream(int fd);

#endif
