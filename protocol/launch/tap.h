/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_TAP_H
#define VD_LAUNCH_TAP_H

/*
 * tap: a machine's port on a bridge of this host, made by QEMU's own helper (qemu-bridge-helper),
 * which asks /etc/qemu/bridge.conf whether that bridge may be used.
 */

#include "protocol/launch/spawn.h"

/*
 * A descriptor of a tap device that is on bridge and goes with its last descriptor; or a negative
 * errno, -EACCES when the helper refused (it says why on our standard error). Waits for the helper.
 */
int vd_launch_tap_make(const struct vd_launch_program *helper, const char *bridge);

#endif
