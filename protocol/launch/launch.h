/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VD_LAUNCH_H
#define VD_LAUNCH_H

/*
 * launch: the caller's end of vedette-launch, the only lasting privilege.
 *
 * vedette-launch is started by `vedettectl up` (or a unit) as root, beside the broker or hostd, and
 * talks to it over an inherited SOCK_SEQPACKET pair (descriptor number in --launch-fd). Requests
 * are fixed-size structs with ids and descriptors, never paths. Each end has a role with a permit
 * table: a broker may start PAM helpers, a host may start machines and streamers and signal those
 * it started. Program paths are launch's own arguments. When launch is not root it starts
 * everything under its own uid.
 *
 * Children are in a session of their own and not children of the caller; they survive caller and
 * launch. Calls block for the answer (launch answers in milliseconds). Not thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define VD_LAUNCH_MAX_FDS     16u
#define VD_LAUNCH_MAX_SLOT    16384u
#define VD_LAUNCH_MAX_ARGV    (64u * 1024u) /* bytes of NUL-separated arguments in a memfd */
#define VD_LAUNCH_MAX_PAM     16u           /* PAM helpers at once */
#define VD_LAUNCH_BRIDGE_MAX  15u           /* bytes of a network device's name */
#define VD_LAUNCH_PAM_SECONDS 30u           /* then the helper is killed */

struct vd_launch;

struct vd_process {
    pid_t pid;
    uint64_t
        start_time; /* field 22 of /proc/PID/stat; with boot id and pid names a process for good */
};

/* Takes ownership of the connected descriptor. */
struct vd_launch *vd_launch_new(int fd);
void vd_launch_free(struct vd_launch *launch); /* accepts NULL */

/*
 * Starts vedette-pam; *ret_fd is the caller's end of its stream socket. 0, -EBUSY (16 are running),
 * -EPERM (not this role) or another negative errno.
 */
int vd_launch_pam(struct vd_launch *launch, int *ret_fd, struct vd_process *ret_process);

/*
 * Starts the machine program (QEMU) for desktop slot under uid base + slot with these arguments
 * (argv[0] is set by launch). The child finds fds[i] as descriptor 3 + i; standard input is
 * /dev/null, standard output and error go to log_fd. Descriptors stay the caller's.
 */
int vd_launch_machine(struct vd_launch *launch, unsigned slot, const char *const *arguments,
                      const int *fds, size_t fd_count, int log_fd, struct vd_process *ret_process);

/* Starts vedette-streamer the same way; fds[0] is its listening control socket. */
int vd_launch_streamer(struct vd_launch *launch, unsigned slot, const int *fds, size_t fd_count,
                       int log_fd, struct vd_process *ret_process);

/*
 * A port on a bridge of this host for a machine, as a descriptor of a tap device with virtio
 * headers. -EINVAL for what is no name, -ENOENT without QEMU's helper, -EACCES when that refuses.
 */
int vd_launch_tap(struct vd_launch *launch, const char *bridge, int *ret_fd);

/* True for what can be the name of a bridge: letters, digits, '.', '_', '-'. */
bool vd_launch_bridge_is_good(const char *bridge);

/* Sends a signal to a process that runs under slot's uid and has that start time; else -ESRCH. */
int vd_launch_signal(struct vd_launch *launch, unsigned slot, struct vd_process process,
                     int signal);

/* Reads the start time of pid, or 0 when there is no such process. Needs no launch. */
uint64_t vd_process_start_time(pid_t pid);
/* True while pid runs and has this start time and is no zombie. */
bool vd_process_is_alive(struct vd_process process);

#endif
