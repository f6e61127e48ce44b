/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relative motion. It goes over the monitor: the displays' own roads for it are shut while the
 * guest has a tablet, and it is to have both.
 */
#include "hostd/kvm/machine-private.h"
#include "protocol/base/log.h"

void
kvm_machine_cancel_motion(struct kvm_machine *machine)
{
    machine->moved = NULL;
}

static void
finish(struct kvm_machine *machine)
{
    kvm_machine_moved_fn moved = machine->moved;

    machine->moving = false;
    machine->moved = NULL;
    if (moved != NULL) {
        moved(machine->moved_user_data);
    }
}

void
kvm_machine_fail_motion(struct kvm_machine *machine)
{
    if (machine->moving) {
        finish(machine);
    }
}

static void
on_moved(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        vd_debug("machine", "%s: motion: %s", machine->record.id, text);
    }
    finish(machine);
}

static json_t *
describe(const char *axis, int value)
{
    return json_pack("{s:s, s:{s:s, s:i}}", "type", "rel", "data", "axis", axis, "value", value);
}

bool
kvm_machine_move(struct kvm_machine *machine, int dx, int dy, kvm_machine_moved_fn done,
                 void *user_data)
{
    if (machine->moving || !kvm_machine_takes_display(machine)) {
        return false;
    }
    machine->moving = true;
    machine->moved = done;
    machine->moved_user_data = user_data;
    kvm_qmp_command(machine->qmp, "input-send-event",
                    json_pack("{s:[o, o]}", "events", describe("x", dx), describe("y", dy)), -1,
                    KVM_QMP_COMMAND_MS, on_moved, machine);
    return true;
}
