/* SPDX-License-Identifier: Apache-2.0 */
/* How a machine becomes a template: quiet, stopped, written down, ended. */
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define LOOK_MS     500
#define QUIET_LOOKS 4  /* in a row */
#define QUIET_SHARE 20 /* per cent of one processor; an emulated idle desktop takes some */
#define PATIENCE_US (90 * G_USEC_PER_SEC) /* then it is frozen as it is */
#define MAX_STAT    4096u
#define UTIME_FIELD 11 /* fields after the name in /proc/PID/stat, see proc(5) */

void
kvm_machine_drop_freeze(struct kvm_machine *machine)
{
    kvm_machine_drop_source(&machine->freeze.timer);
    vd_fd_clear(&machine->freeze.state_fd);
    machine->freeze.done = NULL;
}

/* text is NULL when the template is whole. */
static void
finish(struct kvm_machine *machine, const char *text)
{
    kvm_machine_frozen_fn done = machine->freeze.done;
    void *user_data = machine->freeze.user_data;

    kvm_machine_drop_freeze(machine);
    if (done != NULL) {
        done(text, user_data); /* may free machine */
    }
}

/* Processor time that it has had, in clock ticks; 0 when that cannot be seen. */
static uint64_t
processor_ticks(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
    g_auto(GStrv) fields = NULL;
    char *text = NULL;
    const char *rest;
    size_t size;
    uint64_t ticks = 0;

    if (vd_file_read(path, MAX_STAT, &text, &size) < 0) {
        return 0;
    }
    rest = strrchr(text, ')');
    fields = g_strsplit(rest == NULL ? "" : rest + 2, " ", UTIME_FIELD + 3);
    if (g_strv_length(fields) > UTIME_FIELD + 1) {
        ticks = g_ascii_strtoull(fields[UTIME_FIELD], NULL, 10) +
                g_ascii_strtoull(fields[UTIME_FIELD + 1], NULL, 10);
    }
    free(text);
    return ticks;
}

static void
on_quit(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result G_GNUC_UNUSED,
        const char *text G_GNUC_UNUSED, void *user_data G_GNUC_UNUSED)
{
    /* Its end is what counts, and that is seen at its process. */
}

static void
on_saved(struct kvm_machine *machine, const char *text)
{
    if (text != NULL) {
        finish(machine, text);
        return;
    }
    machine->freeze.whole = true;
    kvm_qmp_command(machine->qmp, "quit", NULL, -1, KVM_QMP_COMMAND_MS, on_quit, machine);
}

/* A desktop that has just appeared still starts things; each fork would start them again. */
static gboolean
look(gpointer user_data)
{
    struct kvm_machine *machine = user_data;
    uint64_t ticks = processor_ticks(machine->record.process.pid);
    uint64_t most = (uint64_t)sysconf(_SC_CLK_TCK) * LOOK_MS * QUIET_SHARE / 100 / 1000;

    machine->freeze.quiet = ticks - machine->freeze.ticks <= most ? machine->freeze.quiet + 1 : 0;
    machine->freeze.ticks = ticks;
    if (machine->freeze.quiet < QUIET_LOOKS &&
        vd_monotonic_us() - machine->freeze.begun_us < PATIENCE_US) {
        return G_SOURCE_CONTINUE;
    }
    if (!machine->qmp_ready) {
        return G_SOURCE_CONTINUE; /* the monitor comes back, or the machine ends */
    }
    machine->freeze.timer = 0;
    machine->freeze.stopped = true;
    if (machine->freeze.quiet < QUIET_LOOKS) {
        vd_warning("machine", "%s: its guest does not come to rest, frozen as it is",
                   machine->record.id);
    }
    kvm_machine_save_state(machine, machine->freeze.state_fd, false, on_saved);
    return G_SOURCE_REMOVE;
}

void
kvm_machine_freeze(struct kvm_machine *machine, int state_fd, kvm_machine_frozen_fn done,
                   void *user_data)
{
    kvm_machine_drop_freeze(machine);
    /* A guest that sees nobody at its port says hello again to whoever comes next. */
    kvm_agent_free(machine->agent);
    machine->agent = NULL;
    machine->freeze.state_fd = state_fd;
    machine->freeze.done = done;
    machine->freeze.user_data = user_data;
    machine->freeze.quiet = 0;
    machine->freeze.stopped = false;
    machine->freeze.ticks = processor_ticks(machine->record.process.pid);
    machine->freeze.begun_us = vd_monotonic_us();
    machine->freeze.timer = g_timeout_add(LOOK_MS, look, machine);
}

static gboolean
on_lost(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->freeze.timer = 0;
    if (machine->record.stage == KVM_STAGE_RUNNING) { /* of an end its owner hears anyway */
        finish(machine, "its state cannot be saved: its monitor was lost meanwhile");
    }
    return G_SOURCE_REMOVE;
}

void
kvm_machine_lose_freeze(struct kvm_machine *machine)
{
    if (machine->freeze.done != NULL && machine->freeze.stopped && !machine->freeze.whole) {
        kvm_machine_drop_source(&machine->freeze.timer);
        machine->freeze.timer = g_timeout_add(0, on_lost, machine);
    }
}

bool
kvm_machine_freeze_ended(struct kvm_machine *machine)
{
    if (machine->freeze.done == NULL || !machine->freeze.whole) {
        return false;
    }
    kvm_machine_set_stage(machine, KVM_STAGE_GONE, NULL);
    finish(machine, NULL);
    return true;
}
