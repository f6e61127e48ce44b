/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_TAR_H
#define VEDETTE_IMAGE_TAR_H

/*
 * tar: archives as they leave and enter Vedette; the only place that knows libarchive.
 *
 * What is written is POSIX pax, compressed with zstd, with no times, owners or modes, so that the
 * same members give the same bytes. What is read is foreign: members are regular files with a plain
 * name and a bounded size; a folder, a link, a device or a name with a path ends it with an error.
 */

#include <glib.h>
#include <stdbool.h>

#define TAR_NAME_MAX   255u
#define TAR_SIZE_MAX   ((guint64)1 << 44) /* bytes of a member */
#define TAR_MEMBER_MAX 64u                /* members that are read */

struct tar_writer;
struct tar_reader;

enum tar_kind {
    TAR_ZSTD,  /* pax or ustar within zstd */
    TAR_PLAIN, /* not compressed */
};

struct tar_member {
    char name[TAR_NAME_MAX + 1];
    guint64 size; /* bytes */
};

/* Writes to fd, which stays the caller's. Errors are of IMAGE_ERROR. */
struct tar_writer *tar_writer_new(int fd, GError **error);
/* The next member; exactly size bytes of data have to follow. */
bool tar_writer_begin(struct tar_writer *writer, const char *name, guint64 size, GError **error);
bool tar_writer_data(struct tar_writer *writer, const void *data, gsize size, GError **error);
/* Writes what is outstanding; the archive is complete when this is true. */
bool tar_writer_end(struct tar_writer *writer, GError **error);
void tar_writer_free(struct tar_writer *writer); /* NULL-safe */

/* Reads from fd, which stays the caller's. */
struct tar_reader *tar_reader_new(int fd, enum tar_kind kind, GError **error);
/* 1 and a member, 0 at the end, -1 with an error. What is left of the member before is skipped. */
int tar_reader_next(struct tar_reader *reader, struct tar_member *ret_member, GError **error);
/* The next bytes of the member: how many, 0 at its end, -1 with an error. */
gssize tar_reader_data(struct tar_reader *reader, void *data, gsize size, GError **error);
void tar_reader_free(struct tar_reader *reader); /* NULL-safe */

/* True for a name without a path or anything that drives a terminal. */
bool tar_name_is_plain(const char *name);

#endif
