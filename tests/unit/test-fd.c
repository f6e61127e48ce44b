/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are whole or as they were, and what is left of a writer that was killed. */
#include "protocol/base/fd.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

static void
test_sweep(void)
{
    static const char *const left[] = {"record.json.tmp-a1B2c3", "x.tmp-......"};
    static const char *const kept[] = {"record.json", "notes.tmp-short", "a.tmp-longer-than-six"};
    g_autofree char *folder = g_dir_make_tmp("vedette-fd.XXXXXX", NULL);
    g_autofree char *record = g_build_filename(folder, "record.json", NULL);
    char *data = NULL;
    size_t i;

    g_assert_cmpint(vd_file_replace(record, "old", 3, 0600), ==, 0);
    g_assert_cmpint(vd_file_replace(record, "new", 3, 0600), ==, 0);
    for (i = 0; i < G_N_ELEMENTS(left); i++) {
        g_autofree char *path = g_build_filename(folder, left[i], NULL);

        g_assert_true(g_file_set_contents(path, "half", 4, NULL));
    }
    for (i = 1; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *path = g_build_filename(folder, kept[i], NULL);

        g_assert_true(g_file_set_contents(path, "", 0, NULL));
    }
    vd_folder_sweep(folder);
    for (i = 0; i < G_N_ELEMENTS(left); i++) {
        g_autofree char *path = g_build_filename(folder, left[i], NULL);

        g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    }
    g_assert_cmpint(vd_file_read(record, 10, &data, NULL), ==, 0);
    g_assert_cmpstr(data, ==, "new");
    g_free(data);
    for (i = 0; i < G_N_ELEMENTS(kept); i++) {
        g_autofree char *path = g_build_filename(folder, kept[i], NULL);

        g_assert_cmpint(g_unlink(path), ==, 0);
    }
    g_assert_cmpint(g_rmdir(folder), ==, 0);
    vd_folder_sweep(folder); /* what is not there has nothing */
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fd/what-a-killed-writer-left", test_sweep);
    return g_test_run();
}
