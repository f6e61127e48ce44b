/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_PROCFS_H
#define HOSTD_PROCFS_H

/*
 * procfs: what the kernel says in /proc about processes and about the whole machine. Pure.
 *
 * The texts are the kernel's, but a process chooses its own name and a file may be cut: whatever is
 * not as expected is refused, and *ret is then left as it was. Times are in clock ticks.
 */

#include <stdbool.h>
#include <stdint.h>

#define HOSTD_PROCFS_NAME 16u /* bytes of a thread's name, the final zero included */

/* One /proc/PID/stat or /proc/PID/task/TID/stat. */
struct hostd_proc_stat {
    char name[HOSTD_PROCFS_NAME];
    uint64_t used;       /* in user and in kernel mode; the guest's time is in it */
    uint64_t guest;      /* what of it a guest ran in under KVM */
    uint64_t start_time; /* since the machine started */
};
bool hostd_procfs_stat(const char *text, struct hostd_proc_stat *ret);

/* "CPU 3/KVM", "CPU 0/TCG": how QEMU names the thread of a virtual processor. */
bool hostd_procfs_is_vcpu(const char *name);

/* The first line of /proc/stat: all processors since the machine started. */
struct hostd_proc_cpu {
    uint64_t total;
    uint64_t busy;   /* neither idle nor waiting for a disk; what was stolen is not in it */
    uint64_t stolen; /* by the hypervisor below this machine */
};
bool hostd_procfs_cpu(const char *text, struct hostd_proc_cpu *ret);

/* /proc/PID/status: KiB that are in memory, but for what any program's files bring along. */
bool hostd_procfs_held_kib(const char *text, uint64_t *ret);

/* One /proc/pressure file, in tenths of a per cent. */
struct hostd_proc_pressure {
    unsigned some10, some60; /* of the last 10 and 60 s: somebody waited */
    bool has_full;
    unsigned full10, full60; /* nobody could do anything */
};
bool hostd_procfs_pressure(const char *text, struct hostd_proc_pressure *ret);

#endif
