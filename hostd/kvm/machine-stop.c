/* SPDX-License-Identifier: Apache-2.0 */
/* How a machine ends: by order, step by step, or by itself. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/trash.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define KILL_AGAIN_MS 5000
#define MS_PER_MINUTE 60000
#define SYNC_MS       5000 /* that a guest gets to write out what it holds */

static gboolean on_stop_timeout(gpointer user_data);

static void
arm(struct kvm_machine *machine, unsigned ms)
{
    kvm_machine_drop_source(&machine->stop_timer);
    machine->stop_timer = g_timeout_add(ms, on_stop_timeout, machine);
}

/*
 * Signals go to the process whose pid, start time and boot were recorded; launch compares uid and
 * start time once more.
 */
static void
kill_it(struct kvm_machine *machine)
{
    int result = vd_launch_signal(machine->environment->launch, machine->record.slot,
                                  machine->record.process, SIGKILL);

    machine->stop_step = KVM_STOP_KILL;
    if (result < 0 && result != -ESRCH) {
        g_autofree char *text = g_strdup_printf("cannot be killed: %s", strerror(-result));

        vd_error("machine", "%s: %s", machine->record.id, text);
        kvm_machine_set_text(machine, text);
    }
    arm(machine, KILL_AGAIN_MS);
}

static void
tell_quit(struct kvm_machine *machine)
{
    if (!machine->qmp_ready || !machine->verified) {
        kill_it(machine);
        return;
    }
    machine->stop_step = KVM_STOP_QUIT;
    kvm_qmp_command(machine->qmp, "quit", NULL, -1, KVM_QMP_COMMAND_MS, NULL, NULL);
    arm(machine, machine->environment->quit_ms);
}

static void
ask_shutdown(struct kvm_machine *machine)
{
    if (!machine->qmp_ready || !machine->verified) {
        kill_it(machine);
        return;
    }
    machine->stop_step = KVM_STOP_SHUTDOWN;
    (void)kvm_agent_power_off(machine->agent); /* the power button is the other way */
    kvm_qmp_command(machine->qmp, "system_powerdown", NULL, -1, KVM_QMP_COMMAND_MS, NULL, NULL);
    arm(machine, machine->environment->shutdown_ms);
}

/* What only the guest's memory holds would be missing on a disk that somebody wants back. */
static void
ask_sync(struct kvm_machine *machine)
{
    if (!machine->record.ready) {
        tell_quit(machine);
        return;
    }
    if (!kvm_agent_sync(machine->agent)) {
        ask_shutdown(machine); /* slower, and as good */
        return;
    }
    machine->stop_step = KVM_STOP_SYNC;
    arm(machine, SYNC_MS);
}

void
kvm_machine_synced(struct kvm_machine *machine)
{
    if (machine->stop_step == KVM_STOP_SYNC) {
        tell_quit(machine);
    } else {
        kvm_machine_flushed(machine);
    }
}

static gboolean
on_stop_timeout(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->stop_timer = 0;
    switch (machine->stop_step) {
    case KVM_STOP_NONE: /* adopted while it was being stopped; its monitor has had its time */
    case KVM_STOP_SYNC:
        vd_warning("machine", "%s: its guest does not write out what it holds", machine->record.id);
        ask_shutdown(machine);
        break;
    case KVM_STOP_SHUTDOWN:
        tell_quit(machine);
        break;
    case KVM_STOP_QUIT:
        vd_warning("machine", "%s: does not quit, killing it", machine->record.id);
        kill_it(machine);
        break;
    case KVM_STOP_KILL:
        kvm_machine_set_text(machine, "was killed and does not end");
        kill_it(machine);
        break;
    }
    return G_SOURCE_REMOVE;
}

void
kvm_machine_end_parked(struct kvm_machine *machine)
{
    tell_quit(machine);
}

void
kvm_machine_resume_stop(struct kvm_machine *machine)
{
    arm(machine, machine->environment->quit_ms);
}

/* Somebody had it, and may want to have it back. */
static bool
goes_to_trash(const struct kvm_machine *machine)
{
    const struct kvm_record *record = &machine->record;

    return !record->resting && record->user != NULL && record->keep_ms > 0 &&
           machine->environment->trash != NULL && kvm_machine_has_disk(machine);
}

void
kvm_machine_stop(struct kvm_machine *machine, bool polite, bool resting)
{
    enum kvm_stage stage = machine->record.stage;

    if (machine->damaged || machine->mismatch || stage == KVM_STAGE_GONE ||
        (stage == KVM_STAGE_STOPPED && resting)) {
        return; /* nothing may or need be done */
    }
    if (stage == KVM_STAGE_STOPPING) {
        if (machine->record.resting && !resting) { /* it is to go for good after all */
            machine->record.resting = false;
            (void)kvm_machine_save(machine); /* says so itself, and is tried again */
        }
        return;
    }
    vd_notice("machine", "%s: stopping%s%s", machine->record.id,
              polite || resting ? ", its guest is shut down first" : "",
              resting ? ", its disk is kept" : "");
    kvm_machine_drop_source(&machine->boot_deadline);
    kvm_machine_fail_display(machine, "the machine is being stopped");
    if (machine->park.active) {
        kvm_machine_run_on(machine); /* so that its guest can write out what it holds */
    }
    machine->record.resting = resting;
    kvm_machine_set_stage(machine, KVM_STAGE_STOPPING, NULL);
    if (machine->pidfd < 0) {
        if (machine->cancellable != NULL) {
            g_cancellable_cancel(machine->cancellable);
            g_clear_object(&machine->cancellable);
        }
        kvm_machine_ended(machine);
    } else if (polite || resting) {
        ask_shutdown(machine);
    } else if (goes_to_trash(machine) || machine->record.userdisk) {
        ask_sync(machine);
    } else {
        tell_quit(machine);
    }
}

/* What nobody needs any more; the record stays until the broker has taken note. */
static void
remove_files(struct kvm_machine *machine)
{
    static const char *const names[] = {KVM_DISK_FILE,     KVM_MIDDLE_FILE, KVM_NEW_DISK_FILE,
                                        KVM_IDENTITY_FILE, KVM_QMP_SOCKET,  KVM_RESCUE_SOCKET,
                                        KVM_AGENT_SOCKET,  KVM_PARKED_FILE, KVM_NEW_PARKED_FILE};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        if (unlinkat(machine->folder, names[i], 0) < 0 && errno != ENOENT) {
            vd_warning("machine", "%s: cannot remove its %s: %s", machine->record.id, names[i],
                       strerror(errno));
        }
    }
}

/* False when its disk could not be moved: then nothing is removed, and it is tried again. */
static bool
move_to_trash(struct kvm_machine *machine)
{
    int result = kvm_trash_put(machine->environment->trash, &machine->record, machine->path);

    if (result < 0) {
        g_autofree char *text =
            g_strdup_printf("its disk cannot be moved to the trash: %s", strerror(-result));

        vd_error("machine", "%s: %s", machine->record.id, text);
        kvm_machine_set_text(machine, text);
        return false;
    }
    vd_notice("machine", "%s: its disk is in the trash for %d min", machine->record.id,
              (int)(machine->record.keep_ms / MS_PER_MINUTE));
    return true;
}

static void
say_why(struct kvm_machine *machine, bool same_boot)
{
    g_autofree char *tail = kvm_machine_log_tail(machine);
    g_autofree char *text = NULL;

    if (machine->record.stage == KVM_STAGE_FAILED) {
        text = g_strdup(machine->record.text); /* the first reason is the better one */
    } else if (!same_boot) {
        text = g_strdup("its host was restarted");
    } else {
        text = g_strdup_printf("the machine ended by itself; %s", tail);
    }
    vd_error("machine", "%s: %s", machine->record.id, text);
    kvm_machine_set_stage(machine, KVM_STAGE_FAILED, text);
}

void
kvm_machine_ended(struct kvm_machine *machine)
{
    bool same_boot = strcmp(machine->record.boot_id, machine->environment->boot_id) == 0;

    kvm_machine_disconnect(machine);
    kvm_machine_drop_source(&machine->exit_source);
    kvm_machine_drop_source(&machine->stop_timer);
    kvm_machine_drop_source(&machine->boot_deadline);
    vd_fd_clear(&machine->pidfd);
    machine->silent = false;
    memset(&machine->record.process, 0, sizeof(machine->record.process));
    if (kvm_machine_freeze_ended(machine)) {
        return;
    }
    if (machine->record.stage == KVM_STAGE_PARKED) {
        machine->stop_step = KVM_STOP_NONE;
        (void)kvm_machine_save(machine); /* says so itself, and is tried again */
        kvm_machine_note_change(machine);
        return;
    }
    if ((machine->record.stage == KVM_STAGE_STOPPING && machine->record.resting) ||
        (machine->record.stage != KVM_STAGE_STOPPING && machine->switched_off &&
         machine->record.kept)) {
        machine->record.ready = false;
        (void)kvm_machine_forget_saved(machine); /* of one that was waking; it boots now */
        vd_notice("machine", "%s: stopped%s", machine->record.id,
                  machine->switched_off ? ", switched off by its guest" : "");
        kvm_machine_set_stage(machine, KVM_STAGE_STOPPED, NULL);
    } else if (machine->record.stage == KVM_STAGE_STOPPING || machine->switched_off) {
        if (goes_to_trash(machine) && !move_to_trash(machine)) {
            return;
        }
        remove_files(machine);
        vd_notice("machine", "%s: gone%s", machine->record.id,
                  machine->switched_off ? ", switched off by its guest" : "");
        kvm_machine_set_stage(machine, KVM_STAGE_GONE,
                              machine->switched_off && machine->stop_step == KVM_STOP_NONE
                                  ? "it was switched off from inside"
                                  : NULL);
    } else {
        say_why(machine, same_boot);
    }
}
