/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a machine is parked: stopped, its memory and devices written to a file, ended. The record
 * decides: before it says PARKED a file is worth nothing and the machine goes on, after it the
 * process that is left must never run again. How it comes back is in machine-fork.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define FLUSH_MS    5000                  /* that a guest gets to write out what it holds */
#define SPARE_BYTES (UINT64_C(256) << 20) /* that the disk keeps for everybody else */
#define BYTES_MIB   (UINT64_C(1024) * 1024)
#define RETRY_US    (60 * G_USEC_PER_SEC) /* a guest that cannot be parked is let alone */
#define US_PER_MS   1000

/* What has to be on the disk before the record may count on it. */
struct settling {
    int state, disk, folder;
};

static void
settling_free(gpointer data)
{
    struct settling *settling = data;

    vd_fd_clear(&settling->state);
    vd_fd_clear(&settling->disk);
    vd_fd_clear(&settling->folder);
    g_free(settling);
}

static void
remove_state(struct kvm_machine *machine)
{
    (void)unlinkat(machine->folder, KVM_NEW_PARKED_FILE, 0); /* mostly there is none */
    (void)unlinkat(machine->folder, KVM_PARKED_FILE, 0);
}

bool
kvm_machine_is_saved(const struct kvm_machine *machine)
{
    return faccessat(machine->folder, KVM_PARKED_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int
kvm_machine_open_saved(const struct kvm_machine *machine)
{
    int fd = openat(machine->folder, KVM_PARKED_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd < 0 ? -errno : fd;
}

int
kvm_machine_forget_saved(const struct kvm_machine *machine)
{
    if (unlinkat(machine->folder, KVM_PARKED_FILE, 0) < 0 && errno != ENOENT) {
        return -errno;
    }
    return fsync(machine->folder) < 0 ? -errno : 0;
}

void
kvm_machine_drop_park(struct kvm_machine *machine)
{
    kvm_machine_drop_source(&machine->park.timer);
    vd_fd_clear(&machine->park.state_fd);
    if (machine->park.active) {
        kvm_machine_drop_saving(machine);
    }
    if (machine->park.cancellable != NULL) {
        g_cancellable_cancel(machine->park.cancellable);
        g_clear_object(&machine->park.cancellable);
    }
    machine->park.flushing = false;
    if (machine->park.active) {
        machine->park.active = false;
        kvm_machine_note_change(machine);
    }
}

void
kvm_machine_run_on(struct kvm_machine *machine)
{
    kvm_machine_drop_park(machine);
    remove_state(machine); /* its memory is about to be another one than the file's */
    if (machine->qmp_ready) {
        kvm_qmp_command(machine->qmp, "migrate_cancel", NULL, -1, KVM_QMP_COMMAND_MS, NULL, NULL);
        kvm_qmp_command(machine->qmp, "cont", NULL, -1, KVM_QMP_COMMAND_MS, NULL, NULL);
        if (machine->record.stage == KVM_STAGE_RUNNING) {
            kvm_machine_listen(machine);
            kvm_agent_introduce(machine->agent); /* its guest stood still when its line was cut */
        }
    }
}

/* It goes on as it was. */
static void
fail(struct kvm_machine *machine, const char *what, const char *text)
{
    g_autofree char *why = g_strdup_printf("cannot be parked: %s%s%s", what,
                                           text == NULL ? "" : ": ", text == NULL ? "" : text);

    vd_warning("machine", "%s: %s", machine->record.id, why);
    machine->park.failed_us = vd_monotonic_us();
    kvm_machine_run_on(machine);
    kvm_machine_set_text(machine, why);
}

static int
settle(const struct settling *settling)
{
    if (fsync(settling->state) < 0 || (settling->disk >= 0 && fsync(settling->disk) < 0)) {
        return -errno;
    }
    if (renameat(settling->folder, KVM_NEW_PARKED_FILE, settling->folder, KVM_PARKED_FILE) < 0 ||
        fsync(settling->folder) < 0) {
        return -errno;
    }
    return 0;
}

static void
run_settle(GTask *task, gpointer source G_GNUC_UNUSED, gpointer data,
           GCancellable *cancellable G_GNUC_UNUSED)
{
    g_task_return_int(task, settle(data));
}

static void
on_settled(GObject *source G_GNUC_UNUSED, GAsyncResult *result, gpointer user_data)
{
    struct kvm_machine *machine = user_data;
    g_autoptr(GError) error = NULL;
    gssize code = g_task_propagate_int(G_TASK(result), &error);

    if (error != NULL) {
        return; /* cancelled: machine may be freed memory */
    }
    if (code < 0) {
        fail(machine, "its memory cannot be written", strerror((int)-code));
        return;
    }
    vd_notice("machine", "%s: parked after %d ms", machine->record.id,
              (int)((vd_monotonic_us() - machine->park.begun_us) / US_PER_MS));
    kvm_machine_set_stage(machine, KVM_STAGE_PARKED, NULL);
    if (machine->unsaved) { /* a hostd after this one would let it run */
        machine->record.stage = KVM_STAGE_RUNNING;
        fail(machine, "its record cannot be written", NULL);
        return;
    }
    kvm_machine_end_parked(machine);
}

/*
 * A disk that is disposable is flushed by nobody while it is used. A parked one is to be there
 * after a restart of its host too, so that it is written out once, in a thread: that may take long.
 */
static void
begin_settling(struct kvm_machine *machine)
{
    g_autoptr(GTask) task = NULL;
    struct settling *settling = g_new0(struct settling, 1);

    settling->state = machine->park.state_fd;
    machine->park.state_fd = -1;
    settling->disk = openat(machine->folder, KVM_DISK_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    settling->folder = fcntl(machine->folder, F_DUPFD_CLOEXEC, 0);
    machine->park.cancellable = g_cancellable_new();
    task = g_task_new(NULL, machine->park.cancellable, on_settled, machine);
    g_task_set_task_data(task, settling, settling_free);
    g_task_run_in_thread(task, run_settle);
}

static void
on_saved(struct kvm_machine *machine, const char *text)
{
    if (text != NULL) {
        fail(machine, text, NULL);
    } else {
        begin_settling(machine);
    }
}

/* All of its memory is its own now, also of one that was forked. */
static void
save(struct kvm_machine *machine)
{
    machine->park.flushing = false;
    kvm_machine_drop_source(&machine->park.timer);
    /* A guest that sees nobody at its port says hello again to whoever comes next. */
    kvm_agent_free(machine->agent);
    machine->agent = NULL;
    kvm_machine_save_state(machine, machine->park.state_fd, true, on_saved);
}

void
kvm_machine_flushed(struct kvm_machine *machine)
{
    if (machine->park.active && machine->park.flushing) {
        save(machine);
    }
}

static gboolean
on_flush_timeout(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->park.timer = 0;
    vd_warning("machine", "%s: its guest does not write out what it holds, parked as it is",
               machine->record.id);
    save(machine);
    return G_SOURCE_REMOVE;
}

/* A desktop that ends while it is parked should miss nothing on its disk. */
static void
ask_flush(struct kvm_machine *machine)
{
    machine->park.flushing = true;
    machine->park.timer = g_timeout_add(FLUSH_MS, on_flush_timeout, machine);
    (void)kvm_agent_flush(machine->agent); /* the timer is the other way */
}

/* Its memory may all have to go there. */
static bool
has_room(const struct kvm_machine *machine)
{
    struct statvfs status;
    uint64_t wanted = machine->record.memory_mb * BYTES_MIB + SPARE_BYTES;

    return fstatvfs(machine->folder, &status) == 0 &&
           (uint64_t)status.f_bavail * status.f_frsize >= wanted;
}

/* NULL when it can be parked. */
static const char *
find_obstacle(const struct kvm_machine *machine)
{
    if (!kvm_machine_renews(machine)) {
        return "the agent in its image cannot take a new time, build the image anew";
    }
    return has_room(machine) ? NULL : "its host's disk has no room for its memory";
}

void
kvm_machine_park(struct kvm_machine *machine)
{
    const struct kvm_record *record = &machine->record;
    const char *obstacle;

    if (kvm_machine_state(machine) != KVM_STATE_READY || machine->park.active || record->held ||
        !machine->verified || !machine->qmp_ready || machine->account.busy ||
        (record->agent && !kvm_agent_has_greeted(machine->agent)) ||
        (machine->park.failed_us != 0 && vd_monotonic_us() - machine->park.failed_us < RETRY_US)) {
        return;
    }
    obstacle = find_obstacle(machine);
    if (obstacle == NULL) {
        machine->park.state_fd = openat(machine->folder, KVM_NEW_PARKED_FILE,
                                        O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        obstacle = machine->park.state_fd < 0 ? strerror(errno) : NULL;
    }
    if (obstacle != NULL) {
        machine->park.failed_us = vd_monotonic_us();
        vd_warning("machine", "%s: cannot be parked: %s", record->id, obstacle);
        kvm_machine_set_text(machine, obstacle);
        return;
    }
    vd_info("machine", "%s: parking", record->id);
    kvm_machine_fail_display(machine, "the machine is being parked");
    kvm_machine_drop_account(machine);
    machine->park.active = true;
    machine->park.begun_us = vd_monotonic_us();
    kvm_machine_note_change(machine);
    ask_flush(machine);
}
