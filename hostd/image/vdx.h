/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_VDX_H
#define VEDETTE_IMAGE_VDX_H

/*
 * vdx: the head of an export, a .vdx file.
 *
 * A .vdx is a POSIX tar (pax), compressed with zstd as a whole. Its first member, VDX_HEAD_FILE, is
 * this head in JSON; then come the files that it lists, in its order, and nothing else. The head
 * has the digest of each file and one over itself, so that whoever knows that one knows all of it.
 * It is foreign until it was parsed.
 */

#include "hostd/image/manifest.h"

#define VDX_FORMAT    1
#define VDX_HEAD_FILE "vedette.json"
#define VDX_HEAD_MAX  (2 * IMAGE_MANIFEST_MAX) /* bytes */

struct vdx_head {
    struct image_manifest manifest;       /* of the revision; its files follow */
    char digest[8 + IMAGE_SHA256_LENGTH]; /* "sha256:...", over all that the head says */
};

/* A head (g_free()), or NULL with an error of IMAGE_ERROR_INVALID. */
struct vdx_head *vdx_head_parse(const char *text, gsize size, GError **error);

/* The JSON text (g_free()); computes head->digest. */
char *vdx_head_to_json(struct vdx_head *head);

#endif
