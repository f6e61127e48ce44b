/* SPDX-License-Identifier: Apache-2.0 */
/* How a machine comes to be: its disk, its sockets, its process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hostd/kvm/identity.h"
#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/socket.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define BRIDGE_TEXT    "bridge (it has to be there, and allowed in /etc/qemu/bridge.conf)"
#define FIRST_FD       3 /* where launch puts the first descriptor */
#define DISPLAY_WIDTH  1280
#define DISPLAY_HEIGHT 800

/* Descriptors for the machine's process, in the order in which it will number them. */
struct files {
    int fds[VD_LAUNCH_MAX_FDS];
    size_t count;
    const char *failed; /* what could not be opened; NULL so far */
    int error;
};

static void
files_clear(struct files *files)
{
    while (files->count > 0) {
        vd_fd_clear(&files->fds[--files->count]);
    }
}

/* Takes fd or a negative errno; the number that the process will see, or -1. */
static int
files_add(struct files *files, const char *what, int fd)
{
    if (fd < 0) {
        if (files->failed == NULL) {
            files->failed = what;
            files->error = -fd;
        }
        return -1;
    }
    files->fds[files->count++] = fd;
    return FIRST_FD + (int)files->count - 1;
}

static int
open_file(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int
open_files(struct kvm_machine *machine, struct files *files, struct kvm_spec *spec)
{
    int folder = machine->folder;
    int disk, middle;

    spec->qmp_fd = files_add(files, "control socket", kvm_socket_listen(folder, KVM_QMP_SOCKET));
    spec->rescue_fd =
        files_add(files, "rescue socket", kvm_socket_listen(folder, KVM_RESCUE_SOCKET));
    spec->agent_fd = files_add(files, "agent socket", kvm_socket_listen(folder, KVM_AGENT_SOCKET));
    spec->kernel_fd = spec->initrd_fd = spec->disk_fd = spec->base_fd = spec->middle_fd = -1;
    spec->ram_fd = spec->net_fd = -1;
    if (machine->ram_fd >= 0) {
        int ram = fcntl(machine->ram_fd, F_DUPFD_CLOEXEC, 0);

        spec->ram_fd = files_add(files, "template's memory", ram < 0 ? -errno : ram);
    }
    if (machine->network != NULL && machine->network[0] != '\0') {
        int tap = -1;
        int joined = vd_launch_tap(machine->environment->launch, machine->network, &tap);

        spec->net_fd = files_add(files, BRIDGE_TEXT, joined < 0 ? joined : tap);
    }
    if (machine->kernel != NULL) {
        spec->kernel_fd = files_add(files, "kernel", open_file(machine->kernel, O_RDONLY));
    }
    if (machine->initrd != NULL) {
        spec->initrd_fd = files_add(files, "initrd", open_file(machine->initrd, O_RDONLY));
    }
    if (machine->disk != NULL) {
        disk = openat(folder, KVM_DISK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        spec->disk_fd = files_add(files, "disk", disk < 0 ? -errno : disk);
        spec->base_fd = files_add(files, "image's disk", open_file(machine->disk, O_RDONLY));
    }
    middle = openat(folder, KVM_MIDDLE_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (middle >= 0 || errno != ENOENT) {
        spec->middle_fd = files_add(files, "template's disk", middle < 0 ? -errno : middle);
    }
    return files->failed == NULL ? 0 : -files->error;
}

static void
fill_spec(struct kvm_machine *machine, struct kvm_spec *spec)
{
    const struct kvm_record *record = &machine->record;

    *spec = (struct kvm_spec){
        .name = record->id,
        .epoch = record->run_epoch,
        .uuid = record->uuid,
        .accel = record->accel,
        .display = record->display,
        .cpu = record->cpu,
        .memory_mb = record->memory_mb,
        .width = DISPLAY_WIDTH,
        .height = DISPLAY_HEIGHT,
        .cmdline = machine->kernel == NULL ? NULL : machine->cmdline,
        .ram_shared = machine->fork_state == NULL && machine->ram_fd >= 0,
        .incoming = machine->fork_state != NULL || record->woken,
        .disposable = !record->kept,
    };
}

static void
fail(struct kvm_machine *machine, const char *text)
{
    vd_error("machine", "%s: cannot start: %s", machine->record.id, text);
    kvm_machine_drop_source(&machine->boot_deadline);
    kvm_machine_set_stage(machine, KVM_STAGE_FAILED, text);
}

static void
start_process(struct kvm_machine *machine, const struct kvm_spec *spec, const struct files *files)
{
    g_auto(GStrv) arguments = kvm_spec_arguments(spec);
    g_autofree char *text = NULL;
    int log = openat(machine->folder, KVM_LOG_FILE,
                     O_WRONLY | O_CREAT | O_APPEND | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int result = log < 0 ? -errno
                         : vd_launch_machine(machine->environment->launch, machine->record.slot,
                                             (const char *const *)arguments, files->fds,
                                             files->count, log, &machine->record.process);

    vd_fd_clear(&log);
    if (result < 0) {
        memset(&machine->record.process, 0, sizeof(machine->record.process));
        text = g_strdup_printf("cannot start its process: %s", strerror(-result));
        fail(machine, text);
        return;
    }
    kvm_machine_set_stage(machine, KVM_STAGE_RUNNING, NULL);
    if (kvm_machine_watch_process(machine)) {
        kvm_machine_connect(machine);
    }
}

static void
launch(struct kvm_machine *machine)
{
    struct files files = {.count = 0};
    struct kvm_spec spec;
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    g_autofree char *mac = NULL;

    mac = kvm_identity_mac(machine->record.uuid);
    fill_spec(machine, &spec);
    spec.nic = machine->network != NULL;
    spec.mac = mac;
    if (open_files(machine, &files, &spec) < 0) {
        text = g_strdup_printf("its %s does not open: %s", files.failed, strerror(files.error));
        fail(machine, text);
    } else if (!kvm_spec_check(&spec, &error)) {
        fail(machine, error->message);
    } else {
        start_process(machine, &spec, &files);
    }
    files_clear(&files);
}

static void
on_disk_made(GObject *source, GAsyncResult *result, gpointer user_data)
{
    GSubprocess *process = G_SUBPROCESS(source);
    struct kvm_machine *machine = user_data;
    g_autoptr(GError) error = NULL;
    g_autofree char *output = NULL;
    g_autofree char *text = NULL;
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    (void)g_subprocess_communicate_utf8_finish(process, result, &output, NULL, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        return; /* machine may be freed memory */
    }
    g_clear_object(&machine->cancellable);
    if (machine->record.stage != KVM_STAGE_PREPARED) {
        return;
    }
    if (error != NULL || !g_subprocess_get_successful(process)) {
        const char *why = error != NULL ? error->message : output != NULL ? output : "";

        text = g_strdup_printf("cannot make its disk: %s",
                               vd_log_quote(quoted, sizeof(quoted), why, strlen(why)));
        fail(machine, text);
        return;
    }
    if (renameat(machine->folder, KVM_NEW_DISK_FILE, machine->folder, KVM_DISK_FILE) < 0) {
        fail(machine, "its disk cannot be put into its place");
        return;
    }
    launch(machine);
}

/*
 * The template's overlay belongs to the desktop from now on, under a name of its own: the template
 * may go, the desktop may be moved.
 */
static int
link_middle(const struct kvm_machine *machine)
{
    if (machine->fork_disk == NULL) {
        return 0;
    }
    (void)unlinkat(machine->folder, KVM_MIDDLE_FILE, 0); /* of a start that came to nothing */
    return linkat(AT_FDCWD, machine->fork_disk, machine->folder, KVM_MIDDLE_FILE, 0) < 0 ? -errno
                                                                                         : 0;
}

/* Formats are explicit: a disk never says itself what it is or what it stands on. */
static void
make_disk(struct kvm_machine *machine)
{
    g_autofree char *overlay = g_build_filename(machine->path, KVM_NEW_DISK_FILE, NULL);
    g_autofree char *middle = g_build_filename(machine->path, KVM_MIDDLE_FILE, NULL);
    g_autofree char *base =
        g_canonicalize_filename(machine->fork_disk != NULL ? middle : machine->disk, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GSubprocess) process = NULL;
    int linked = link_middle(machine);

    if (linked < 0) {
        fail(machine, "its template's disk cannot be linked");
        return;
    }
    process = g_subprocess_new(G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_MERGE,
                               &error, machine->environment->disk_tool, "create", "-q", "-f",
                               "qcow2", "-F", "qcow2", "-b", base, overlay, NULL);

    if (process == NULL) {
        fail(machine, error->message);
        return;
    }
    machine->cancellable = g_cancellable_new();
    g_subprocess_communicate_utf8_async(process, NULL, machine->cancellable, on_disk_made, machine);
}

void
kvm_machine_boot(struct kvm_machine *machine)
{
    kvm_machine_arm_boot_deadline(machine);
    if (machine->disk != NULL && !kvm_machine_has_disk(machine)) {
        make_disk(machine);
    } else {
        launch(machine);
    }
}
