/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_REQUEST_H
#define VD_LAUNCH_REQUEST_H

/*
 * request: what caller and vedette-launch send each other, one struct a datagram, native layout
 * (both ends are one build on one machine; the version says so).
 *
 * Descriptors ride along with MACHINE (arguments in a sealed memfd, log, then the child's) and
 * STREAMER (log, then the child's); the replies to PAM and TAP bring one back.
 */

#include <stdint.h>

#include "protocol/launch/launch.h"

#define VD_LAUNCH_VERSION  2u
#define VD_LAUNCH_SENT_FDS (VD_LAUNCH_MAX_FDS + 2u)

enum vd_launch_verb {
    VD_LAUNCH_PAM = 1,
    VD_LAUNCH_MACHINE = 2,
    VD_LAUNCH_STREAMER = 3,
    VD_LAUNCH_SIGNAL = 4,
    VD_LAUNCH_TAP = 5,
};

struct vd_launch_request {
    uint32_t version;
    uint32_t verb; /* enum vd_launch_verb */
    uint32_t slot; /* MACHINE, STREAMER, SIGNAL */
    int32_t signal;
    int64_t pid; /* SIGNAL */
    uint64_t start_time;
    char bridge[VD_LAUNCH_BRIDGE_MAX + 1]; /* TAP, terminated */
};

struct vd_launch_reply {
    int32_t error; /* 0 or a negative errno */
    int32_t reserved;
    int64_t pid;
    uint64_t start_time;
};

#endif
