/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/overhead.h"

#include <dirent.h>
#include <fcntl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hostd/kvm/spec.h"
#include "hostd/meter.h"
#include "hostd/procfs.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#define PATH_SIZE   64u
#define TEXT_SIZE   4096u /* of a file; what is wanted stands at its beginning */
#define US_PER_S    1000000u
#define US_PER_MS   1000u
#define KIB_PER_MIB 1024u

/* A machine or a streamer. */
struct process {
    struct vd_process id;
    unsigned vcpus; /* 0: a streamer */
    unsigned memory_mb;
    bool kvm, ready;
    unsigned turn;  /* the second of the slot in which it is looked at */
    bool seen;      /* in the walk under way */
    bool counted;   /* guest and other are where counting goes on from */
    uint64_t guest; /* ticks */
    uint64_t other;
    unsigned held_mb;
    unsigned tid_count;
    pid_t tids[KVM_SPEC_CPU_MAX]; /* of its virtual processors */
};

struct hostd_overhead {
    struct hostd_meter meter;
    GHashTable *processes; /* pid -> struct process, owned */
    uint64_t tick_us;      /* length of a clock tick */
    unsigned next_turn, tick;
    uint64_t own_us;
    unsigned vcpus; /* of the machines that are counted */
    bool told;      /* there is an overhead to tell */
    unsigned value;
    bool has_cpu;
    struct hostd_proc_cpu cpu;
    struct {
        bool known;
        struct hostd_proc_pressure value;
    } pressure[3];
};

static const char *const pressure_names[] = {"cpu", "memory", "io"};

/* The beginning of a file; false when it cannot be read. */
static bool
read_text(const char *path, char *ret_text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, ret_text, TEXT_SIZE - 1);

    vd_fd_clear(&fd);
    ret_text[size < 0 ? 0 : size] = '\0';
    return size > 0;
}

static bool
read_stat(pid_t pid, pid_t tid, struct hostd_proc_stat *ret)
{
    char path[PATH_SIZE];
    char text[TEXT_SIZE];

    if (tid == 0) {
        g_snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    } else {
        g_snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)pid, (int)tid);
    }
    return read_text(path, text) && hostd_procfs_stat(text, ret);
}

static unsigned
read_held_mb(pid_t pid)
{
    char path[PATH_SIZE];
    char text[TEXT_SIZE];
    uint64_t kib = 0;

    g_snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (!read_text(path, text) || !hostd_procfs_held_kib(text, &kib)) {
        return 0;
    }
    return (unsigned)MIN(kib / KIB_PER_MIB, (uint64_t)INT32_MAX);
}

/* CPU time of this process and of the tools that it ran. */
static uint64_t
own_us(void)
{
    static const int whose[] = {RUSAGE_SELF, RUSAGE_CHILDREN};
    uint64_t sum = 0;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(whose); i++) {
        struct rusage usage;

        if (getrusage(whose[i], &usage) == 0) {
            sum += (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_S +
                   (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        }
    }
    return sum;
}

struct hostd_overhead *
hostd_overhead_new(void)
{
    struct hostd_overhead *overhead = g_new0(struct hostd_overhead, 1);
    uint64_t ticks_s = (uint64_t)sysconf(_SC_CLK_TCK);

    overhead->processes = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    overhead->tick_us = US_PER_S / ticks_s;
    overhead->own_us = own_us();
    return overhead;
}

void
hostd_overhead_free(struct hostd_overhead *overhead)
{
    if (overhead != NULL) {
        g_hash_table_unref(overhead->processes);
        g_free(overhead);
    }
}

/* True once it has all of them; QEMU names its threads soon after it started. */
static bool
find_vcpus(struct process *process)
{
    char path[PATH_SIZE];
    struct hostd_proc_stat stat;
    struct dirent *entry;
    DIR *folder;

    if (process->tid_count == process->vcpus) {
        return true;
    }
    process->tid_count = 0;
    g_snprintf(path, sizeof(path), "/proc/%d/task", (int)process->id.pid);
    folder = opendir(path);
    while (folder != NULL && process->tid_count < process->vcpus &&
           (entry = readdir(folder)) != NULL) {
        pid_t tid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (tid > 0 && read_stat(process->id.pid, tid, &stat) && hostd_procfs_is_vcpu(stat.name)) {
            process->tids[process->tid_count++] = tid;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return process->tid_count == process->vcpus;
}

/* Ticks that its guest has had; false when they cannot be told. */
static bool
read_guest(struct process *process, uint64_t *ret)
{
    struct hostd_proc_stat stat;
    uint64_t ticks = 0;
    unsigned i;

    if (!find_vcpus(process)) {
        return false;
    }
    for (i = 0; i < process->tid_count; i++) {
        if (!read_stat(process->id.pid, process->tids[i], &stat)) {
            process->tid_count = 0;
            return false;
        }
        ticks += process->kvm ? stat.guest : stat.used;
    }
    *ret = ticks;
    return true;
}

static void
look_at(struct hostd_overhead *overhead, struct process *process, int64_t now_us)
{
    struct hostd_proc_stat stat;
    uint64_t guest = 0;
    uint64_t other;

    process->held_mb = read_held_mb(process->id.pid);
    if (!process->ready || !read_guest(process, &guest) || !read_stat(process->id.pid, 0, &stat) ||
        stat.start_time != process->id.start_time) {
        return; /* what it used is counted with the next look */
    }
    other = stat.used > guest ? stat.used - guest : 0;
    /* What was before, while it started or under an earlier hostd, is not of this minute. */
    if (!process->counted) {
        process->guest = guest;
        process->other = other;
        process->counted = true;
    }
    if (guest > process->guest) {
        hostd_meter_add(&overhead->meter, now_us, HOSTD_METER_GUEST,
                        (guest - process->guest) * overhead->tick_us);
        process->guest = guest;
    }
    if (other > process->other) {
        hostd_meter_add(&overhead->meter, now_us, HOSTD_METER_OTHER,
                        (other - process->other) * overhead->tick_us);
        process->other = other;
    }
}

static void
note(struct hostd_overhead *overhead, struct vd_process id, const struct hostd_running *running)
{
    struct process *process = g_hash_table_lookup(overhead->processes, GINT_TO_POINTER(id.pid));

    if (id.pid == 0) {
        return;
    }
    if (process == NULL || process->id.start_time != id.start_time) {
        process = g_new0(struct process, 1);
        process->id = id;
        process->vcpus = running == NULL ? 0 : MIN(running->cpu, KVM_SPEC_CPU_MAX);
        process->memory_mb = running == NULL ? 0 : running->memory_mb;
        process->kvm = running != NULL && running->accel == KVM_ACCEL_KVM;
        process->turn = overhead->next_turn++ % HOSTD_METER_SLOT_S;
        g_hash_table_replace(overhead->processes, GINT_TO_POINTER(id.pid), process);
    }
    process->ready = running == NULL || running->ready;
    process->seen = true;
}

void
hostd_overhead_note(struct hostd_overhead *overhead, const struct hostd_running *running)
{
    note(overhead, running->machine, running);
    note(overhead, running->streamer, NULL);
}

static void
look_at_processes(struct hostd_overhead *overhead, int64_t now_us)
{
    GHashTableIter iter;
    gpointer value;

    overhead->vcpus = 0;
    g_hash_table_iter_init(&iter, overhead->processes);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct process *process = value;

        if (!process->seen) {
            g_hash_table_iter_remove(&iter);
            continue;
        }
        process->seen = false;
        if (process->turn == overhead->tick % HOSTD_METER_SLOT_S) {
            look_at(overhead, process, now_us);
        }
        overhead->vcpus += process->counted ? process->vcpus : 0;
    }
}

static void
look_at_host(struct hostd_overhead *overhead, int64_t now_us)
{
    char text[TEXT_SIZE];
    struct hostd_proc_cpu cpu;

    if (read_text("/proc/stat", text) && hostd_procfs_cpu(text, &cpu)) {
        const struct hostd_proc_cpu *last = &overhead->cpu;

        if (overhead->has_cpu && cpu.total >= last->total && cpu.busy >= last->busy &&
            cpu.stolen >= last->stolen) {
            hostd_meter_add(&overhead->meter, now_us, HOSTD_METER_TOTAL,
                            (cpu.total - last->total) * overhead->tick_us);
            hostd_meter_add(&overhead->meter, now_us, HOSTD_METER_BUSY,
                            (cpu.busy - last->busy) * overhead->tick_us);
            hostd_meter_add(&overhead->meter, now_us, HOSTD_METER_STOLEN,
                            (cpu.stolen - last->stolen) * overhead->tick_us);
        }
        overhead->cpu = cpu;
        overhead->has_cpu = true;
    }
}

static void
look_at_pressure(struct hostd_overhead *overhead)
{
    char text[TEXT_SIZE];
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(pressure_names); i++) {
        char path[PATH_SIZE];

        g_snprintf(path, sizeof(path), "/proc/pressure/%s", pressure_names[i]);
        overhead->pressure[i].known =
            read_text(path, text) && hostd_procfs_pressure(text, &overhead->pressure[i].value);
    }
}

void
hostd_overhead_tend(struct hostd_overhead *overhead)
{
    int64_t now_us = vd_monotonic_us();
    uint64_t own;

    look_at_processes(overhead, now_us);
    if (overhead->tick % HOSTD_METER_SLOT_S == 0) {
        look_at_host(overhead, now_us);
    }
    look_at_pressure(overhead);
    own = own_us();
    hostd_meter_add(&overhead->meter, now_us, HOSTD_METER_OTHER, own - overhead->own_us);
    overhead->own_us = own;
    overhead->told = hostd_meter_overhead(&overhead->meter, now_us, overhead->vcpus, overhead->told,
                                          &overhead->value);
    overhead->tick++;
}

static void
set_number(json_t *json, const char *key, bool known, uint64_t value)
{
    json_object_set_new(json, key, known ? json_integer((json_int_t)value) : json_null());
}

static void
report_memory(const struct hostd_overhead *overhead, json_t *json)
{
    uint64_t guest_mb = 0;
    uint64_t other_mb = read_held_mb(getpid());
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, overhead->processes);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct process *process = value;

        guest_mb += process->memory_mb;
        other_mb +=
            process->held_mb > process->memory_mb ? process->held_mb - process->memory_mb : 0;
    }
    /* Of a guest that has not touched all that it was given, nothing is seen of what is beyond. */
    set_number(json, "guest_mb", true, guest_mb);
    set_number(json, "other_mb", true, other_mb);
}

json_t *
hostd_overhead_report(const struct hostd_overhead *overhead)
{
    static const struct {
        const char *some10, *some60, *full10, *full60;
    } names[] = {{"cpu_some10", "cpu_some60", NULL, NULL},
                 {"memory_some10", "memory_some60", "memory_full10", "memory_full60"},
                 {"io_some10", "io_some60", NULL, NULL}};
    const struct hostd_meter *meter = &overhead->meter;
    int64_t now_us = vd_monotonic_us();
    json_t *json = json_object();
    unsigned value = 0;
    bool known;
    size_t i;

    set_number(json, "guest_ms", true,
               hostd_meter_sum(meter, now_us, HOSTD_METER_GUEST) / US_PER_MS);
    set_number(json, "other_ms", true,
               hostd_meter_sum(meter, now_us, HOSTD_METER_OTHER) / US_PER_MS);
    report_memory(overhead, json);
    set_number(json, "overhead", overhead->told, overhead->value);
    known = hostd_meter_share(meter, now_us, HOSTD_METER_BUSY, &value);
    set_number(json, "busy", known, value);
    known = hostd_meter_share(meter, now_us, HOSTD_METER_STOLEN, &value);
    set_number(json, "steal", known, value);
    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        const struct hostd_proc_pressure *pressure = &overhead->pressure[i].value;

        known = overhead->pressure[i].known;
        set_number(json, names[i].some10, known, pressure->some10);
        set_number(json, names[i].some60, known, pressure->some60);
        if (names[i].full10 != NULL) {
            set_number(json, names[i].full10, known && pressure->has_full, pressure->full10);
            set_number(json, names[i].full60, known && pressure->has_full, pressure->full60);
        }
    }
    return json;
}
