/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_SERVE_H
#define VD_LAUNCH_SERVE_H

/*
 * serve: takes requests from one caller until it is gone.
 *
 * The caller is taken for hostile: the kernel vouches for its uid with each request, the permit
 * table for the verb, and everything else comes from our own command line.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "protocol/launch/permit.h"
#include "protocol/launch/spawn.h"

struct vd_launch_settings {
    enum vd_launch_role role;
    int fd;             /* the SOCK_SEQPACKET pair's end */
    uid_t caller;       /* requests from another uid are refused */
    bool change_uid;    /* children get a uid of their own */
    uid_t desktop_base; /* plus slot */
    int64_t pam_seconds;
    struct vd_launch_program pam;
    const char *const *pam_argv;
    struct vd_launch_program machine;
    struct vd_launch_program streamer;
    struct vd_launch_program bridge_helper; /* fd -1: there is none */
    const char *const *streamer_argv;
};

/* Returns 0 when the caller closed its end, or a negative errno when it broke the protocol. */
int vd_launch_serve(const struct vd_launch_settings *settings);

#endif
