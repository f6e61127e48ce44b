/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relative motion, and places on a wall of several monitors. Both go over the monitor: the
 * displays' own roads for motion are shut while the guest has a tablet, and it is to have both;
 * their road for places knows one head's pixels only, which are too few steps for all of them.
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
describe(const char *type, const char *axis, int value)
{
    return json_pack("{s:s, s:{s:s, s:i}}", "type", type, "data", "axis", axis, "value", value);
}

static bool
send(struct kvm_machine *machine, const char *type, int x, int y, kvm_machine_moved_fn done,
     void *user_data)
{
    if (machine->moving || !kvm_machine_takes_display(machine)) {
        return false;
    }
    machine->moving = true;
    machine->moved = done;
    machine->moved_user_data = user_data;
    kvm_qmp_command(
        machine->qmp, "input-send-event",
        json_pack("{s:[o, o]}", "events", describe(type, "x", x), describe(type, "y", y)), -1,
        KVM_QMP_COMMAND_MS, on_moved, machine);
    return true;
}

bool
kvm_machine_move(struct kvm_machine *machine, int dx, int dy, kvm_machine_moved_fn done,
                 void *user_data)
{
    return send(machine, "rel", dx, dy, done, user_data);
}

bool
kvm_machine_point(struct kvm_machine *machine, int x, int y, kvm_machine_moved_fn done,
                  void *user_data)
{
    return send(machine, "abs", x, y, done, user_data);
}
