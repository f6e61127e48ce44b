/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_EXPORT_H
#define VEDETTE_IMAGE_EXPORT_H

/*
 * export: writes a revision into one file, a .vdx (vdx.h), which is there whole or not at all.
 *
 * A file that exists already is left alone. Each file's digest is computed while it is read: what
 * has changed since it was sealed is not exported.
 */

#include "hostd/image/manifest.h"

/*
 * The digest of the head (g_free()), by which the export can be recognised, or NULL with an error
 * of IMAGE_ERROR.
 */
char *image_export_revision(const char *images, const char *name, guint revision, const char *path,
                            GError **error);

#endif
