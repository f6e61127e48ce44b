/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/trash.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/kvm/machine-private.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#define TRASH_VERSION 1
#define BLOCK_BYTES   512u /* of st_blocks */

static void
entry_free(gpointer data)
{
    struct kvm_trash_entry *entry = data;

    g_free(entry->id);
    g_free(entry->pool);
    g_free(entry->user);
    g_free(entry->image);
    g_free(entry);
}

static int
write_entry(const char *path, const struct kvm_record *record)
{
    int64_t now_ms = vd_wall_ms();
    g_autofree char *file = g_build_filename(path, KVM_TRASH_FILE, NULL);
    json_t *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I}", "version", TRASH_VERSION, "id",
        record->id, "pool", record->pool, "user", record->user, "image", record->image, "revision",
        (int)record->revision, "cpu", (int)record->cpu, "memory_mb", (int)record->memory_mb,
        "deleted_ms", (json_int_t)now_ms, "expires_ms", (json_int_t)(now_ms + record->keep_ms));
    char *text = json == NULL ? NULL : json_dumps(json, JSON_INDENT(1));
    int result = text == NULL ? -EILSEQ : vd_file_replace(file, text, strlen(text), 0600);

    json_decref(json);
    free(text);
    return result;
}

/* 0 also when there is nothing of that name. */
static int
move(const char *from, const char *to, const char *name)
{
    g_autofree char *source = g_build_filename(from, name, NULL);
    g_autofree char *target = g_build_filename(to, name, NULL);

    return rename(source, target) < 0 && errno != ENOENT ? -errno : 0;
}

static bool
has(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return access(path, F_OK) == 0;
}

/* The disk goes last: where it is, all of it is. */
static int
move_disk(const char *from, const char *to)
{
    int result = move(from, to, KVM_MIDDLE_FILE);

    return result < 0 ? result : move(from, to, KVM_DISK_FILE);
}

int
kvm_trash_put(const char *trash, const struct kvm_record *record, const char *folder)
{
    g_autofree char *path = g_build_filename(trash, record->id, NULL);
    int result;

    if (!has(folder, KVM_DISK_FILE)) {
        return 0;
    }
    result = vd_mkdir_all(path, 0700);
    if (result == 0) {
        result = write_entry(path, record);
    }
    return result < 0 ? result : move_disk(folder, path);
}

int
kvm_trash_take(const char *trash, const char *id, const char *folder)
{
    g_autofree char *path = g_build_filename(trash, id, NULL);
    int result;

    if (has(folder, KVM_DISK_FILE)) {
        return kvm_trash_remove(trash, id); /* it was taken before */
    }
    if (!has(path, KVM_DISK_FILE)) {
        return -ENOENT;
    }
    result = move_disk(path, folder);
    return result < 0 ? result : kvm_trash_remove(trash, id);
}

int
kvm_trash_remove(const char *trash, const char *id)
{
    static const char *const names[] = {KVM_DISK_FILE, KVM_MIDDLE_FILE, KVM_TRASH_FILE};
    g_autofree char *path = g_build_filename(trash, id, NULL);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_build_filename(path, names[i], NULL);

        if (unlink(file) < 0 && errno != ENOENT) {
            return -errno;
        }
    }
    return rmdir(path) < 0 && errno != ENOENT ? -errno : 0;
}

static uint64_t
disk_bytes(const char *path)
{
    static const char *const names[] = {KVM_DISK_FILE, KVM_MIDDLE_FILE};
    uint64_t bytes = 0;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *file = g_build_filename(path, names[i], NULL);
        struct stat status;

        if (stat(file, &status) == 0 && status.st_nlink == 1) {
            bytes += (uint64_t)status.st_blocks * BLOCK_BYTES; /* a template's own is not freed */
        }
    }
    return bytes;
}

static struct kvm_trash_entry *
read_entry(const char *trash, const char *name)
{
    g_autofree char *path = g_build_filename(trash, name, NULL);
    g_autofree char *file = g_build_filename(path, KVM_TRASH_FILE, NULL);
    const char *id, *pool, *user, *image;
    json_int_t deleted_ms, expires_ms;
    int revision, cpu, memory_mb;
    struct kvm_trash_entry *entry = NULL;
    char *data = NULL;
    json_t *json;
    size_t size;

    if (!kvm_spec_name_is_good(name) || vd_file_read(file, KVM_TRASH_MAX_SIZE, &data, &size) < 0) {
        return NULL;
    }
    json = json_loadb(data, size, 0, NULL);
    if (json_unpack(json, "{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:I, s:I}", "id", &id, "pool", &pool,
                    "user", &user, "image", &image, "revision", &revision, "cpu", &cpu, "memory_mb",
                    &memory_mb, "deleted_ms", &deleted_ms, "expires_ms", &expires_ms) == 0 &&
        strcmp(id, name) == 0 && revision > 0 && cpu > 0 && memory_mb > 0) {
        entry = g_new0(struct kvm_trash_entry, 1);
        entry->id = g_strdup(id);
        entry->pool = g_strdup(pool);
        entry->user = g_strdup(user);
        entry->image = g_strdup(image);
        entry->revision = (unsigned)revision;
        entry->cpu = (unsigned)cpu;
        entry->memory_mb = (unsigned)memory_mb;
        entry->deleted_ms = deleted_ms;
        entry->expires_ms = expires_ms;
        entry->bytes = disk_bytes(path);
    }
    json_decref(json);
    free(data);
    return entry;
}

static gint
compare_entries(gconstpointer a, gconstpointer b)
{
    const struct kvm_trash_entry *first = *(struct kvm_trash_entry *const *)a;
    const struct kvm_trash_entry *second = *(struct kvm_trash_entry *const *)b;

    return first->deleted_ms < second->deleted_ms   ? -1
           : first->deleted_ms > second->deleted_ms ? 1
                                                    : strcmp(first->id, second->id);
}

GPtrArray *
kvm_trash_list(const char *trash)
{
    GPtrArray *entries = g_ptr_array_new_with_free_func(entry_free);
    GDir *folder = g_dir_open(trash, 0, NULL); /* none yet: nothing in it */
    const char *name;

    while (folder != NULL && entries->len < KVM_TRASH_MAX &&
           (name = g_dir_read_name(folder)) != NULL) {
        struct kvm_trash_entry *entry = read_entry(trash, name);

        if (entry != NULL) {
            g_ptr_array_add(entries, entry);
        }
    }
    if (folder != NULL) {
        g_dir_close(folder);
    }
    g_ptr_array_sort(entries, compare_entries);
    return entries;
}
