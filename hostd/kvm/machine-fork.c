/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a machine takes the state of another one: a fork its template's, to become somebody of its
 * own, and one that was parked its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/identity.h"
#include "hostd/kvm/machine-private.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define STATE_NAME    "template-state"
#define POLL_MS       5
#define MAX_RENEWALS  4
#define LOAD_MS       30000 /* that each step may last, on a busy host */
#define US_PER_MS     1000
#define CAPABILITY    "x-ignore-shared"
#define INCOMING_WORD "inmigrate"

static void
fail(struct kvm_machine *machine, const char *what, const char *text)
{
    g_autofree char *why =
        g_strdup_printf("cannot be %s: %s%s%s", machine->record.woken ? "brought back" : "forked",
                        what, text == NULL ? "" : ": ", text == NULL ? "" : text);

    vd_error("machine", "%s: %s", machine->record.id, why);
    kvm_machine_drop_source(&machine->boot_deadline);
    kvm_machine_drop_source(&machine->fork_poll);
    kvm_machine_set_stage(machine, KVM_STAGE_FAILED, why);
}

static void
on_running(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        fail(machine, "it does not run on", text);
        return;
    }
    vd_info("machine", "%s: runs after %d ms", machine->record.id,
            (int)((vd_monotonic_us() - machine->begun_us) / US_PER_MS));
    kvm_machine_listen(machine);
}

static gboolean ask_status(gpointer user_data);

/*
 * It has the state. One that was parked runs only after its file is gone for good: were both there,
 * an older memory could one day meet a newer disk.
 */
static void
run_on(struct kvm_machine *machine)
{
    int gone = machine->record.woken ? kvm_machine_forget_saved(machine) : 0;

    if (gone < 0) {
        fail(machine, "its file cannot be removed", strerror(-gone));
    } else {
        kvm_qmp_command(machine->qmp, "cont", NULL, -1, LOAD_MS, on_running, machine);
    }
}

static void
on_status(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    const char *status = json_string_value(json_object_get(result, "status"));

    if (machine->record.stage != KVM_STAGE_RUNNING) {
        return;
    }
    if (result == NULL) {
        fail(machine, "it does not say how it is", text);
    } else if (g_strcmp0(status, INCOMING_WORD) == 0) {
        machine->fork_poll = g_timeout_add(POLL_MS, ask_status, machine);
    } else {
        run_on(machine);
    }
}

/* One question at a time: a machine that is slow to answer is not asked once more. */
static gboolean
ask_status(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->fork_poll = 0;
    kvm_qmp_command(machine->qmp, "query-status", NULL, -1, LOAD_MS, on_status, machine);
    return G_SOURCE_REMOVE;
}

static void
on_incoming(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        fail(machine, "it does not take the state", text);
    } else if (machine->record.stage == KVM_STAGE_RUNNING) {
        (void)ask_status(machine);
    }
}

static void
on_state_sent(struct kvm_qmp *qmp, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        fail(machine, "it does not take the file of the state", text);
        return;
    }
    kvm_qmp_command(qmp, "migrate-incoming", json_pack("{s:s}", "uri", "fd:" STATE_NAME), -1,
                    LOAD_MS, on_incoming, machine);
}

/* A descriptor, or a negative errno. */
static int
open_state(const struct kvm_machine *machine)
{
    int fd;

    if (machine->record.woken) {
        return kvm_machine_open_saved(machine);
    }
    fd = open(machine->fork_state, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static void
on_capability(struct kvm_qmp *qmp, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    int fd;

    if (result == NULL) {
        fail(machine, "this engine cannot share memory with a template", text);
        return;
    }
    fd = open_state(machine);
    if (fd < 0) {
        fail(machine, "the file of its state does not open", strerror(-fd));
        return;
    }
    kvm_qmp_command(qmp, "getfd", json_pack("{s:s}", "fdname", STATE_NAME), fd, LOAD_MS,
                    on_state_sent, machine);
    vd_fd_clear(&fd);
}

/* The machine itself says how far it is, so that a lost connection loses nothing else. */
static void
on_progress(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        fail(machine, "it does not say whether it has the state", text);
    } else if (json_object_get(result, "status") != NULL) {
        (void)ask_status(machine); /* the state is on its way, or in */
    } else if (machine->record.woken && machine->record.userdisk) {
        kvm_machine_plug_again(machine);
    } else {
        kvm_machine_load(machine);
    }
}

bool
kvm_machine_is_waking(const struct kvm_machine *machine)
{
    return machine->record.woken && !machine->record.ready && kvm_machine_is_saved(machine);
}

void
kvm_machine_load(struct kvm_machine *machine)
{
    kvm_qmp_command(machine->qmp, "migrate-set-capabilities",
                    json_pack("{s:[{s:s, s:b}]}", "capabilities", "capability", CAPABILITY, "state",
                              (int)!machine->record.woken),
                    -1, LOAD_MS, on_capability, machine);
}

void
kvm_machine_fork(struct kvm_machine *machine)
{
    kvm_machine_arm_boot_deadline(machine);
    kvm_qmp_command(machine->qmp, "query-migrate", NULL, -1, LOAD_MS, on_progress, machine);
}

void
kvm_machine_renew(struct kvm_machine *machine)
{
    const struct kvm_record *record = &machine->record;
    g_autofree char *order = record->woken
                                 ? kvm_identity_wake_order()
                                 : kvm_identity_order(record->id, record->uuid, record->network);

    machine->renewals++;
    if (!kvm_agent_identify(machine->agent, order)) {
        fail(machine, "its guest cannot be told who it is", NULL);
    }
}

/* What people and tests compare between desktops. */
static void
keep_answer(const struct kvm_machine *machine, const json_t *answer)
{
    g_autofree char *path = g_build_filename(machine->path, KVM_IDENTITY_FILE, NULL);
    char *line = json_dumps(answer, JSON_INDENT(1));

    if (line == NULL || vd_file_replace(path, line, strlen(line), 0600) < 0) {
        vd_warning("machine", "%s: cannot write %s", machine->record.id, KVM_IDENTITY_FILE);
    }
    free(line);
}

void
kvm_machine_renewed(struct kvm_machine *machine, const json_t *answer)
{
    const struct kvm_record *record = &machine->record;
    g_autofree char *text =
        record->woken ? kvm_identity_check_awake(answer)
                      : kvm_identity_check(answer, record->id, record->uuid, record->network);

    if ((!record->forked && !record->woken) || record->ready ||
        record->stage != KVM_STAGE_RUNNING) {
        return; /* nobody asked */
    }
    if (text != NULL && machine->renewals < MAX_RENEWALS) {
        vd_info("machine", "%s: %s, told again", machine->record.id, text);
        kvm_machine_renew(machine); /* on a busy host the time was old when it got there */
        return;
    }
    if (text != NULL) {
        fail(machine, text, NULL);
        return;
    }
    keep_answer(machine, answer);
    kvm_machine_became_ready(machine);
    if (record->woken) {
        kvm_agent_introduce(machine->agent);
    }
}

void
kvm_machine_drop_fork(struct kvm_machine *machine)
{
    vd_fd_clear(&machine->ram_fd);
    g_free(machine->fork_state);
    g_free(machine->fork_disk);
}
