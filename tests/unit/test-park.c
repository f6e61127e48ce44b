/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostd makes of what the one before it left in the middle of parking or waking. No machine
 * runs here; tests/e2e/park.t has real ones.
 */
#include "hostd/kvm/identity.h"
#include "hostd/kvm/machine.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#define UUID  "00112233-4455-4677-8899-aabbccddeeff"
#define STATE "parked"
#define HALF  "parked.new"
#define NOONE 4194303 /* the largest number a process can have, and start time 1: nobody's */

struct fixture {
    char *root, *folder;
    struct kvm_environment environment;
};

static void
on_changed(struct kvm_machine *machine, void *user_data)
{
    (void)machine;
    (void)user_data;
}

static void
set_up(struct fixture *f, gconstpointer data)
{
    (void)data;
    f->root = g_dir_make_tmp("vedette-park-XXXXXX", NULL);
    f->folder = g_build_filename(f->root, "d-1", NULL);
    f->environment = (struct kvm_environment){.desktops = f->root, .boot_id = "boot-1"};
    g_assert_cmpint(vd_mkdir_all(f->folder, 0700), ==, 0);
}

static void
tear_down(struct fixture *f, gconstpointer data)
{
    (void)data;
    kvm_machine_remove_folder(&f->environment, "d-1");
    g_assert_cmpint(rmdir(f->root), ==, 0);
    g_free(f->folder);
    g_free(f->root);
}

static void
put(const struct fixture *f, const char *name)
{
    g_autofree char *path = g_build_filename(f->folder, name, NULL);

    g_assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static bool
has(const struct fixture *f, const char *name)
{
    g_autofree char *path = g_build_filename(f->folder, name, NULL);

    return access(path, F_OK) == 0;
}

static struct kvm_machine *
adopt(struct fixture *f, enum kvm_stage stage, const char *boot, int pid)
{
    struct kvm_record record = {.id = (char *)"d-1",
                                .pool = (char *)"lab",
                                .image = (char *)"tiny",
                                .uuid = (char *)UUID,
                                .boot_id = (char *)(uintptr_t)boot,
                                .revision = 1,
                                .epoch = 1,
                                .run_epoch = 1,
                                .cpu = 1,
                                .memory_mb = 128,
                                .agent = true,
                                .woken = stage != KVM_STAGE_PARKED,
                                .process = {.pid = pid, .start_time = pid != 0},
                                .stage = stage};

    g_assert_cmpint(kvm_record_write(&record, f->folder), ==, 0);
    return kvm_machine_adopt(&f->environment, "d-1", on_changed, NULL);
}

static void
expect(struct fixture *f, enum kvm_stage stage, const char *boot, int pid, enum kvm_state state)
{
    struct kvm_machine *machine = adopt(f, stage, boot, pid);

    g_assert_nonnull(machine);
    g_assert_cmpstr(kvm_state_name(kvm_machine_state(machine)), ==, kvm_state_name(state));
    g_assert_false(kvm_machine_has_process(machine));
    g_assert_false(has(f, HALF));
    kvm_machine_free(machine);
}

static void
test_parked_outlives_its_host(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, STATE);
    put(f, HALF);
    expect(f, KVM_STAGE_PARKED, "boot-1", 0, KVM_STATE_PARKED);
    expect(f, KVM_STAGE_PARKED, "boot-0", NOONE, KVM_STATE_PARKED);
    expect(f, KVM_STAGE_PARKED, "boot-1", NOONE, KVM_STATE_PARKED);
    g_assert_true(has(f, STATE));
}

/* Its record was written and taken for unwritten: it went on, and by now it has ended. */
static void
test_without_its_file_it_ran_on(struct fixture *f, gconstpointer data)
{
    (void)data;
    expect(f, KVM_STAGE_PARKED, "boot-1", NOONE, KVM_STATE_FAILED);
    expect(f, KVM_STAGE_PARKED, "boot-0", NOONE, KVM_STATE_FAILED);
}

/* While the file is there nothing has run on. */
static void
test_half_woken_is_parked(struct fixture *f, gconstpointer data)
{
    (void)data;
    put(f, STATE);
    expect(f, KVM_STAGE_PREPARED, "boot-1", 0, KVM_STATE_PARKED);
    expect(f, KVM_STAGE_PREPARED, "boot-0", 0, KVM_STATE_PARKED);
    expect(f, KVM_STAGE_RUNNING, "boot-1", NOONE, KVM_STATE_PARKED);
    expect(f, KVM_STAGE_RUNNING, "boot-0", NOONE, KVM_STATE_PARKED);
    g_assert_true(has(f, STATE));
}

static void
test_woken_one_that_ended_has_failed(struct fixture *f, gconstpointer data)
{
    (void)data;
    expect(f, KVM_STAGE_RUNNING, "boot-0", NOONE, KVM_STATE_FAILED);
    expect(f, KVM_STAGE_RUNNING, "boot-1", NOONE, KVM_STATE_FAILED);
}

static void
test_only_parked_ones_wake(struct fixture *f, gconstpointer data)
{
    struct kvm_order order = {.id = "d-1",
                              .pool = "lab",
                              .image = "tiny",
                              .revision = 1,
                              .epoch = 2,
                              .cpu = 1,
                              .memory_mb = 128,
                              .wake = true};
    struct kvm_machine *machine;

    (void)data;
    kvm_machine_free(adopt(f, KVM_STAGE_PARKED, "boot-1", 0)); /* its file is not there */
    machine = kvm_machine_start(&f->environment, &order, on_changed, NULL);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_FAILED);
    g_assert_cmpstr(kvm_machine_text(machine), ==, "it was not parked here");
    kvm_machine_free(machine);
}

static void
test_deleted_leaves_nothing(struct fixture *f, gconstpointer data)
{
    struct kvm_machine *machine;

    (void)data;
    put(f, STATE);
    machine = adopt(f, KVM_STAGE_PARKED, "boot-1", 0);
    kvm_machine_park(machine); /* it is */
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_PARKED);
    kvm_machine_stop(machine, false, false);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_GONE);
    g_assert_false(has(f, STATE));
    kvm_machine_free(machine);
}

static void
expect_awake(const char *seeded, int64_t off_ms, const char *wanted)
{
    g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, vd_wall_ms() + off_ms);
    json_t *answer = json_pack("{s:s, s:s}", "seeded", seeded, "time_ms", now);
    g_autofree char *text = kvm_identity_check_awake(answer);

    g_assert_true(wanted == NULL ? text == NULL : strstr(text, wanted) != NULL);
    json_decref(answer);
}

static void
test_time_and_seed_are_new(struct fixture *f, gconstpointer data)
{
    g_autofree char *order = kvm_identity_wake_order(), *again = kvm_identity_wake_order();

    (void)f;
    (void)data;
    g_assert_nonnull(strstr(order, "\"time_ms\""));
    g_assert_null(strstr(order, "\"machine\""));
    g_assert_cmpstr(order, !=, again);
    expect_awake("yes", 0, NULL);
    expect_awake("yes", -5000, "clock");
    expect_awake("no", 0, "random");
}

int
main(int argc, char **argv)
{
#define ADD(name, fn) g_test_add("/park/" name, struct fixture, NULL, set_up, fn, tear_down)
    g_test_init(&argc, &argv, NULL);
    ADD("parked-outlives-its-host", test_parked_outlives_its_host);
    ADD("without-its-file-it-ran-on", test_without_its_file_it_ran_on);
    ADD("half-woken-is-parked", test_half_woken_is_parked);
    ADD("woken-one-that-ended-has-failed", test_woken_one_that_ended_has_failed);
    ADD("only-parked-ones-wake", test_only_parked_ones_wake);
    ADD("deleted-leaves-nothing", test_deleted_leaves_nothing);
    ADD("time-and-seed-are-new", test_time_and_seed_are_new);
    return g_test_run();
}
