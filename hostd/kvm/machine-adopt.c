/* SPDX-License-Identifier: Apache-2.0 */
/* How a machine is taken up by a hostd that did not start it. */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/socket.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define UNFINISHED_MS 2000 /* that a process gets to end after SIGKILL */

/* Finds the process that was started and never written down. */
static bool
find_started(struct kvm_machine *machine)
{
    pid_t pid = kvm_machine_find_process(machine);

    if (pid > 0) {
        machine->record.process.pid = pid;
        machine->record.process.start_time = vd_process_start_time(pid);
        kvm_machine_set_stage(machine, KVM_STAGE_RUNNING, NULL);
    }
    return pid > 0;
}

static bool
socket_is_held(const struct kvm_machine *machine)
{
    int fd = kvm_socket_connect(machine->folder, KVM_QMP_SOCKET);
    bool held = fd != -ECONNREFUSED && fd != -ENOENT;

    vd_fd_clear(&fd);
    return held;
}

/* A record that was written before the start and never after it: was anything started? */
static bool
adopt_prepared(struct kvm_machine *machine)
{
    if (find_started(machine)) {
        return true;
    }
    if (!socket_is_held(machine)) {
        return false; /* so nobody was started */
    }
    machine->mismatch = machine->unfound = true;
    kvm_machine_set_text(machine, "something holds its control socket, its process is not found");
    return true;
}

/*
 * When the socket's holder was looked for it may have been between fork and exec, and known by
 * nothing; by now it is found, or has let go of the socket.
 */
void
kvm_machine_look_again(struct kvm_machine *machine)
{
    bool found = find_started(machine);

    if (!found && socket_is_held(machine)) {
        return;
    }
    machine->mismatch = machine->unfound = false;
    if (!found) {
        kvm_machine_ended(machine);
    } else if (kvm_machine_watch_process(machine)) {
        vd_notice("machine", "%s: found after all", machine->record.id);
        kvm_machine_connect(machine);
    }
}

/*
 * How far a fork had come when hostd was killed cannot be seen from outside: it may still be its
 * template. It is over in a second, so that it is made again rather than mended.
 */
static bool
end_unfinished(struct kvm_machine *machine)
{
    struct pollfd ended = {.events = POLLIN};
    bool gone;

    if (machine->mismatch || machine->record.stage != KVM_STAGE_RUNNING) {
        return false;
    }
    ended.fd = (int)syscall(SYS_pidfd_open, machine->record.process.pid, 0);
    if (ended.fd < 0 || !vd_process_is_alive(machine->record.process)) {
        vd_fd_clear(&ended.fd);
        return true;
    }
    vd_notice("machine", "%s: was not yet forked to its end, ending it", machine->record.id);
    (void)vd_launch_signal(machine->environment->launch, machine->record.slot,
                           machine->record.process, SIGKILL); /* the wait tells */
    gone = poll(&ended, 1, UNFINISHED_MS) > 0;
    vd_fd_clear(&ended.fd);
    return gone;
}

/*
 * Of one that was being woken: while its file is there its process has not run on, and may not any
 * more. The file is what counts; true when it is parked again.
 */
static bool
adopt_woken(struct kvm_machine *machine)
{
    struct kvm_record *record = &machine->record;

    if (!record->woken || record->ready || !kvm_machine_is_saved(machine) ||
        (record->stage != KVM_STAGE_PREPARED && record->stage != KVM_STAGE_RUNNING)) {
        return false;
    }
    if (record->process.pid == 0 && strcmp(record->boot_id, machine->environment->boot_id) == 0) {
        record->process.pid = kvm_machine_find_process(machine);
        record->process.start_time = vd_process_start_time(record->process.pid);
    }
    kvm_machine_set_stage(machine, KVM_STAGE_PARKED, NULL);
    return true;
}

/*
 * A record whose write was taken for failed says parked of a machine that went on: its file is gone
 * then, and nothing but its process has its memory.
 */
static void
adopt_unparked(struct kvm_machine *machine)
{
    if (machine->record.stage == KVM_STAGE_PARKED && machine->record.process.pid != 0 &&
        !kvm_machine_is_saved(machine)) {
        kvm_machine_set_stage(machine, KVM_STAGE_RUNNING, NULL);
    }
}

/* What is left of its process, if anything, was about to end and must. */
static void
adopt_parked(struct kvm_machine *machine)
{
    struct kvm_record *record = &machine->record;

    if (strcmp(record->boot_id, machine->environment->boot_id) != 0) {
        memset(&record->process, 0, sizeof(record->process));
    }
    if (record->process.pid != 0 && kvm_machine_watch_process(machine)) {
        vd_notice("machine", "%s: is parked, ending what is left of its process", record->id);
        kvm_machine_end_parked(machine);
    }
}

struct kvm_machine *
kvm_machine_adopt(const struct kvm_environment *environment, const char *id,
                  kvm_machine_changed_fn changed, void *user_data)
{
    struct kvm_machine *machine = kvm_machine_new(environment, id, changed, user_data);
    g_autoptr(GError) error = NULL;
    struct kvm_record record;

    vd_folder_sweep(machine->path);
    if (!kvm_record_read(&record, machine->path, &error)) {
        if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND)) {
            kvm_machine_free(machine);
            return NULL; /* the record comes before anything else */
        }
        machine->damaged = true;
        kvm_machine_set_text(machine, error->message);
        vd_error("machine", "%s: %s, leaving it alone", id, error->message);
        return machine;
    }
    kvm_record_clear(&machine->record);
    machine->record = record;
    kvm_machine_set_text(machine, record.text);
    if (strcmp(record.id, id) != 0) {
        machine->mismatch = true;
        kvm_machine_set_text(machine, "its record names another desktop");
        return machine;
    }
    (void)unlinkat(machine->folder, KVM_NEW_PARKED_FILE, 0); /* of a parking that nobody ends */
    adopt_unparked(machine);
    if (adopt_woken(machine) || machine->record.stage == KVM_STAGE_PARKED) {
        adopt_parked(machine);
        return machine;
    }
    if (record.stage == KVM_STAGE_GONE || record.stage == KVM_STAGE_STOPPED ||
        (record.stage == KVM_STAGE_FAILED && record.process.pid == 0)) {
        return machine;
    }
    if (strcmp(record.boot_id, environment->boot_id) != 0) {
        kvm_machine_ended(machine); /* no process survives its host */
        return machine;
    }
    if (machine->record.process.pid == 0 && !adopt_prepared(machine)) {
        if (record.kept && kvm_machine_has_disk(machine)) {
            kvm_machine_set_stage(machine, KVM_STAGE_STOPPED, NULL);
            return machine;
        }
        kvm_machine_free(machine);
        return NULL;
    }
    if (machine->record.forked && !machine->record.ready && end_unfinished(machine)) {
        kvm_machine_free(machine);
        return NULL;
    }
    if (!machine->mismatch && kvm_machine_watch_process(machine)) {
        kvm_machine_connect(machine);
        if (record.stage == KVM_STAGE_STOPPING) {
            kvm_machine_resume_stop(machine);
        }
    }
    return machine;
}
