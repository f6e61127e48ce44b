/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

#include "hostd/image/manifest.h"

#define BLOCK_BYTES (256u * 1024)
#define LEVEL       "3" /* zstd's own default: more costs time and saves little on disks */

struct tar_writer {
    struct archive *archive;
};

struct tar_reader {
    struct archive *archive;
    guint members;
};

/* What libarchive says about damage contains no bytes of the archive. */
static bool
fail(struct archive *archive, const char *what, int code, GError **error)
{
    const char *text = archive_error_string(archive);

    g_set_error(error, IMAGE_ERROR, code, "%s: %s", what, text == NULL ? "no reason given" : text);
    return false;
}

struct tar_writer *
tar_writer_new(int fd, GError **error)
{
    struct tar_writer *writer = g_new0(struct tar_writer, 1);
    struct archive *a = writer->archive = archive_write_new();

    if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK ||
        archive_write_add_filter_zstd(a) != ARCHIVE_OK ||
        archive_write_set_filter_option(a, "zstd", "compression-level", LEVEL) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(a, 1) != ARCHIVE_OK ||
        archive_write_open_fd(a, fd) != ARCHIVE_OK) {
        fail(a, "the archive cannot be begun", IMAGE_ERROR_IO, error);
        tar_writer_free(writer);
        return NULL;
    }
    return writer;
}

bool
tar_writer_begin(struct tar_writer *writer, const char *name, guint64 size, GError **error)
{
    struct archive_entry *entry = archive_entry_new();
    bool ok;

    archive_entry_set_pathname(entry, name);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    ok = archive_write_header(writer->archive, entry) == ARCHIVE_OK ||
         fail(writer->archive, "the archive cannot be written", IMAGE_ERROR_IO, error);
    archive_entry_free(entry);
    return ok;
}

bool
tar_writer_data(struct tar_writer *writer, const void *data, gsize size, GError **error)
{
    return archive_write_data(writer->archive, data, size) == (la_ssize_t)size ||
           fail(writer->archive, "the archive cannot be written", IMAGE_ERROR_IO, error);
}

bool
tar_writer_end(struct tar_writer *writer, GError **error)
{
    return archive_write_close(writer->archive) == ARCHIVE_OK ||
           fail(writer->archive, "the archive cannot be written", IMAGE_ERROR_IO, error);
}

void
tar_writer_free(struct tar_writer *writer)
{
    if (writer != NULL) {
        archive_write_fail(writer->archive); /* what was not ended is not ended now */
        archive_write_free(writer->archive);
        g_free(writer);
    }
}

struct tar_reader *
tar_reader_new(int fd, enum tar_kind kind, GError **error)
{
    struct tar_reader *reader = g_new0(struct tar_reader, 1);
    struct archive *a = reader->archive = archive_read_new();

    /* A filter that libarchive would run as a program of its own counts as a failure. */
    if ((kind == TAR_ZSTD && archive_read_support_filter_zstd(a) != ARCHIVE_OK) ||
        archive_read_support_format_tar(a) != ARCHIVE_OK ||
        archive_read_open_fd(a, fd, BLOCK_BYTES) != ARCHIVE_OK) {
        fail(a, "it is no archive", IMAGE_ERROR_DAMAGED, error);
        tar_reader_free(reader);
        return NULL;
    }
    return reader;
}

bool
tar_name_is_plain(const char *name)
{
    size_t size = strlen(name);

    if (size == 0 || size > TAR_NAME_MAX || name[0] == '.' || !g_utf8_validate(name, -1, NULL)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((guchar)name[i] < ' ' || name[i] == 0x7f || name[i] == '/' || name[i] == '\\') {
            return false;
        }
    }
    return true;
}

static bool
take_member(struct tar_reader *reader, struct archive_entry *entry, struct tar_member *member,
            GError **error)
{
    const char *name = archive_entry_pathname(entry);
    g_autofree char *shown = g_strescape(name == NULL ? "" : name, NULL);

    if (++reader->members > TAR_MEMBER_MAX) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED, "the archive has more than %u members",
                    TAR_MEMBER_MAX);
        return false;
    }
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) != NULL ||
        archive_entry_symlink(entry) != NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED,
                    "the archive has a member that is no plain file: %.64s", shown);
        return false;
    }
    if (name == NULL || !tar_name_is_plain(name)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED,
                    "the archive has a member whose name is a path or no name: %.64s", shown);
        return false;
    }
    if (!archive_entry_size_is_set(entry) || archive_entry_size(entry) < 0 ||
        (guint64)archive_entry_size(entry) > TAR_SIZE_MAX) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED,
                    "the archive has a member that is too large: %.64s", shown);
        return false;
    }
    g_strlcpy(member->name, name, sizeof(member->name));
    member->size = (guint64)archive_entry_size(entry);
    return true;
}

int
tar_reader_next(struct tar_reader *reader, struct tar_member *ret_member, GError **error)
{
    struct archive_entry *entry;
    int result = archive_read_next_header(reader->archive, &entry);

    if (result == ARCHIVE_EOF) {
        return 0;
    }
    /* A warning is about what we do not use: times, owners, the encoding of a name. */
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
        fail(reader->archive, "the archive is damaged", IMAGE_ERROR_DAMAGED, error);
        return -1;
    }
    return take_member(reader, entry, ret_member, error) ? 1 : -1;
}

gssize
tar_reader_data(struct tar_reader *reader, void *data, gsize size, GError **error)
{
    la_ssize_t n = archive_read_data(reader->archive, data, size);

    if (n < 0) {
        fail(reader->archive, "the archive is damaged", IMAGE_ERROR_DAMAGED, error);
        return -1;
    }
    return (gssize)n;
}

void
tar_reader_free(struct tar_reader *reader)
{
    if (reader != NULL) {
        archive_read_free(reader->archive);
        g_free(reader);
    }
}
