/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_UNPACK_H
#define VEDETTE_IMAGE_UNPACK_H

/*
 * unpack: reads a .vdx that came from elsewhere, head first, then its files into a folder.
 *
 * Each file's digest is computed while it is written, and each disk has to pass image_qcow2_check()
 * before it counts as there; a desktop's disks lose the name of what they stand on, if they have
 * one.
 */

#include "hostd/image/transfer.h"
#include "hostd/image/vdx.h"

struct unpack;

/* Opens path, which may be a pipe, and reads the head; NULL with an error of IMAGE_ERROR. */
struct unpack *unpack_new(const char *path, const char *label, GError **error);
void unpack_free(struct unpack *unpack); /* NULL-safe */

const struct vdx_head *unpack_head(const struct unpack *unpack);

/*
 * Writes all files into folder, once. False with an error when anything is not as the head says or
 * must not be; what is in the folder then must not be used.
 */
bool unpack_files(struct unpack *unpack, const char *folder, GError **error);

#endif
