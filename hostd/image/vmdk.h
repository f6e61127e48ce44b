/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_VMDK_H
#define VEDETTE_IMAGE_VMDK_H

/*
 * vmdk: whether the disk of an appliance may be shown to qemu-img.
 *
 * A VMDK can be a list of other files, or say that it stands on one. What passes here is one sparse
 * file with its descriptor inside, as appliances have it: one extent, no parent, sane sizes in its
 * header and in the footer, which qemu-img believes more.
 */

#include <glib.h>
#include <stdbool.h>

#define VMDK_HEAD_MAX (64u * 1024) /* bytes; header and descriptor lie there */
#define VMDK_FOOT     1536u        /* bytes: marker, footer and end of stream, a sector each */

/*
 * head is the start of the file, all of it up to VMDK_HEAD_MAX; foot its last VMDK_FOOT bytes, or
 * NULL when it is shorter. *ret_size is what a guest sees in bytes. False with an error of
 * IMAGE_ERROR_REFUSED that says what is wrong.
 */
bool vmdk_check(const guint8 *head, gsize head_size, const guint8 *foot, guint64 file_size,
                guint64 *ret_size, GError **error);

/* The same for an open file. */
bool vmdk_check_file(int fd, guint64 *ret_size, GError **error);

#endif
