/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives the real vedette-launch over a socket pair. This program itself plays the machine, the
 * streamer and the PAM helper: started without arguments of GTest it looks at argv[0] and reports.
 */
#include "protocol/launch/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protocol/base/fd.h"
#include "protocol/launch/permit.h"

#define WAIT_MS      10000
#define DESKTOP_BASE 64000
#define SLOT         7u

struct fixture {
    pid_t pid;
    struct vd_launch *launch;
    int raw; /* a second descriptor of the caller's end, for what the library never sends */
};

static char *self_path;

/* Role of a child: what it sees goes to its descriptor 3, then it waits for 4 to close. */
static int
play_child(int argc, char **argv)
{
    struct rlimit core = {1, 1};
    char byte;
    int fd;
    unsigned open_count = 0;
    GString *report = g_string_new(NULL);

    (void)getrlimit(RLIMIT_CORE, &core);
    for (fd = 5; fd < 1024; fd++) {
        open_count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    g_string_append_printf(report, "uid=%d gid=%d nnp=%d core=%d extra=%u sid=%d ppid=%d argc=%d",
                           (int)getuid(), (int)getgid(), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
                           (int)core.rlim_cur, open_count, getsid(0) == getpid() || getppid() != 0,
                           (int)getppid(), argc);
    g_string_append_printf(report, " last=%s home=%s\n", argv[argc - 1],
                           getenv("VEDETTE_CANARY") != NULL ? "leaked" : "clean");
    (void)vd_fd_write_all(3, report->str, report->len);
    (void)vd_fd_write_all(STDERR_FILENO, "log line\n", 9);
    g_string_free(report, TRUE);
    (void)read(4, &byte, 1);
    return 0;
}

static void
start(struct fixture *fixture, const char *role, uid_t uid, const char *pam_seconds)
{
    int pair[2];
    g_autofree char *uid_text = g_strdup_printf("%ld", (long)uid);
    g_autofree char *base = g_strdup_printf("%d", DESKTOP_BASE);

    g_assert_no_errno(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
    fixture->pid = fork();
    if (fixture->pid == 0) {
        g_autofree char *number = g_strdup_printf("%d", pair[1]);

        (void)close(pair[0]);
        (void)setenv("VEDETTE_CANARY", "x", 1);
        (void)execl(g_test_get_filename(G_TEST_BUILT, "..", "..", "protocol", "launch",
                                        "vedette-launch", NULL),
                    "vedette-launch", "--role", role, "--launch-fd", number, "--uid", uid_text,
                    "--desktop-uid-base", base, "--pam", self_path, "--pam-seconds", pam_seconds,
                    "--machine", self_path, "--streamer", self_path, NULL);
        _exit(127);
    }
    g_assert_cmpint(fixture->pid, >, 0);
    (void)close(pair[1]);
    fixture->raw = fcntl(pair[0], F_DUPFD_CLOEXEC, 0);
    fixture->launch = vd_launch_new(pair[0]);
}

/* Ends the caller's side; returns the exit status of launch. */
static int
finish(struct fixture *fixture)
{
    int status = -1;

    vd_launch_free(fixture->launch);
    fixture->launch = NULL;
    vd_fd_clear(&fixture->raw);
    g_assert_cmpint(waitpid(fixture->pid, &status, 0), ==, fixture->pid);
    return status;
}

static void
await_end(struct vd_process process)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_MS * 1000;

    while (vd_process_is_alive(process)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(5000);
    }
}

static void
read_line(int fd, char *line, size_t size)
{
    size_t used = 0;

    while (used < size - 1 && (used == 0 || line[used - 1] != '\n')) {
        g_assert_no_errno(vd_fd_read_all(fd, line + used, 1));
        used++;
    }
    line[used] = '\0';
}

static void
test_permits_follow_the_role(void)
{
    struct vd_launch_request request = {.version = VD_LAUNCH_VERSION, .verb = VD_LAUNCH_PAM};

    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_BROKER, &request, 0), ==, 0);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_BROKER, &request, 1), ==, -EINVAL);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EPERM);
    request.verb = VD_LAUNCH_MACHINE;
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_BROKER, &request, 2), ==, -EPERM);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 1), ==, -EINVAL);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 2), ==, 0);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, VD_LAUNCH_MAX_FDS + 3), ==,
                    -EINVAL);
    request.slot = VD_LAUNCH_MAX_SLOT;
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 2), ==, -EINVAL);
    request = (struct vd_launch_request){.version = VD_LAUNCH_VERSION + 1, .verb = VD_LAUNCH_PAM};
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_BROKER, &request, 0), ==, -EPROTO);
    request = (struct vd_launch_request){.version = VD_LAUNCH_VERSION, .verb = 99};
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EPERM);
}

static void
test_signals_are_few_and_never_to_everyone(void)
{
    struct vd_launch_request request = {.version = VD_LAUNCH_VERSION,
                                        .verb = VD_LAUNCH_SIGNAL,
                                        .pid = 1234,
                                        .start_time = 1,
                                        .signal = SIGTERM};

    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, 0);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_BROKER, &request, 0), ==, -EPERM);
    request.signal = SIGUSR1;
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
    request.signal = SIGKILL;
    request.pid = -1;
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
    request.pid = 1;
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
    request.pid = 1234;
    request.start_time = 0;
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
}

static void
test_bridges_have_names(void)
{
    struct vd_launch_request request = {
        .version = VD_LAUNCH_VERSION, .verb = VD_LAUNCH_TAP, .bridge = "br-lab.7"};

    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, 0);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_BROKER, &request, 0), ==, -EPERM);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 1), ==, -EINVAL);
    memcpy(request.bridge, "--fd=9", 7);
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
    memset(request.bridge, 'b', sizeof(request.bridge)); /* no end */
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
    request.bridge[0] = '\0';
    g_assert_cmpint(vd_launch_permit(VD_LAUNCH_ROLE_HOST, &request, 0), ==, -EINVAL);
}

static void
test_processes_are_named_for_good(void)
{
    struct vd_process self = {getpid(), vd_process_start_time(getpid())};
    pid_t pid;

    g_assert_cmpuint(self.start_time, >, 0);
    g_assert_true(vd_process_is_alive(self));
    self.start_time++;
    g_assert_false(vd_process_is_alive(self));
    g_assert_cmpuint(vd_process_start_time(0), ==, 0);
    g_assert_cmpuint(vd_process_start_time(-1), ==, 0);
    pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    {
        siginfo_t info;

        g_assert_no_errno(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    }
    self = (struct vd_process){pid, vd_process_start_time(pid)};
    g_assert_false(vd_process_is_alive(self)); /* a zombie does nothing any more */
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}

static void
check_report(const char *report, bool root)
{
    g_autofree char *wanted = g_strdup_printf("uid=%d gid=%d nnp=1 core=0 extra=0 ",
                                              root ? DESKTOP_BASE + (int)SLOT : (int)getuid(),
                                              root ? DESKTOP_BASE + (int)SLOT : (int)getgid());

    g_assert_true(g_str_has_prefix(report, wanted));
    g_assert_nonnull(strstr(report, "home=clean"));
}

static void
test_machine_gets_uid_descriptors_and_arguments(void)
{
    const char *const arguments[] = {"first", "", "the last one", NULL};
    struct fixture fixture;
    struct vd_process machine = {0};
    char line[512];
    int report[2];
    int hold[2];
    int log[2];
    int fds[2];

    start(&fixture, "host", getuid(), "30");
    g_assert_no_errno(pipe2(report, O_CLOEXEC));
    g_assert_no_errno(pipe2(hold, O_CLOEXEC));
    g_assert_no_errno(pipe2(log, O_CLOEXEC));
    fds[0] = report[1];
    fds[1] = hold[0];
    g_assert_cmpint(vd_launch_machine(fixture.launch, SLOT, arguments, fds, 2, log[1], &machine),
                    ==, 0);
    g_assert_true(vd_process_is_alive(machine));
    read_line(report[0], line, sizeof(line));
    check_report(line, geteuid() == 0);
    g_assert_nonnull(strstr(line, "argc=4 last=the last one"));
    read_line(log[0], line, sizeof(line));
    g_assert_cmpstr(line, ==, "log line\n");

    /* Another slot, or another start time, names nobody. */
    if (geteuid() == 0) {
        g_assert_cmpint(vd_launch_signal(fixture.launch, SLOT + 1, machine, SIGKILL), ==, -ESRCH);
    }
    machine.start_time++;
    g_assert_cmpint(vd_launch_signal(fixture.launch, SLOT, machine, SIGKILL), ==, -ESRCH);
    machine.start_time--;

    /* The machine outlives launch; the next launch ends it. */
    g_assert_cmpint(finish(&fixture), ==, 0);
    g_assert_true(vd_process_is_alive(machine));
    start(&fixture, "host", getuid(), "30");
    g_assert_cmpint(vd_launch_signal(fixture.launch, SLOT, machine, 0), ==, 0);
    g_assert_cmpint(vd_launch_signal(fixture.launch, SLOT, machine, SIGKILL), ==, 0);
    await_end(machine);
    g_assert_cmpint(vd_launch_signal(fixture.launch, SLOT, machine, SIGKILL), ==, -ESRCH);
    g_assert_cmpint(finish(&fixture), ==, 0);
    (void)close(report[0]);
    (void)close(report[1]);
    (void)close(hold[0]);
    (void)close(hold[1]);
    (void)close(log[0]);
    (void)close(log[1]);
}

static void
test_streamer_is_told_its_socket(void)
{
    struct fixture fixture;
    struct vd_process streamer = {0};
    char line[512];
    int report[2];
    int hold[2];
    int fds[2];

    start(&fixture, "host", getuid(), "30");
    g_assert_no_errno(pipe2(report, O_CLOEXEC));
    g_assert_no_errno(pipe2(hold, O_CLOEXEC));
    fds[0] = report[1];
    fds[1] = hold[0];
    g_assert_cmpint(vd_launch_streamer(fixture.launch, SLOT, fds, 2, STDERR_FILENO, &streamer), ==,
                    0);
    read_line(report[0], line, sizeof(line));
    check_report(line, geteuid() == 0);
    g_assert_nonnull(strstr(line, "argc=3 last=3"));
    (void)close(hold[0]);
    (void)close(hold[1]); /* the child reads the end and exits */
    await_end(streamer);
    g_assert_cmpint(finish(&fixture), ==, 0);
    (void)close(report[0]);
    (void)close(report[1]);
}

static void
test_broker_starts_no_machine_and_host_no_pam(void)
{
    const char *const arguments[] = {NULL};
    struct fixture fixture;
    struct vd_process process = {0};
    int fd = -1;

    start(&fixture, "broker", getuid(), "30");
    g_assert_cmpint(
        vd_launch_machine(fixture.launch, 0, arguments, NULL, 0, STDERR_FILENO, &process), ==,
        -EPERM);
    g_assert_cmpint(vd_launch_streamer(fixture.launch, 0, NULL, 0, STDERR_FILENO, &process), ==,
                    -EPERM);
    process = (struct vd_process){getpid(), vd_process_start_time(getpid())};
    g_assert_cmpint(vd_launch_signal(fixture.launch, 0, process, SIGKILL), ==, -EPERM);
    g_assert_cmpint(finish(&fixture), ==, 0);
    start(&fixture, "host", getuid(), "30");
    g_assert_cmpint(vd_launch_pam(fixture.launch, &fd, &process), ==, -EPERM);
    g_assert_cmpint(finish(&fixture), ==, 0);
}

static void
test_another_uid_is_refused(void)
{
    struct fixture fixture;
    struct vd_process process = {0};
    int fd = -1;

    start(&fixture, "broker", getuid() + 1, "30");
    g_assert_cmpint(vd_launch_pam(fixture.launch, &fd, &process), ==, -EPERM);
    g_assert_cmpint(finish(&fixture), ==, 0);
}

static void
test_sixteen_helpers_and_no_more(void)
{
    struct fixture fixture;
    struct vd_process helpers[VD_LAUNCH_MAX_PAM];
    struct vd_process process = {0};
    int fds[VD_LAUNCH_MAX_PAM];
    int fd = -1;
    gint64 deadline;
    int result;
    size_t i;

    start(&fixture, "broker", getuid(), "30");
    for (i = 0; i < VD_LAUNCH_MAX_PAM; i++) {
        char line[512];

        g_assert_cmpint(vd_launch_pam(fixture.launch, &fds[i], &helpers[i]), ==, 0);
        read_line(fds[i], line, sizeof(line));
        g_assert_nonnull(strstr(line, "argc=5"));
    }
    g_assert_cmpint(vd_launch_pam(fixture.launch, &fd, &process), ==, -EBUSY);
    /* One that ended makes room. */
    g_assert_no_errno(kill(helpers[3].pid, SIGKILL));
    deadline = g_get_monotonic_time() + WAIT_MS * 1000;
    while ((result = vd_launch_pam(fixture.launch, &fd, &process)) == -EBUSY) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        g_usleep(1000);
    }
    g_assert_cmpint(result, ==, 0);
    /* All of them die with launch. */
    g_assert_cmpint(finish(&fixture), ==, 0);
    await_end(process);
    for (i = 0; i < VD_LAUNCH_MAX_PAM; i++) {
        await_end(helpers[i]);
        (void)close(fds[i]);
    }
    (void)close(fd);
}

static void
test_helper_that_hangs_is_killed(void)
{
    struct fixture fixture;
    struct vd_process process = {0};
    char line[512];
    char byte;
    int fd = -1;

    start(&fixture, "broker", getuid(), "1");
    g_assert_cmpint(vd_launch_pam(fixture.launch, &fd, &process), ==, 0);
    read_line(fd, line, sizeof(line));
    g_assert_true(vd_process_is_alive(process));
    g_assert_cmpint(vd_fd_read_all(fd, &byte, 1), ==, -EPIPE); /* its end is the only end */
    await_end(process);
    (void)close(fd);
    g_assert_cmpint(finish(&fixture), ==, 0);
}

static void
test_nonsense_closes_the_line(void)
{
    struct fixture fixture;
    struct vd_process process;
    int status = 0;
    int fd = -1;

    start(&fixture, "broker", getuid(), "30");
    g_assert_cmpint(send(fixture.raw, "nonsense", 8, 0), ==, 8);
    g_assert_cmpint(vd_launch_pam(fixture.launch, &fd, &process), ==, -EPIPE);
    status = finish(&fixture);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, 1);
}

static void
test_arguments_above_the_limit_are_not_sent(void)
{
    struct fixture fixture;
    struct vd_process process;
    g_autofree char *big = g_strnfill(VD_LAUNCH_MAX_ARGV, 'x');
    const char *arguments[] = {big, NULL};
    int fds[VD_LAUNCH_MAX_FDS + 1] = {0};

    start(&fixture, "host", getuid(), "30");
    g_assert_cmpint(
        vd_launch_machine(fixture.launch, 0, arguments, NULL, 0, STDERR_FILENO, &process), ==,
        -E2BIG);
    g_assert_cmpint(
        vd_launch_streamer(fixture.launch, 0, fds, G_N_ELEMENTS(fds), STDERR_FILENO, &process), ==,
        -E2BIG);
    g_assert_cmpint(finish(&fixture), ==, 0);
}

int
main(int argc, char **argv)
{
    self_path = g_file_read_link("/proc/self/exe", NULL);
    if (strcmp(argv[0], "vedette-pam") == 0) {
        /* A helper has one stream socket: it reports on it and waits for its end. */
        (void)dup2(3, 4);
        return play_child(argc, argv);
    }
    if (strcmp(argv[0], "vedette-streamer") == 0 || strchr(argv[0], '/') == NULL) {
        return play_child(argc, argv);
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/launch/permits-follow-the-role", test_permits_follow_the_role);
    g_test_add_func("/launch/signals-are-few-and-never-to-everyone",
                    test_signals_are_few_and_never_to_everyone);
    g_test_add_func("/launch/bridges-have-names", test_bridges_have_names);
    g_test_add_func("/launch/processes-are-named-for-good", test_processes_are_named_for_good);
    g_test_add_func("/launch/machine-gets-uid-descriptors-and-arguments",
                    test_machine_gets_uid_descriptors_and_arguments);
    g_test_add_func("/launch/streamer-is-told-its-socket", test_streamer_is_told_its_socket);
    g_test_add_func("/launch/broker-starts-no-machine-and-host-no-pam",
                    test_broker_starts_no_machine_and_host_no_pam);
    g_test_add_func("/launch/another-uid-is-refused", test_another_uid_is_refused);
    g_test_add_func("/launch/sixteen-helpers-and-no-more", test_sixteen_helpers_and_no_more);
    g_test_add_func("/launch/helper-that-hangs-is-killed", test_helper_that_hangs_is_killed);
    g_test_add_func("/launch/nonsense-closes-the-line", test_nonsense_closes_the_line);
    g_test_add_func("/launch/arguments-above-the-limit-are-not-sent",
                    test_arguments_above_the_limit_are_not_sent);
    return g_test_run();
}
