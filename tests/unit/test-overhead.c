/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says in /proc, whole, cut and forged; and the sums that a host makes of it. */
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hostd/meter.h"
#include "hostd/overhead.h"
#include "hostd/procfs.h"
#include "protocol/launch/launch.h"

#define STAT                                                                                       \
    "4242 (%s) S 1 4242 4242 0 -1 4194560 9 8 7 6 150 50 3 2 20 0 5 0 98765 1000 200 "             \
    "18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 120 0 0 0 0 0 0 0 0 0\n"
#define S INT64_C(1000000)

static void
expect_stat(const char *name, const char *wanted)
{
    g_autofree char *text = g_strdup_printf(STAT, name);
    struct hostd_proc_stat stat = {.used = 0};

    g_assert_true(hostd_procfs_stat(text, &stat));
    g_assert_cmpstr(stat.name, ==, wanted);
    g_assert_cmpuint(stat.used, ==, 200);
    g_assert_cmpuint(stat.guest, ==, 120);
    g_assert_cmpuint(stat.start_time, ==, 98765);
}

static void
test_stat(void)
{
    expect_stat("CPU 0/KVM", "CPU 0/KVM");
    expect_stat("a) S 1 (b", "a) S 1 (b"); /* a name may say anything */
    expect_stat("", "");
    expect_stat("a name that is longer than fifteen", "a name that is ");
}

/* Cut after any byte before the last number that is wanted, there is nothing to read. */
static void
test_stat_is_cut(void)
{
    g_autofree char *text = g_strdup_printf(STAT, "qemu");
    size_t whole = (size_t)(strstr(text, " 120 ") - text) + 4;
    struct hostd_proc_stat stat = {.used = 7};
    size_t i;

    for (i = 0; i < whole - 3; i++) {
        g_autofree char *cut = g_strndup(text, i);

        g_assert_false(hostd_procfs_stat(cut, &stat));
    }
    g_assert_cmpuint(stat.used, ==, 7);
    text[whole] = '\0';
    g_assert_true(hostd_procfs_stat(text, &stat));
    g_assert_cmpuint(stat.guest, ==, 120);
}

static void
test_garbage(void)
{
    static const char *const texts[] = {
        "",
        "\n",
        "(",
        ")",
        ") S",
        "1 (a)",
        "1 (a) ",
        "1 (a)S 1 1 1",
        "1 (a) S 1 2 3 4 5 6 7 8 9 10 -150 50 3 2 20 0 5 0 9 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 "
        "1",
        "1 (a) S 1 2 3 4 5 6 7 8 9 10 99999999999999999999999 50 3 2 20 0 5 0 9 1 2 3 4 5 6 7 8 9 "
        "0 1",
        "cpu",
        "cpu ",
        "cpu  1 2 3 4 5 6 7",
        "cpu  1 2 3 4 5 6 7 x",
        "cpu0 1 2 3 4 5 6 7 8",
        "cpu  1 2 3 4 5 6 7 99999999999999999999",
        "cpu  -1 2 3 4 5 6 7 8",
        "\nRssAnon:\t12 kB\n",
        "\nRssAnon:\t12 kB\nRssShmem:\t7",
        "\nRssAnon:\tx kB\nRssShmem:\t7 kB\n",
        "\nRssAnon:\t12 MB\nRssShmem:\t7 kB\n",
        "some",
        "some avg10=",
        "some avg10=1.2 avg60=0.00",
        "some avg10=1.23 avg60=4",
        "some avg10=100.01 avg60=0.00 \n",
        "some avg10=1.23 avg60=101.00 ",
        "some avg60=1.00 avg10=1.00",
        "full avg10=0.00 avg60=0.00",
        "some avg10=-1.00 avg60=0.00",
        "some avg10=1.00 avg60=2.00 avg300=3.00 total=4\nfull avg10=1.0"};
    struct hostd_proc_stat stat;
    struct hostd_proc_cpu cpu;
    struct hostd_proc_pressure pressure;
    uint64_t kib;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_test_message("%s", texts[i]);
        g_assert_false(hostd_procfs_stat(texts[i], &stat));
        g_assert_false(hostd_procfs_cpu(texts[i], &cpu));
        g_assert_false(hostd_procfs_held_kib(texts[i], &kib));
        g_assert_false(hostd_procfs_pressure(texts[i], &pressure));
    }
}

static void
test_vcpu_names(void)
{
    g_assert_true(hostd_procfs_is_vcpu("CPU 0/KVM"));
    g_assert_true(hostd_procfs_is_vcpu("CPU 63/TCG"));
    g_assert_false(hostd_procfs_is_vcpu("CPU /KVM"));
    g_assert_false(hostd_procfs_is_vcpu("CPU 1/KVMx"));
    g_assert_false(hostd_procfs_is_vcpu("CPU 1"));
    g_assert_false(hostd_procfs_is_vcpu("CPU 99999999999999999999/KVM"));
    g_assert_false(hostd_procfs_is_vcpu("IO mon_iothread"));
    g_assert_false(hostd_procfs_is_vcpu(""));
}

static void
test_host_files(void)
{
    struct hostd_proc_cpu cpu;
    struct hostd_proc_pressure pressure;
    uint64_t kib;

    g_assert_true(hostd_procfs_cpu("cpu  100 20 30 400 50 6 7 8 90 1\ncpu0 1 1", &cpu));
    g_assert_cmpuint(cpu.total, ==, 621);
    g_assert_cmpuint(cpu.busy, ==, 163);
    g_assert_cmpuint(cpu.stolen, ==, 8);
    g_assert_true(
        hostd_procfs_held_kib("Name:\tRssAnon:\nVmRSS:\t  999 kB\nRssAnon:\t     700 kB\n"
                              "RssFile:\t  99 kB\nRssShmem:\t      30 kB\nVmData:\t1 kB\n",
                              &kib));
    g_assert_cmpuint(kib, ==, 730);
    /* A kernel that has no "full" for processors. */
    g_assert_true(
        hostd_procfs_pressure("some avg10=9.45 avg60=17.60 avg300=0.00 total=5\n", &pressure));
    g_assert_cmpuint(pressure.some10, ==, 94);
    g_assert_cmpuint(pressure.some60, ==, 176);
    g_assert_false(pressure.has_full);
    g_assert_true(hostd_procfs_pressure("some avg10=100.00 avg60=0.09 avg300=0.00 total=5\n"
                                        "full avg10=12.50 avg60=3.00 avg300=0.00 total=1\n",
                                        &pressure));
    g_assert_cmpuint(pressure.some10, ==, 1000);
    g_assert_cmpuint(pressure.some60, ==, 0);
    g_assert_true(pressure.has_full);
    g_assert_cmpuint(pressure.full10, ==, 125);
    g_assert_cmpuint(pressure.full60, ==, 30);
}

static void
test_overhead_of_the_last_minute(void)
{
    struct hostd_meter meter = {0};
    unsigned value = 0;

    g_assert_false(hostd_meter_overhead(&meter, 1000 * S, 1, false, &value));
    hostd_meter_add(&meter, 1000 * S, HOSTD_METER_GUEST, 20 * S);
    hostd_meter_add(&meter, 1000 * S, HOSTD_METER_OTHER, 3 * S);
    g_assert_true(hostd_meter_overhead(&meter, 1000 * S, 1, false, &value));
    g_assert_cmpuint(value, ==, 150);
    hostd_meter_add(&meter, 1030 * S, HOSTD_METER_GUEST, 10 * S);
    hostd_meter_add(&meter, 1030 * S, HOSTD_METER_OTHER, 9 * S);
    g_assert_true(hostd_meter_overhead(&meter, 1059 * S, 1, false, &value));
    g_assert_cmpuint(value, ==, 400);
    /* The first ones are older than the window now. */
    g_assert_true(hostd_meter_overhead(&meter, 1060 * S, 1, false, &value));
    g_assert_cmpuint(value, ==, 900);
    g_assert_false(hostd_meter_overhead(&meter, 1090 * S, 1, false, &value));
    /* A slot that was used before begins anew. */
    hostd_meter_add(&meter, 1090 * S, HOSTD_METER_GUEST, 10 * S);
    g_assert_true(hostd_meter_overhead(&meter, 1090 * S, 1, false, &value));
    g_assert_cmpuint(value, ==, 0);
}

/* Idle guests, and no guests, give no figure. */
static void
test_small_base(void)
{
    struct hostd_meter meter = {0};
    unsigned value = 0;

    hostd_meter_add(&meter, 100 * S, HOSTD_METER_GUEST, 6 * S);
    hostd_meter_add(&meter, 100 * S, HOSTD_METER_OTHER, 6 * S);
    g_assert_false(hostd_meter_overhead(&meter, 100 * S, 0, false, &value));
    g_assert_true(hostd_meter_overhead(&meter, 100 * S, 2, false, &value));
    g_assert_cmpuint(value, ==, 1000);
    g_assert_false(hostd_meter_overhead(&meter, 100 * S, 3, false, &value));
    /* A figure that is there stays a little longer. */
    g_assert_true(hostd_meter_overhead(&meter, 100 * S, 5, true, &value));
    g_assert_false(hostd_meter_overhead(&meter, 100 * S, 6, true, &value));
    hostd_meter_add(&meter, 100 * S, HOSTD_METER_OTHER, 1000 * 6000 * S);
    g_assert_true(hostd_meter_overhead(&meter, 100 * S, 2, false, &value));
    g_assert_cmpuint(value, ==, HOSTD_METER_MAX);
}

static void
test_shares(void)
{
    struct hostd_meter meter = {0};
    unsigned value = 0;

    g_assert_false(hostd_meter_share(&meter, 100 * S, HOSTD_METER_BUSY, &value));
    hostd_meter_add(&meter, 100 * S, HOSTD_METER_TOTAL, 8 * S);
    hostd_meter_add(&meter, 100 * S, HOSTD_METER_BUSY, 6 * S);
    hostd_meter_add(&meter, 100 * S, HOSTD_METER_STOLEN, 9 * S);
    g_assert_true(hostd_meter_share(&meter, 100 * S, HOSTD_METER_BUSY, &value));
    g_assert_cmpuint(value, ==, 750);
    g_assert_true(hostd_meter_share(&meter, 100 * S, HOSTD_METER_STOLEN, &value));
    g_assert_cmpuint(value, ==, 1000);
}

/* The kernel of this machine writes what is read here. */
static void
test_this_machine(void)
{
    struct hostd_proc_stat stat;
    struct hostd_proc_cpu cpu;
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;
    struct rusage usage;
    uint64_t used;

    g_assert_true(g_file_get_contents("/proc/self/stat", &text, NULL, NULL));
    g_assert_true(hostd_procfs_stat(text, &stat));
    g_assert_cmpuint(stat.start_time, ==, vd_process_start_time(getpid()));
    getrusage(RUSAGE_SELF, &usage);
    used = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + 2) *
           (uint64_t)sysconf(_SC_CLK_TCK);
    g_assert_cmpuint(stat.used, <=, used);
    g_assert_cmpuint(stat.guest, ==, 0);
    g_assert_true(g_file_get_contents("/proc/stat", &line, NULL, NULL));
    g_assert_true(hostd_procfs_cpu(line, &cpu));
    g_assert_cmpuint(cpu.total, >, cpu.busy + cpu.stolen);
}

/* Uses so much processor time of this thread. */
static void
burn(int64_t us)
{
    struct timespec now;
    int64_t begin = 0;
    int64_t used;

    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        used = now.tv_sec * S + now.tv_nsec / 1000;
        begin = begin == 0 ? used : begin;
    } while (used < begin + us);
}

#define GUEST_MS 400
#define OTHER_MS 200
#define TICK_MS  20 /* that are not counted yet: one of each reading */

struct machine {
    struct hostd_running running;
    int orders, answers; /* a byte there, a round of work, a byte back */
};

static void
pass_byte(int from, int to)
{
    char byte;

    if (read(from, &byte, 1) != 1 || write(to, &byte, 1) != 1) {
        _exit(1);
    }
}

static int inner[2][2];

static void *
run_vcpu(void *data)
{
    char byte;

    (void)data;
    pthread_setname_np(pthread_self(), "CPU 0/TCG");
    while (read(inner[0][0], &byte, 1) == 1) {
        burn(GUEST_MS * 1000);
        if (write(inner[1][1], &byte, 1) != 1) {
            break;
        }
    }
    _exit(1);
}

/* What a machine looks like from outside: a thread for its guest, and others. */
static void
be_machine(int orders, int answers)
{
    pthread_t thread;

    if (pipe(inner[0]) < 0 || pipe(inner[1]) < 0 ||
        pthread_create(&thread, NULL, run_vcpu, NULL) != 0) {
        _exit(1);
    }
    for (;;) {
        pass_byte(orders, inner[0][1]);
        burn(OTHER_MS * 1000);
        pass_byte(inner[1][0], answers);
    }
}

static void
work(const struct machine *machine)
{
    char byte = 'x';

    g_assert_cmpint(write(machine->orders, &byte, 1), ==, 1);
    g_assert_cmpint(read(machine->answers, &byte, 1), ==, 1);
}

static void
start_machine(struct machine *ret)
{
    int fds[2][2];
    pid_t pid;

    g_assert_cmpint(pipe(fds[0]), ==, 0);
    g_assert_cmpint(pipe(fds[1]), ==, 0);
    pid = fork();
    if (pid == 0) {
        close(fds[0][1]);
        close(fds[1][0]);
        be_machine(fds[0][0], fds[1][1]);
    }
    close(fds[0][0]);
    close(fds[1][1]);
    *ret = (struct machine){.running = {.machine = {pid, vd_process_start_time(pid)},
                                        .accel = KVM_ACCEL_TCG,
                                        .cpu = 1,
                                        .memory_mb = 64,
                                        .ready = true},
                            .orders = fds[0][1],
                            .answers = fds[1][0]};
    work(ret); /* its threads have their names now */
}

static void
end_machine(struct machine *machine)
{
    pid_t pid = machine->running.machine.pid;

    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
    close(machine->orders);
    close(machine->answers);
}

/* A whole round: each process is looked at once. */
static json_t *
look(struct hostd_overhead *overhead, const struct hostd_running *running)
{
    int i;

    for (i = 0; i < HOSTD_METER_SLOT_S; i++) {
        hostd_overhead_note(overhead, running);
        hostd_overhead_tend(overhead);
    }
    return hostd_overhead_report(overhead);
}

static json_int_t
number(const json_t *report, const char *name)
{
    g_assert_true(json_is_integer(json_object_get(report, name)));
    return json_integer_value(json_object_get(report, name));
}

static void
test_processes_are_told_apart(void)
{
    struct hostd_overhead *overhead = hostd_overhead_new();
    struct machine machine;
    json_t *before;
    json_t *after;
    json_int_t guest;

    start_machine(&machine);
    before = look(overhead, &machine.running);
    g_assert_cmpint(number(before, "guest_ms"), ==, 0); /* from before it was seen */
    g_assert_cmpint(number(before, "guest_mb"), ==, 64);
    work(&machine);
    after = look(overhead, &machine.running);
    guest = number(after, "guest_ms");
    g_assert_cmpint(guest, >=, GUEST_MS - TICK_MS);
    g_assert_cmpint(guest, <, GUEST_MS + OTHER_MS);
    g_assert_cmpint(number(after, "other_ms") - number(before, "other_ms"), >=, OTHER_MS - TICK_MS);
    g_assert_true(json_is_null(json_object_get(after, "overhead"))); /* 0.4 s in a minute */
    json_decref(after);
    after = look(overhead, &machine.running);
    g_assert_cmpint(number(after, "guest_ms"), <=, guest + TICK_MS); /* nothing is counted twice */
    json_decref(after);
    end_machine(&machine);
    json_decref(look(overhead, &machine.running)); /* gone, and nobody has noticed */
    machine.running.machine.pid = 0;
    after = look(overhead, &machine.running);
    g_assert_cmpint(number(after, "guest_mb"), ==, 0);
    g_assert_cmpint(number(after, "guest_ms"), >=, GUEST_MS - TICK_MS);
    json_decref(after);
    json_decref(before);
    hostd_overhead_free(overhead);
}

/* The way to being ready is not counted, nor is a process that is another one by now. */
static void
test_starts_and_strangers(void)
{
    struct hostd_overhead *overhead = hostd_overhead_new();
    struct machine machine;
    json_t *report;

    start_machine(&machine);
    machine.running.ready = false;
    json_decref(look(overhead, &machine.running));
    work(&machine);
    report = look(overhead, &machine.running);
    g_assert_cmpint(number(report, "guest_ms"), ==, 0);
    json_decref(report);
    machine.running.ready = true;
    report = look(overhead, &machine.running);
    g_assert_cmpint(number(report, "guest_ms"), ==, 0);
    json_decref(report);
    work(&machine);
    report = look(overhead, &machine.running);
    g_assert_cmpint(number(report, "guest_ms"), >=, GUEST_MS - TICK_MS);
    json_decref(report);
    hostd_overhead_free(overhead);
    overhead = hostd_overhead_new();
    machine.running.machine.start_time--;
    json_decref(look(overhead, &machine.running));
    work(&machine);
    report = look(overhead, &machine.running);
    g_assert_cmpint(number(report, "guest_ms"), ==, 0);
    json_decref(report);
    hostd_overhead_free(overhead);
    end_machine(&machine);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/overhead/stat-of-a-thread", test_stat);
    g_test_add_func("/overhead/stat-cut-at-every-byte", test_stat_is_cut);
    g_test_add_func("/overhead/garbage-is-refused", test_garbage);
    g_test_add_func("/overhead/names-of-virtual-processors", test_vcpu_names);
    g_test_add_func("/overhead/files-of-the-host", test_host_files);
    g_test_add_func("/overhead/only-the-last-minute-counts", test_overhead_of_the_last_minute);
    g_test_add_func("/overhead/idle-guests-give-no-figure", test_small_base);
    g_test_add_func("/overhead/shares-of-all-processors", test_shares);
    g_test_add_func("/overhead/this-machine", test_this_machine);
    g_test_add_func("/overhead/processes-are-told-apart", test_processes_are_told_apart);
    g_test_add_func("/overhead/starts-and-strangers-are-not-counted", test_starts_and_strangers);
    return g_test_run();
}
