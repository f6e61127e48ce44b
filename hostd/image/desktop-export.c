/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "hostd/image/pack.h"
#include "hostd/image/qcow2.h"
#include "hostd/image/transfer.h"
#include "hostd/kvm/backup.h"
#include "hostd/kvm/record.h"
#include "hostd/kvm/spec.h"
#include "hostd/kvm/trash.h"
#include "protocol/base/fd.h"

#define BLOCK_BYTES    512u /* of st_blocks */
#define QEMU_LOCK_BASE 100  /* QEMU holds a byte for each permission that it has on a file */
#define QEMU_WRITE     1    /* which one says that it may write */

struct job {
    const struct desktop_move *move;
    struct vdx_head *head;
    struct transfer *transfer;
    char *folder;     /* of the desktop, or of its entry in the trash */
    int disk, middle; /* as they lie there; middle is -1 where there is none */
    int copy;         /* of a running one, else -1 */
    struct stat before;
    GError *stopped; /* why the copy was ended */
};

static bool __attribute__((format(printf, 2, 3))) fail(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_IO, text);
    return false;
}

static bool
take_size(struct job *job, const char *image, unsigned revision, unsigned cpu, unsigned memory_mb,
          GError **error)
{
    g_autofree char *folder = g_strdup_printf("%s/%s/%u", job->move->images, image, revision);
    struct vdx_desktop *desktop = &job->head->desktop;
    struct image_manifest *manifest =
        image_name_valid(image) ? image_manifest_load(folder, error) : NULL;

    if (manifest == NULL) {
        return error == NULL || *error != NULL ? false : fail(error, "its image has no name");
    }
    g_strlcpy(desktop->base_name, image, sizeof(desktop->base_name));
    g_strlcpy(desktop->base_digest, manifest->digest, sizeof(desktop->base_digest));
    desktop->base_revision = revision;
    desktop->cpu = cpu;
    desktop->memory_mb = memory_mb;
    image_manifest_free(manifest);
    return true;
}

static void
take_names(struct job *job, const char *id, const char *pool, const char *user)
{
    struct vdx_desktop *desktop = &job->head->desktop;

    g_strlcpy(desktop->id, id, sizeof(desktop->id));
    g_strlcpy(desktop->pool, pool, sizeof(desktop->pool));
    g_strlcpy(desktop->user, user, sizeof(desktop->user));
}

/* One of the host's desktops, whatever it does. */
static bool
find_desktop(struct job *job, const char *id, bool *ret_found, GError **error)
{
    struct kvm_record record = {.slot = 0};
    g_autoptr(GError) problem = NULL;
    bool ok;

    job->folder = g_build_filename(job->move->host, "desktops", id, NULL);
    *ret_found = kvm_record_read(&record, job->folder, &problem);
    if (!*ret_found) {
        g_clear_pointer(&job->folder, g_free);
        return g_error_matches(problem, G_IO_ERROR, G_IO_ERROR_NOT_FOUND) ||
               fail(error, "the record of %s does not read: %s", id, problem->message);
    }
    ok = record.user != NULL || fail(error, "nobody has had %s: there is nothing in it", id);
    if (ok) {
        take_names(job, id, record.pool, record.user);
        ok = take_size(job, record.image, record.revision, record.cpu, record.memory_mb, error);
    }
    kvm_record_clear(&record);
    return ok;
}

static bool
find_trash(struct job *job, const char *id, GError **error)
{
    g_autofree char *trash = g_build_filename(job->move->host, "trash", NULL);
    g_autoptr(GPtrArray) entries = kvm_trash_list(trash);

    for (guint i = 0; i < entries->len; i++) {
        const struct kvm_trash_entry *entry = entries->pdata[i];

        if (strcmp(entry->id, id) == 0) {
            job->folder = g_build_filename(trash, id, NULL);
            take_names(job, id, entry->pool, entry->user);
            return take_size(job, entry->image, entry->revision, entry->cpu, entry->memory_mb,
                             error);
        }
    }
    return fail(error, "neither a desktop of this machine nor an entry of its trash is called %s",
                id);
}

static bool
open_disks(struct job *job, GError **error)
{
    g_autofree char *disk = g_build_filename(job->folder, VDX_DISK_FILE, NULL);
    g_autofree char *middle = g_build_filename(job->folder, VDX_MIDDLE_FILE, NULL);

    job->disk = open(disk, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (job->disk == -1 || fstat(job->disk, &job->before) != 0) {
        return fail(error, errno == ENOENT ? "it has no disk" : "its disk does not open: %s",
                    g_strerror(errno));
    }
    job->middle = open(middle, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    return job->middle != -1 || errno == ENOENT ||
           fail(error, "its template's disk does not open: %s", g_strerror(errno));
}

/* Whether a machine holds the disk for writing, as QEMU tells others of its kind. */
static bool
is_written(int disk)
{
    struct flock lock = {.l_type = F_WRLCK,
                         .l_whence = SEEK_SET,
                         .l_start = QEMU_LOCK_BASE + QEMU_WRITE,
                         .l_len = 1};

    return fcntl(disk, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* The copy and its compressed form have to fit, whatever the disk holds. */
static bool
check_room(int copy, const struct stat *disk, GError **error)
{
    struct statvfs status;
    guint64 needed = 2 * (guint64)disk->st_blocks * BLOCK_BYTES;

    if (fstatvfs(copy, &status) == 0) {
        guint64 reserve = (guint64)status.f_blocks / 100 * TRANSFER_FREE_PERCENT;
        guint64 room = MAX((guint64)status.f_bavail, reserve) - reserve;

        if (room * status.f_frsize < needed) {
            return fail(error,
                        "there is no room for a copy: it may take %" G_GUINT64_FORMAT
                        " MB, and %u %% of the disk stay free for desktops",
                        needed / 1000000, TRANSFER_FREE_PERCENT);
        }
    }
    return true;
}

static bool
on_step(uint64_t done, uint64_t total, void *user_data)
{
    struct job *job = user_data;

    return transfer_step(job->transfer, "Copying the running disk", done, total, &job->stopped);
}

/* Live: from the machine itself, as of one moment. */
static bool
copy_running(struct job *job, guint64 size, GError **error)
{
    g_autoptr(GError) problem = NULL;
    int folder = open(job->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok;

    job->copy = pack_scratch(job->move->path, error);
    if (folder == -1 || job->copy == -1 || !check_room(job->copy, &job->before, error)) {
        vd_fd_clear(&folder);
        return false;
    }
    ok = kvm_backup_run(folder, job->copy, size, on_step, job, &problem);
    vd_fd_clear(&folder);
    if (job->stopped != NULL) {
        g_propagate_error(error, g_steal_pointer(&job->stopped));
    } else if (!ok) {
        return fail(error, "its running disk cannot be copied: %s", problem->message);
    }
    job->head->desktop.live = true;
    return ok;
}

/* The machine may have been started since; then what was read is of no one moment. */
static bool
check_unchanged(const struct job *job, GError **error)
{
    struct stat now;

    return (fstat(job->disk, &now) == 0 && now.st_mtim.tv_sec == job->before.st_mtim.tv_sec &&
            now.st_mtim.tv_nsec == job->before.st_mtim.tv_nsec &&
            now.st_size == job->before.st_size && !is_written(job->disk)) ||
           fail(error, "it was started while it was read: try again");
}

static bool
write_file(struct job *job, GError **error)
{
    const int fds[] = {job->copy != -1 ? job->copy : job->disk, job->middle};

    return image_qcow2_check_file(fds[0], true, NULL, error) &&
           pack_measure(job->head, VDX_DISK_FILE, fds[0], job->transfer, error) &&
           (job->middle == -1 ||
            (image_qcow2_check_file(job->middle, true, NULL, error) &&
             pack_measure(job->head, VDX_MIDDLE_FILE, job->middle, job->transfer, error))) &&
           (job->copy != -1 || check_unchanged(job, error)) &&
           pack_write(job->head, fds, job->move->path, job->transfer, error);
}

static bool
run(struct job *job, const char *id, GError **error)
{
    bool found = false;
    guint64 size;

    if (!kvm_spec_name_is_good(id)) { /* before it becomes part of a path */
        return fail(error, "that is no desktop's id");
    }
    if (access(job->move->path, F_OK) == 0) { /* rather now than after the copy */
        return fail(error, "%s: %s", job->move->path, g_strerror(EEXIST));
    }
    if (!find_desktop(job, id, &found, error) || (!found && !find_trash(job, id, error)) ||
        !open_disks(job, error) || !image_qcow2_check_file(job->disk, true, &size, error)) {
        return false;
    }
    return (!is_written(job->disk) || copy_running(job, size, error)) && write_file(job, error);
}

bool
desktop_export(const struct desktop_move *move, const char *id, struct vdx_head *ret_head,
               GError **error)
{
    struct job job = {.move = move, .head = ret_head, .disk = -1, .middle = -1, .copy = -1};
    bool ok;

    *ret_head = (struct vdx_head){.kind = VDX_DESKTOP};
    job.transfer = transfer_new(id);
    ok = run(&job, id, error);
    transfer_free(job.transfer);
    vd_fd_clear(&job.disk);
    vd_fd_clear(&job.middle);
    vd_fd_clear(&job.copy);
    g_free(job.folder);
    return ok;
}
