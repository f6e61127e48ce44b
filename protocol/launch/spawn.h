/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_SPAWN_H
#define VD_LAUNCH_SPAWN_H

/*
 * spawn: fork and exec of a program that was opened beforehand.
 *
 * Children get a clean environment, default signals, umask 077, working directory /, no core file,
 * and no descriptor but those that are named. Results are 0 or a negative errno; a failure of exec
 * itself is reported too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "protocol/launch/launch.h"

struct vd_launch_program {
    int fd;           /* O_PATH is not enough for scripts: opened for reading */
    bool is_script;   /* its interpreter needs the descriptor after exec */
    const char *name; /* argv[0], borrowed */
};

/* Opens path for later; the folder above it need not be reachable for the child's uid. */
int vd_launch_program_open(struct vd_launch_program *program, const char *path);
void vd_launch_program_close(struct vd_launch_program *program);

/* The group that may open /dev/kvm, or (gid_t)-1 when there is none but root's. */
gid_t vd_launch_kvm_group(void);

struct vd_launch_child {
    const struct vd_launch_program *program;
    const char *const *argv; /* NULL-terminated, argv[0] included */
    const int *fds;          /* become 3, 4, … */
    size_t fd_count;
    int log_fd;   /* standard output and error */
    uid_t uid;    /* also the gid; (uid_t)-1: stays as it is */
    gid_t extra;  /* one supplementary group, or (gid_t)-1 */
    bool confine; /* no new privileges */
    bool leashed; /* dies with its parent; set by vd_launch_spawn_helper() */
};

/*
 * Starts child in a session of its own as an orphan: it is not our child, and outlives us.
 */
int vd_launch_spawn_orphan(const struct vd_launch_child *child, struct vd_process *ret_process);

/*
 * Starts child in a session of its own as our child, which dies with us; *ret_pidfd is the
 * caller's.
 */
int vd_launch_spawn_helper(const struct vd_launch_child *child, struct vd_process *ret_process,
                           int *ret_pidfd);

#endif
