/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_PACK_H
#define VEDETTE_IMAGE_PACK_H

/*
 * pack: writes a .vdx (vdx.h), which is there whole or not at all. A file that exists already is
 * left alone.
 *
 * A desktop's disks do not take the name of the file that they stand on along: it is a path of this
 * machine, and nobody's business elsewhere. Their digests are of what is written.
 */

#include "hostd/image/transfer.h"
#include "hostd/image/vdx.h"

/*
 * Adds a file to the head's list: reads all of fd from its start, and leaves it there. For files
 * whose digests nobody knows yet. False with an error of IMAGE_ERROR.
 */
bool pack_measure(struct vdx_head *head, const char *name, int fd, struct transfer *transfer,
                  GError **error);

/*
 * Writes the head and the files that it lists, which are read from fds, one for each, from where
 * they are; seals the head. What is not what the head says is an error, and nothing is left then.
 */
bool pack_write(struct vdx_head *head, const int *fds, const char *path, struct transfer *transfer,
                GError **error);

/* A file without a name beside path, for what has to be kept until then; -1 with an error. */
int pack_scratch(const char *path, GError **error);

#endif
