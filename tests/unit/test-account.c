/* SPDX-License-Identifier: Apache-2.0 */
/* Who signs in, on its way from the broker through the host to the guest; and her disk. */
#include "hostd/guest/signin.h"
#include "hostd/kvm/account.h"
#include "hostd/kvm/userdisk.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define MIB 1048576

static json_t *
make(const char *name, json_int_t uid, json_t *groups)
{
    return json_pack("{s:s, s:I, s:i, s:s, s:s, s:i, s:o}", "name", name, "uid", uid, "gid", 100,
                     "group", "users", "full_name", "Kim \"K\" \xea\xb9\x80", "disk_mb", 64,
                     "groups", groups);
}

static void
test_arrives_as_it_was(void)
{
    json_t *account = make("kim.lee-2", 4000000000,
                           json_pack("[{s:s, s:i}, {s:s, s:i}]", "name", "staff", "gid", 1001,
                                     "name", "read_ers", "gid", 1002));
    struct signin signin;
    unsigned left_out = 9;
    g_autofree char *order = NULL;

    g_assert_true(kvm_account_is_good(account));
    order = kvm_account_order(account, &left_out);
    g_assert_cmpuint(left_out, ==, 0);
    g_assert_true(signin_parse(order, strlen(order), &signin));
    g_assert_cmpstr(signin.name, ==, "kim.lee-2");
    g_assert_cmpstr(signin.uid, ==, "4000000000");
    g_assert_cmpstr(signin.gid, ==, "100");
    g_assert_cmpstr(signin.group, ==, "users");
    g_assert_cmpstr(signin.groups, ==, "staff:1001,read_ers:1002");
    g_assert_cmpstr(signin.full_name, ==, "Kim \"K\" \xea\xb9\x80");
    g_assert_true(signin.disk);
    json_decref(account);
}

static void
test_too_many_groups(void)
{
    json_t *groups = json_array();
    struct signin signin;
    unsigned left_out = 0;
    json_t *account;
    g_autofree char *order = NULL;
    int i;

    for (i = 0; i < 200; i++) {
        g_autofree char *name = g_strdup_printf("a-group-with-a-long-name-%d", i);

        json_array_append_new(groups, json_pack("{s:s, s:i}", "name", name, "gid", 2000 + i));
    }
    json_array_append_new(groups, json_pack("{s:s, s:i}", "name", "domain users", "gid", 3000));
    account = make("kim", 1000, groups);
    g_assert_true(kvm_account_is_good(account));
    order = kvm_account_order(account, &left_out);
    g_assert_cmpuint(strlen(order), <, GUEST_PORT_LINE_MAX);
    g_assert_cmpuint(left_out, >, 1);
    g_assert_true(signin_parse(order, strlen(order), &signin));
    g_assert_null(strstr(signin.groups, "domain"));
    json_decref(account);
}

static void
refuse(json_t *account)
{
    g_assert_false(kvm_account_is_good(account));
    json_decref(account);
}

static void
test_nonsense(void)
{
    json_t *account = make("kim", 1000, json_array());

    refuse(NULL);
    refuse(json_object());
    refuse(make("", 1000, json_array()));
    refuse(make("-kim", 1000, json_array()));
    refuse(make("..", 1000, json_array()));
    refuse(make("kim;reboot", 1000, json_array()));
    refuse(make("a-name-of-more-than-32-characters", 1000, json_array()));
    refuse(make("root", 0, json_array()));
    refuse(make("daemon", 999, json_array()));
    refuse(make("kim", INT64_C(0xffffffff), json_array()));
    json_object_set_new(account, "disk_mb", json_integer(-1));
    refuse(account);
}

static void
test_guest_refuses(void)
{
    static const char *const lines[] = {
        "{}",
        "{\"name\":\"kim\",\"uid\":\"0\",\"gid\":\"1\",\"group\":\"g\",\"disk\":\"no\"}",
        "{\"name\":\"k m\",\"uid\":\"1000\",\"gid\":\"1\",\"group\":\"g\",\"disk\":\"no\"}",
        "{\"name\":\"kim\",\"uid\":\"1e3\",\"gid\":\"1\",\"group\":\"g\",\"disk\":\"no\"}",
        "{\"name\":\"kim\",\"uid\":\"1000\",\"gid\":\"1\",\"group\":\"g\",\"disk\":\"no\","
        "\"groups\":\"$(x)\"}",
    };
    struct signin signin;
    char answer[GUEST_PORT_LINE_MAX];
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_assert_false(signin_parse(lines[i], strlen(lines[i]), &signin));
    }
    signin_answer("kim", "it \"fails\"\n", answer);
    g_assert_cmpstr(answer, ==,
                    "{\"type\":\"account\",\"name\":\"kim\",\"state\":\"failed\",\"text\":\"it "
                    " fails  \"}\n");
}

static void
test_disk(void)
{
    g_autofree char *folder = g_dir_make_tmp("vedette-userdisk.XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, "lab", "a%2Fb.img", NULL);
    g_autofree char *pool = g_build_filename(folder, "lab", NULL);
    struct stat status;
    int fd = kvm_userdisk_open(folder, "lab", "a/b", 16);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(kvm_userdisk_open(folder, "lab", "a/b", 16), ==, -EBUSY);
    g_assert_cmpint(kvm_userdisk_remove(folder, "lab", "a/b"), ==, -EBUSY);
    g_assert_cmpint(pwrite(fd, "kept", 4, 0), ==, 4);
    vd_fd_clear(&fd);
    fd = kvm_userdisk_open(folder, "lab", "a/b", 32); /* grows and keeps what is in it */
    g_assert_cmpint(fstat(fd, &status), ==, 0);
    g_assert_cmpint(status.st_size, ==, 32 * MIB);
    g_assert_cmpint(status.st_blocks * 512, <, MIB);
    vd_fd_clear(&fd);
    fd = kvm_userdisk_open(folder, "lab", "a/b", 16); /* never shrinks */
    g_assert_cmpint(fstat(fd, &status), ==, 0);
    g_assert_cmpint(status.st_size, ==, 32 * MIB);
    vd_fd_clear(&fd);
    g_assert_cmpint(access(path, F_OK), ==, 0);
    g_assert_cmpint(kvm_userdisk_remove(folder, "lab", "a/b"), ==, 0);
    g_assert_cmpint(access(path, F_OK), ==, -1);
    g_assert_cmpint(kvm_userdisk_remove(folder, "lab", "a/b"), ==, 0);
    g_assert_cmpint(kvm_userdisk_remove(folder, "none", "kim"), ==, 0);
    g_assert_cmpint(kvm_userdisk_open(folder, "lab", "", 16), ==, -ENAMETOOLONG);
    g_assert_cmpint(symlink("/etc/passwd", path), ==, 0);
    g_assert_cmpint(kvm_userdisk_open(folder, "lab", "a/b", 16), ==, -ELOOP);
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(rmdir(pool), ==, 0);
    g_assert_cmpint(rmdir(folder), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/account/arrives-in-the-guest-as-it-was", test_arrives_as_it_was);
    g_test_add_func("/account/groups-without-room-are-left-out", test_too_many_groups);
    g_test_add_func("/account/nonsense-is-refused", test_nonsense);
    g_test_add_func("/account/guest-refuses-nonsense-too", test_guest_refuses);
    g_test_add_func("/account/disk-is-one-machines", test_disk);
    return g_test_run();
}
