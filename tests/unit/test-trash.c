/* SPDX-License-Identifier: Apache-2.0 */
/* Deleted disks: moved, listed, had back, and all of it again after an end in the middle. */
#include "hostd/kvm/trash.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hostd/trash.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

struct fixture {
    char *root, *trash, *first, *second; /* paths; the two are folders of desktops */
    struct kvm_record record;
};

static void
put(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static bool
has(const char *folder, const char *name)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return access(path, F_OK) == 0;
}

static void
set_up(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->root = g_dir_make_tmp("vedette-trash-XXXXXX", NULL);
    fixture->trash = g_build_filename(fixture->root, "trash", NULL);
    fixture->first = g_build_filename(fixture->root, "d-00000001", NULL);
    fixture->second = g_build_filename(fixture->root, "d-00000002", NULL);
    g_assert_cmpint(vd_mkdir_all(fixture->first, 0700), ==, 0);
    g_assert_cmpint(vd_mkdir_all(fixture->second, 0700), ==, 0);
    fixture->record = (struct kvm_record){.id = g_strdup("d-00000001"),
                                          .pool = g_strdup("lab"),
                                          .image = g_strdup("office"),
                                          .user = g_strdup("kim"),
                                          .revision = 7,
                                          .cpu = 2,
                                          .memory_mb = 1024,
                                          .keep_ms = 60000};
}

static void
tear_down(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *command = g_strdup_printf("rm -rf %s", fixture->root);

    g_assert_true(g_spawn_command_line_sync(command, NULL, NULL, NULL, NULL));
    kvm_record_clear(&fixture->record);
    g_free(fixture->root);
    g_free(fixture->trash);
    g_free(fixture->first);
    g_free(fixture->second);
}

static void
test_there_and_back(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autoptr(GPtrArray) entries = kvm_trash_list(fixture->trash);
    const struct kvm_trash_entry *entry;

    g_assert_cmpuint(entries->len, ==, 0);
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->first), ==, 0);
    g_assert_false(has(fixture->trash, "d-00000001")); /* it had no disk */
    put(fixture->first, "disk.qcow2", "disk");
    put(fixture->first, "middle.qcow2", "middle");
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->first), ==, 0);
    g_assert_false(has(fixture->first, "disk.qcow2"));
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->first), ==,
                    0); /* again */

    g_ptr_array_unref(entries);
    entries = kvm_trash_list(fixture->trash);
    g_assert_cmpuint(entries->len, ==, 1);
    entry = g_ptr_array_index(entries, 0);
    g_assert_cmpstr(entry->id, ==, "d-00000001");
    g_assert_cmpstr(entry->user, ==, "kim");
    g_assert_cmpstr(entry->pool, ==, "lab");
    g_assert_cmpuint(entry->revision, ==, 7);
    g_assert_cmpint(entry->expires_ms - entry->deleted_ms, ==, 60000);
    g_assert_cmpuint(entry->bytes, >, 0);

    g_assert_cmpint(kvm_trash_take(fixture->trash, "d-00000001", fixture->second), ==, 0);
    g_assert_true(has(fixture->second, "disk.qcow2"));
    g_assert_true(has(fixture->second, "middle.qcow2"));
    g_assert_false(has(fixture->trash, "d-00000001"));
    g_assert_cmpint(kvm_trash_take(fixture->trash, "d-00000001", fixture->second), ==,
                    0); /* again */
    g_assert_cmpint(kvm_trash_take(fixture->trash, "d-00000009", fixture->first), ==, -ENOENT);
}

/* Whoever moved it was killed between the two files. */
static void
test_ended_in_the_middle(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *entry = g_build_filename(fixture->trash, "d-00000001", NULL);
    g_autofree char *from = g_build_filename(fixture->first, "middle.qcow2", NULL);
    g_autofree char *to = g_build_filename(entry, "middle.qcow2", NULL);

    put(fixture->first, "disk.qcow2", "disk");
    put(fixture->first, "middle.qcow2", "middle");
    g_assert_cmpint(vd_mkdir_all(entry, 0700), ==, 0);
    g_assert_cmpint(g_rename(from, to), ==, 0);
    g_assert_cmpint(kvm_trash_take(fixture->trash, "d-00000001", fixture->second), ==, -ENOENT);
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->first), ==, 0);
    g_assert_true(has(entry, "disk.qcow2"));
    g_assert_true(has(entry, "middle.qcow2"));
    g_assert_true(has(entry, KVM_TRASH_FILE));
}

static void
test_what_does_not_read(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    static const char *const texts[] = {"", "{}", "[]", "{\"id\":\"d-00000001\"}", NULL};
    g_autofree char *entry = g_build_filename(fixture->trash, "d-00000001", NULL);
    size_t i;

    g_assert_cmpint(vd_mkdir_all(entry, 0700), ==, 0);
    for (i = 0; texts[i] != NULL; i++) {
        g_autoptr(GPtrArray) entries = NULL;

        put(entry, KVM_TRASH_FILE, texts[i]);
        entries = kvm_trash_list(fixture->trash);
        g_assert_cmpuint(entries->len, ==, 0);
    }
}

static void
test_reaped_and_emptied(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    json_t *ids = json_pack("[s]", "d-00000002");
    json_t *report;

    put(fixture->first, "disk.qcow2", "disk");
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->first), ==, 0);
    hostd_trash_reap(fixture->trash);
    hostd_trash_empty(fixture->trash, ids);
    report = hostd_trash_report(fixture->trash);
    g_assert_cmpuint(json_array_size(report), ==, 1);
    json_decref(report);

    fixture->record.keep_ms = -1; /* its time was over before it began */
    put(fixture->first, "disk.qcow2", "disk");
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->first), ==, 0);
    hostd_trash_reap(fixture->trash);
    g_assert_false(has(fixture->trash, "d-00000001"));

    put(fixture->second, "disk.qcow2", "disk");
    g_free(fixture->record.id);
    fixture->record.id = g_strdup("d-00000002");
    fixture->record.keep_ms = 60000;
    g_assert_cmpint(kvm_trash_put(fixture->trash, &fixture->record, fixture->second), ==, 0);
    hostd_trash_empty(fixture->trash, ids);
    g_assert_false(has(fixture->trash, "d-00000002"));
    json_decref(ids);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *path;
        void (*run)(struct fixture *fixture, gconstpointer data);
    } tests[] = {
        {"/trash/there-and-back", test_there_and_back},
        {"/trash/ended-in-the-middle", test_ended_in_the_middle},
        {"/trash/what-does-not-read", test_what_does_not_read},
        {"/trash/reaped-and-emptied", test_reaped_and_emptied},
    };
    size_t i;

    g_test_init(&argc, &argv, NULL);
    for (i = 0; i < G_N_ELEMENTS(tests); i++) {
        g_test_add(tests[i].path, struct fixture, NULL, set_up, tests[i].run, tear_down);
    }
    return g_test_run();
}
