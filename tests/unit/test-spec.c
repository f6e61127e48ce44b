/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden files: tests/vectors/spec/NAME.argv holds one argument a line. After a deliberate change
 * run this test with VEDETTE_WRITE_GOLDEN=1 and read the difference.
 */
#include "hostd/kvm/spec.h"

#include <gio/gio.h>
#include <string.h>

static struct kvm_spec
make_spec(void)
{
    return (struct kvm_spec){
        .name = "office-7",
        .epoch = 3,
        .uuid = "0f0e0d0c-0b0a-4908-8706-050403020100",
        .accel = KVM_ACCEL_TCG,
        .cpu = 2,
        .memory_mb = 1024,
        .width = 1280,
        .height = 800,
        .qmp_fd = 3,
        .rescue_fd = 4,
        .agent_fd = 5,
        .kernel_fd = -1,
        .initrd_fd = -1,
        .disk_fd = -1,
        .base_fd = -1,
        .middle_fd = -1,
        .ram_fd = -1,
    };
}

static void
compare_with_golden(const struct kvm_spec *spec, const char *name)
{
    g_autofree char *base = g_strconcat(name, ".argv", NULL);
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "vectors", "spec", base, NULL);
    g_auto(GStrv) arguments = kvm_spec_arguments(spec);
    g_autofree char *joined = g_strjoinv("\n", arguments);
    g_autofree char *text = g_strconcat(joined, "\n", NULL);
    g_autofree char *golden = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(kvm_spec_check(spec, &error));
    if (g_getenv("VEDETTE_WRITE_GOLDEN") != NULL) {
        g_assert_true(g_file_set_contents(path, text, -1, &error));
    }
    g_file_get_contents(path, &golden, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, golden);
}

static void
test_kernel_image_on_tcg(void)
{
    struct kvm_spec spec = make_spec();

    spec.kernel_fd = 6;
    spec.initrd_fd = 7;
    spec.cmdline = "quiet rdinit=/init, with=a,comma";
    compare_with_golden(&spec, "kernel-tcg");
}

static void
test_disposable_disk_image_on_kvm(void)
{
    struct kvm_spec spec = make_spec();

    spec.accel = KVM_ACCEL_KVM;
    spec.kernel_fd = 6;
    spec.initrd_fd = 7;
    spec.disk_fd = 8;
    spec.base_fd = 9;
    spec.cmdline = "root=/dev/vda quiet";
    spec.disposable = true;
    compare_with_golden(&spec, "disk-kvm");
}

static void
test_disk_that_boots_itself_and_is_kept(void)
{
    struct kvm_spec spec = make_spec();

    spec.disk_fd = 6;
    spec.base_fd = 7;
    compare_with_golden(&spec, "disk-own-boot");
}

static void
test_display_over_spice(void)
{
    struct kvm_spec spec = make_spec();

    spec.kernel_fd = 6;
    spec.display = KVM_DISPLAY_SPICE;
    compare_with_golden(&spec, "spice-virtio");
    spec.display = KVM_DISPLAY_QXL;
    compare_with_golden(&spec, "spice-qxl");
}

static void
test_template_and_its_fork(void)
{
    struct kvm_spec spec = make_spec();

    spec.kernel_fd = 6;
    spec.initrd_fd = 7;
    spec.disk_fd = 8;
    spec.base_fd = 9;
    spec.ram_fd = 10;
    spec.ram_shared = true;
    spec.cmdline = "root=/dev/vda quiet";
    spec.disposable = true;
    compare_with_golden(&spec, "template");
    spec.ram_shared = false;
    spec.incoming = true;
    spec.middle_fd = 11;
    compare_with_golden(&spec, "fork");
}

static void
test_network_card(void)
{
    struct kvm_spec spec = make_spec();

    spec.kernel_fd = 6;
    spec.nic = true;
    spec.net_fd = 7;
    g_assert_false(kvm_spec_check(&spec, NULL));
    spec.mac = "02:01:02:03:04:05";
    compare_with_golden(&spec, "network");
    spec.net_fd = -1;
    compare_with_golden(&spec, "network-template");
}

static void
test_fork_that_would_write_to_its_template(void)
{
    struct kvm_spec spec = make_spec();

    spec.kernel_fd = 6;
    spec.incoming = true;
    g_assert_true(kvm_spec_check(&spec, NULL)); /* one that was parked has memory of its own */
    spec.ram_fd = 7;
    g_assert_true(kvm_spec_check(&spec, NULL));
    spec.ram_shared = true;
    g_assert_false(kvm_spec_check(&spec, NULL));
}

static void
test_words_for_displays(void)
{
    enum kvm_display display;

    g_assert_true(kvm_display_parse("qxl", &display));
    g_assert_cmpint(display, ==, KVM_DISPLAY_QXL);
    g_assert_cmpstr(kvm_display_kind(display), ==, "spice");
    g_assert_true(kvm_display_parse("spice", &display));
    g_assert_cmpint(display, ==, KVM_DISPLAY_SPICE);
    g_assert_true(kvm_display_parse("auto", &display));
    g_assert_cmpint(display, ==, KVM_DISPLAY_DBUS);
    g_assert_true(kvm_display_parse(NULL, &display));
    g_assert_cmpstr(kvm_display_kind(display), ==, "dbus");
    g_assert_false(kvm_display_parse("vnc", &display));
}

/* Whatever the image: nothing listens on a network, nothing takes a path, no device by default. */
static void
test_no_network_no_path_no_defaults(void)
{
    struct kvm_spec spec = make_spec();
    g_auto(GStrv) arguments = NULL;
    g_autofree char *joined = NULL;
    char **argument;

    spec.kernel_fd = 6;
    spec.disk_fd = 8;
    spec.base_fd = 9;
    arguments = kvm_spec_arguments(&spec);
    joined = g_strjoinv("\n", arguments);
    g_assert_true(g_strv_contains((const char *const *)arguments, "-nodefaults"));
    g_assert_true(g_strv_contains((const char *const *)arguments, "-no-user-config"));
    g_assert_null(strstr(joined, "tcp:"));
    g_assert_null(strstr(joined, ",host="));
    g_assert_null(strstr(joined, ",port="));
    g_assert_null(strstr(joined, "-netdev"));
    g_assert_null(strstr(joined, "-nic"));
    g_assert_null(strstr(joined, "vnc"));
    g_assert_null(strstr(joined, "spice"));
    g_assert_null(strstr(joined, "-daemonize"));
    for (argument = arguments; *argument != NULL; argument++) {
        g_assert_true(strstr(*argument, "path=") == NULL);
        g_assert_true((*argument)[0] != '/' || g_str_has_prefix(*argument, "/proc/self/fd/"));
    }
}

static void
expect_refusal(const struct kvm_spec *spec, const char *word)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(kvm_spec_check(spec, &error));
    g_assert_nonnull(strstr(error->message, word));
}

static void
test_nonsense_is_refused(void)
{
    struct kvm_spec good = make_spec();
    struct kvm_spec spec;

    good.kernel_fd = 6;
    spec = good;
    spec.name = "a,b";
    expect_refusal(&spec, "id");
    spec.name = "../x";
    expect_refusal(&spec, "id");
    spec.name = "";
    expect_refusal(&spec, "id");
    spec = good;
    spec.uuid = "1234";
    expect_refusal(&spec, "uuid");
    spec = good;
    spec.cpu = 0;
    expect_refusal(&spec, "processors");
    spec = good;
    spec.memory_mb = 1;
    expect_refusal(&spec, "memory");
    spec = good;
    spec.kernel_fd = -1;
    expect_refusal(&spec, "neither");
    spec = good;
    spec.disk_fd = 7;
    expect_refusal(&spec, "overlay");
    spec = good;
    spec.cmdline = "a\nb";
    expect_refusal(&spec, "command line");
    spec = good;
    spec.agent_fd = -1;
    expect_refusal(&spec, "socket");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/spec/template-and-its-fork", test_template_and_its_fork);
    g_test_add_func("/spec/network-card", test_network_card);
    g_test_add_func("/spec/fork-that-would-write", test_fork_that_would_write_to_its_template);
    g_test_add_func("/spec/display-over-spice", test_display_over_spice);
    g_test_add_func("/spec/words-for-displays", test_words_for_displays);
    g_test_add_func("/spec/kernel-image-on-tcg", test_kernel_image_on_tcg);
    g_test_add_func("/spec/disposable-disk-image-on-kvm", test_disposable_disk_image_on_kvm);
    g_test_add_func("/spec/disk-that-boots-itself-and-is-kept",
                    test_disk_that_boots_itself_and_is_kept);
    g_test_add_func("/spec/no-network-no-path-no-defaults", test_no_network_no_path_no_defaults);
    g_test_add_func("/spec/nonsense-is-refused", test_nonsense_is_refused);
    return g_test_run();
}
