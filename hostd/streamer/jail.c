/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "protocol/base/secret.h"

#define MAX_FILES  256u
#define MAX_MEMORY (3ull * 1024 * 1024 * 1024) /* address space: picture copies, thread stacks */

#if defined(__SANITIZE_ADDRESS__)
#define SHADOW_MEMORY 1 /* the sanitizer maps terabytes that it never touches */
#else
#define SHADOW_MEMORY 0
#endif

/* Nobody here does these by mistake. */
static const int deadly_calls[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(pidfd_getfd),
};

/* A file system is not for us to change; libraries may ask and are told no. */
static const int refused_calls[] = {
    SCMP_SYS(fork),           SCMP_SYS(vfork),      SCMP_SYS(creat),        SCMP_SYS(openat2),
    SCMP_SYS(mkdir),          SCMP_SYS(mkdirat),    SCMP_SYS(rmdir),        SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),       SCMP_SYS(rename),     SCMP_SYS(renameat),     SCMP_SYS(renameat2),
    SCMP_SYS(link),           SCMP_SYS(linkat),     SCMP_SYS(symlink),      SCMP_SYS(symlinkat),
    SCMP_SYS(mknod),          SCMP_SYS(mknodat),    SCMP_SYS(chmod),        SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),       SCMP_SYS(chown),      SCMP_SYS(lchown),       SCMP_SYS(fchown),
    SCMP_SYS(fchownat),       SCMP_SYS(truncate),   SCMP_SYS(ftruncate),    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),      SCMP_SYS(fsetxattr),  SCMP_SYS(utimensat),    SCMP_SYS(listen),
    SCMP_SYS(io_uring_setup), SCMP_SYS(pidfd_open), SCMP_SYS(memfd_create),
};

static int
refuse_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    size_t i;
    int result = 0;

    for (i = 0; i < count && result == 0; i++) {
        result = seccomp_rule_add(filter, action, calls[i], 0);
    }
    return result;
}

/* Every way to open a file with anything but O_RDONLY, or to make one. */
static int
refuse_writing(scmp_filter_ctx filter)
{
    static const unsigned flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
    size_t i;
    int result = 0;

    for (i = 0; i < sizeof(flags) / sizeof(flags[0]) && result == 0; i++) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 1,
                                  SCMP_A2(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
        if (result == 0) {
            result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), 1,
                                      SCMP_A1(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
        }
    }
    return result;
}

/* AF_UNIX 1, AF_INET 2 and AF_INET6 10 stay. AF_NETLINK is refused like the rest: glibc's
 * getaddrinfo() then takes every family as present. */
static int
refuse_sockets(scmp_filter_ctx filter)
{
    int family;
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                  SCMP_A0(SCMP_CMP_GT, AF_INET6));

    for (family = 0; family < AF_INET6 && result == 0; family++) {
        if (family != AF_UNIX && family != AF_INET) {
            result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                                      SCMP_A0(SCMP_CMP_EQ, (unsigned)family));
        }
    }
    return result;
}

/* clone3() hides its flags in memory; with ENOSYS glibc makes threads through clone(). */
static int
refuse_processes(scmp_filter_ctx filter)
{
    int result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    if (result == 0) {
        result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    }
    return result;
}

static int
load_filter(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int result;

    if (filter == NULL) {
        return -ENOMEM;
    }
    /* Other architectures' calls (32 bit) are killed by libseccomp's default for them. */
    result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (result == 0) {
        result = refuse_calls(filter, SCMP_ACT_KILL_PROCESS, deadly_calls,
                              sizeof(deadly_calls) / sizeof(deadly_calls[0]));
    }
    if (result == 0) {
        result = refuse_calls(filter, SCMP_ACT_ERRNO(EPERM), refused_calls,
                              sizeof(refused_calls) / sizeof(refused_calls[0]));
    }
    if (result == 0) {
        result = refuse_writing(filter);
    }
    if (result == 0) {
        result = refuse_sockets(filter);
    }
    if (result == 0) {
        result = refuse_processes(filter);
    }
    if (result == 0) {
        result = seccomp_load(filter);
    }
    seccomp_release(filter);
    return result;
}

static int
limit(int resource, rlim_t most)
{
    struct rlimit value;

    if (getrlimit((__rlimit_resource_t)resource, &value) < 0) {
        return -errno;
    }
    if (value.rlim_max > most) {
        value.rlim_max = most;
    }
    if (value.rlim_cur > value.rlim_max) {
        value.rlim_cur = value.rlim_max;
    }
    return setrlimit((__rlimit_resource_t)resource, &value) < 0 ? -errno : 0;
}

int
streamer_jail_enter(void)
{
    int result;

    vd_secret_harden_process();
    result = limit(RLIMIT_NOFILE, MAX_FILES);
    if (result == 0 && !SHADOW_MEMORY) {
        result = limit(RLIMIT_AS, MAX_MEMORY);
    }
    return result == 0 ? load_filter() : result;
}
