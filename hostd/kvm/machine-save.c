/* SPDX-License-Identifier: Apache-2.0 */
/* How a machine is stopped and its state written to a file, for a template or to be parked. */
#include "hostd/kvm/machine-private.h"
#include "protocol/base/fd.h"

#define STATE_NAME "saved-state"
#define POLL_MS    20
#define SAVE_MS    30000              /* that each step may last, on a busy host */
#define BANDWIDTH  (INT64_C(1) << 34) /* bytes a second: as fast as the file takes it */
#define CAPABILITY "x-ignore-shared"

void
kvm_machine_drop_saving(struct kvm_machine *machine)
{
    kvm_machine_drop_source(&machine->saving.timer);
    machine->saving.done = NULL;
}

static void
finish(struct kvm_machine *machine, const char *what, const char *text)
{
    kvm_machine_saved_fn done = machine->saving.done;
    g_autofree char *why =
        what == NULL ? NULL : g_strdup_printf("%s: %s", what, text != NULL ? text : "unknown");

    kvm_machine_drop_saving(machine);
    done(machine, why); /* may free machine */
}

static gboolean ask_saving(gpointer user_data);

static void
on_saving(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    const char *status = json_string_value(json_object_get(result, "status"));
    const char *why = json_string_value(json_object_get(result, "error-desc"));

    if (machine->saving.done == NULL) {
        return;
    }
    if (result == NULL) {
        finish(machine, "it does not say how the saving of its state goes", text);
    } else if (g_strcmp0(status, "completed") == 0) {
        finish(machine, NULL, NULL);
    } else if (g_strcmp0(status, "failed") == 0 || g_strcmp0(status, "cancelled") == 0) {
        finish(machine, "its state cannot be saved", why != NULL ? why : status);
    } else {
        machine->saving.timer = g_timeout_add(POLL_MS, ask_saving, machine);
    }
}

static gboolean
ask_saving(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->saving.timer = 0;
    kvm_qmp_command(machine->qmp, "query-migrate", NULL, -1, SAVE_MS, on_saving, machine);
    return G_SOURCE_REMOVE;
}

static void
on_begun(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (machine->saving.done != NULL && result == NULL) {
        finish(machine, "its state cannot be saved", text);
    } else if (machine->saving.done != NULL) {
        (void)ask_saving(machine);
    }
}

/* The steps before the last go out together; only a refusal is of interest. */
static void
on_step(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (machine->saving.done != NULL && result == NULL) {
        finish(machine, "its engine refuses", text);
    }
}

void
kvm_machine_save_state(struct kvm_machine *machine, int fd, bool with_memory,
                       kvm_machine_saved_fn done)
{
    struct kvm_qmp *qmp = machine->qmp;
    json_t *capability = json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", CAPABILITY,
                                   "state", (int)!with_memory);

    kvm_machine_drop_saving(machine);
    machine->saving.done = done;
    kvm_qmp_command(qmp, "stop", NULL, -1, KVM_QMP_COMMAND_MS, on_step, machine);
    kvm_qmp_command(qmp, "migrate-set-capabilities", capability, -1, KVM_QMP_COMMAND_MS, on_step,
                    machine);
    kvm_qmp_command(qmp, "migrate-set-parameters",
                    json_pack("{s:I}", "max-bandwidth", (json_int_t)BANDWIDTH), -1,
                    KVM_QMP_COMMAND_MS, on_step, machine);
    kvm_qmp_command(qmp, "getfd", json_pack("{s:s}", "fdname", STATE_NAME), fd, KVM_QMP_COMMAND_MS,
                    on_step, machine);
    kvm_qmp_command(qmp, "migrate", json_pack("{s:s}", "uri", "fd:" STATE_NAME), -1, SAVE_MS,
                    on_begun, machine);
}
