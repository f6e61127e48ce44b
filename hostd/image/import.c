/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/import.h"

#include <string.h>

#include "hostd/image/store.h"
#include "hostd/image/unpack.h"

static bool __attribute__((format(printf, 2, 3))) refuse(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error_literal(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED, text);
    return false;
}

/* Files by the names that they have in every revision, and each in its role. */
static bool
check_files(const struct image_manifest *manifest, GError **error)
{
    const char *roles[] = {manifest->disk, manifest->initrd, manifest->kernel};
    guint filled = 0;

    for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
        if (roles[i][0] != '\0' && strcmp(roles[i], image_store_file(i)) != 0) {
            return refuse(error, "the export is refused: no image has a file %s there", roles[i]);
        }
        filled += roles[i][0] != '\0';
    }
    return filled == manifest->file_count ||
           refuse(error, "the export is refused: it has files that no image has");
}

static bool
check_kind(const struct vdx_head *head, GError **error)
{
    return head->kind == VDX_REVISION ||
           refuse(error, "it is a desktop and no image: see vedettectl desktop import");
}

/* A sound revision of that image with these very files, or NULL. */
static struct image_manifest *
find_same(const char *images, const char *name, const char *digest)
{
    GPtrArray *entries = image_store_list(images, NULL);
    struct image_manifest *found = NULL;

    for (guint i = 0; entries != NULL && found == NULL && i < entries->len; i++) {
        struct image_entry *entry = entries->pdata[i];

        if (strcmp(entry->name, name) == 0 && entry->manifest != NULL &&
            strcmp(entry->manifest->digest, digest) == 0 &&
            image_manifest_verify(entry->manifest, entry->path, NULL)) {
            found = g_steal_pointer(&entry->manifest);
        }
    }
    g_clear_pointer(&entries, g_ptr_array_unref);
    return found;
}

/* What becomes of the files; the draft's own pass over them is the proof. */
static struct image_manifest *
make_revision(struct unpack *unpack, const struct image_import *import, const char *name,
              GError **error)
{
    struct image_draft *draft = image_draft_new(import->images, name, error);
    struct image_manifest *manifest = NULL;

    if (draft != NULL && unpack_files(unpack, image_draft_out(draft), error)) {
        manifest = g_memdup2(&unpack_head(unpack)->manifest, sizeof(*manifest));
    }
    if (manifest != NULL && !image_draft_publish(draft, manifest, error)) {
        g_clear_pointer(&manifest, image_manifest_free);
    }
    image_draft_free(draft);
    return manifest;
}

struct image_manifest *
image_import_run(const struct image_import *import, bool *ret_known, GError **error)
{
    struct unpack *unpack =
        unpack_new(import->path, import->name == NULL ? "import" : import->name, error);
    const struct vdx_head *head = unpack == NULL ? NULL : unpack_head(unpack);
    struct image_manifest *manifest = NULL;

    *ret_known = false;
    if (head != NULL && check_kind(head, error) && check_files(&head->manifest, error)) {
        const char *name = import->name != NULL ? import->name : head->manifest.name;

        manifest = find_same(import->images, name, head->manifest.digest);
        *ret_known = manifest != NULL;
        if (manifest == NULL) {
            manifest = make_revision(unpack, import, name, error);
        }
    }
    unpack_free(unpack);
    return manifest;
}
