/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/export.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/tar.h"
#include "hostd/image/transfer.h"
#include "hostd/image/vdx.h"
#include "protocol/base/fd.h"

/* A file that gets its name when it is complete. */
struct output {
    const char *path;
    int fd;
    bool named; /* the file system wanted a name at once */
};

struct job {
    const char *folder; /* of the revision */
    struct vdx_head head;
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

static bool
copy_data(struct job *job, const struct image_file *file, int fd, GChecksum *sum, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(TRANSFER_CHUNK);
    g_autofree char *text = g_strdup_printf("Writing: %s", file->name);
    guint64 left = file->size;

    while (left > 0) {
        ssize_t n = read(fd, chunk, MIN(left, TRANSFER_CHUNK));

        if (n < 0 && errno == EINTR) {
            n = 0; /* the step below sees why */
        } else if (n <= 0) {
            return io_error(error, file->name, n == 0 ? EPIPE : errno);
        }
        g_checksum_update(sum, chunk, n);
        left -= (guint64)n;
        job->done += (guint64)n;
        if (!tar_writer_data(job->writer, chunk, (gsize)n, error) ||
            !transfer_step(job->transfer, text, job->done, job->total, error)) {
            return false;
        }
    }
    return true;
}

static bool
add_file(struct job *job, const struct image_file *file, GError **error)
{
    g_autofree char *path = g_build_filename(job->folder, file->name, NULL);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    bool ok;

    if (fd == -1 || fstat(fd, &st) != 0) {
        ok = io_error(error, path, errno);
    } else {
        ok = S_ISREG(st.st_mode) && (guint64)st.st_size == file->size &&
             tar_writer_begin(job->writer, file->name, file->size, error) &&
             copy_data(job, file, fd, sum, error) &&
             strcmp(g_checksum_get_string(sum), file->sha256) == 0;
    }
    if (!ok && (error == NULL || *error == NULL)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED,
                    "%s is not the file that the manifest describes", path);
    }
    vd_fd_clear(&fd);
    return ok;
}

static bool
write_all(struct job *job, GError **error)
{
    const struct image_manifest *manifest = &job->head.manifest;
    g_autofree char *text = vdx_head_to_json(&job->head);
    bool ok;

    job->writer = tar_writer_new(job->output.fd, error);
    job->total = image_manifest_size(manifest);
    ok = job->writer != NULL && tar_writer_begin(job->writer, VDX_HEAD_FILE, strlen(text), error) &&
         tar_writer_data(job->writer, text, strlen(text), error);
    for (guint i = 0; ok && i < manifest->file_count; i++) {
        ok = add_file(job, &manifest->files[i], error);
    }
    ok = ok && tar_writer_end(job->writer, error) && output_keep(&job->output, error);
    tar_writer_free(job->writer);
    return ok;
}

/* The revision's manifest, with the name and number of its folder. */
static struct image_manifest *
load(const char *folder, const char *name, guint revision, GError **error)
{
    struct image_manifest *manifest = image_manifest_load(folder, error);

    if (manifest != NULL && (strcmp(manifest->name, name) != 0 || manifest->revision != revision)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED,
                    "%s: the manifest belongs to another image or revision", folder);
        g_clear_pointer(&manifest, image_manifest_free);
    }
    return manifest;
}

char *
image_export_revision(const char *images, const char *name, guint revision, const char *path,
                      GError **error)
{
    g_autofree char *folder = g_strdup_printf("%s/%s/%u", images, name, revision);
    struct job job = {.folder = folder};
    struct image_manifest *manifest;
    bool ok;

    if (!image_name_valid(name)) { /* before it becomes part of a path */
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "that is no image's name");
        return NULL;
    }
    manifest = load(folder, name, revision, error);
    if (manifest == NULL) {
        return NULL;
    }
    job.head.manifest = *manifest;
    job.transfer = transfer_new(name);
    ok = output_open(&job.output, path, error) && write_all(&job, error);
    output_clear(&job.output);
    transfer_free(job.transfer);
    image_manifest_free(manifest);
    return ok ? g_strdup(job.head.digest) : NULL;
}
