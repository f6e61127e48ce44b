/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "protocol/base/fd.h"

#define DRAFT_START    ".building-"
#define LOCK_FILE      ".revision" /* holds the last number; locked while drafts come and go */
#define PUBLISHED_FILE "published"
#define PUBLISHED_MAX  32u /* bytes */

struct image_draft {
    char *name;
    char *folder; /* IMAGES/NAME */
    char *path;   /* the draft's own folder */
    char *out, *work;
    int lock;    /* on path, for as long as the draft lives */
    guint asked; /* the number that it is to have, 0: the next */
    bool published;
};

static const char *const known_files[] = {"disk.qcow2", "initrd.img", "vmlinuz"}; /* rising */

static bool
io_error(GError **error, const char *path, int code)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(code));
    return false;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *walk)
{
    (void)st;
    (void)kind;
    (void)walk;
    return remove(path);
}

int
image_remove_tree(const char *path)
{
    return nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : -errno;
}

/* Takes the lock of an image's folder; -1 with an error. */
static int
lock_folder(const char *folder, GError **error)
{
    char *path = g_build_filename(folder, LOCK_FILE, NULL);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct stat st;
    int rc;

    do {
        rc = fd == -1 ? -1 : flock(fd, LOCK_EX);
    } while (rc == -1 && fd != -1 && errno == EINTR);
    if (rc == 0 && fstat(fd, &st) == 0 && st.st_nlink == 0) {
        errno = ENOENT; /* the folder was removed meanwhile */
        rc = -1;
    }
    if (rc == -1) {
        io_error(error, path, errno);
        vd_fd_clear(&fd);
    }
    g_free(path);
    return fd;
}

guint
image_remove_unheld(const char *folder, const char *start)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint removed = 0;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        char *path;
        int fd;

        if (!g_str_has_prefix(name, start)) {
            continue;
        }
        path = g_build_filename(folder, name, NULL);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
            /* What cannot be removed now is tried again by the next draft. */
            removed += image_remove_tree(path) == 0;
        }
        vd_fd_clear(&fd);
        g_free(path);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    return removed;
}

static guint
count_entries(const char *folder)
{
    GDir *dir = g_dir_open(folder, 0, NULL);
    guint count = 0;

    while (dir != NULL && g_dir_read_name(dir) != NULL) {
        count++;
    }
    g_clear_pointer(&dir, g_dir_close);
    return count;
}

bool
image_store_sweep(const char *images, const char *name)
{
    g_autofree char *folder = g_build_filename(images, name, NULL);
    g_autofree char *path = g_build_filename(folder, LOCK_FILE, NULL);
    int lock = image_name_valid(name) && access(path, F_OK) == 0 ? lock_folder(folder, NULL) : -1;
    struct stat st;
    bool found;

    if (lock == -1) {
        return false;
    }
    found = image_remove_unheld(folder, DRAFT_START) > 0;
    /* No number was given out and nothing is there: nobody knows that image. */
    if (fstat(lock, &st) == 0 && st.st_size == 0 && count_entries(folder) == 1 &&
        unlink(path) == 0 && rmdir(folder) == 0) {
        found = true;
    }
    vd_fd_clear(&lock);
    return found;
}

const char *
image_store_file(guint role)
{
    g_assert(role < G_N_ELEMENTS(known_files));
    return known_files[role];
}

static bool
make_folders(struct image_draft *draft, GError **error)
{
    if (mkdtemp(draft->path) == NULL) {
        return io_error(error, draft->path, errno);
    }
    draft->out = g_build_filename(draft->path, "out", NULL);
    draft->work = g_build_filename(draft->path, "work", NULL);
    draft->lock = open(draft->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (draft->lock == -1 || flock(draft->lock, LOCK_EX | LOCK_NB) != 0 ||
        chmod(draft->path, 0755) != 0 || mkdir(draft->out, 0755) != 0 ||
        mkdir(draft->work, 0755) != 0) {
        return io_error(error, draft->path, errno);
    }
    return true;
}

struct image_draft *
image_draft_new(const char *images, const char *name, GError **error)
{
    struct image_draft *draft;
    int lock, rc;
    bool ok;

    if (!image_name_valid(name)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID,
                    "an image's name has letters, digits, '.', '_' and '-' only");
        return NULL;
    }
    draft = g_new0(struct image_draft, 1);
    draft->lock = -1;
    draft->name = g_strdup(name);
    draft->folder = g_build_filename(images, name, NULL);
    rc = vd_mkdir_all(draft->folder, 0755);
    lock = rc == 0 ? lock_folder(draft->folder, error) : -1;
    if (rc != 0) {
        io_error(error, draft->folder, -rc);
    }
    ok = lock != -1;
    if (ok) {
        image_remove_unheld(draft->folder, DRAFT_START);
        draft->path = g_build_filename(draft->folder, DRAFT_START "XXXXXX", NULL);
        ok = make_folders(draft, error);
    }
    vd_fd_clear(&lock);
    if (!ok) {
        image_draft_free(draft);
        return NULL;
    }
    return draft;
}

void
image_draft_free(struct image_draft *draft)
{
    if (draft == NULL) {
        return;
    }
    if (draft->path != NULL && draft->lock != -1) {
        image_remove_tree(draft->path);
    }
    vd_fd_clear(&draft->lock);
    g_free(draft->name);
    g_free(draft->folder);
    g_free(draft->path);
    g_free(draft->out);
    g_free(draft->work);
    g_free(draft);
}

const char *
image_draft_out(const struct image_draft *draft)
{
    return draft->out;
}

const char *
image_draft_work(const struct image_draft *draft)
{
    return draft->work;
}

/* A revision's folder is its number in decimal, without zeros in front. 0: it is none. */
static guint
parse_revision(const char *name)
{
    guint64 number;

    if (name[0] < '1' || name[0] > '9' ||
        !g_ascii_string_to_unsigned(name, 10, 1, IMAGE_REVISION_MAX, &number, NULL)) {
        return 0;
    }
    return (guint)number;
}

static guint
highest_revision(const char *folder, int lock)
{
    char text[16] = "";
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;
    guint highest = 0;
    ssize_t n = pread(lock, text, sizeof(text) - 1, 0);

    text[n < 0 ? 0 : n] = '\0';
    highest = parse_revision(g_strchomp(text));
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        highest = MAX(highest, parse_revision(name));
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    return highest;
}

/* Flushes one file or folder of the draft, and lets every desktop's uid read it. */
static bool
settle(const char *folder, const char *name, mode_t mode, GError **error)
{
    char *path = name == NULL ? g_strdup(folder) : g_build_filename(folder, name, NULL);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool ok = fd != -1 && fchmod(fd, mode) == 0 && fsync(fd) == 0;

    if (!ok) {
        io_error(error, path, errno);
    }
    vd_fd_clear(&fd);
    g_free(path);
    return ok;
}

static bool
check_contents(const char *out, GError **error)
{
    GDir *dir = g_dir_open(out, 0, error);
    const char *name;
    bool ok = dir != NULL;

    while (ok && (name = g_dir_read_name(dir)) != NULL) {
        ok = strcmp(name, "recipe.json") == 0;
        for (guint i = 0; i < G_N_ELEMENTS(known_files); i++) {
            ok = ok || strcmp(name, known_files[i]) == 0;
        }
        if (!ok) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_RECIPE,
                        "the recipe made a file that no image has: %s", name);
        }
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    return ok;
}

static bool
take_contents(struct image_draft *draft, struct image_manifest *manifest, GError **error)
{
    char *roles[] = {manifest->disk, manifest->initrd, manifest->kernel}; /* as in known_files */

    manifest->file_count = 0;
    for (guint i = 0; i < G_N_ELEMENTS(known_files); i++) {
        char *path = g_build_filename(draft->out, known_files[i], NULL);
        bool there = g_access(path, F_OK) == 0;

        g_free(path);
        roles[i][0] = '\0';
        if (!there) {
            continue;
        }
        if (!image_manifest_add_file(manifest, draft->out, known_files[i], error) ||
            !settle(draft->out, known_files[i], 0644, error)) {
            return false;
        }
        g_strlcpy(roles[i], known_files[i], IMAGE_NAME_MAX + 1);
    }
    image_manifest_seal(manifest);
    return true;
}

/* Writes the manifest after it went through the same checks that its readers make. */
static bool
write_manifest(struct image_draft *draft, const struct image_manifest *manifest, GError **error)
{
    char *text = image_manifest_to_json(manifest);
    char *path = g_build_filename(draft->out, IMAGE_MANIFEST_FILE, NULL);
    struct image_manifest *again = image_manifest_parse(text, strlen(text), error);
    bool ok = again != NULL;
    int rc = ok ? vd_file_replace(path, text, strlen(text), 0644) : 0;

    if (rc != 0) {
        ok = io_error(error, path, -rc);
    }
    image_manifest_free(again);
    g_free(path);
    g_free(text);
    return ok;
}

/* The number that the draft would get now, or 0 with an error. */
static guint
choose_number(const struct image_draft *draft, int lock, GError **error)
{
    guint next = highest_revision(draft->folder, lock) + 1;

    if (draft->asked != 0 && draft->asked < next) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID,
                    "numbers rise and are given once: %s:%u cannot be had, %u and above can",
                    draft->name, draft->asked, next);
        return 0;
    }
    return MAX(draft->asked, next);
}

bool
image_draft_ask(struct image_draft *draft, guint revision, GError **error)
{
    int lock = lock_folder(draft->folder, error);
    bool ok;

    draft->asked = revision;
    ok = lock != -1 && choose_number(draft, lock, error) != 0;
    vd_fd_clear(&lock);
    return ok;
}

static bool
give_number(struct image_draft *draft, struct image_manifest *manifest, int lock, GError **error)
{
    char *number, *target;
    bool ok;

    manifest->revision = choose_number(draft, lock, error);
    number = g_strdup_printf("%u", manifest->revision);
    target = g_build_filename(draft->folder, number, NULL);
    ok = manifest->revision != 0 && write_manifest(draft, manifest, error) &&
         settle(draft->out, NULL, 0755, error);
    /* The number is noted first: a crash in between wastes it and does not give it out twice. */
    if (ok && (pwrite(lock, number, strlen(number), 0) != (ssize_t)strlen(number) ||
               fsync(lock) != 0 || rename(draft->out, target) != 0)) {
        ok = io_error(error, target, errno);
    }
    ok = ok && settle(draft->folder, NULL, 0755, error);
    g_free(target);
    g_free(number);
    return ok;
}

bool
image_draft_publish(struct image_draft *draft, struct image_manifest *manifest, GError **error)
{
    GDateTime *now = g_date_time_new_now_utc();
    char *created = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    char *recipe = g_build_filename(draft->out, "recipe.json", NULL);
    int lock = -1;
    bool ok;

    g_assert(!draft->published);
    g_strlcpy(manifest->created, created, sizeof(manifest->created));
    g_strlcpy(manifest->name, draft->name, sizeof(manifest->name));
    ok = check_contents(draft->out, error) && take_contents(draft, manifest, error);
    if (ok && g_unlink(recipe) != 0 && errno != ENOENT) {
        ok = io_error(error, recipe, errno);
    }
    if (ok) {
        lock = lock_folder(draft->folder, error);
        ok = lock != -1 && give_number(draft, manifest, lock, error);
    }
    draft->published = ok;
    vd_fd_clear(&lock);
    g_free(recipe);
    g_free(created);
    g_date_time_unref(now);
    return ok;
}

static void
entry_free(gpointer data)
{
    struct image_entry *entry = data;

    image_manifest_free(entry->manifest);
    g_free(entry->name);
    g_free(entry->path);
    g_free(entry->problem);
    g_free(entry);
}

guint
image_store_published(const char *images, const char *name)
{
    char *path = g_build_filename(images, name, PUBLISHED_FILE, NULL), *text = NULL;
    guint revision = 0;
    size_t size;

    if (vd_file_read(path, PUBLISHED_MAX, &text, &size) == 0) {
        revision = parse_revision(g_strstrip(text));
    }
    free(text);
    g_free(path);
    return revision;
}

bool
image_store_publish(const char *images, const char *name, guint revision, GError **error)
{
    char *folder = g_strdup_printf("%s/%s/%u", images, name, revision);
    char *path = g_build_filename(images, name, PUBLISHED_FILE, NULL);
    char *text = g_strdup_printf("%u\n", revision);
    struct image_manifest *manifest =
        image_name_valid(name) ? image_manifest_load(folder, error) : NULL;
    int rc = manifest != NULL ? vd_file_replace(path, text, strlen(text), 0644) : 0;

    if (manifest != NULL && rc < 0) {
        io_error(error, path, -rc);
    }
    if (manifest == NULL && error != NULL && *error == NULL) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "that is no image's name");
    }
    g_free(folder);
    g_free(path);
    g_free(text);
    rc = manifest != NULL ? rc : -1;
    image_manifest_free(manifest);
    return rc == 0;
}

guint
image_store_rollback(const char *images, const char *name, GError **error)
{
    GPtrArray *entries = image_store_list(images, error);
    guint in_force = image_store_published(images, name), found = 0;

    if (entries == NULL) {
        return 0;
    }
    for (guint i = 0; i < entries->len && image_store_published(images, name) == 0; i++) {
        const struct image_entry *entry = entries->pdata[i];

        in_force = strcmp(entry->name, name) == 0 ? entry->revision : in_force; /* the highest */
    }
    for (guint i = 0; i < entries->len; i++) {
        const struct image_entry *entry = entries->pdata[i];

        if (strcmp(entry->name, name) == 0 && entry->problem == NULL &&
            entry->revision < in_force) {
            found = entry->revision;
        }
    }
    if (found == 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID,
                    "there is no sound revision of %s before the one in force", name);
    } else if (!image_store_publish(images, name, found, error)) {
        found = 0;
    }
    g_ptr_array_unref(entries);
    return found;
}

bool
image_store_remove(const char *images, const char *name, guint revision, GError **error)
{
    char *folder = g_strdup_printf("%s/%s/%u", images, name, revision);
    char *manifest = g_build_filename(folder, IMAGE_MANIFEST_FILE, NULL);
    int rc = !image_name_valid(name)                    ? -EINVAL
             : unlink(manifest) != 0 && errno != ENOENT ? -errno
                                                        : image_remove_tree(folder);

    if (rc < 0) {
        io_error(error, folder, -rc);
    }
    g_free(manifest);
    g_free(folder);
    return rc == 0;
}

static gint
entry_compare(gconstpointer a, gconstpointer b)
{
    const struct image_entry *x = *(struct image_entry *const *)a,
                             *y = *(struct image_entry *const *)b;
    int order = strcmp(x->name, y->name);

    return order != 0 ? order : (x->revision > y->revision) - (x->revision < y->revision);
}

static struct image_entry *
read_entry(const char *folder, const char *name, const char *number)
{
    struct image_entry *entry = g_new0(struct image_entry, 1);
    GError *error = NULL;

    entry->name = g_strdup(name);
    entry->revision = parse_revision(number);
    entry->path = g_build_filename(folder, number, NULL);
    entry->manifest = image_manifest_load(entry->path, &error);
    if (entry->manifest != NULL && (strcmp(entry->manifest->name, name) != 0 ||
                                    entry->manifest->revision != entry->revision)) {
        image_manifest_free(entry->manifest);
        entry->manifest = NULL;
        entry->problem = g_strdup("the manifest belongs to another image or revision");
    } else if (entry->manifest == NULL) {
        entry->problem = g_strdup(error->message);
    }
    g_clear_error(&error);
    return entry;
}

static void
list_image(GPtrArray *entries, const char *images, const char *name)
{
    char *folder = g_build_filename(images, name, NULL);
    GDir *dir = image_name_valid(name) ? g_dir_open(folder, 0, NULL) : NULL;
    const char *number;

    while (dir != NULL && (number = g_dir_read_name(dir)) != NULL) {
        if (parse_revision(number) != 0) {
            g_ptr_array_add(entries, read_entry(folder, name, number));
        }
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    g_free(folder);
}

GPtrArray *
image_store_list(const char *images, GError **error)
{
    GError *problem = NULL;
    GDir *dir = g_dir_open(images, 0, &problem);
    GPtrArray *entries;
    const char *name;

    if (dir == NULL && !g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s", problem->message);
        g_error_free(problem);
        return NULL;
    }
    g_clear_error(&problem);
    entries = g_ptr_array_new_with_free_func(entry_free);
    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        list_image(entries, images, name);
    }
    if (dir != NULL) {
        g_dir_close(dir);
    }
    g_ptr_array_sort(entries, entry_compare);
    return entries;
}
