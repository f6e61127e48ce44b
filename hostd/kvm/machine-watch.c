/* SPDX-License-Identifier: Apache-2.0 */
/* Watching a running machine: its process, its monitor, its agent, its display. */
#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/socket.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define RETRY_MS        500
#define US_PER_MS       1000
#define HEALTH_MS       5000
#define SILENT_ATTEMPTS 3 /* failed connections until a machine counts as silent */
#define MAX_CMDLINE     (64u * 1024u)

static gboolean
on_process_exit(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    /* After the monitor's last words, which say why it ends. */
    machine->exit_source = 0;
    kvm_machine_ended(machine);
    return G_SOURCE_REMOVE;
}

bool
kvm_machine_watch_process(struct kvm_machine *machine)
{
    struct vd_process process = machine->record.process;

    machine->pidfd = (int)syscall(SYS_pidfd_open, process.pid, 0);
    /* The descriptor first, then the start time: now it cannot be another process. */
    if (machine->pidfd < 0 || !vd_process_is_alive(process)) {
        kvm_machine_ended(machine);
        return false;
    }
    /* After the monitor's last words, which say why it ends. */
    machine->exit_source = g_unix_fd_add_full(G_PRIORITY_DEFAULT + 10, machine->pidfd, G_IO_IN,
                                              on_process_exit, machine, NULL);
    return true;
}

/* True when the process carries the machine's uuid in its arguments. */
static bool
has_uuid(const char *pid, const char *uuid)
{
    g_autofree char *path = g_build_filename("/proc", pid, "cmdline", NULL);
    char *data = NULL;
    size_t size, at = 0;
    bool found = false;

    if (vd_file_read(path, MAX_CMDLINE, &data, &size) < 0) {
        return false;
    }
    while (at < size && !found) {
        found = strcmp(data + at, "-uuid") == 0 && at + strlen("-uuid") + 1 < size &&
                strcmp(data + at + strlen("-uuid") + 1, uuid) == 0;
        at += strlen(data + at) + 1;
    }
    free(data);
    return found;
}

pid_t
kvm_machine_find_process(struct kvm_machine *machine)
{
    GDir *processes = g_dir_open("/proc", 0, NULL); /* without /proc nothing is found */
    const char *name;
    pid_t pid = 0;

    while (processes != NULL && pid == 0 && (name = g_dir_read_name(processes)) != NULL) {
        if (g_ascii_isdigit(name[0]) && has_uuid(name, machine->record.uuid)) {
            pid = (pid_t)g_ascii_strtoll(name, NULL, 10);
        }
    }
    if (processes != NULL) {
        g_dir_close(processes);
    }
    return pid;
}

void
kvm_machine_became_ready(struct kvm_machine *machine)
{
    kvm_machine_drop_source(&machine->boot_deadline);
    if (machine->record.ready || machine->record.stage != KVM_STAGE_RUNNING) {
        return;
    }
    machine->record.ready = true;
    if (machine->begun_us != 0) {
        vd_notice("machine", "%s: ready after %d ms", machine->record.id,
                  (int)((vd_monotonic_us() - machine->begun_us) / US_PER_MS));
    } else {
        vd_notice("machine", "%s: ready", machine->record.id);
    }
    kvm_machine_set_text(machine, NULL);
    (void)kvm_machine_save(machine);
    kvm_machine_note_change(machine);
    kvm_machine_mind_account(machine);
}

static gboolean
on_boot_deadline(gpointer user_data)
{
    struct kvm_machine *machine = user_data;
    g_autofree char *tail = kvm_machine_log_tail(machine);
    g_autofree char *text = g_strdup_printf("its guest was not ready within %u s; %s",
                                            machine->environment->boot_ms / 1000, tail);

    machine->boot_deadline = 0;
    vd_error("machine", "%s: %s", machine->record.id, text);
    kvm_machine_set_stage(machine, KVM_STAGE_FAILED, text);
    return G_SOURCE_REMOVE;
}

void
kvm_machine_arm_boot_deadline(struct kvm_machine *machine)
{
    if (machine->boot_deadline == 0 && !machine->record.ready) {
        machine->boot_deadline =
            g_timeout_add(machine->environment->boot_ms, on_boot_deadline, machine);
    }
}

static void
on_agent_ready(struct kvm_agent *agent G_GNUC_UNUSED, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if ((machine->record.forked || machine->record.woken) && !machine->record.ready) {
        kvm_machine_renew(machine); /* so far it is a copy of its template, or what it was */
    } else {
        kvm_machine_became_ready(machine);
    }
}

static void
on_agent_identity(struct kvm_agent *agent G_GNUC_UNUSED, const json_t *answer, void *user_data)
{
    kvm_machine_renewed(user_data, answer);
}

static void
on_agent_synced(struct kvm_agent *agent G_GNUC_UNUSED, void *user_data)
{
    kvm_machine_synced(user_data);
}

static void
on_agent_hello(struct kvm_agent *agent G_GNUC_UNUSED, void *user_data)
{
    kvm_machine_greeted(user_data);
}

static void
on_agent_account(struct kvm_agent *agent G_GNUC_UNUSED, const json_t *answer, void *user_data)
{
    kvm_machine_signed_in(user_data, answer);
}

static const struct kvm_agent_events agent_events = {.hello = on_agent_hello,
                                                     .ready = on_agent_ready,
                                                     .identity = on_agent_identity,
                                                     .account = on_agent_account,
                                                     .synced = on_agent_synced};

bool
kvm_machine_renews(const struct kvm_machine *machine)
{
    return machine->agent != NULL && kvm_agent_renews(machine->agent);
}

void
kvm_machine_listen(struct kvm_machine *machine)
{
    if (machine->agent == NULL) {
        machine->agent = kvm_agent_new(machine->folder, KVM_AGENT_SOCKET, &agent_events, machine);
    }
    kvm_machine_arm_boot_deadline(machine);
}

void
kvm_machine_disconnect(struct kvm_machine *machine)
{
    kvm_machine_fail_display(machine, "the machine cannot be reached now");
    kvm_machine_drop_source(&machine->retry);
    kvm_machine_drop_source(&machine->health);
    kvm_machine_drop_source(&machine->fork_poll);
    kvm_machine_drop_saving(machine);
    kvm_qmp_free(machine->qmp);
    machine->qmp = NULL;
    machine->qmp_ready = false;
    kvm_machine_lose_freeze(machine);
    kvm_machine_drop_park(machine); /* if it stands still, that is seen when it is back */
    kvm_machine_fail_motion(machine);
    kvm_machine_drop_account(machine);
    kvm_agent_free(machine->agent);
    machine->agent = NULL;
}

static gboolean
on_retry(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->retry = 0;
    kvm_machine_connect(machine);
    return G_SOURCE_REMOVE;
}

/* The monitor did not answer as it should: try again, and say so when it lasts. */
static void
monitor_failed(struct kvm_machine *machine, const char *text)
{
    kvm_machine_disconnect(machine);
    if (machine->freeze.whole) {
        return; /* it was told to quit */
    }
    machine->attempts++;
    vd_debug("machine", "%s: monitor: %s", machine->record.id, text);
    /* A machine that was asked something and said nothing has had its time already. */
    if (!machine->silent && machine->record.stage == KVM_STAGE_RUNNING &&
        (machine->verified || machine->attempts >= SILENT_ATTEMPTS || machine->record.ready)) {
        g_autofree char *why = g_strdup_printf("the machine does not answer: %s", text);

        machine->silent = true;
        vd_warning("machine", "%s: %s, leaving it alone", machine->record.id, why);
        kvm_machine_set_text(machine, why);
        kvm_machine_note_change(machine);
    }
    machine->retry = g_timeout_add(RETRY_MS, on_retry, machine);
}

static void
mismatch(struct kvm_machine *machine, const char *what)
{
    g_autofree char *text =
        g_strdup_printf("the machine that answers has another %s than its record", what);

    vd_error("machine", "%s: %s, leaving it alone", machine->record.id, text);
    kvm_machine_disconnect(machine);
    kvm_machine_drop_source(&machine->stop_timer);
    kvm_machine_drop_source(&machine->boot_deadline);
    machine->mismatch = true;
    kvm_machine_set_text(machine, text);
    kvm_machine_note_change(machine);
}

/* Nobody wants it to: its parking was given up, by a hostd before this one or by ours. */
static bool
stands_still(const struct kvm_machine *machine, const char *status)
{
    static const char *const still[] = {"paused", "postmigrate", "finish-migrate", NULL};

    return status != NULL && g_strv_contains(still, status) && machine->record.ready &&
           machine->record.stage == KVM_STAGE_RUNNING && !machine->record.held &&
           !machine->park.active && machine->freeze.done == NULL;
}

static void
on_health(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    const char *status = json_string_value(json_object_get(result, "status"));

    if (result == NULL) {
        monitor_failed(machine, text);
    } else if (g_strcmp0(status, "io-error") == 0) {
        kvm_machine_hold(machine); /* nobody was listening when it happened */
    } else if (stands_still(machine, status)) {
        vd_notice("machine", "%s: stands still for no reason, goes on", machine->record.id);
        kvm_machine_run_on(machine);
    }
}

static gboolean
ask_health(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    kvm_qmp_command(machine->qmp, "query-status", NULL, -1, KVM_QMP_COMMAND_MS, on_health, machine);
    return G_SOURCE_CONTINUE;
}

/* Everything matches: from now on this machine is ours. */
static void
verified(struct kvm_machine *machine)
{
    bool was_silent = machine->silent;

    machine->verified = true;
    machine->silent = false;
    machine->attempts = 0;
    if (was_silent) {
        kvm_machine_set_text(machine, machine->record.text);
    }
    kvm_machine_note_change(machine);
    if (machine->health == 0) {
        machine->health = g_timeout_add(HEALTH_MS, ask_health, machine);
    }
    if (machine->record.stage != KVM_STAGE_RUNNING) {
        return;
    }
    if (!machine->record.agent) {
        kvm_machine_became_ready(machine);
        return;
    }
    if ((machine->record.forked || machine->record.woken) && !machine->record.ready) {
        kvm_machine_fork(machine);
    } else {
        kvm_machine_listen(machine);
    }
    if (machine->record.ready) {
        (void)ask_health(machine); /* a hostd that was killed may have been parking it */
    }
}

static void
on_name(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    g_autofree char *name = kvm_spec_machine_name(machine->record.id, machine->record.run_epoch);

    if (result == NULL) {
        monitor_failed(machine, text);
    } else if (g_strcmp0(json_string_value(json_object_get(result, "name")), name) != 0) {
        mismatch(machine, "name or epoch");
    } else {
        verified(machine);
    }
}

static void
on_uuid(struct kvm_qmp *qmp, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (result == NULL) {
        monitor_failed(machine, text);
    } else if (g_strcmp0(json_string_value(json_object_get(result, "UUID")),
                         machine->record.uuid) != 0) {
        mismatch(machine, "uuid");
    } else {
        kvm_qmp_command(qmp, "query-name", NULL, -1, KVM_QMP_COMMAND_MS, on_name, machine);
    }
}

static void
on_ready(struct kvm_qmp *qmp, void *user_data)
{
    struct kvm_machine *machine = user_data;

    machine->qmp_ready = true;
    kvm_qmp_command(qmp, "query-uuid", NULL, -1, KVM_QMP_COMMAND_MS, on_uuid, machine);
}

static void
on_event(struct kvm_qmp *qmp G_GNUC_UNUSED, const char *name, json_t *data, void *user_data)
{
    struct kvm_machine *machine = user_data;

    if (strcmp(name, "SHUTDOWN") == 0 &&
        g_strcmp0(json_string_value(json_object_get(data, "reason")), "guest-shutdown") == 0) {
        machine->switched_off = true;
    }
    if (strcmp(name, "BLOCK_IO_ERROR") == 0 && json_is_true(json_object_get(data, "nospace"))) {
        kvm_machine_hold(machine);
    }
}

static void
on_closed(struct kvm_qmp *qmp G_GNUC_UNUSED, const char *text, void *user_data)
{
    monitor_failed(user_data, text);
}

static const struct kvm_qmp_events qmp_events = {on_ready, on_event, on_closed};

void
kvm_machine_connect(struct kvm_machine *machine)
{
    machine->qmp = kvm_qmp_new(kvm_socket_connect(machine->folder, KVM_QMP_SOCKET),
                               KVM_QMP_GREETING_MS, &qmp_events, machine);
}

bool
kvm_machine_type(struct kvm_machine *machine, const char *text)
{
    return kvm_agent_type(machine->agent, text);
}

void
kvm_machine_place(struct kvm_machine *machine, const char *places)
{
    kvm_agent_place(machine->agent, places);
}

bool
kvm_machine_takes_display(const struct kvm_machine *machine)
{
    return machine->verified && machine->qmp_ready && machine->record.stage == KVM_STAGE_RUNNING &&
           !machine->park.active;
}

void
kvm_machine_cancel_display(struct kvm_machine *machine)
{
    machine->display_done = NULL;
    kvm_machine_drop_source(&machine->display_refusal);
    vd_fd_clear(&machine->display_fd);
}

static void
finish_display(struct kvm_machine *machine, const char *text)
{
    kvm_machine_display_fn done = machine->display_done;
    void *user_data = machine->display_user_data;

    kvm_machine_cancel_display(machine);
    if (done != NULL) {
        done(text, user_data);
    }
}

void
kvm_machine_fail_display(struct kvm_machine *machine, const char *text)
{
    if (machine->display_done != NULL) {
        finish_display(machine, text);
    }
}

static void
on_display_added(struct kvm_qmp *qmp G_GNUC_UNUSED, json_t *result, const char *text,
                 void *user_data)
{
    finish_display(user_data, result == NULL ? text : NULL);
}

/* Who holds the socket was decided by us: SPICE has no password to ask for. */
static json_t *
describe_client(const struct kvm_machine *machine, const char *name)
{
    if (machine->record.display == KVM_DISPLAY_DBUS) {
        return json_pack("{s:s, s:s}", "protocol", "@dbus-display", "fdname", name);
    }
    return json_pack("{s:s, s:s, s:b}", "protocol", "spice", "fdname", name, "skipauth", 1);
}

static void
on_display_sent(struct kvm_qmp *qmp, json_t *result, const char *text, void *user_data)
{
    struct kvm_machine *machine = user_data;
    char name[32];

    if (result == NULL || machine->display_done == NULL) {
        finish_display(machine, text != NULL ? text : "nobody waits for it any more");
        return;
    }
    vd_fd_clear(&machine->display_fd);
    g_snprintf(name, sizeof(name), "display-%u", machine->display_count);
    kvm_qmp_command(qmp, "add_client", describe_client(machine, name), -1, KVM_QMP_COMMAND_MS,
                    on_display_added, machine);
}

static gboolean
refuse_display(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->display_refusal = 0;
    finish_display(machine, "the machine takes no display now");
    return G_SOURCE_REMOVE;
}

void
kvm_machine_display(struct kvm_machine *machine, int fd, kvm_machine_display_fn done,
                    void *user_data)
{
    char name[32];

    kvm_machine_cancel_display(machine);
    machine->display_done = done;
    machine->display_user_data = user_data;
    machine->display_fd = fd;
    if (!kvm_machine_takes_display(machine)) {
        machine->display_refusal = g_idle_add(refuse_display, machine);
        return;
    }
    g_snprintf(name, sizeof(name), "display-%u", ++machine->display_count);
    kvm_qmp_command(machine->qmp, "getfd", json_pack("{s:s}", "fdname", name), machine->display_fd,
                    KVM_QMP_COMMAND_MS, on_display_sent, machine);
}
