/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/qcow2.h"
#include "hostd/image/tar.h"
#include "protocol/base/fd.h"

/* A file that gets its name when it is complete. */
struct output {
    const char *path;
    int fd;
    bool named; /* the file system wanted a name at once */
};

struct job {
    struct vdx_head *head;
    struct output output;
    struct tar_writer *writer;
    struct transfer *transfer;
    guint64 done, total;
};

static bool
io_error(GError **error, const char *path, int code)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(code));
    return false;
}

static bool
output_open(struct output *output, const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);

    *output = (struct output){.path = path, .fd = -1};
    if (access(path, F_OK) == 0) {
        return io_error(error, path, EEXIST);
    }
    output->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (output->fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        output->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        output->named = output->fd != -1;
    }
    return output->fd != -1 || io_error(error, path, errno);
}

static bool
output_keep(struct output *output, GError **error)
{
    g_autofree char *self = g_strdup_printf("/proc/self/fd/%d", output->fd);

    if (fsync(output->fd) != 0 || (!output->named && linkat(AT_FDCWD, self, AT_FDCWD, output->path,
                                                            AT_SYMLINK_FOLLOW) != 0)) {
        return io_error(error, output->path, errno);
    }
    output->named = false; /* it stays */
    return true;
}

static void
output_clear(struct output *output)
{
    if (output->named) {
        (void)unlink(output->path);
    }
    vd_fd_clear(&output->fd);
}

/*
 * Reads size bytes, all that is promised, and adds them to sum and, where there is one, to the
 * archive. The first chunk of a desktop's disk loses its name.
 */
static bool
copy_data(struct job *job, const char *name, guint64 size, int fd, GChecksum *sum, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(TRANSFER_CHUNK);
    g_autofree char *text =
        g_strdup_printf("%s: %s", job->writer == NULL ? "Measuring" : "Writing", name);
    guint64 left = size;

    while (left > 0) {
        gsize part = MIN(left, TRANSFER_CHUNK);
        int rc = vd_fd_read_all(fd, chunk, part);

        if (rc != 0) {
            return io_error(error, name, -rc);
        }
        if (left == size && job->head->kind == VDX_DESKTOP) {
            image_qcow2_blank_backing(chunk, part);
        }
        g_checksum_update(sum, chunk, (gssize)part);
        left -= part;
        job->done += part;
        if ((job->writer != NULL && !tar_writer_data(job->writer, chunk, part, error)) ||
            !transfer_step(job->transfer, text, job->done, job->total, error)) {
            return false;
        }
    }
    return true;
}

static bool
add_file(struct job *job, const struct image_file *file, int fd, GError **error)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return io_error(error, file->name, errno);
    }
    if (S_ISREG(st.st_mode) && (guint64)st.st_size == file->size) {
        if (!tar_writer_begin(job->writer, file->name, file->size, error) ||
            !copy_data(job, file->name, file->size, fd, sum, error)) {
            return false;
        }
        if (strcmp(g_checksum_get_string(sum), file->sha256) == 0) {
            return true;
        }
    }
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED, "%s %s", file->name,
                job->head->kind == VDX_DESKTOP ? "changed while it was read"
                                               : "is not the file that the manifest describes");
    return false;
}

static bool
write_all(struct job *job, const int *fds, GError **error)
{
    const struct image_manifest *manifest = &job->head->manifest;
    g_autofree char *text = vdx_head_to_json(job->head);
    bool ok;

    job->writer = tar_writer_new(job->output.fd, error);
    job->total = image_manifest_size(manifest);
    ok = job->writer != NULL && tar_writer_begin(job->writer, VDX_HEAD_FILE, strlen(text), error) &&
         tar_writer_data(job->writer, text, strlen(text), error);
    for (guint i = 0; ok && i < manifest->file_count; i++) {
        ok = add_file(job, &manifest->files[i], fds[i], error);
    }
    ok = ok && tar_writer_end(job->writer, error) && output_keep(&job->output, error);
    tar_writer_free(job->writer);
    return ok;
}

bool
pack_write(struct vdx_head *head, const int *fds, const char *path, struct transfer *transfer,
           GError **error)
{
    struct job job = {.head = head, .transfer = transfer};
    bool ok = output_open(&job.output, path, error) && write_all(&job, fds, error);

    output_clear(&job.output);
    return ok;
}

bool
pack_measure(struct vdx_head *head, const char *name, int fd, struct transfer *transfer,
             GError **error)
{
    struct image_file *file = &head->manifest.files[head->manifest.file_count];
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    struct job job = {.head = head, .transfer = transfer};
    struct stat st;

    g_assert(head->manifest.file_count < IMAGE_FILES_MAX);
    if (fstat(fd, &st) != 0 || lseek(fd, 0, SEEK_SET) != 0) {
        return io_error(error, name, errno);
    }
    job.total = (guint64)st.st_size;
    if (!copy_data(&job, name, job.total, fd, sum, error)) {
        return false;
    }
    if (lseek(fd, 0, SEEK_SET) != 0) {
        return io_error(error, name, errno);
    }
    g_strlcpy(file->name, name, sizeof(file->name));
    g_strlcpy(file->sha256, g_checksum_get_string(sum), sizeof(file->sha256));
    file->size = job.total;
    head->manifest.file_count++;
    return true;
}

int
pack_scratch(const char *path, GError **error)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *name = NULL;
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        name = g_strdup_printf("%s.XXXXXX", path);
        fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (fd != -1) {
            (void)unlink(name);
        }
    }
    if (fd == -1) {
        io_error(error, folder, errno);
    }
    return fd;
}
