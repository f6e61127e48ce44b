/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/gc.h"
#include "hostd/image/qcow2.h"
#include "hostd/image/store.h"
#include "hostd/image/unpack.h"
#include "hostd/kvm/record.h"
#include "hostd/kvm/spec.h"
#include "hostd/kvm/trash.h"
#include "protocol/base/fd.h"

#define HOUR_MS INT64_C(3600000)

static bool __attribute__((format(printf, 2, 3))) refuse(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED, text);
    return false;
}

static bool
io_error(GError **error, const char *path, int code)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(code));
    return false;
}

/* What the host has belongs to its user, and its user is enough for all that follows. */
static bool
become_host(const char *host, GError **error)
{
    struct stat st;

    if (stat(host, &st) != 0) {
        return io_error(error, host, errno);
    }
    if (geteuid() != 0 || st.st_uid == 0) {
        return true;
    }
    if (setgroups(0, NULL) != 0 || setresgid(st.st_gid, st.st_gid, st.st_gid) != 0 ||
        setresuid(st.st_uid, st.st_uid, st.st_uid) != 0) {
        return io_error(error, host, errno);
    }
    return true;
}

/* The revision of that digest, by whatever name; NULL with an error. Its disk's size in bytes. */
static struct image_manifest *
find_base(const char *images, const struct vdx_desktop *desktop, guint64 *ret_size, GError **error)
{
    GPtrArray *entries = image_store_list(images, error);
    struct image_manifest *found = NULL;

    for (guint i = 0; entries != NULL && found == NULL && i < entries->len; i++) {
        struct image_entry *entry = entries->pdata[i];

        if (entry->manifest != NULL && entry->manifest->disk[0] != '\0' &&
            strcmp(entry->manifest->digest, desktop->base_digest) == 0) {
            g_autofree char *path = g_build_filename(entry->path, entry->manifest->disk, NULL);
            int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

            if (fd != -1 && image_qcow2_check_file(fd, false, ret_size, NULL)) {
                found = g_steal_pointer(&entry->manifest);
            }
            vd_fd_clear(&fd);
        }
    }
    if (entries != NULL && found == NULL) {
        (void)refuse(error,
                     "it stands on %s:%u, %s, which is not here: export that there and import it "
                     "first",
                     desktop->base_name, desktop->base_revision, desktop->base_digest);
    }
    g_clear_pointer(&entries, g_ptr_array_unref);
    return found;
}

/* Disks of another size than their image's would be cut or grown in silence. */
static bool
check_sizes(const char *folder, const struct vdx_head *head, guint64 size, GError **error)
{
    for (guint i = 0; i < head->manifest.file_count; i++) {
        g_autofree char *path = g_build_filename(folder, head->manifest.files[i].name, NULL);
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        guint64 shown = 0;
        bool ok = fd != -1 ? image_qcow2_check_file(fd, true, &shown, error)
                           : io_error(error, path, errno);

        vd_fd_clear(&fd);
        if (!ok || shown != size) {
            return ok ? refuse(error, "the disk is refused: it does not fit what it stands on")
                      : false;
        }
    }
    return true;
}

static char *
new_id(void)
{
    guint32 random[2];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        g_error("no random numbers: %s", g_strerror(errno));
    }
    return g_strdup_printf("d-%08x%08x", random[0], random[1]);
}

/* Moves what was unpacked into the trash, from where its user can have it. */
static char *
put_into_trash(const struct desktop_move *move, const char *folder, const struct vdx_head *head,
               struct image_manifest *base, GError **error)
{
    g_autofree char *trash = g_build_filename(move->host, "trash", NULL);
    g_autofree char *id = new_id();
    struct kvm_record record = {.id = id,
                                .pool = (char *)head->desktop.pool,
                                .user = (char *)head->desktop.user,
                                .image = base->name,
                                .revision = base->revision,
                                .cpu = head->desktop.cpu,
                                .memory_mb = head->desktop.memory_mb,
                                .keep_ms = DESKTOP_IMPORT_HOURS * HOUR_MS};
    int rc = kvm_trash_put(trash, &record, folder);

    if (rc < 0) {
        io_error(error, trash, -rc);
        return NULL;
    }
    return g_steal_pointer(&id);
}

/* path: of a new folder. */
static char *
fill(const struct desktop_move *move, struct unpack *unpack, const struct vdx_head *head,
     const char *path, GError **error)
{
    guint64 size = 0;
    struct image_manifest *base = find_base(move->images, &head->desktop, &size, error);
    char *id = NULL;

    if (base != NULL && unpack_files(unpack, path, error) && check_sizes(path, head, size, error)) {
        id = put_into_trash(move, path, head, base, error);
    }
    image_manifest_free(base);
    return id;
}

/* What it is and whose it will be. */
static bool
take_head(const struct desktop_move *move, const struct unpack *unpack, struct vdx_head *head,
          GError **error)
{
    *head = *unpack_head(unpack);
    if (head->kind != VDX_DESKTOP) {
        return refuse(error, "it is an image and no desktop: see vedettectl image import");
    }
    if ((move->user != NULL && !vdx_set_name(head->desktop.user, move->user)) ||
        (move->pool != NULL && !vdx_set_name(head->desktop.pool, move->pool))) {
        return refuse(error, "that is no name of a user or a pool");
    }
    if (head->desktop.memory_mb < KVM_SPEC_MEMORY_MIN_MB) {
        return refuse(error, "it says that it has %u MB of memory", head->desktop.memory_mb);
    }
    return true;
}

/*
 * A new folder in the host's, locked: its descriptor, or -1 with an error. Nobody takes it for a
 * forgotten one before it is locked, because who looks for those holds the host's folder.
 */
static int
new_folder(const char *host, char *path, GError **error)
{
    int all = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;

    if (all == -1 || flock(all, LOCK_EX) != 0) {
        io_error(error, host, errno);
    } else {
        (void)image_remove_unheld(host, IMAGE_IMPORT_START);
        fd = g_mkdtemp_full(path, 0700) == NULL ? -1
                                                : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) != 0) {
            io_error(error, path, errno);
            vd_fd_clear(&fd);
        }
    }
    vd_fd_clear(&all);
    return fd;
}

char *
desktop_import(const struct desktop_move *move, struct vdx_head *ret_head, GError **error)
{
    struct unpack *unpack = unpack_new(move->path, "import", error);
    g_autofree char *path = g_build_filename(move->host, IMAGE_IMPORT_START "XXXXXX", NULL);
    char *id = NULL;
    int lock = -1;

    if (unpack != NULL && take_head(move, unpack, ret_head, error) &&
        become_host(move->host, error)) {
        lock = new_folder(move->host, path, error);
    }
    if (lock != -1) {
        id = fill(move, unpack, ret_head, path, error);
        (void)image_remove_tree(path);
    }
    vd_fd_clear(&lock);
    unpack_free(unpack);
    return id;
}
