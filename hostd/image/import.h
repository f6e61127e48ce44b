/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_IMPORT_H
#define VEDETTE_IMAGE_IMPORT_H

/*
 * import: makes a revision of a .vdx that came from elsewhere.
 *
 * Everything in the file is foreign. Digests are computed while it is unpacked into a draft, which
 * becomes a revision when all of them are right and the disk has passed image_qcow2_check(); QEMU
 * never sees one that has not. Where it ends before that, nothing is left but a draft that nobody
 * holds, which the next draft of that image or image_gc_run() removes.
 */

#include "hostd/image/manifest.h"

struct image_import {
    const char *images;
    const char *path; /* of the .vdx, which may be a pipe */
    const char *name; /* of the image; NULL: what the file says */
};

/*
 * The manifest of the revision (image_manifest_free()), or NULL with an error of IMAGE_ERROR.
 * *ret_known: a sound revision with that digest was there already, and is returned.
 */
struct image_manifest *image_import_run(const struct image_import *import, bool *ret_known,
                                        GError **error);

#endif
