/* SPDX-License-Identifier: Apache-2.0 */
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/ctl/certificates.h"
#include "broker/ctl/layout.h"
#include "broker/ctl/orphans.h"
#include "broker/ctl/programs.h"
#include "broker/ctl/table.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

struct fixture {
    char *folder;
    struct ctl_up_settings settings;
};

static const char *const names[] = {"localhost", "127.0.0.1", NULL};
static const char *const more_names[] = {"desk.example", "localhost", NULL};

static void
setup(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    (void)data;
    fixture->folder = g_dir_make_tmp("vedette-ctl-XXXXXX", &error);
    g_assert_no_error(error);
    fixture->settings.state = g_build_filename(fixture->folder, "state", NULL);
    fixture->settings.config = g_build_filename(fixture->folder, "config", NULL);
    fixture->settings.names = names;
    g_assert_true(ctl_layout_make(&fixture->settings, &error));
    g_assert_no_error(error);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name;

    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *below = g_build_filename(path, name, NULL);

        if (g_file_test(below, G_FILE_TEST_IS_DIR)) {
            remove_tree(below);
        } else {
            (void)g_unlink(below);
        }
    }
    (void)g_rmdir(path);
}

static void
teardown(struct fixture *fixture, gconstpointer data)
{
    (void)data;
    remove_tree(fixture->folder);
    g_free((char *)fixture->settings.state);
    g_free((char *)fixture->settings.config);
    g_free(fixture->folder);
}

static char *
contents(const struct fixture *fixture, const char *name)
{
    g_autofree char *path = g_build_filename(fixture->settings.state, "pki", name, NULL);
    char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void
test_folders_have_their_modes(struct fixture *fixture, gconstpointer data)
{
    static const struct {
        const char *name;
        mode_t mode;
    } wanted[] = {{"", 0711}, {"pki", 0755}, {"broker", 0700}, {"hostd", 0700}, {"run", 0711}};
    g_autoptr(GError) error = NULL;
    size_t i;

    (void)data;
    for (i = 0; i < G_N_ELEMENTS(wanted); i++) {
        g_autofree char *path = g_build_filename(fixture->settings.state, wanted[i].name, NULL);
        struct stat info;

        g_assert_no_errno(stat(path, &info));
        g_assert_cmpuint(info.st_mode & 07777, ==, wanted[i].mode);
    }
    g_assert_true(ctl_layout_make(&fixture->settings, &error)); /* again changes nothing */
    g_assert_no_error(error);
}

static void
test_one_up_a_state(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    int first = ctl_layout_lock(&fixture->settings, &error);

    (void)data;
    g_assert_no_error(error);
    g_assert_cmpint(ctl_layout_lock(&fixture->settings, &error), ==, -1);
    g_assert_nonnull(strstr(error->message, "another"));
    vd_fd_clear(&first);
    g_clear_error(&error);
    first = ctl_layout_lock(&fixture->settings, &error);
    g_assert_cmpint(first, >=, 0);
    vd_fd_clear(&first);
}

static void
test_certificates_follow_the_names_and_the_authority_stays(struct fixture *fixture,
                                                           gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *ca = NULL;
    g_autofree char *gateway = NULL;
    g_autofree char *again = NULL;
    g_autofree char *renamed = NULL;
    g_autofree char *same_ca = NULL;

    (void)data;
    g_assert_true(ctl_certificates_make(&fixture->settings, &error));
    ca = contents(fixture, "ca.pem");
    gateway = contents(fixture, "gateway.pem");
    g_assert_true(ctl_certificates_make(&fixture->settings, &error));
    again = contents(fixture, "gateway.pem");
    g_assert_cmpstr(gateway, ==, again);
    fixture->settings.names = more_names;
    g_assert_true(ctl_certificates_make(&fixture->settings, &error));
    renamed = contents(fixture, "gateway.pem");
    same_ca = contents(fixture, "ca.pem");
    g_assert_cmpstr(gateway, !=, renamed);
    g_assert_cmpstr(ca, ==, same_ca);
    g_assert_no_error(error);
}

static void
test_half_an_authority_is_not_replaced(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *key = g_build_filename(fixture->settings.state, "pki", "ca.key", NULL);
    g_autofree char *before = NULL;
    g_autofree char *after = NULL;

    (void)data;
    g_assert_true(ctl_certificates_make(&fixture->settings, &error));
    before = contents(fixture, "ca.pem");
    g_assert_no_errno(g_unlink(key));
    g_assert_false(ctl_certificates_make(&fixture->settings, &error));
    g_assert_nonnull(strstr(error->message, "backup"));
    after = contents(fixture, "ca.pem");
    g_assert_cmpstr(before, ==, after);
}

static void
test_a_host_without_certificate_must_join(struct fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->settings.state, "hostd", "host.pem", NULL);
    g_autofree char *good = NULL;

    (void)data;
    g_assert_true(ctl_certificates_host_must_join(&fixture->settings));
    g_assert_true(g_file_set_contents(path, "nonsense", -1, NULL));
    g_assert_true(ctl_certificates_host_must_join(&fixture->settings));
    g_assert_false(g_file_test(path, G_FILE_TEST_EXISTS));
    g_assert_true(ctl_certificates_make(&fixture->settings, NULL));
    good = contents(fixture, "broker.pem");
    g_assert_true(g_file_set_contents(path, good, -1, NULL));
    g_assert_false(ctl_certificates_host_must_join(&fixture->settings));
}

static void
test_programs_are_found_flat_and_in_a_build_tree(struct fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *tree = g_build_filename(fixture->folder, "broker", "gateway", NULL);
    g_autofree char *deep = g_build_filename(tree, "vedette-gateway", NULL);
    g_autofree char *flat = g_build_filename(fixture->folder, "vedette-broker", NULL);
    char *found;

    (void)data;
    g_assert_no_errno(g_mkdir_with_parents(tree, 0700));
    g_assert_true(g_file_set_contents(deep, "", -1, NULL));
    g_assert_true(g_file_set_contents(flat, "", -1, NULL));
    g_assert_null(ctl_program_find(fixture->folder, "vedette-gateway", &error)); /* no x */
    g_clear_error(&error);
    g_assert_no_errno(g_chmod(deep, 0700));
    g_assert_no_errno(g_chmod(flat, 0700));
    found = ctl_program_find(fixture->folder, "vedette-gateway", &error);
    g_assert_cmpstr(found, ==, deep);
    g_free(found);
    found = ctl_program_find(fixture->folder, "vedette-broker", &error);
    g_assert_cmpstr(found, ==, flat);
    g_free(found);
    g_assert_null(ctl_program_find(fixture->folder, "vedette-hostd", &error));
    g_assert_nonnull(strstr(error->message, "--programs"));
}

static void
test_sizes_and_ages_are_short(void)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } ages[] = {{5, "5 s"}, {119, "119 s"}, {180, "3 min"}, {7200, "2 h"}, {3 * 86400, "3 d"}};
    g_autofree char *small = ctl_format_megabytes(512);
    g_autofree char *large = ctl_format_megabytes(1536);
    g_autofree char *never = ctl_format_age(0);
    size_t i;

    g_assert_cmpstr(small, ==, "512M");
    g_assert_cmpstr(large, ==, "1.5G");
    g_assert_cmpstr(never, ==, "-");
    for (i = 0; i < G_N_ELEMENTS(ages); i++) {
        g_autofree char *text = ctl_format_age(vd_wall_ms() - ages[i].seconds * 1000);

        g_assert_cmpstr(text, ==, ages[i].text);
    }
}

static void
test_tables_are_aligned_and_harmless(void)
{
    static const char *const headings[] = {"A", "LONG", NULL};

    if (g_test_subprocess()) {
        struct ctl_table *table = ctl_table_new(headings);

        ctl_table_add(table, "이름");
        ctl_table_add_number(table, 7);
        ctl_table_add(table, "x\033[2J");
        ctl_table_add(table, "");
        g_assert_cmpuint(ctl_table_rows(table), ==, 2);
        ctl_table_print(table);
        ctl_table_free(table);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("*A      LONG\n이름     7\nx?[2J  -\n*");
}

static void
test_orphans_are_our_other_children(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autoptr(GArray) list = NULL;
    g_autoptr(GArray) without = NULL;
    pid_t child = fork();

    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    list = ctl_orphans_list(NULL, 0);
    without = ctl_orphans_list(&child, 1);
    g_assert_cmpuint(list->len, ==, 1);
    g_assert_cmpint(g_array_index(list, pid_t, 0), ==, child);
    g_assert_cmpuint(without->len, ==, 0);
    g_assert_true(ctl_orphans_runs(child, self));
    g_assert_false(ctl_orphans_runs(child, "/bin/sh"));
    g_assert_no_errno(kill(child, SIGKILL));
}

#define ADD(name, function)                                                                        \
    g_test_add("/ctl/" name, struct fixture, NULL, setup, function, teardown)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("folders-have-their-modes", test_folders_have_their_modes);
    ADD("one-up-a-state", test_one_up_a_state);
    ADD("certificates-follow-the-names-and-the-authority-stays",
        test_certificates_follow_the_names_and_the_authority_stays);
    ADD("half-an-authority-is-not-replaced", test_half_an_authority_is_not_replaced);
    ADD("a-host-without-certificate-must-join", test_a_host_without_certificate_must_join);
    ADD("programs-are-found-flat-and-in-a-build-tree",
        test_programs_are_found_flat_and_in_a_build_tree);
    g_test_add_func("/ctl/sizes-and-ages-are-short", test_sizes_and_ages_are_short);
    g_test_add_func("/ctl/tables-are-aligned-and-harmless", test_tables_are_aligned_and_harmless);
    g_test_add_func("/ctl/orphans-are-our-other-children", test_orphans_are_our_other_children);
    return g_test_run();
}
