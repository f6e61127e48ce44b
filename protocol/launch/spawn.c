/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/launch/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define FIRST_FD  3
#define PARK_FROM 100 /* above every number that a child is promised */
#define MAX_ENV   8u

/* What a child tells over the status pipe before exec, and again when exec failed. */
struct status {
    int error;
    struct vd_process process;
};

/* The few variables that children keep: what debugging and sanitizers need, nothing of a person. */
static const char *const kept_variables[] = {"VEDETTE_DEBUG", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                             "LSAN_OPTIONS"};

int
vd_launch_program_open(struct vd_launch_program *program, const char *path)
{
    const char *slash = strrchr(path, '/');
    char magic[2] = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -errno;
    }
    if (pread(fd, magic, sizeof(magic), 0) < 0) {
        int result = -errno;

        vd_fd_clear(&fd);
        return result;
    }
    program->fd = fd;
    program->is_script = memcmp(magic, "#!", 2) == 0;
    program->name = slash != NULL ? slash + 1 : path;
    return 0;
}

void
vd_launch_program_close(struct vd_launch_program *program)
{
    vd_fd_clear(&program->fd);
}

gid_t
vd_launch_kvm_group(void)
{
    struct stat info;

    return stat("/dev/kvm", &info) == 0 && info.st_gid != 0 ? info.st_gid : (gid_t)-1;
}

/* Moves *fd out of the way of the numbers that the child is promised. */
static int
park(int *fd)
{
    int parked = fcntl(*fd, F_DUPFD_CLOEXEC, PARK_FROM);

    if (parked < 0) {
        return -errno;
    }
    *fd = parked;
    return 0;
}

/* Puts /dev/null on 0, the log on 1 and 2, and the child's descriptors from 3 on. */
static int
arrange_fds(const struct vd_launch_child *child, int *status_fd, int *program_fd)
{
    int fds[VD_LAUNCH_MAX_FDS];
    int log_fd = child->log_fd;
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned next = FIRST_FD + (unsigned)child->fd_count;
    size_t i;

    if (null_fd < 0 || park(&null_fd) < 0 || park(&log_fd) < 0 || park(status_fd) < 0 ||
        park(program_fd) < 0) {
        return -errno;
    }
    for (i = 0; i < child->fd_count; i++) {
        fds[i] = child->fds[i];
        if (park(&fds[i]) < 0) {
            return -errno;
        }
    }
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(log_fd, STDOUT_FILENO) < 0 ||
        dup2(log_fd, STDERR_FILENO) < 0) {
        return -errno;
    }
    for (i = 0; i < child->fd_count; i++) {
        if (dup2(fds[i], FIRST_FD + (int)i) < 0) {
            return -errno;
        }
    }
    if (close_range(next, ~0U, CLOSE_RANGE_CLOEXEC) < 0) {
        return -errno;
    }
    if (child->program->is_script && fcntl(*program_fd, F_SETFD, 0) < 0) {
        return -errno;
    }
    return 0;
}

static int
drop_privileges(const struct vd_launch_child *child)
{
    const struct rlimit none = {0, 0};

    if (setrlimit(RLIMIT_CORE, &none) < 0) {
        return -errno;
    }
    if (child->uid != (uid_t)-1) {
        if (setgroups(child->extra != (gid_t)-1 ? 1 : 0, &child->extra) < 0 ||
            setresgid(child->uid, child->uid, child->uid) < 0 ||
            setresuid(child->uid, child->uid, child->uid) < 0) {
            return -errno;
        }
        if (setuid(0) == 0) { /* never: nothing may go on that can come back */
            return -EPERM;
        }
    }
    /* Only now: a change of user clears it. */
    if (child->leashed && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
        return -errno;
    }
    if (child->confine && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    return 0;
}

static void
reset_signals(void)
{
    sigset_t none;
    int number;

    for (number = 1; number < NSIG; number++) {
        (void)signal(number, SIG_DFL); /* fails for KILL and STOP only */
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Fills environment with strings that live until exec. */
static void
make_environment(char *environment[MAX_ENV])
{
    static char variables[sizeof(kept_variables) / sizeof(kept_variables[0])][512];
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char language[] = "LANG=C.UTF-8";
    size_t used = 0;
    size_t i;

    environment[used++] = path;
    environment[used++] = language;
    for (i = 0; i < sizeof(kept_variables) / sizeof(kept_variables[0]); i++) {
        const char *value = getenv(kept_variables[i]);
        size_t name_size = strlen(kept_variables[i]);

        if (value != NULL && name_size + strlen(value) + 2 <= sizeof(variables[i])) {
            memcpy(variables[i], kept_variables[i], name_size);
            variables[i][name_size] = '=';
            memcpy(variables[i] + name_size + 1, value, strlen(value) + 1);
            environment[used++] = variables[i];
        }
    }
    environment[used] = NULL;
}

/*
 * In the child. Returns only when something failed. A leashed child whose parent ended before the
 * leash was on stops here; parent is who it was.
 */
static int
become(const struct vd_launch_child *child, int *status_fd, pid_t parent)
{
    char *environment[MAX_ENV];
    struct status status = {0};
    int program_fd = child->program->fd;
    int result;

    status.process.pid = getpid();
    status.process.start_time = vd_process_start_time(getpid());
    reset_signals();
    (void)umask(077);
    make_environment(environment);
    if (chdir("/") < 0) {
        return -errno;
    }
    result = arrange_fds(child, status_fd, &program_fd);
    if (result == 0) {
        result = drop_privileges(child);
    }
    if (result == 0 && child->leashed && getppid() != parent) {
        result = -ESRCH;
    }
    if (result == 0) {
        result = vd_fd_write_all(*status_fd, &status, sizeof(status));
    }
    if (result < 0) {
        return result;
    }
    (void)execveat(program_fd, "", (char *const *)child->argv, environment, AT_EMPTY_PATH);
    return -errno;
}

static _Noreturn void
become_or_tell(const struct vd_launch_child *child, int status_fd, pid_t parent)
{
    struct status status = {.error = become(child, &status_fd, parent)};

    (void)vd_fd_write_all(status_fd, &status, sizeof(status));
    _exit(127);
}

/* Reads what the child said until exec or its end closed the pipe. */
static int
read_status(int status_fd, struct vd_process *ret_process)
{
    struct status status;
    bool started = false;

    while (vd_fd_read_all(status_fd, &status, sizeof(status)) == 0) {
        if (status.error != 0) {
            return status.error;
        }
        *ret_process = status.process;
        started = true;
    }
    return started ? 0 : -ECHILD;
}

int
vd_launch_spawn_orphan(const struct vd_launch_child *child, struct vd_process *ret_process)
{
    int status_pipe[2];
    int result;
    pid_t middle;

    if (pipe2(status_pipe, O_CLOEXEC) < 0) {
        return -errno;
    }
    middle = fork();
    if (middle == 0) {
        pid_t last;

        (void)setsid();
        last = fork();
        if (last == 0) {
            become_or_tell(child, status_pipe[1], -1);
        }
        _exit(last < 0 ? 1 : 0);
    }
    result = middle < 0 ? -errno : 0;
    vd_fd_clear(&status_pipe[1]);
    if (result == 0) {
        while (waitpid(middle, NULL, 0) < 0 && errno == EINTR) {
        }
        result = read_status(status_pipe[0], ret_process);
    }
    vd_fd_clear(&status_pipe[0]);
    return result;
}

int
vd_launch_spawn_helper(const struct vd_launch_child *child, struct vd_process *ret_process,
                       int *ret_pidfd)
{
    int status_pipe[2];
    int result = 0;
    int pidfd = -1;
    pid_t parent = getpid();
    pid_t pid;

    if (pipe2(status_pipe, O_CLOEXEC) < 0) {
        return -errno;
    }
    pid = fork();
    if (pid == 0) {
        struct vd_launch_child leashed = *child;

        leashed.leashed = true;
        (void)setsid();
        become_or_tell(&leashed, status_pipe[1], parent);
    }
    if (pid < 0) {
        result = -errno;
    } else {
        pidfd = pidfd_open(pid, 0);
        result = pidfd < 0 ? -errno : 0;
    }
    vd_fd_clear(&status_pipe[1]);
    if (result == 0) {
        result = read_status(status_pipe[0], ret_process);
    }
    vd_fd_clear(&status_pipe[0]);
    if (result < 0 && pid > 0) {
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
        vd_fd_clear(&pidfd);
    }
    *ret_pidfd = pidfd;
    return result;
}
