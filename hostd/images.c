/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/images.h"

#include <gio/gio.h>
#include <string.h>

#include "hostd/image/store.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/log.h"

#define MAX_IMAGES 1024u

struct hostd_images {
    char *folder;
    GPtrArray *all;      /* struct hostd_image, owned */
    GHashTable *unsound; /* folders whose manifest is not sound: that was said */
    GCancellable *cancellable;
    hostd_images_checked_fn checked;
    void *user_data;
};

/* What the thread of one check works on. */
struct check {
    struct image_manifest manifest;
    char *folder;
};

static void
image_free(gpointer data)
{
    struct hostd_image *image = data;

    image_manifest_free(image->manifest);
    g_free(image->problem);
    g_free(image);
}

struct hostd_images *
hostd_images_new(const char *folder, hostd_images_checked_fn checked, void *user_data)
{
    struct hostd_images *images = g_new0(struct hostd_images, 1);

    images->folder = g_strdup(folder);
    images->all = g_ptr_array_new_with_free_func(image_free);
    images->unsound = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    images->cancellable = g_cancellable_new();
    images->checked = checked;
    images->user_data = user_data;
    return images;
}

void
hostd_images_free(struct hostd_images *images)
{
    if (images != NULL) {
        g_cancellable_cancel(images->cancellable);
        g_object_unref(images->cancellable);
        g_hash_table_unref(images->unsound);
        g_ptr_array_unref(images->all);
        g_free(images->folder);
        g_free(images);
    }
}

static char *
image_folder(const struct hostd_images *images, const char *name, unsigned revision)
{
    return g_strdup_printf("%s/%s/%u", images->folder, name, revision);
}

static const char *
or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

static void
complain(struct hostd_images *images, const char *folder, const char *text)
{
    if (g_hash_table_size(images->unsound) < MAX_IMAGES &&
        g_hash_table_add(images->unsound, g_strdup(folder))) {
        vd_warning("images", "%s, passing %s over", text, folder);
    }
}

/* NULL when the folder holds nothing that this host could run. */
static struct hostd_image *
read_image(struct hostd_images *images, const char *name, unsigned revision)
{
    g_autofree char *folder = image_folder(images, name, revision);
    g_autoptr(GError) error = NULL;
    struct image_manifest *manifest = image_manifest_load(folder, &error);
    struct hostd_image *image;

    if (manifest == NULL) {
        complain(images, folder, error->message);
        return NULL;
    }
    if (strcmp(manifest->name, name) != 0 || manifest->revision != revision ||
        manifest->memory_min_mb > KVM_SPEC_MEMORY_MAX_MB) {
        complain(images, folder, "its manifest is of another image, or wants too much memory");
        image_manifest_free(manifest);
        return NULL;
    }
    image = g_new0(struct hostd_image, 1);
    image->manifest = manifest;
    image->files.disk = or_null(manifest->disk);
    image->files.kernel = or_null(manifest->kernel);
    image->files.initrd = or_null(manifest->initrd);
    image->files.cmdline = image->files.kernel != NULL ? or_null(manifest->cmdline) : NULL;
    image->files.agent = manifest->agent;
    vd_info("images", "%s:%u %s", name, revision, manifest->digest);
    return image;
}

static struct hostd_image *
find(const struct hostd_images *images, const char *name, unsigned revision)
{
    guint i;

    for (i = 0; i < images->all->len; i++) {
        struct hostd_image *image = g_ptr_array_index(images->all, i);

        if (image->manifest->revision == revision && strcmp(image->manifest->name, name) == 0) {
            return image;
        }
    }
    return NULL;
}

const struct hostd_image *
hostd_images_find(const struct hostd_images *images, const char *name, unsigned revision)
{
    return find(images, name, revision);
}

const GPtrArray *
hostd_images_all(const struct hostd_images *images)
{
    return images->all;
}

static void
check_free(gpointer data)
{
    struct check *check = data;

    g_free(check->folder);
    g_free(check);
}

static void
run_check(GTask *task, gpointer source G_GNUC_UNUSED, gpointer data,
          GCancellable *cancellable G_GNUC_UNUSED)
{
    const struct check *check = data;
    GError *error = NULL;

    if (image_manifest_verify(&check->manifest, check->folder, &error)) {
        g_task_return_boolean(task, TRUE);
    } else {
        g_task_return_error(task, error);
    }
}

static void
on_checked(GObject *source G_GNUC_UNUSED, GAsyncResult *result, gpointer user_data)
{
    struct hostd_images *images = user_data;
    const struct check *check = g_task_get_task_data(G_TASK(result));
    g_autoptr(GError) error = NULL;
    bool sound = g_task_propagate_boolean(G_TASK(result), &error);
    struct hostd_image *image;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
        return; /* images is no more */
    }
    image = find(images, check->manifest.name, check->manifest.revision);
    if (image == NULL) {
        return; /* deleted meanwhile */
    }
    image->check = sound ? HOSTD_IMAGE_SOUND : HOSTD_IMAGE_DAMAGED;
    if (sound) {
        vd_info("images", "%s is what its manifest says", check->folder);
    } else {
        image->problem = g_strdup(error->message);
        vd_error("images", "%s; no desktop starts from it, build or copy it anew", error->message);
    }
    images->checked(images->user_data);
}

enum hostd_image_check
hostd_images_check(struct hostd_images *images, const char *name, unsigned revision)
{
    struct hostd_image *image = find(images, name, revision);
    g_autoptr(GTask) task = NULL;
    struct check *check;

    if (image == NULL || image->check != HOSTD_IMAGE_UNCHECKED) {
        return image == NULL ? HOSTD_IMAGE_UNCHECKED : image->check;
    }
    check = g_new0(struct check, 1);
    check->manifest = *image->manifest;
    check->folder = image_folder(images, name, revision);
    task = g_task_new(NULL, images->cancellable, on_checked, images);
    g_task_set_task_data(task, check, check_free);
    g_task_run_in_thread(task, run_check);
    image->check = HOSTD_IMAGE_CHECKING;
    return image->check;
}

/* True when another revision of the image is the published one than before. */
static bool
mark_published(struct hostd_images *images, const char *name)
{
    unsigned published = image_store_published(images->folder, name);
    bool changed = false;
    guint i;

    for (i = 0; i < images->all->len; i++) {
        struct hostd_image *image = g_ptr_array_index(images->all, i);
        bool is = image->manifest->revision == published;

        if (strcmp(image->manifest->name, name) == 0 && image->published != is) {
            image->published = is;
            changed = true;
        }
    }
    return changed;
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

        if (!g_ascii_string_to_unsigned(entry, 10, 1, IMAGE_REVISION_MAX, &revision, NULL) ||
            find(images, name, (unsigned)revision) != NULL || images->all->len >= MAX_IMAGES) {
            continue;
        }
        image = read_image(images, name, (unsigned)revision);
        if (image != NULL) {
            g_ptr_array_add(images->all, image);
            changed = true;
        }
    }
    return mark_published(images, name) || changed;
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
        g_autofree char *folder =
            image_folder(images, image->manifest->name, image->manifest->revision);
        g_autofree char *path = g_build_filename(folder, IMAGE_MANIFEST_FILE, NULL);

        if (!g_file_test(path, G_FILE_TEST_EXISTS)) {
            g_ptr_array_remove_index(images->all, i - 1);
            changed = true;
        }
    }
    while (names != NULL && (name = g_dir_read_name(names)) != NULL) {
        if (image_name_valid(name)) {
            changed = scan_image(images, name) || changed;
        }
    }
    return changed;
}
