/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/spec.h"
#include "hostd/kvm/trash.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define LOG_MAX       (1024 * 1024) /* bytes of a machine's own words that are kept */
#define LOG_TAIL_SIZE 512

void
kvm_machine_drop_source(guint *source)
{
    if (*source != 0) {
        g_source_remove(*source);
        *source = 0;
    }
}

static gboolean
tell_owner(gpointer user_data)
{
    struct kvm_machine *machine = user_data;

    machine->change = 0;
    machine->changed(machine, machine->user_data);
    return G_SOURCE_REMOVE;
}

void
kvm_machine_note_change(struct kvm_machine *machine)
{
    if (machine->change == 0) {
        machine->change = g_idle_add(tell_owner, machine);
    }
}

void
kvm_machine_set_text(struct kvm_machine *machine, const char *text)
{
    if (g_strcmp0(machine->text, text) != 0) {
        g_free(machine->text);
        machine->text = g_strdup(text);
        kvm_machine_note_change(machine);
    }
}

bool
kvm_machine_save(struct kvm_machine *machine)
{
    int result = kvm_record_write(&machine->record, machine->path);

    if (result < 0 && !machine->unsaved) {
        vd_warning("machine", "%s: cannot write its record, continuing from memory: %s",
                   machine->record.id, strerror(-result));
    }
    if (machine->unsaved != (result < 0)) {
        kvm_machine_note_change(machine);
    }
    machine->unsaved = result < 0;
    return result == 0;
}

void
kvm_machine_set_stage(struct kvm_machine *machine, enum kvm_stage stage, const char *text)
{
    if (machine->record.stage != stage) {
        machine->record.since_ms = vd_wall_ms();
    }
    machine->record.stage = stage;
    g_free(machine->record.text);
    machine->record.text = g_strdup(text);
    kvm_machine_set_text(machine, text);
    (void)kvm_machine_save(machine); /* says so itself; the machine goes on from memory */
    kvm_machine_note_change(machine);
}

char *
kvm_machine_log_tail(struct kvm_machine *machine)
{
    char raw[LOG_TAIL_SIZE];
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];
    struct stat status;
    ssize_t size = -1;
    int fd = openat(machine->folder, KVM_LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd >= 0 && fstat(fd, &status) == 0) {
        off_t start =
            status.st_size > (off_t)VD_LOG_QUOTE_MAX ? status.st_size - (off_t)VD_LOG_QUOTE_MAX : 0;

        size = pread(fd, raw, VD_LOG_QUOTE_MAX, start);
    }
    vd_fd_clear(&fd);
    while (size > 0 && raw[size - 1] == '\n') {
        size--;
    }
    if (size <= 0) {
        return g_strdup("it left no message");
    }
    return g_strdup_printf("its last words: %s",
                           vd_log_quote(quoted, sizeof(quoted), raw, (size_t)size));
}

struct kvm_machine *
kvm_machine_new(const struct kvm_environment *environment, const char *id,
                kvm_machine_changed_fn changed, void *user_data)
{
    struct kvm_machine *machine = g_new0(struct kvm_machine, 1);

    machine->environment = environment;
    machine->changed = changed;
    machine->user_data = user_data;
    machine->record.id = g_strdup(id);
    machine->path = g_build_filename(environment->desktops, id, NULL);
    machine->folder = open(machine->path, O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    machine->pidfd = machine->display_fd = machine->ram_fd = -1;
    machine->freeze.state_fd = machine->park.state_fd = -1;
    return machine;
}

static void
fill_record(struct kvm_machine *machine, const struct kvm_order *order)
{
    struct kvm_record *record = &machine->record;

    record->pool = g_strdup(order->pool);
    record->image = g_strdup(order->image);
    record->revision = order->revision;
    record->slot = order->slot;
    record->epoch = record->run_epoch = order->epoch;
    record->cpu = order->cpu;
    record->memory_mb = order->memory_mb;
    record->accel = machine->environment->accel;
    record->display = order->display;
    record->forked = order->fork != NULL;
    record->network = order->network != NULL;
    record->agent = order->files.agent;
    record->user = g_strdup(order->user);
    record->kept = order->kept;
    record->keep_ms = order->keep_ms;
    record->uuid = g_uuid_string_random();
    record->boot_id = g_strdup(machine->environment->boot_id);
    record->stage = KVM_STAGE_PREPARED;
    record->since_ms = vd_wall_ms();
}

/*
 * What its memory knows of the machine is as it was when it was parked, whatever the pool says now.
 * NULL, or why it cannot be.
 */
static const char *
take_parked(struct kvm_machine *machine)
{
    struct kvm_record *record = &machine->record;
    struct kvm_record before; /* cleared also when it cannot be read */

    if (!kvm_record_read(&before, machine->path, NULL) || before.stage != KVM_STAGE_PARKED ||
        !kvm_machine_is_saved(machine)) {
        kvm_record_clear(&before);
        return "it was not parked here";
    }
    g_free(record->uuid);
    record->uuid = g_steal_pointer(&before.uuid);
    record->cpu = before.cpu;
    record->memory_mb = before.memory_mb;
    record->display = before.display;
    record->network = before.network;
    record->userdisk = before.userdisk;
    record->agent = before.agent;
    record->forked = false; /* all of its memory is its own now */
    record->woken = true;
    kvm_record_clear(&before);
    return NULL;
}

static char *
image_file(const struct kvm_environment *environment, const struct kvm_order *order,
           const char *name)
{
    g_autofree char *revision = g_strdup_printf("%u", order->revision);

    return name == NULL ? NULL
                        : g_build_filename(environment->images, order->image, revision, name, NULL);
}

/* A descriptor of its own of the memory that it maps or fills, or -1. */
static int
share_ram(const struct kvm_order *order)
{
    int fd = order->fork != NULL ? order->fork->ram_fd : order->template_ram_fd;

    return fd <= 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

struct kvm_machine *
kvm_machine_start(const struct kvm_environment *environment, const struct kvm_order *order,
                  kvm_machine_changed_fn changed, void *user_data)
{
    g_autofree char *path = g_build_filename(environment->desktops, order->id, NULL);
    g_autofree char *text = NULL;
    const char *refused = order->refused;
    int made = vd_mkdir_all(path, 0700);
    int taken;
    struct kvm_machine *machine = kvm_machine_new(environment, order->id, changed, user_data);

    fill_record(machine, order);
    if (order->wake && refused == NULL) {
        refused = take_parked(machine);
    }
    if (made < 0 || machine->folder < 0 || !kvm_machine_save(machine)) {
        text = g_strdup_printf("cannot write to its folder%s%s", made < 0 ? ": " : "",
                               made < 0 ? strerror(-made) : "");
        kvm_machine_set_stage(machine, KVM_STAGE_FAILED, text);
        return machine;
    }
    if (refused != NULL || (order->want_kvm && environment->accel != KVM_ACCEL_KVM)) {
        kvm_machine_set_stage(machine, KVM_STAGE_FAILED,
                              refused != NULL ? refused : environment->accel_text);
        return machine;
    }
    taken = order->origin == NULL
                ? 0
                : kvm_trash_take(environment->trash, order->origin, machine->path);
    if (taken < 0) {
        text = g_strdup_printf("its disk cannot be had from the trash: %s", strerror(-taken));
        kvm_machine_set_stage(machine, KVM_STAGE_FAILED, text);
        return machine;
    }
    machine->kernel = image_file(environment, order, order->files.kernel);
    machine->initrd = image_file(environment, order, order->files.initrd);
    machine->disk = image_file(environment, order, order->files.disk);
    machine->cmdline = g_strdup(order->files.cmdline);
    machine->network =
        !machine->record.network ? NULL : g_strdup(order->network != NULL ? order->network : "");
    if (order->fork != NULL) {
        machine->fork_state = g_strdup(order->fork->state);
        machine->fork_disk = g_strdup(order->fork->disk);
    }
    machine->ram_fd = share_ram(order);
    machine->begun_us = vd_monotonic_us();
    vd_notice("machine", "%s: %s %s:%u, %u processors, %u MiB, %s", order->id,
              order->wake           ? "waking with"
              : order->fork != NULL ? "forking"
                                    : "starting with",
              order->image, order->revision, machine->record.cpu, machine->record.memory_mb,
              kvm_accel_name(environment->accel));
    kvm_machine_boot(machine);
    return machine;
}

void
kvm_machine_free(struct kvm_machine *machine)
{
    if (machine == NULL) {
        return;
    }
    kvm_machine_cancel_display(machine);
    kvm_machine_cancel_motion(machine);
    kvm_machine_drop_account(machine);
    json_decref(machine->account.wanted);
    kvm_machine_drop_freeze(machine);
    kvm_machine_drop_park(machine);
    kvm_machine_disconnect(machine);
    kvm_machine_drop_source(&machine->exit_source);
    kvm_machine_drop_source(&machine->boot_deadline);
    kvm_machine_drop_source(&machine->stop_timer);
    kvm_machine_drop_source(&machine->change);
    vd_fd_clear(&machine->pidfd);
    vd_fd_clear(&machine->folder);
    if (machine->cancellable != NULL) {
        g_cancellable_cancel(machine->cancellable);
        g_object_unref(machine->cancellable);
    }
    kvm_record_clear(&machine->record);
    g_free(machine->path);
    g_free(machine->text);
    g_free(machine->kernel);
    g_free(machine->initrd);
    g_free(machine->disk);
    g_free(machine->cmdline);
    g_free(machine->network);
    kvm_machine_drop_fork(machine);
    g_free(machine);
}

bool
kvm_machine_raise_epoch(struct kvm_machine *machine, uint64_t epoch)
{
    uint64_t before = machine->record.epoch;

    if (machine->damaged || epoch < before) {
        return false;
    }
    if (epoch == before) {
        return true;
    }
    machine->record.epoch = epoch;
    if (!kvm_machine_save(machine)) {
        machine->record.epoch = before;
        return false;
    }
    kvm_machine_note_change(machine);
    return true;
}

void
kvm_machine_note_owner(struct kvm_machine *machine, const char *user, bool kept, int64_t keep_ms)
{
    struct kvm_record *record = &machine->record;
    bool news = (user != NULL && g_strcmp0(record->user, user) != 0) || record->kept != kept ||
                record->keep_ms != keep_ms;

    if (machine->damaged || !news) {
        return;
    }
    if (user != NULL) {
        g_free(record->user);
        record->user = g_strdup(user);
    }
    record->kept = kept;
    record->keep_ms = keep_ms;
    (void)kvm_machine_save(machine); /* says so itself, and is tried again */
}

void
kvm_machine_tend(struct kvm_machine *machine, enum kvm_room room)
{
    struct stat status;
    int fd;

    if (machine->damaged) {
        return;
    }
    if (machine->unsaved) {
        (void)kvm_machine_save(machine);
    }
    if (machine->unfound) {
        kvm_machine_look_again(machine);
    }
    kvm_machine_mind_room(machine, room);
    /* The machine appends, so that a log cut to nothing simply grows anew. */
    fd = openat(machine->folder, KVM_LOG_FILE, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > LOG_MAX && ftruncate(fd, 0) < 0) {
        vd_warning("machine", "%s: cannot cut its log: %s", machine->record.id, strerror(errno));
    }
    vd_fd_clear(&fd);
}

void
kvm_machine_remove_folder(const struct kvm_environment *environment, const char *id)
{
    g_autofree char *path = g_build_filename(environment->desktops, id, NULL);
    GDir *folder = g_dir_open(path, 0, NULL); /* already gone: nothing to do */
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);

        /* The record goes last: until then the folder explains itself. */
        if (strcmp(name, KVM_RECORD_FILE) != 0 && unlink(file) < 0) {
            vd_warning("machine", "cannot remove %s: %s", file, strerror(errno));
        }
    }
    if (folder != NULL) {
        g_autofree char *file = g_build_filename(path, KVM_RECORD_FILE, NULL);

        g_dir_close(folder);
        (void)unlink(file); /* rmdir tells */
        if (rmdir(path) < 0) {
            vd_warning("machine", "cannot remove %s: %s", path, strerror(errno));
        }
    }
}

enum kvm_state
kvm_machine_state(const struct kvm_machine *machine)
{
    if (machine->damaged || machine->mismatch) {
        return KVM_STATE_UNKNOWN;
    }
    switch (machine->record.stage) {
    case KVM_STAGE_STOPPING:
        return KVM_STATE_STOPPING;
    case KVM_STAGE_GONE:
        return KVM_STATE_GONE;
    case KVM_STAGE_FAILED:
        return KVM_STATE_FAILED;
    case KVM_STAGE_STOPPED:
        return KVM_STATE_STOPPED;
    case KVM_STAGE_PARKED:
        return machine->pidfd >= 0 ? KVM_STATE_PARKING : KVM_STATE_PARKED;
    case KVM_STAGE_PREPARED:
    case KVM_STAGE_RUNNING:
        break;
    }
    if (machine->silent) {
        return KVM_STATE_UNKNOWN;
    }
    return machine->park.active    ? KVM_STATE_PARKING
           : machine->record.ready ? KVM_STATE_READY
                                   : KVM_STATE_STARTING;
}

const char *
kvm_state_name(enum kvm_state state)
{
    static const char *const names[] = {"starting", "ready",   "stopping", "gone",  "failed",
                                        "stopped",  "unknown", "parking",  "parked"};

    return names[state];
}

const char *
kvm_machine_text(const struct kvm_machine *machine)
{
    if (machine->text != NULL) {
        return machine->text;
    }
    return machine->unsaved ? "its state cannot be written to disk, continuing from memory" : "";
}

const struct kvm_record *
kvm_machine_record(const struct kvm_machine *machine)
{
    return &machine->record;
}

const char *
kvm_machine_folder(const struct kvm_machine *machine)
{
    return machine->path;
}

bool
kvm_machine_is_settled(const struct kvm_machine *machine)
{
    return machine->damaged || machine->mismatch || machine->verified || machine->silent ||
           machine->record.process.pid == 0 || machine->pidfd < 0;
}

bool
kvm_machine_has_disk(const struct kvm_machine *machine)
{
    return faccessat(machine->folder, KVM_DISK_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool
kvm_machine_has_process(const struct kvm_machine *machine)
{
    return machine->pidfd >= 0 || machine->mismatch || machine->damaged;
}
