/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_VDX_H
#define VEDETTE_IMAGE_VDX_H

/*
 * vdx: the head of an export, a .vdx file: a revision of an image, or a desktop.
 *
 * A .vdx is a POSIX tar (pax), compressed with zstd as a whole. Its first member, VDX_HEAD_FILE, is
 * this head in JSON; then come the files that it lists, in its order, and nothing else. The head
 * has the digest of each file and one over itself, so that whoever knows that one knows all of it.
 * It is foreign until it was parsed.
 */

#include "hostd/image/manifest.h"

#define VDX_FORMAT      1
#define VDX_HEAD_FILE   "vedette.json"
#define VDX_HEAD_MAX    (2 * IMAGE_MANIFEST_MAX) /* bytes */
#define VDX_TEXT_MAX    64u                      /* bytes of a name of user or pool */
#define VDX_CPU_MAX     64u
#define VDX_DISK_FILE   "disk.qcow2"
#define VDX_MIDDLE_FILE "middle.qcow2" /* between a forked desktop's disk and its image's */

enum vdx_kind {
    VDX_REVISION,
    VDX_DESKTOP,
};

/* Its disks are overlays; what they stand on is named by digest, and is not in the export. */
struct vdx_desktop {
    char id[VDX_TEXT_MAX + 1]; /* where it came from */
    char pool[VDX_TEXT_MAX + 1], user[VDX_TEXT_MAX + 1];
    char base_name[IMAGE_NAME_MAX + 1]; /* of the image's revision, where it came from */
    guint base_revision;
    char base_digest[8 + IMAGE_SHA256_LENGTH];
    guint cpu, memory_mb;
    bool live; /* it ran while it was taken */
};

struct vdx_head {
    enum vdx_kind kind;
    struct image_manifest manifest; /* the revision's; of a desktop only the list of files */
    struct vdx_desktop desktop;
    char digest[8 + IMAGE_SHA256_LENGTH]; /* "sha256:...", over all that the head says */
};

/* A head (g_free()), or NULL with an error of IMAGE_ERROR_INVALID. */
struct vdx_head *vdx_head_parse(const char *text, gsize size, GError **error);

/* The JSON text (g_free()); computes head->digest. */
char *vdx_head_to_json(struct vdx_head *head);

/* A name of a user or a pool, VDX_TEXT_MAX + 1 bytes at to; false for one that cannot be one. */
bool vdx_set_name(char *to, const char *name);

#endif
