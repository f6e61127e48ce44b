/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/images.h"

#include <jansson.h>
#include <string.h>

#include "hostd/kvm/spec.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define MAX_MANIFEST (1024u * 1024u)
#define MAX_IMAGES   1024u
#define MAX_REVISION 1000000u
#define FORMAT       1

struct hostd_images {
    char *folder;
    GPtrArray *all; /* struct hostd_image, owned */
};

static void
image_free(gpointer data)
{
    struct hostd_image *image = data;

    g_free(image->name);
    g_free(image->digest);
    g_free((char *)(uintptr_t)image->files.disk);
    g_free((char *)(uintptr_t)image->files.kernel);
    g_free((char *)(uintptr_t)image->files.initrd);
    g_free((char *)(uintptr_t)image->files.cmdline);
    g_free(image);
}

struct hostd_images *
hostd_images_new(const char *folder)
{
    struct hostd_images *images = g_new0(struct hostd_images, 1);

    images->folder = g_strdup(folder);
    images->all = g_ptr_array_new_with_free_func(image_free);
    return images;
}

void
hostd_images_free(struct hostd_images *images)
{
    if (images != NULL) {
        g_ptr_array_unref(images->all);
        g_free(images->folder);
        g_free(images);
    }
}

/* A plain file name or nothing at all; false for anything that could leave the folder. */
static bool
take_file(json_t *json, const char *key, const char **ret_name)
{
    const char *name = json_string_value(json_object_get(json, key));

    *ret_name = NULL;
    if (name == NULL) {
        return json_object_get(json, key) == NULL || json_is_null(json_object_get(json, key));
    }
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        return false;
    }
    *ret_name = g_strdup(name);
    return true;
}

/* Fills image from its manifest; false when it is not one we can run. */
static bool
take_manifest(json_t *json, struct hostd_image *image)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *digest = json_string_value(json_object_get(json, "digest"));
    const char *cmdline = json_string_value(json_object_get(json, "cmdline"));
    json_int_t memory = json_integer_value(json_object_get(json, "memory_min_mb"));

    if (name == NULL || strcmp(name, image->name) != 0 || digest == NULL ||
        json_integer_value(json_object_get(json, "revision")) != (json_int_t)image->revision ||
        json_integer_value(json_object_get(json, "format")) != FORMAT || memory < 0 ||
        memory > KVM_SPEC_MEMORY_MAX_MB || !take_file(json, "disk", &image->files.disk) ||
        !take_file(json, "kernel", &image->files.kernel) ||
        !take_file(json, "initrd", &image->files.initrd)) {
        return false;
    }
    image->digest = g_strdup(digest);
    image->memory_min_mb = (unsigned)memory;
    image->files.cmdline =
        cmdline == NULL || image->files.kernel == NULL ? NULL : g_strdup(cmdline);
    image->files.agent = json_is_true(json_object_get(json, "agent"));
    return image->files.disk != NULL || image->files.kernel != NULL;
}

static struct hostd_image *
read_image(const char *folder, const char *name, unsigned revision)
{
    g_autofree char *path = g_strdup_printf("%s/%s/%u/manifest.json", folder, name, revision);
    struct hostd_image *image;
    char *data = NULL;
    size_t size;
    json_t *json;
    bool good;

    if (vd_file_read(path, MAX_MANIFEST, &data, &size) < 0) {
        return NULL;
    }
    image = g_new0(struct hostd_image, 1);
    image->name = g_strdup(name);
    image->revision = revision;
    json = json_loadb(data, size, JSON_REJECT_DUPLICATES, NULL);
    good = json_is_object(json) && take_manifest(json, image);
    json_decref(json);
    free(data);
    if (!good) {
        vd_warning("images", "%s is no sound manifest, passing it over", path);
        image_free(image);
        return NULL;
    }
    vd_info("images", "%s:%u %s", name, revision, image->digest);
    return image;
}

const struct hostd_image *
hostd_images_find(const struct hostd_images *images, const char *name, unsigned revision)
{
    guint i;

    for (i = 0; i < images->all->len; i++) {
        const struct hostd_image *image = g_ptr_array_index(images->all, i);

        if (image->revision == revision && strcmp(image->name, name) == 0) {
            return image;
        }
    }
    return NULL;
}

const GPtrArray *
hostd_images_all(const struct hostd_images *images)
{
    return images->all;
}

/* Reads the revisions of one image that are not known yet. */
static bool
scan_image(struct hostd_images *images, const char *name)
{
    g_autofree char *path = g_build_filename(images->folder, name, NULL);
    g_autoptr(GDir) revisions = g_dir_open(path, 0, NULL); /* a file, or gone again: no image */
    const char *entry;
    bool changed = false;

    while (revisions != NULL && (entry = g_dir_read_name(revisions)) != NULL) {
        struct hostd_image *image;
        guint64 revision;

        if (!g_ascii_string_to_unsigned(entry, 10, 1, MAX_REVISION, &revision, NULL) ||
            hostd_images_find(images, name, (unsigned)revision) != NULL ||
            images->all->len >= MAX_IMAGES) {
            continue;
        }
        image = read_image(images->folder, name, (unsigned)revision);
        if (image != NULL) {
            g_ptr_array_add(images->all, image);
            changed = true;
        }
    }
    return changed;
}

bool
hostd_images_scan(struct hostd_images *images)
{
    g_autoptr(GDir) names = g_dir_open(images->folder, 0, NULL); /* none yet: no images */
    const char *name;
    bool changed = false;
    guint i;

    for (i = images->all->len; i > 0; i--) {
        const struct hostd_image *image = g_ptr_array_index(images->all, i - 1);
        g_autofree char *path =
            g_strdup_printf("%s/%s/%u/manifest.json", images->folder, image->name, image->revision);

        if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_ptr_array_remove_index(images->all, i - 1);
            changed = true;
        }
    }
    while (names != NULL && (name = g_dir_read_name(names)) != NULL) {
        if (kvm_spec_name_is_good(name)) {
            changed = scan_image(images, name) || changed;
        }
    }
    return changed;
}
