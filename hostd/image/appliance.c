/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/appliance.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/convert.h"
#include "hostd/image/ovf.h"
#include "hostd/image/qcow2.h"
#include "hostd/image/store.h"
#include "hostd/image/tar.h"
#include "hostd/image/transfer.h"
#include "hostd/image/vmdk.h"
#include "protocol/base/fd.h"

/* A file of the appliance: a member of the archive, or one beside the descriptor. */
struct source {
    struct tar_reader *reader; /* NULL: fd */
    int fd;
    guint64 size;
};

struct job {
    const struct image_import *import;
    struct transfer *transfer;
    struct ovf *ovf;
    GHashTable *computed; /* name to "sha1:... sha256:..." */
    GHashTable *listed;   /* of the .mf, NULL: there is none */
    struct image_draft *draft;
    int vmdk; /* the disk as it came, in the draft's scratch folder; -1 */
    guint64 done, total;
};

static bool __attribute__((format(printf, 3, 4)))
fail(GError **error, int code, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error_literal(error, IMAGE_ERROR, code, text);
    return false;
}

bool
image_is_appliance(const char *path)
{
    gsize size = strlen(path);

    return size > 4 && (g_ascii_strcasecmp(path + size - 4, ".ova") == 0 ||
                        g_ascii_strcasecmp(path + size - 4, ".ovf") == 0);
}

static bool
ends_with(const char *name, const char *end)
{
    gsize size = strlen(name), length = strlen(end);

    return size > length && g_ascii_strcasecmp(name + size - length, end) == 0;
}

static gssize
read_source(struct source *source, void *data, gsize size, GError **error)
{
    ssize_t n;

    if (source->reader != NULL) {
        return tar_reader_data(source->reader, data, size, error);
    }
    do {
        n = read(source->fd, data, size);
    } while (n < 0 && errno == EINTR && transfer_interrupted() == 0);
    if (n < 0) {
        fail(error, IMAGE_ERROR_IO, "the appliance does not read: %s", g_strerror(errno));
    }
    return n;
}

/* Reads all of a source, notes its digests under name, and writes it to file or keeps it in text.
 */
static bool
take(struct job *job, const char *name, struct source *source, struct transfer_file *file,
     GByteArray *text, GError **error)
{
    g_autofree guint8 *chunk = g_malloc(TRANSFER_CHUNK);
    g_autofree char *shown = g_strdup_printf("Reading: %s", name);
    g_autoptr(GChecksum) sha1 = g_checksum_new(G_CHECKSUM_SHA1);
    g_autoptr(GChecksum) sha256 = g_checksum_new(G_CHECKSUM_SHA256);
    gssize n;

    while ((n = read_source(source, chunk, TRANSFER_CHUNK, error)) > 0) {
        g_checksum_update(sha1, chunk, n);
        g_checksum_update(sha256, chunk, n);
        job->done += (guint64)n;
        if (text != NULL && text->len + (guint64)n > source->size) {
            return fail(error, IMAGE_ERROR_DAMAGED, "%s is longer than it should be", name);
        }
        if (text != NULL) {
            g_byte_array_append(text, chunk, (guint)n);
        }
        if ((file != NULL && !transfer_file_write(file, chunk, (gsize)n, error)) ||
            !transfer_step(job->transfer, shown, job->done, job->total, error)) {
            return false;
        }
    }
    g_hash_table_replace(job->computed, g_strdup(name),
                         g_strdup_printf("sha1:%s sha256:%s", g_checksum_get_string(sha1),
                                         g_checksum_get_string(sha256)));
    return n == 0 && (file == NULL || transfer_file_end(file, error) != NULL);
}

static bool
take_text(struct job *job, const char *name, struct source *source, guint max, GByteArray *text,
          GError **error)
{
    if (source->size > max) {
        return fail(error, IMAGE_ERROR_REFUSED, "the appliance is refused: %s is too long", name);
    }
    return take(job, name, source, NULL, text, error) &&
           (text->len == source->size ||
            fail(error, IMAGE_ERROR_DAMAGED, "the appliance is damaged: %s ends early", name));
}

/* What an image may be called, from what the appliance calls itself or its file. */
static char *
make_name(const struct job *job)
{
    g_autofree char *base = g_path_get_basename(job->import->path);
    const char *from = job->ovf->name[0] != '\0' ? job->ovf->name : base;
    GString *name = g_string_new(NULL);

    if (job->import->name != NULL) {
        g_string_assign(name, job->import->name);
        return g_string_free(name, FALSE);
    }
    for (; *from != '\0' && name->len < IMAGE_NAME_MAX; from++) {
        bool plain = g_ascii_isalnum(*from) || *from == '.' || *from == '_';

        if (plain && (name->len > 0 || g_ascii_isalnum(*from))) {
            g_string_append_c(name, *from);
        } else if (name->len > 0 && name->str[name->len - 1] != '-') {
            g_string_append_c(name, '-');
        }
    }
    if (name->len == 0) {
        g_string_assign(name, "appliance");
    }
    return g_string_free(name, FALSE);
}

static bool
take_descriptor(struct job *job, const char *name, struct source *source, GError **error)
{
    g_autoptr(GByteArray) text = g_byte_array_new();
    g_autofree char *image = NULL;

    if (!take_text(job, name, source, OVF_DESCRIPTOR_MAX, text, error)) {
        return false;
    }
    job->ovf = ovf_parse((const char *)text->data, text->len, error);
    if (job->ovf == NULL) {
        return false;
    }
    image = make_name(job);
    job->draft = image_draft_new(job->import->images, image, error);
    return job->draft != NULL;
}

static bool
take_digests(struct job *job, const char *name, struct source *source, GError **error)
{
    g_autoptr(GByteArray) text = g_byte_array_new();

    if (job->listed != NULL) {
        return fail(error, IMAGE_ERROR_REFUSED,
                    "the appliance is refused: it has two lists of digests");
    }
    if (!take_text(job, name, source, OVF_DIGESTS_MAX, text, error)) {
        return false;
    }
    g_hash_table_remove(job->computed, name);
    job->listed = ovf_digests_parse((const char *)text->data, text->len, error);
    return job->listed != NULL;
}

static bool
take_disk(struct job *job, struct source *source, GError **error)
{
    g_autofree char *path = g_build_filename(image_draft_work(job->draft), "disk.vmdk", NULL);
    struct transfer_file file;
    bool ok;

    if (job->vmdk != -1) {
        return fail(error, IMAGE_ERROR_REFUSED, "the appliance is refused: it has its disk twice");
    }
    job->vmdk = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (job->vmdk == -1) {
        return fail(error, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(errno));
    }
    transfer_file_begin(&file, job->vmdk);
    ok = take(job, job->ovf->disk_file, source, &file, NULL, error) &&
         (file.size == source->size ||
          fail(error, IMAGE_ERROR_DAMAGED, "the appliance is damaged: its disk ends early"));
    transfer_file_clear(&file);
    return ok;
}

/* The descriptor comes first in an OVA, the list of digests wherever it wants. */
static bool
take_member(struct job *job, const char *name, struct source *source, GError **error)
{
    if (job->ovf == NULL) {
        return ends_with(name, ".ovf")
                   ? take_descriptor(job, name, source, error)
                   : fail(error, IMAGE_ERROR_REFUSED,
                          "the appliance is refused: it does not begin with a descriptor (.ovf)");
    }
    if (ends_with(name, ".mf")) {
        return take_digests(job, name, source, error);
    }
    if (strcmp(name, job->ovf->disk_file) == 0) {
        return take_disk(job, source, error);
    }
    return take(job, name, source, NULL, NULL, error);
}

static bool
read_archive(struct job *job, int fd, GError **error)
{
    struct source source = {.reader = tar_reader_new(fd, TAR_PLAIN, error)};
    struct tar_member member;
    int more = source.reader == NULL ? -1 : 1;

    while (more > 0) {
        more = tar_reader_next(source.reader, &member, error);
        source.size = member.size;
        if (more > 0 && !take_member(job, member.name, &source, error)) {
            more = -1;
        }
    }
    tar_reader_free(source.reader);
    return more == 0;
}

/* A file beside the descriptor; one that is not there is no error when it is optional. */
static bool
read_beside(struct job *job, int folder, const char *name, bool optional, GError **error)
{
    struct source source = {
        .fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    struct stat st;
    bool ok;

    if (source.fd == -1 && errno == ENOENT && optional) {
        return true;
    }
    if (source.fd == -1 || fstat(source.fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        ok = fail(error, IMAGE_ERROR_IO, "%s: %s", name,
                  source.fd == -1 ? g_strerror(errno) : "it is no plain file");
    } else {
        source.size = (guint64)st.st_size;
        job->total += source.size;
        ok = take_member(job, name, &source, error);
    }
    vd_fd_clear(&source.fd);
    return ok;
}

static bool
read_folder(struct job *job, GError **error)
{
    g_autofree char *path = g_path_get_dirname(job->import->path);
    g_autofree char *name = g_path_get_basename(job->import->path);
    g_autofree char *digests = g_strdup_printf("%.*s.mf", (int)strlen(name) - 4, name);
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = folder != -1 ? read_beside(job, folder, name, false, error) &&
                                 read_beside(job, folder, digests, true, error) &&
                                 read_beside(job, folder, job->ovf->disk_file, false, error)
                           : fail(error, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(errno));

    vd_fd_clear(&folder);
    return ok;
}

/* Everything that was read has to be listed, with the right digest. */
static bool
check_digests(struct job *job, GError **error)
{
    GHashTableIter each;
    gpointer name, sums;

    if (job->listed == NULL) {
        g_ptr_array_add(
            job->ovf->notes,
            g_strdup("it has no list of digests (.mf): damage to it would not be noticed"));
        return true;
    }
    g_hash_table_iter_init(&each, job->computed);
    while (g_hash_table_iter_next(&each, &name, &sums)) {
        const char *listed = g_hash_table_lookup(job->listed, name);
        g_auto(GStrv) both = g_strsplit(sums, " ", 2);

        if (listed == NULL && !ends_with(name, ".cert")) {
            return fail(error, IMAGE_ERROR_DAMAGED,
                        "the appliance is damaged: %s is not in its list of digests", (char *)name);
        }
        if (listed != NULL && !g_strv_contains((const char *const *)both, listed)) {
            return fail(error, IMAGE_ERROR_DAMAGED,
                        "the appliance is damaged: %s has not the digest that is listed",
                        (char *)name);
        }
    }
    return true;
}

static bool
convert_disk(struct job *job, GError **error)
{
    g_autofree char *path =
        g_build_filename(image_draft_out(job->draft), image_store_file(0), NULL);
    guint64 before = 0, after = 0;
    int fd;
    bool ok;

    if (!vmdk_check_file(job->vmdk, &before, error)) {
        return false;
    }
    if (job->ovf->capacity != 0 && job->ovf->capacity != before) {
        return fail(error, IMAGE_ERROR_REFUSED,
                    "the disk is refused: it shows %" G_GUINT64_FORMAT
                    " bytes, and the descriptor says %" G_GUINT64_FORMAT,
                    before, job->ovf->capacity);
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd == -1) {
        return fail(error, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(errno));
    }
    ok = convert_vmdk(job->vmdk, fd, job->transfer, error) &&
         image_qcow2_check_file(fd, false, &after, error) &&
         (before == after ||
          fail(error, IMAGE_ERROR_DAMAGED, "the converted disk has another size"));
    vd_fd_clear(&fd);
    return ok;
}

static struct image_manifest *
publish(struct job *job, GError **error)
{
    struct image_manifest *manifest = g_new0(struct image_manifest, 1);

    manifest->kind = IMAGE_DISK;
    manifest->memory_min_mb = job->ovf->memory_mb;
    g_snprintf(manifest->description, sizeof(manifest->description), "Appliance: %s",
               job->ovf->name);
    if (!image_draft_publish(job->draft, manifest, error)) {
        g_clear_pointer(&manifest, image_manifest_free);
    }
    return manifest;
}

static bool
read_all(struct job *job, GError **error)
{
    int fd;
    struct stat st;
    bool ok;

    if (ends_with(job->import->path, ".ovf")) {
        return read_folder(job, error);
    }
    fd = open(job->import->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        ok = fail(error, IMAGE_ERROR_IO, "%s: %s", job->import->path,
                  fd == -1 ? g_strerror(errno) : "it is no plain file");
    } else {
        job->total = (guint64)st.st_size;
        ok = read_archive(job, fd, error);
    }
    vd_fd_clear(&fd);
    return ok;
}

struct image_manifest *
image_appliance_run(const struct image_import *import, GPtrArray **ret_notes, GError **error)
{
    struct job job = {.import = import, .vmdk = -1};
    struct image_manifest *manifest = NULL;

    *ret_notes = NULL;
    job.transfer = transfer_new(import->name == NULL ? "import" : import->name);
    job.computed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (read_all(&job, error) &&
        (job.vmdk != -1 ||
         fail(error, IMAGE_ERROR_DAMAGED, "the appliance is damaged: its disk is missing")) &&
        check_digests(&job, error) && convert_disk(&job, error)) {
        manifest = publish(&job, error);
    }
    if (manifest != NULL) {
        *ret_notes = g_ptr_array_ref(job.ovf->notes);
        g_ptr_array_add(*ret_notes,
                        g_strdup("there is no agent of Vedette in it: desktops of it count as "
                                 "ready when they start, and nobody is signed in"));
    }
    vd_fd_clear(&job.vmdk);
    image_draft_free(job.draft);
    g_clear_pointer(&job.listed, g_hash_table_unref);
    g_hash_table_unref(job.computed);
    ovf_free(job.ovf);
    transfer_free(job.transfer);
    return manifest;
}
