/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/pin.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define PEM "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

static void
check_refused(const char *text)
{
    struct client_address address = {0};
    g_autoptr(GError) error = NULL;

    g_assert_false(client_address_parse(text, &address, &error));
    g_assert_nonnull(error);
}

static void
check_parsed(const char *text, const char *host, unsigned port)
{
    struct client_address address = {0};

    g_assert_true(client_address_parse(text, &address, NULL));
    g_assert_cmpstr(address.host, ==, host);
    g_assert_cmpuint(address.port, ==, port);
    client_address_clear(&address);
}

static void
test_addresses_are_names_or_numbers(void)
{
    check_parsed("vdi.example.org", "vdi.example.org", CLIENT_DEFAULT_PORT);
    check_parsed("  VDI.example.org:443 ", "vdi.example.org", 443);
    check_parsed("https://vdi.example.org:9/", "vdi.example.org", 9);
    check_parsed("[::1]:8443", "::1", 8443);
    check_parsed("[2001:db8::1]", "2001:db8::1", CLIENT_DEFAULT_PORT);
    check_refused("");
    check_refused("host:0");
    check_refused("host:65536");
    check_refused("host:x");
    check_refused("host/../../etc");
    check_refused("user@host");
    check_refused("..");
    check_refused("-v");
    check_refused("[::1");
    check_refused("[fe80::1%eth0]");
    check_refused("[name]");
    check_refused("a b");
    check_refused("http://host");
}

/* Whatever a host is, its file lies directly in the folder. */
static void
test_no_host_leaves_the_folder(void)
{
    static const char *const hosts[] = {"..", "../../etc/passwd", "a/b", ".", "", "x\ny", "::1"};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(hosts); i++) {
        struct client_address address = {.host = (char *)hosts[i], .port = 1};
        g_autofree char *path = client_pin_path("/pins", &address);
        g_autofree char *folder = g_path_get_dirname(path);
        g_autofree char *leaf = g_path_get_basename(path);

        g_assert_cmpstr(folder, ==, "/pins");
        g_assert_true(leaf[0] != '.');
        g_assert_true(g_str_has_suffix(leaf, "_1.pem"));
        g_assert_null(strchr(leaf, '\n'));
    }
}

static void
test_different_servers_have_different_files(void)
{
    struct client_address one = {.host = (char *)"a_1", .port = 2};
    struct client_address other = {.host = (char *)"a", .port = 12};
    g_autofree char *first = client_pin_path("/p", &one);
    g_autofree char *second = client_pin_path("/p", &other);

    g_assert_cmpstr(first, !=, second);
}

static void
test_a_stored_pin_comes_back(void)
{
    g_autofree char *base = g_dir_make_tmp("pins-XXXXXX", NULL);
    g_autofree char *folder = g_build_filename(base, "vedette", "pins", NULL);
    struct client_address address = {.host = (char *)"vdi.example.org", .port = 8443};
    g_autofree char *path = client_pin_path(folder, &address);
    g_autoptr(GError) error = NULL;
    g_autofree char *pem = NULL;
    struct stat info;
    bool missing = false;

    g_assert_null(client_pin_load(folder, &address, &missing, &error));
    g_assert_true(missing);
    g_assert_no_error(error);
    g_assert_true(client_pin_store(folder, &address, PEM, &error));
    pem = client_pin_load(folder, &address, &missing, &error);
    g_assert_cmpstr(pem, ==, PEM);
    g_assert_false(missing);
    g_assert_cmpint(g_stat(path, &info), ==, 0);
    g_assert_cmpint(info.st_mode & 0777, ==, 0600);
    g_assert_true(g_file_set_contents(path, "rubbish", -1, NULL));
    g_assert_null(client_pin_load(folder, &address, &missing, &error));
    g_assert_false(missing);
    g_assert_nonnull(error);
    g_unlink(path);
    g_rmdir(folder);
    g_free(folder);
    folder = g_build_filename(base, "vedette", NULL);
    g_rmdir(folder);
    g_rmdir(base);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pin/addresses-are-names-or-numbers", test_addresses_are_names_or_numbers);
    g_test_add_func("/pin/no-host-leaves-the-folder", test_no_host_leaves_the_folder);
    g_test_add_func("/pin/different-servers-have-different-files",
                    test_different_servers_have_different_files);
    g_test_add_func("/pin/a-stored-pin-comes-back", test_a_stored_pin_comes_back);
    return g_test_run();
}
