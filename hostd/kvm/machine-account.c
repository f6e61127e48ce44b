/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signing a user in: her disk is plugged, then the guest's agent is told who she is. Each step asks
 * first what is there already, so that a hostd that was killed in between goes on where it was; the
 * agent answers a second order for the same user as it did the first.
 */
#include <errno.h>
#include <string.h>

#include "hostd/kvm/account.h"
#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/userdisk.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define DEVICE     "userdisk" /* in the machine */
#define NODE       "user"     /* in its block layer */
#define SERIAL     "vedette-user"
#define DISK_SET   16 /* above those of the machine's own disks */
#define DISK_FILE  "/dev/fdset/16"
#define SIGN_IN_MS 90000 /* that a guest gets to open a session, without KVM too */
#define AGAIN_MS   3000  /* after something that may be over soon */

static void
finish(struct kvm_machine *machine)
{
    machine->account.busy = false;
    kvm_machine_drop_source(&machine->account.timer);
}

static const char *
name_of(const struct kvm_machine *machine)
{
    return kvm_account_name(machine->account.wanted);
}

static void put_off(struct kvm_machine *machine, const char *format, ...) G_GNUC_PRINTF(2, 3);

static gboolean
on_timer(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->account.timer = 0;
    if (kvm_machine_is_waking(machine)) {
        machine->account.busy = false;
        kvm_machine_fork(machine);
    } else if (machine->account.asked) {
        put_off(machine, "its guest did not open the session of '%s' in time", name_of(machine));
    } else {
        machine->account.busy = false;
        kvm_machine_mind_account(machine);
    }
    return G_SOURCE_REMOVE;
}

/* Busy until then, and after it tried again. */
static void
arm(struct kvm_machine *machine, unsigned ms)
{
    kvm_machine_drop_source(&machine->account.timer);
    machine->account.timer = g_timeout_add(ms, on_timer, machine);
}

/* What the user reads while she waits; it is tried again. */
static void
put_off(struct kvm_machine *machine, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (g_strcmp0(machine->text, text) != 0) {
        vd_warning("machine", "%s: %s", machine->record.id, text);
        kvm_machine_set_text(machine, text);
        kvm_machine_note_change(machine);
    }
    machine->account.asked = false;
    arm(machine, AGAIN_MS);
}

static void
order_sign_in(struct kvm_machine *machine)
{
    unsigned left_out = 0;
    g_autofree char *order = kvm_account_order(machine->account.wanted, &left_out);

    if (left_out > 0) {
        vd_warning("machine", "%s: %u groups of '%s' cannot be had in a guest", machine->record.id,
                   left_out, kvm_account_name(machine->account.wanted));
    }
    if (!kvm_agent_signs_in(machine->agent)) {
        put_off(machine,
                "'%s' cannot sign in: the image's agent does not know how, build the image anew",
                name_of(machine));
    } else if (!kvm_agent_sign_in(machine->agent, order)) {
        put_off(machine, "'%s' cannot sign in yet: there is no line to the guest's agent",
                name_of(machine));
    } else {
        machine->account.asked = true;
        arm(machine, SIGN_IN_MS);
    }
}

/* The guest of a machine that wakes knows her: with her disk in its place it gets its memory back.
 */
static void
tell_guest(struct kvm_machine *machine)
{
    if (kvm_machine_is_waking(machine)) {
        finish(machine);
        kvm_machine_load(machine);
    } else {
        order_sign_in(machine);
    }
}

static void
on_plugged(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        put_off(machine, "the disk of '%s' cannot be plugged: %s", name_of(machine), text);
        return;
    }
    vd_notice("machine", "%s: the disk of '%s' is plugged", machine->record.id,
              kvm_account_name(machine->account.wanted));
    tell_guest(machine);
}

static void
plug(struct kvm_machine *machine)
{
    kvm_qmp_command(machine->qmp, "device_add",
                    json_pack("{s:s, s:s, s:s, s:s, s:s}", "driver", "scsi-hd", "id", DEVICE, "bus",
                              "scsi.0", "drive", NODE, "serial", SERIAL),
                    -1, KVM_QMP_COMMAND_MS, on_plugged, machine);
}

static void
on_block_added(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        put_off(machine, "the disk of '%s' cannot be opened: %s", name_of(machine), text);
    } else {
        plug(machine);
    }
}

/* The lock that QEMU takes on the file itself is the second one; the first came with the fd. */
static void
on_fd_added(struct kvm_qmp *qmp, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        put_off(machine, "the disk of '%s' cannot be handed over: %s", name_of(machine), text);
        return;
    }
    kvm_qmp_command(qmp, "blockdev-add",
                    json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:s, s:s, s:s}}", "driver", "raw",
                              "node-name", NODE, "discard", "unmap", "detect-zeroes", "unmap",
                              "file", "driver", "file", "filename", DISK_FILE, "locking", "on",
                              "discard", "unmap"),
                    -1, KVM_QMP_COMMAND_MS, on_block_added, machine);
}

/* Another desktop, parked, that has her disk mounted in its memory; no lock of a process says so.
 */
static const char *
parked_with(const struct kvm_machine *machine, const char *user)
{
    const struct kvm_environment *environment = machine->environment;
    const char *id =
        environment->parked_with == NULL
            ? NULL
            : environment->parked_with(machine->record.pool, user, environment->user_data);

    return g_strcmp0(id, machine->record.id) == 0 ? NULL : id;
}

static void
open_disk(struct kvm_machine *machine)
{
    const char *user = kvm_account_name(machine->account.wanted);
    const char *holder = parked_with(machine, user);
    int fd = holder != NULL
                 ? -EBUSY
                 : kvm_userdisk_open(machine->environment->userdisks, machine->record.pool, user,
                                     kvm_account_disk_mb(machine->account.wanted));

    if (holder != NULL) {
        put_off(machine, "the files of '%s' are open in the parked desktop %s", user, holder);
        return;
    }
    if (fd == -EBUSY) {
        put_off(machine, "the files of '%s' are still in use by another desktop", user);
        return;
    }
    if (fd < 0) {
        put_off(machine, "the disk of '%s' cannot be opened: %s", user, strerror(-fd));
        return;
    }
    kvm_qmp_command(machine->qmp, "add-fd", json_pack("{s:i}", "fdset-id", DISK_SET), fd,
                    KVM_QMP_COMMAND_MS, on_fd_added, machine);
    vd_fd_clear(&fd);
}

static void
on_nodes(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    bool found = false;
    size_t i;

    for (i = 0; i < json_array_size(result) && !found; i++) {
        found =
            g_strcmp0(json_string_value(json_object_get(json_array_get(result, i), "node-name")),
                      NODE) == 0;
    }
    if (result == NULL) {
        put_off(machine, "the disk of '%s' cannot be plugged: %s", name_of(machine), text);
    } else if (found) {
        plug(machine);
    } else {
        open_disk(machine);
    }
}

static void
on_device(struct kvm_qmp *qmp, json_t *result, const char *text G_GNUC_UNUSED, void *user_data)
{
    if (result != NULL) {
        tell_guest(user_data); /* plugged by a hostd before this one, or before the guest's reset */
    } else {
        kvm_qmp_command(qmp, "query-named-block-nodes", json_pack("{s:b}", "flat", 1), -1,
                        KVM_QMP_COMMAND_MS, on_nodes, user_data);
    }
}

static void
ask_device(struct kvm_machine *machine)
{
    kvm_qmp_command(
        machine->qmp, "qom-get",
        json_pack("{s:s, s:s}", "path", "/machine/peripheral/" DEVICE, "property", "type"), -1,
        KVM_QMP_COMMAND_MS, on_device, machine);
}

/* From now on its guest holds what must be written out before it ends; that is on disk first. */
static bool
note_disk(struct kvm_machine *machine)
{
    if (machine->record.userdisk) {
        return true;
    }
    machine->record.userdisk = true;
    if (!kvm_machine_save(machine)) {
        machine->record.userdisk = false;
    }
    return machine->record.userdisk;
}

void
kvm_machine_mind_account(struct kvm_machine *machine)
{
    if (machine->account.wanted == NULL || machine->account.busy || machine->account.in ||
        !machine->record.ready || machine->record.held || !kvm_machine_takes_display(machine) ||
        (machine->record.agent && !kvm_agent_has_greeted(machine->agent))) {
        return;
    }
    machine->account.busy = true;
    machine->account.asked = false;
    if (!machine->record.agent) {
        put_off(machine, "'%s' cannot sign in: the image has no agent", name_of(machine));
        return;
    }
    if (kvm_account_disk_mb(machine->account.wanted) == 0) {
        tell_guest(machine);
    } else if (!note_disk(machine)) {
        put_off(machine, "the disk of '%s' waits: the host cannot write its records",
                name_of(machine));
    } else {
        ask_device(machine);
    }
}

void
kvm_machine_sign_in(struct kvm_machine *machine, const json_t *account)
{
    if (account == NULL || !kvm_account_is_good(account) ||
        json_equal(machine->account.wanted, (json_t *)(uintptr_t)account)) {
        return;
    }
    if (machine->account.wanted != NULL &&
        strcmp(kvm_account_name(machine->account.wanted), kvm_account_name(account)) != 0) {
        vd_error("machine", "%s: is '%s's and never anybody else's", machine->record.id,
                 kvm_account_name(machine->account.wanted));
        return;
    }
    json_decref(machine->account.wanted);
    machine->account.wanted = json_deep_copy(account);
    kvm_machine_mind_account(machine);
}

void
kvm_machine_plug_again(struct kvm_machine *machine)
{
    if (machine->account.busy) {
        return;
    }
    machine->account.busy = true;
    machine->account.asked = false;
    if (machine->account.wanted == NULL) {
        put_off(machine, "it is not said whose disk it had");
        return;
    }
    ask_device(machine);
}

bool
kvm_machine_is_signed_in(const struct kvm_machine *machine)
{
    return machine->account.in;
}

void
kvm_machine_greeted(struct kvm_machine *machine)
{
    machine->account.in = false; /* its guest may have started anew */
    finish(machine);
    kvm_machine_mind_account(machine);
}

void
kvm_machine_signed_in(struct kvm_machine *machine, const json_t *answer)
{
    const char *state = json_string_value(json_object_get(answer, "state"));
    const char *text = json_string_value(json_object_get(answer, "text"));
    const char *name = json_string_value(json_object_get(answer, "name"));
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    if (!machine->account.asked ||
        g_strcmp0(name, kvm_account_name(machine->account.wanted)) != 0) {
        return;
    }
    if (g_strcmp0(state, "ready") == 0) {
        machine->account.in = true;
        machine->account.asked = false;
        finish(machine);
        vd_notice("machine", "%s: '%s' is signed in", machine->record.id, name);
        kvm_machine_set_text(machine, NULL);
        kvm_machine_note_change(machine);
    } else {
        put_off(machine, "the guest does not open a session for '%s': %s", name,
                vd_log_quote(quoted, sizeof(quoted), text != NULL ? text : "",
                             text != NULL ? strlen(text) : 0));
    }
}

void
kvm_machine_drop_account(struct kvm_machine *machine)
{
    machine->account.in = machine->account.asked = false;
    finish(machine);
}
