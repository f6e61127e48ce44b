/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/kvm/probe.h"

#include <glib.h>
#include <string.h>

static void
test_missing_device_says_so(void)
{
    struct kvm_probe probe;

    kvm_probe_run("/nonexistent/kvm", &probe);
    g_assert_cmpint(probe.kind, ==, KVM_ACCEL_TCG);
    g_assert_nonnull(strstr(probe.text, "/nonexistent/kvm does not open: No such file"));
    g_assert_nonnull(strstr(probe.text, "using TCG"));
}

static void
test_other_device_is_not_kvm(void)
{
    struct kvm_probe probe;

    kvm_probe_run("/dev/null", &probe);
    g_assert_cmpint(probe.kind, ==, KVM_ACCEL_TCG);
    g_assert_nonnull(strstr(probe.text, "is not KVM"));
}

static void
test_this_host_is_judged_by_its_figure(void)
{
    struct kvm_probe probe;
    gint64 start = g_get_monotonic_time();

    kvm_probe_run("/dev/kvm", &probe);
    g_assert_cmpint(g_get_monotonic_time() - start, <, 3 * G_USEC_PER_SEC);
    g_test_message("%s", probe.text);
    if (probe.mips >= KVM_PROBE_MIN_MIPS) {
        g_assert_cmpint(probe.kind, ==, KVM_ACCEL_KVM);
        g_assert_nonnull(strstr(probe.text, "using KVM"));
    } else {
        g_assert_cmpint(probe.kind, ==, KVM_ACCEL_TCG);
        g_assert_nonnull(strstr(probe.text, "using TCG"));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/probe/missing-device-says-so", test_missing_device_says_so);
    g_test_add_func("/probe/other-device-is-not-kvm", test_other_device_is_not_kvm);
    g_test_add_func("/probe/this-host-is-judged-by-its-figure",
                    test_this_host_is_judged_by_its_figure);
    return g_test_run();
}
