/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_HELPERS_H
#define VD_LAUNCH_HELPERS_H

/*
 * helpers: the PAM helpers that run, with their deadlines.
 *
 * A helper that is still there after its time is killed with its whole session. Time is monotonic
 * microseconds.
 */

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/launch/launch.h"

struct vd_launch_helper {
    int pidfd;
    pid_t pid;
    int64_t deadline_us;
    bool killed;
};

struct vd_launch_helpers {
    struct vd_launch_helper items[VD_LAUNCH_MAX_PAM];
    size_t count;
};

bool vd_launch_helpers_is_full(const struct vd_launch_helpers *helpers);
/* Takes ownership of pidfd. The caller made sure that there is room. */
void vd_launch_helpers_add(struct vd_launch_helpers *helpers, pid_t pid, int pidfd,
                           int64_t deadline_us);

/* Fills ret_polls (room for VD_LAUNCH_MAX_PAM) and returns how many. */
size_t vd_launch_helpers_polls(const struct vd_launch_helpers *helpers, struct pollfd *ret_polls);
/* Milliseconds for poll(2): until the next deadline, or -1 for ever. */
int vd_launch_helpers_timeout(const struct vd_launch_helpers *helpers, int64_t now_us);
/* Reaps those that ended and kills those whose time is over. */
void vd_launch_helpers_tend(struct vd_launch_helpers *helpers, int64_t now_us);
/* Kills and reaps all of them. */
void vd_launch_helpers_end(struct vd_launch_helpers *helpers);

#endif
