/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/launch/permit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

struct permit {
    uint32_t verb;
    unsigned roles;
    size_t min_fds;
    size_t max_fds;
};

static const struct permit permits[] = {
    {VD_LAUNCH_PAM, VD_LAUNCH_ROLE_BROKER, 0, 0},
    {VD_LAUNCH_MACHINE, VD_LAUNCH_ROLE_HOST, 2, VD_LAUNCH_MAX_FDS + 2},
    {VD_LAUNCH_STREAMER, VD_LAUNCH_ROLE_HOST, 1, VD_LAUNCH_MAX_FDS + 1},
    {VD_LAUNCH_SIGNAL, VD_LAUNCH_ROLE_HOST, 0, 0},
    {VD_LAUNCH_TAP, VD_LAUNCH_ROLE_HOST, 0, 0},
};

/* Enough to stop a desktop by the ladder and to hold one still. */
static const int signals[] = {0, SIGTERM, SIGKILL, SIGINT, SIGSTOP, SIGCONT};

int
vd_launch_role_parse(const char *text, enum vd_launch_role *ret_role)
{
    if (strcmp(text, "broker") == 0) {
        *ret_role = VD_LAUNCH_ROLE_BROKER;
    } else if (strcmp(text, "host") == 0) {
        *ret_role = VD_LAUNCH_ROLE_HOST;
    } else {
        return -EINVAL;
    }
    return 0;
}

static int
check_signal(const struct vd_launch_request *request)
{
    size_t i;

    /* Not init, not a process group, not everyone. */
    if (request->pid <= 1 || request->pid > INT32_MAX || request->start_time == 0) {
        return -EINVAL;
    }
    for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        if (signals[i] == request->signal) {
            return 0;
        }
    }
    return -EINVAL;
}

static int
check_bridge(const struct vd_launch_request *request)
{
    return memchr(request->bridge, '\0', sizeof(request->bridge)) != NULL &&
                   vd_launch_bridge_is_good(request->bridge)
               ? 0
               : -EINVAL;
}

int
vd_launch_permit(enum vd_launch_role role, const struct vd_launch_request *request, size_t fd_count)
{
    size_t i;

    if (request->version != VD_LAUNCH_VERSION) {
        return -EPROTO;
    }
    for (i = 0; i < sizeof(permits) / sizeof(permits[0]); i++) {
        if (permits[i].verb != request->verb) {
            continue;
        }
        if ((permits[i].roles & (unsigned)role) == 0) {
            return -EPERM;
        }
        if (fd_count < permits[i].min_fds || fd_count > permits[i].max_fds ||
            request->slot >= VD_LAUNCH_MAX_SLOT) {
            return -EINVAL;
        }
        return request->verb == VD_LAUNCH_SIGNAL ? check_signal(request)
               : request->verb == VD_LAUNCH_TAP  ? check_bridge(request)
                                                 : 0;
    }
    return -EPERM;
}
