/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_PERMIT_H
#define VD_LAUNCH_PERMIT_H

/* permit: which role may ask for what, and with how many descriptors. Pure. */

#include <stddef.h>

#include "protocol/launch/request.h"

enum vd_launch_role { VD_LAUNCH_ROLE_BROKER = 1, VD_LAUNCH_ROLE_HOST = 2 };

/* "broker" or "host", else -EINVAL. */
int vd_launch_role_parse(const char *text, enum vd_launch_role *ret_role);

/*
 * 0, -EPERM (unknown verb, or not this role's), -EPROTO (another version) or -EINVAL (a field or
 * the number of descriptors is outside its range).
 */
int vd_launch_permit(enum vd_launch_role role, const struct vd_launch_request *request,
                     size_t fd_count);

#endif
