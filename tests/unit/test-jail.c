/* SPDX-License-Identifier: Apache-2.0 */
/* Each case runs in a child, because a jail is for good. */
#include "hostd/streamer/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netdb.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs attempt in a jail. Returns what it returned, or minus the signal that killed it. */
static int
run_jailed(int (*attempt)(void))
{
    int status = 0;
    pid_t pid = fork();

    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        _exit(streamer_jail_enter() == 0 ? attempt() : 99);
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int
try_exec(void)
{
    char *const argv[] = {(char *)"true", NULL};

    execv("/bin/true", argv);
    return 1;
}

static int
try_ptrace(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    return 1;
}

static int
try_setuid(void)
{
    return setuid(12345) == 0 ? 0 : 1;
}

static int
try_fork(void)
{
    return fork() < 0 && errno == EPERM ? 0 : 1;
}

static int
try_write(void)
{
    if (open("/tmp/vedette-jail-test", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES) {
        return 1;
    }
    if (open("/dev/null", O_RDWR) >= 0 || errno != EACCES) {
        return 2;
    }
    return unlink("/tmp/vedette-jail-test") < 0 && errno == EPERM ? 0 : 3;
}

static int
try_sockets(void)
{
    static const int refused[] = {AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG, AF_BLUETOOTH};
    static const int allowed[] = {AF_UNIX, AF_INET, AF_INET6};
    size_t i;
    int fd;

    for (i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (socket(refused[i], SOCK_DGRAM, 0) >= 0 || errno != EAFNOSUPPORT) {
            return 1;
        }
    }
    for (i = 0; i < G_N_ELEMENTS(allowed); i++) {
        /* A machine may lack IPv6; the jail answers before the kernel looks. */
        fd = socket(allowed[i], SOCK_STREAM, 0);
        if (fd < 0 && allowed[i] != AF_INET6) {
            return 2;
        }
    }
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return listen(fd, 1) < 0 && errno == EPERM ? 0 : 3;
}

static void *
note_thread(void *data)
{
    *(int *)data = 0;
    return data;
}

/* What the streamer goes on doing. */
static int
try_daily_work(void)
{
    struct addrinfo *found = NULL;
    char bytes[16];
    int result = 1;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    int fds[2];

    if (fd < 0 || read(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes)) {
        return 1;
    }
    g_thread_join(g_thread_new("daily", note_thread, &result));
    if (result != 0) {
        return 2;
    }
    if (getaddrinfo("127.0.0.1", "443", NULL, &found) != 0) {
        return 3;
    }
    freeaddrinfo(found);
    if (getaddrinfo("localhost", "443", NULL, &found) != 0) {
        return 4;
    }
    freeaddrinfo(found);
    return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0 ? 0 : 5;
}

static void
test_deadly_calls_kill(void)
{
    g_assert_cmpint(run_jailed(try_exec), ==, -SIGSYS);
    g_assert_cmpint(run_jailed(try_ptrace), ==, -SIGSYS);
    g_assert_cmpint(run_jailed(try_setuid), ==, -SIGSYS);
}

static void
test_no_child_no_file_no_odd_socket(void)
{
    g_assert_cmpint(run_jailed(try_fork), ==, 0);
    g_assert_cmpint(run_jailed(try_write), ==, 0);
    g_assert_cmpint(run_jailed(try_sockets), ==, 0);
}

static void
test_daily_work_goes_on(void)
{
    g_assert_cmpint(run_jailed(try_daily_work), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jail/deadly-calls-kill", test_deadly_calls_kill);
    g_test_add_func("/jail/no-child-no-file-no-odd-socket", test_no_child_no_file_no_odd_socket);
    g_test_add_func("/jail/daily-work-goes-on", test_daily_work_goes_on);
    return g_test_run();
}
