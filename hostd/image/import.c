/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/import.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/qcow2.h"
#include "hostd/image/store.h"
#include "hostd/image/tar.h"
#include "hostd/image/transfer.h"
#include "hostd/image/vdx.h"
#include "protocol/base/fd.h"

struct job {
    struct tar_reader *reader;
    struct transfer *transfer;
    struct vdx_head *head;
    struct image_draft *draft;
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
expect_member(struct job *job, const char *name, guint64 max, struct tar_member *member,
              GError **error)
{
    int found = tar_reader_next(job->reader, member, error);

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
read_head(struct job *job, GError **error)
{
    g_autofree char *text = NULL;
    struct tar_member member;
    gsize got = 0;

    if (!expect_member(job, VDX_HEAD_FILE, VDX_HEAD_MAX, &member, error)) {
        return false;
    }
    text = g_malloc(member.size + 1);
    while (got < member.size) {
        gssize n = tar_reader_data(job->reader, text + got, member.size - got, error);

        if (n <= 0) {
            return n < 0 ? false : refuse(error, IMAGE_ERROR_DAMAGED, "the export ends too early");
        }
        got += (gsize)n;
    }
    job->head = vdx_head_parse(text, got, error);
    return job->head != NULL;
}

static bool
copy_member(struct job *job, const struct image_file *file, struct transfer_file *to,
            GError **error)
{
    g_autofree guint8 *chunk = g_malloc(TRANSFER_CHUNK);
    g_autofree char *text = g_strdup_printf("Unpacking: %s", file->name);
    const char *sum;
    gssize n;

    while ((n = tar_reader_data(job->reader, chunk, TRANSFER_CHUNK, error)) > 0) {
        if ((guint64)n > file->size - to->size) {
            return refuse(error, IMAGE_ERROR_DAMAGED, "%s is longer than it should be", file->name);
        }
        job->done += (guint64)n;
        if (!transfer_file_write(to, chunk, (gsize)n, error) ||
            !transfer_step(job->transfer, text, job->done, job->total, error)) {
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

static bool
take_file(struct job *job, const struct image_file *file, GError **error)
{
    g_autofree char *path = g_build_filename(image_draft_out(job->draft), file->name, NULL);
    struct transfer_file to;
    struct tar_member member;
    int fd;
    bool ok;

    if (!expect_member(job, file->name, file->size, &member, error)) {
        return false;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1) {
        return io_error(error, path, errno);
    }
    transfer_file_begin(&to, fd);
    ok = copy_member(job, file, &to, error) && (strcmp(file->name, job->head->manifest.disk) != 0 ||
                                                image_qcow2_check_file(fd, false, NULL, error));
    transfer_file_clear(&to);
    vd_fd_clear(&fd);
    return ok;
}

static bool
take_files(struct job *job, GError **error)
{
    const struct image_manifest *manifest = &job->head->manifest;
    struct tar_member member;
    int more;

    for (guint i = 0; i < manifest->file_count; i++) {
        if (!take_file(job, &manifest->files[i], error)) {
            return false;
        }
    }
    more = tar_reader_next(job->reader, &member, error);
    return more == 0 ||
           (more > 0 && refuse(error, IMAGE_ERROR_REFUSED,
                               "the export is refused: it has more files than it should"));
}

/* Files by the names that they have in every revision, and each in its role. */
static bool
check_files(const struct image_manifest *manifest, GError **error)
{
    const char *roles[] = {manifest->disk, manifest->initrd, manifest->kernel};
    guint filled = 0;

    for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
        if (roles[i][0] != '\0' && strcmp(roles[i], image_store_file(i)) != 0) {
            return refuse(error, IMAGE_ERROR_REFUSED,
                          "the export is refused: no image has a file %s there", roles[i]);
        }
        filled += roles[i][0] != '\0';
    }
    return filled == manifest->file_count ||
           refuse(error, IMAGE_ERROR_REFUSED,
                  "the export is refused: it has files that no image has");
}

/* A sound revision of that image with these very files, or NULL. */
static struct image_manifest *
find_same(const char *images, const char *name, const char *digest)
{
    GPtrArray *entries = image_store_list(images, NULL);
    struct image_manifest *found = NULL;

    for (guint i = 0; entries != NULL && found == NULL && i < entries->len; i++) {
        struct image_entry *entry = entries->pdata[i];

        if (strcmp(entry->name, name) == 0 && entry->manifest != NULL &&
            strcmp(entry->manifest->digest, digest) == 0 &&
            image_manifest_verify(entry->manifest, entry->path, NULL)) {
            found = g_steal_pointer(&entry->manifest);
        }
    }
    g_clear_pointer(&entries, g_ptr_array_unref);
    return found;
}

/* What becomes of the head; the draft's own pass over the files is the proof. */
static struct image_manifest *
make_revision(struct job *job, const struct image_import *import, const char *name, GError **error)
{
    struct image_manifest *manifest = NULL;

    job->draft = image_draft_new(import->images, name, error);
    if (job->draft != NULL && take_files(job, error)) {
        manifest = g_memdup2(&job->head->manifest, sizeof(job->head->manifest));
    }
    if (manifest != NULL && !image_draft_publish(job->draft, manifest, error)) {
        g_clear_pointer(&manifest, image_manifest_free);
    }
    image_draft_free(job->draft);
    return manifest;
}

struct image_manifest *
image_import_run(const struct image_import *import, bool *ret_known, GError **error)
{
    struct job job = {NULL};
    struct image_manifest *manifest = NULL;
    int fd = open(import->path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *ret_known = false;
    if (fd == -1 || fstat(fd, &st) != 0 || !(S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode))) {
        io_error(error, import->path, fd == -1 ? errno : EINVAL);
        vd_fd_clear(&fd);
        return NULL;
    }
    job.transfer = transfer_new(import->name == NULL ? "import" : import->name);
    job.reader = tar_reader_new(fd, TAR_ZSTD, error);
    if (job.reader != NULL && read_head(&job, error) && check_files(&job.head->manifest, error)) {
        const char *name = import->name != NULL ? import->name : job.head->manifest.name;

        job.total = image_manifest_size(&job.head->manifest);
        manifest = find_same(import->images, name, job.head->manifest.digest);
        *ret_known = manifest != NULL;
        if (manifest == NULL) {
            manifest = make_revision(&job, import, name, error);
        }
    }
    g_free(job.head);
    tar_reader_free(job.reader);
    transfer_free(job.transfer);
    vd_fd_clear(&fd);
    return manifest;
}
