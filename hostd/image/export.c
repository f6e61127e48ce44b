/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/export.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "hostd/image/pack.h"
#include "protocol/base/fd.h"

/* The revision's manifest, with the name and number of its folder. */
static struct image_manifest *
load(const char *folder, const char *name, guint revision, GError **error)
{
    struct image_manifest *manifest = image_manifest_load(folder, error);

    if (manifest != NULL && (strcmp(manifest->name, name) != 0 || manifest->revision != revision)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED,
                    "%s: the manifest belongs to another image or revision", folder);
        g_clear_pointer(&manifest, image_manifest_free);
    }
    return manifest;
}

static bool
open_files(const char *folder, const struct image_manifest *manifest, int *fds, GError **error)
{
    for (guint i = 0; i < manifest->file_count; i++) {
        g_autofree char *path = g_build_filename(folder, manifest->files[i].name, NULL);

        fds[i] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fds[i] == -1) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(errno));
            return false;
        }
    }
    return true;
}

char *
image_export_revision(const char *images, const char *name, guint revision, const char *path,
                      GError **error)
{
    g_autofree char *folder = g_strdup_printf("%s/%s/%u", images, name, revision);
    struct vdx_head head = {.kind = VDX_REVISION};
    struct image_manifest *manifest;
    struct transfer *transfer;
    int fds[IMAGE_FILES_MAX];
    bool ok;

    if (!image_name_valid(name)) { /* before it becomes part of a path */
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "that is no image's name");
        return NULL;
    }
    manifest = load(folder, name, revision, error);
    if (manifest == NULL) {
        return NULL;
    }
    for (guint i = 0; i < IMAGE_FILES_MAX; i++) {
        fds[i] = -1;
    }
    head.manifest = *manifest;
    transfer = transfer_new(name);
    ok = open_files(folder, manifest, fds, error) && pack_write(&head, fds, path, transfer, error);
    for (guint i = 0; i < IMAGE_FILES_MAX; i++) {
        vd_fd_clear(&fds[i]);
    }
    transfer_free(transfer);
    image_manifest_free(manifest);
    return ok ? g_strdup(head.digest) : NULL;
}
