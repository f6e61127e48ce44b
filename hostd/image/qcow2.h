/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_QCOW2_H
#define VEDETTE_IMAGE_QCOW2_H

/*
 * qcow2: whether a disk that came from elsewhere may be shown to QEMU.
 *
 * QEMU does what a qcow2's header says: it opens the files that are named there. So a foreign
 * header is read here first, and only what our own disks are made of passes: one file, no backing
 * file, no external data, no encryption, no snapshots, no bitmaps, tables that lie in the file.
 * What the tables say about clusters is not looked at: it can point nowhere but into the same file.
 */

#include <glib.h>
#include <stdbool.h>

#define IMAGE_QCOW2_HEAD_MAX (2u * 1024 * 1024) /* bytes; the largest cluster */
#define IMAGE_DISK_SIZE_MAX  ((guint64)1 << 44) /* bytes that a guest may see */
#define IMAGE_DISK_FILE_MAX  ((guint64)1 << 44) /* bytes of the file */
#define IMAGE_BACKING_MAX    1023u              /* bytes of a backing file's name */

/*
 * head is the start of the file: all of it up to IMAGE_QCOW2_HEAD_MAX bytes. An overlay may name
 * the file that it stands on; that name is not used by anybody, and image_qcow2_forget_backing()
 * removes it. *ret_size, which may be NULL, is what a guest sees in bytes. False with an error of
 * IMAGE_ERROR_REFUSED that says what is wrong.
 */
bool image_qcow2_check(const guint8 *head, gsize head_size, guint64 file_size, bool overlay,
                       guint64 *ret_size, GError **error);

/* The same for an open file. */
bool image_qcow2_check_file(int fd, bool overlay, guint64 *ret_size, GError **error);

/* Takes the name of the backing file out of a header that has passed the check. */
bool image_qcow2_forget_backing(int fd, GError **error);

/* The same for the first bytes of a file, as many as there are; whatever they are. */
void image_qcow2_blank_backing(guint8 *head, gsize head_size);

#endif
