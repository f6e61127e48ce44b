/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to a machine when the disk is full: whoever writes much is stopped as it is while
 * there is a little left for everything else; whoever found none was stopped by QEMU
 * (werror=enospc). Both go on when there is room.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "hostd/kvm/machine-private.h"
#include "protocol/base/log.h"

#define BLOCK_BYTES 512u            /* of st_blocks */
#define MUCH_BYTES  (1024u * 1024u) /* between two looks */
#define HELD_TEXT   "stands still until its host's disk has room for what it writes"

bool
kvm_machine_is_held(const struct kvm_machine *machine)
{
    return machine->record.held;
}

void
kvm_machine_hold(struct kvm_machine *machine)
{
    if (machine->record.held || machine->record.stage != KVM_STAGE_RUNNING) {
        return;
    }
    machine->record.held = true;
    vd_warning("machine", "%s: %s", machine->record.id, HELD_TEXT);
    kvm_machine_set_text(machine, HELD_TEXT);
    (void)kvm_machine_save(machine); /* without room it is remembered as long as we live */
    kvm_machine_note_change(machine);
}

static void
on_held(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text G_GNUC_UNUSED,
        void *user_data)
{
    if (result != NULL) {
        kvm_machine_hold(user_data);
    }
}

static void
on_freed(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        vd_warning("machine", "%s: does not go on: %s", machine->record.id, text);
        return; /* it is tried again */
    }
    machine->record.held = false;
    vd_notice("machine", "%s: goes on", machine->record.id);
    kvm_machine_set_text(machine, NULL);
    (void)kvm_machine_save(machine); /* says so itself, and is tried again */
    kvm_machine_note_change(machine);
}

/* Bytes of its disk since the last look. */
static uint64_t
grown(struct kvm_machine *machine)
{
    struct stat status;
    uint64_t before = machine->disk_bytes;

    if (fstatat(machine->folder, KVM_DISK_FILE, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return 0;
    }
    machine->disk_bytes = (uint64_t)status.st_blocks * BLOCK_BYTES;
    return before == 0 || machine->disk_bytes < before ? 0 : machine->disk_bytes - before;
}

void
kvm_machine_mind_room(struct kvm_machine *machine, enum kvm_room room)
{
    uint64_t bytes = grown(machine);

    if (!machine->qmp_ready || !machine->verified || machine->record.stage != KVM_STAGE_RUNNING ||
        !machine->record.ready || machine->park.active) {
        return;
    }
    if (machine->record.held && room == KVM_ROOM_ENOUGH) {
        kvm_qmp_command(machine->qmp, "cont", NULL, -1, KVM_QMP_COMMAND_MS, on_freed, machine);
    } else if (!machine->record.held && room == KVM_ROOM_NONE && bytes >= MUCH_BYTES) {
        kvm_qmp_command(machine->qmp, "stop", NULL, -1, KVM_QMP_COMMAND_MS, on_held, machine);
    }
}
