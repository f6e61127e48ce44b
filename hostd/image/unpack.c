/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/qcow2.h"
#include "hostd/image/tar.h"
#include "protocol/base/fd.h"

struct unpack {
    int fd;
    struct tar_reader *reader;
    struct transfer *transfer;
    struct vdx_head *head;
    guint64 done, total; /* bytes of all files */
};

static bool
io_error(GError **error, const char *path, int code)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(code));
    return false;
}

static bool __attribute__((format(printf, 3, 4)))
refuse(GError **error, int code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error_literal(error, IMAGE_ERROR, code, text);
    return false;
}

/* The next member, which has to be this one; size 0 leaves its size open. */
static bool
expect_member(struct unpack *unpack, const char *name, guint64 max, struct tar_member *member,
              GError **error)
{
    int found = tar_reader_next(unpack->reader, member, error);

    if (found < 0) {
        return false;
    }
    if (found == 0 || strcmp(member->name, name) != 0) {
        return refuse(error, IMAGE_ERROR_DAMAGED, "the export is damaged: %s is missing", name);
    }
    if (member->size > max) {
        return refuse(error, IMAGE_ERROR_REFUSED, "the export is refused: %s is too long", name);
    }
    return true;
}

static bool
read_head(struct unpack *unpack, GError **error)
{
    g_autofree char *text = NULL;
    struct tar_member member;
    gsize got = 0;

    if (!expect_member(unpack, VDX_HEAD_FILE, VDX_HEAD_MAX, &member, error)) {
        return false;
    }
    text = g_malloc(member.size + 1);
    while (got < member.size) {
        gssize n = tar_reader_data(unpack->reader, text + got, member.size - got, error);

        if (n <= 0) {
            return n < 0 ? false : refuse(error, IMAGE_ERROR_DAMAGED, "the export ends too early");
        }
        got += (gsize)n;
    }
    unpack->head = vdx_head_parse(text, got, error);
    return unpack->head != NULL;
}

static bool
copy_member(struct unpack *unpack, const struct image_file *file, struct transfer_file *to,
            GError **error)
{
    g_autofree guint8 *chunk = g_malloc(TRANSFER_CHUNK);
    g_autofree char *text = g_strdup_printf("Unpacking: %s", file->name);
    const char *sum;
    gssize n;

    while ((n = tar_reader_data(unpack->reader, chunk, TRANSFER_CHUNK, error)) > 0) {
        if ((guint64)n > file->size - to->size) {
            return refuse(error, IMAGE_ERROR_DAMAGED, "%s is longer than it should be", file->name);
        }
        unpack->done += (guint64)n;
        if (!transfer_file_write(to, chunk, (gsize)n, error) ||
            !transfer_step(unpack->transfer, text, unpack->done, unpack->total, error)) {
            return false;
        }
    }
    sum = n < 0 ? NULL : transfer_file_end(to, error);
    if (sum != NULL && (to->size != file->size || strcmp(sum, file->sha256) != 0)) {
        return refuse(error, IMAGE_ERROR_DAMAGED, "%s has not the digest that the export promises",
                      file->name);
    }
    return sum != NULL;
}

/* A desktop's disk stands on what its head says by digest, whatever its own header says. */
static bool
check_disk(const struct unpack *unpack, int fd, GError **error)
{
    bool overlay = unpack->head->kind == VDX_DESKTOP;

    return image_qcow2_check_file(fd, overlay, NULL, error) &&
           (!overlay || image_qcow2_forget_backing(fd, error));
}

static bool
is_disk(const struct unpack *unpack, const struct image_file *file)
{
    return unpack->head->kind == VDX_DESKTOP ||
           strcmp(file->name, unpack->head->manifest.disk) == 0;
}

static bool
take_file(struct unpack *unpack, const char *folder, const struct image_file *file, GError **error)
{
    g_autofree char *path = g_build_filename(folder, file->name, NULL);
    struct transfer_file to;
    struct tar_member member;
    int fd;
    bool ok;

    if (!expect_member(unpack, file->name, file->size, &member, error)) {
        return false;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1) {
        return io_error(error, path, errno);
    }
    transfer_file_begin(&to, fd);
    ok = copy_member(unpack, file, &to, error) &&
         (!is_disk(unpack, file) || check_disk(unpack, fd, error)) &&
         (fsync(fd) == 0 || io_error(error, path, errno));
    transfer_file_clear(&to);
    vd_fd_clear(&fd);
    return ok;
}

bool
unpack_files(struct unpack *unpack, const char *folder, GError **error)
{
    const struct image_manifest *manifest = &unpack->head->manifest;
    struct tar_member member;
    int more;

    for (guint i = 0; i < manifest->file_count; i++) {
        if (!take_file(unpack, folder, &manifest->files[i], error)) {
            return false;
        }
    }
    more = tar_reader_next(unpack->reader, &member, error);
    return more == 0 ||
           (more > 0 && refuse(error, IMAGE_ERROR_REFUSED,
                               "the export is refused: it has more files than it should"));
}

static bool
open_file(struct unpack *unpack, const char *path, GError **error)
{
    struct stat st;

    unpack->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (unpack->fd == -1 || fstat(unpack->fd, &st) != 0) {
        return io_error(error, path, errno);
    }
    return S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || io_error(error, path, EINVAL);
}

struct unpack *
unpack_new(const char *path, const char *label, GError **error)
{
    struct unpack *unpack = g_new0(struct unpack, 1);
    bool ok;

    unpack->fd = -1;
    unpack->transfer = transfer_new(label);
    ok = open_file(unpack, path, error);
    if (ok) {
        unpack->reader = tar_reader_new(unpack->fd, TAR_ZSTD, error);
        ok = unpack->reader != NULL && read_head(unpack, error);
    }
    if (!ok) {
        unpack_free(unpack);
        return NULL;
    }
    unpack->total = image_manifest_size(&unpack->head->manifest);
    return unpack;
}

void
unpack_free(struct unpack *unpack)
{
    if (unpack != NULL) {
        g_free(unpack->head);
        tar_reader_free(unpack->reader);
        transfer_free(unpack->transfer);
        vd_fd_clear(&unpack->fd);
        g_free(unpack);
    }
}

const struct vdx_head *
unpack_head(const struct unpack *unpack)
{
    return unpack->head;
}
