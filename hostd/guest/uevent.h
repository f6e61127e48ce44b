/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_GUEST_UEVENT_H
#define VEDETTE_GUEST_UEVENT_H

/* uevent: what the kernel says about devices that come, go or change, straight from netlink. */

#define UEVENT_DISPLAY 1u /* a display was plugged, unplugged or offers other modes */
#define UEVENT_INPUT   2u /* an input device came or went */
#define UEVENT_OTHER   4u

/* Returns a nonblocking descriptor to poll, or a negative errno. Needs no privilege. */
int uevent_open(void);

/* Takes all waiting messages; returns the UEVENT_ bits that they add up to, 0 for none. */
unsigned uevent_take(int fd);

#endif
