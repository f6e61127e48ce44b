/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/gc.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "hostd/image/store.h"
#include "protocol/base/fd.h"

#define MAX_FILE (64u * 1024u)

/*
 * Where a host writes down what it has: folder, file in each of its folders. Not its templates: one
 * goes by itself when its image has gone, and would keep that for ever.
 */
static const struct {
    const char *folder, *file;
} places[] = {{"desktops", "record.json"}, {"trash", "trash.json"}};

/* Adds "NAME:REVISION" of one file; a file that is not there (any more) needs nothing. */
static bool
note_file(GHashTable *needed, const char *path, GError **error)
{
    const char *image;
    char *text = NULL;
    int revision;
    size_t size;
    json_t *json;
    bool ok;
    int rc = vd_file_read(path, MAX_FILE, &text, &size);

    if (rc == -ENOENT) {
        return true;
    }
    json = rc == 0 ? json_loadb(text, size, 0, NULL) : NULL;
    ok = json_unpack(json, "{s:s, s:i}", "image", &image, "revision", &revision) == 0;
    if (ok) {
        g_hash_table_add(needed, g_strdup_printf("%s:%d", image, revision));
    } else {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED,
                    "%s does not read, and may need any revision: nothing is removed", path);
    }
    json_decref(json);
    free(text);
    return ok;
}

static bool
note_place(GHashTable *needed, const char *state, guint place, GError **error)
{
    g_autofree char *folder = g_build_filename(state, places[place].folder, NULL);
    GDir *dir = g_dir_open(folder, 0, NULL); /* none yet: nothing is needed */
    const char *name;
    bool ok = true;

    while (ok && dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(folder, name, places[place].file, NULL);

        ok = note_file(needed, path, error);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    return ok;
}

/* How many revisions of the image are newer than this one. entries are in rising order. */
static guint
count_newer(const GPtrArray *entries, guint at)
{
    const struct image_entry *entry = entries->pdata[at];
    guint newer = 0;

    for (guint i = at + 1; i < entries->len; i++) {
        newer += strcmp(((const struct image_entry *)entries->pdata[i])->name, entry->name) == 0;
    }
    return newer;
}

static bool
is_garbage(const struct image_gc *gc, GHashTable *needed, const GPtrArray *entries, guint at)
{
    const struct image_entry *entry = entries->pdata[at];
    g_autofree char *reference = g_strdup_printf("%s:%u", entry->name, entry->revision);
    guint published = image_store_published(gc->images, entry->name);

    return (gc->name == NULL || strcmp(gc->name, entry->name) == 0) &&
           (published == 0 || entry->revision < published) &&
           count_newer(entries, at) >= gc->keep && count_newer(entries, at) > 0 &&
           !g_hash_table_contains(needed, reference);
}

static void
sweep_one(const struct image_gc *gc, const char *name, GPtrArray *removed)
{
    if (image_store_sweep(gc->images, name)) {
        g_ptr_array_add(removed, g_strdup_printf("what was left of a draft of %s", name));
    }
}

/* Desktops that were being imported; whoever begins with one holds the host's folder. */
static void
sweep_host(const char *host, GPtrArray *removed)
{
    int fd = open(host, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd != -1 && flock(fd, LOCK_EX) == 0 && image_remove_unheld(host, IMAGE_IMPORT_START) > 0) {
        g_ptr_array_add(removed, g_strdup("what was left of the import of a desktop"));
    }
    vd_fd_clear(&fd);
}

/* What builds and imports that were killed left behind. */
static void
sweep(const struct image_gc *gc, GPtrArray *removed)
{
    GDir *dir = gc->name == NULL ? g_dir_open(gc->images, 0, NULL) : NULL;
    const char *name;

    if (gc->in_use != NULL) {
        sweep_host(gc->in_use, removed);
    }
    if (gc->name != NULL) {
        sweep_one(gc, gc->name, removed);
    }
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        sweep_one(gc, name, removed);
    }
    g_clear_pointer(&dir, g_dir_close);
}

GPtrArray *
image_gc_run(const struct image_gc *gc, GError **error)
{
    GPtrArray *removed = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GHashTable) needed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GPtrArray *entries;
    bool ok = true;

    sweep(gc, removed);
    for (guint i = 0; gc->in_use != NULL && ok && i < G_N_ELEMENTS(places); i++) {
        ok = note_place(needed, gc->in_use, i, error);
    }
    entries = ok ? image_store_list(gc->images, error) : NULL;
    for (guint i = 0; entries != NULL && ok && i < entries->len; i++) {
        const struct image_entry *entry = entries->pdata[i];

        if (is_garbage(gc, needed, entries, i)) {
            ok = image_store_remove(gc->images, entry->name, entry->revision, error);
            if (ok) {
                g_ptr_array_add(removed, g_strdup_printf("%s:%u", entry->name, entry->revision));
            }
        }
    }
    if (entries != NULL) {
        g_ptr_array_unref(entries);
    }
    return removed;
}
