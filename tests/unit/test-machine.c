/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of machines under the real engine, started through the real vedette-launch. The image
 * is an empty disk: what is tested is around the guest, not in it.
 */
#include "hostd/kvm/machine.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hostd/kvm/socket.h"
#include "protocol/base/fd.h"

#define ENGINE  "qemu-system-x86_64"
#define WAIT_US (60 * G_USEC_PER_SEC)

struct fixture {
    char *root, *desktops, *images;
    pid_t launcher;
    struct kvm_environment environment;
    unsigned changes;
};

static void
on_changed(struct kvm_machine *machine G_GNUC_UNUSED, void *user_data)
{
    struct fixture *fixture = user_data;

    fixture->changes++;
}

static void
run(const char *command, ...)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    va_list more;
    int status = -1;
    char *word;

    g_ptr_array_add(argv, (char *)(uintptr_t)command);
    va_start(more, command);
    while ((word = va_arg(more, char *)) != NULL) {
        g_ptr_array_add(argv, word);
    }
    va_end(more);
    g_ptr_array_add(argv, NULL);
    g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL,
                 &status, &error);
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
}

static void
start_launch(struct fixture *fixture)
{
    g_autofree char *engine = g_find_program_in_path(ENGINE);
    /* As root each machine gets a user of its own, like in production. */
    const char *base = geteuid() == 0 ? "64100" : "0";
    int pair[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
    fixture->launcher = fork();
    if (fixture->launcher == 0) {
        g_autofree char *number = g_strdup_printf("%d", pair[1]);

        (void)close(pair[0]);
        (void)execl(g_test_get_filename(G_TEST_BUILT, "..", "..", "protocol", "launch",
                                        "vedette-launch", NULL),
                    "vedette-launch", "--role", "host", "--launch-fd", number, "--desktop-uid-base",
                    base, "--machine", engine, "--streamer", engine, NULL);
        _exit(127);
    }
    (void)close(pair[1]);
    (void)fcntl(pair[0], F_SETFD, FD_CLOEXEC);
    fixture->environment.launch = vd_launch_new(pair[0]);
}

static void
set_up(struct fixture *fixture)
{
    g_autofree char *revision = NULL;
    g_autofree char *disk = NULL;

    memset(fixture, 0, sizeof(*fixture));
    fixture->root = g_dir_make_tmp("vedette-machine-XXXXXX", NULL);
    fixture->desktops = g_build_filename(fixture->root, "desktops", NULL);
    fixture->images = g_build_filename(fixture->root, "images", NULL);
    revision = g_build_filename(fixture->images, "empty", "1", NULL);
    disk = g_build_filename(revision, "disk.qcow2", NULL);
    g_assert_cmpint(vd_mkdir_all(revision, 0755), ==, 0);
    g_assert_cmpint(vd_mkdir_all(fixture->desktops, 0700), ==, 0);
    run("qemu-img", "create", "-q", "-f", "qcow2", disk, "16M", NULL);
    fixture->environment = (struct kvm_environment){
        .desktops = fixture->desktops,
        .images = fixture->images,
        .boot_id = "boot-1",
        .disk_tool = "qemu-img",
        .accel = KVM_ACCEL_TCG,
        .accel_text = "/dev/kvm is an emulation; using TCG",
        .boot_ms = 60000,
        .shutdown_ms = 300,
        .quit_ms = 4000,
    };
    start_launch(fixture);
}

static void
tear_down(struct fixture *fixture)
{
    vd_launch_free(fixture->environment.launch);
    (void)waitpid(fixture->launcher, NULL, 0);
    run("rm", "-rf", fixture->root, NULL);
    g_free(fixture->root);
    g_free(fixture->desktops);
    g_free(fixture->images);
}

static struct kvm_machine *
start(struct fixture *fixture, const char *id, unsigned slot)
{
    struct kvm_order order = {
        .id = id,
        .pool = "test",
        .image = "empty",
        .revision = 1,
        .slot = slot,
        .epoch = 1,
        .cpu = 1,
        .memory_mb = 128,
        .files = {.disk = "disk.qcow2"},
    };

    return kvm_machine_start(&fixture->environment, &order, on_changed, fixture);
}

static gboolean
wake(gpointer user_data G_GNUC_UNUSED)
{
    return G_SOURCE_CONTINUE;
}

static void
wait_for_state(struct kvm_machine *machine, enum kvm_state state)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_US;
    guint source = g_timeout_add(50, wake, NULL);

    while (kvm_machine_state(machine) != state) {
        if (g_get_monotonic_time() > deadline) {
            g_error("%s is %s (%s), not %s", kvm_machine_record(machine)->id,
                    kvm_state_name(kvm_machine_state(machine)), kvm_machine_text(machine),
                    kvm_state_name(state));
        }
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(source);
}

static void
end(struct fixture *fixture, struct kvm_machine *machine)
{
    g_autofree char *id = g_strdup(kvm_machine_record(machine)->id);

    kvm_machine_stop(machine, false, false);
    wait_for_state(machine, KVM_STATE_GONE);
    kvm_machine_free(machine);
    kvm_machine_remove_folder(&fixture->environment, id);
}

/* Inodes of the sockets that the process holds and that some TCP table lists. */
static unsigned
count_tcp_sockets(pid_t pid)
{
    static const char *const tables[] = {"/proc/net/tcp", "/proc/net/tcp6", "/proc/net/udp",
                                         "/proc/net/udp6"};
    g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)pid);
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    unsigned found = 0, seen = 0;
    const char *name;
    size_t i;

    g_assert_nonnull(folder);
    while ((name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *file = g_build_filename(path, name, NULL);
        g_autofree char *target = g_file_read_link(file, NULL);

        seen++;
        if (target == NULL || !g_str_has_prefix(target, "socket:[")) {
            continue;
        }
        for (i = 0; i < G_N_ELEMENTS(tables); i++) {
            g_autofree char *table = NULL;
            g_autofree char *inode = g_strdup(target + strlen("socket:["));

            inode[strlen(inode) - 1] = ' ';
            if (g_file_get_contents(tables[i], &table, NULL, NULL) &&
                strstr(table, inode) != NULL) {
                found++;
            }
        }
    }
    g_assert_cmpuint(seen, >, 3);
    return found;
}

static void
on_display(const char *text, void *user_data)
{
    bool *ret_taken = user_data;

    g_assert_null(text);
    *ret_taken = true;
}

static void
on_moved(void *user_data)
{
    unsigned *moved = user_data;

    (*moved)++;
}

/* One motion at a time; of one that was called off nothing is heard, and it makes room all the
 * same. */
static void
check_motion(struct kvm_machine *machine)
{
    unsigned moved = 0;

    g_assert_true(kvm_machine_move(machine, 5, -7, on_moved, &moved));
    g_assert_false(kvm_machine_move(machine, 1, 1, on_moved, &moved));
    g_assert_cmpuint(moved, ==, 0);
    while (moved == 0) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_true(kvm_machine_move(machine, -32767, 32767, on_moved, &moved));
    kvm_machine_cancel_motion(machine);
    while (!kvm_machine_move(machine, 0, 1, on_moved, &moved)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpuint(moved, ==, 1);
    /* A place takes the same road. */
    g_assert_false(kvm_machine_point(machine, 0, 32767, on_moved, &moved));
    while (moved == 1) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_true(kvm_machine_point(machine, 0, 32767, on_moved, &moved));
    while (moved == 2) {
        g_main_context_iteration(NULL, TRUE);
    }
}

static void
test_start_confined_adopt_and_stop(void)
{
    struct fixture fixture;
    struct kvm_machine *machine;
    struct vd_process process;
    g_autofree char *status_path = NULL;
    g_autofree char *status = NULL;
    g_autofree char *disk = NULL;
    bool taken = false;
    int display[2];

    set_up(&fixture);
    machine = start(&fixture, "one", 1);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_STARTING);
    wait_for_state(machine, KVM_STATE_READY);
    process = kvm_machine_record(machine)->process;
    status_path = g_strdup_printf("/proc/%d/status", (int)process.pid);
    g_assert_true(g_file_get_contents(status_path, &status, NULL, NULL));
    g_assert_nonnull(strstr(status, "\nSeccomp:\t2\n"));
    g_assert_nonnull(strstr(status, "\nNoNewPrivs:\t1\n"));
    if (geteuid() == 0) {
        g_assert_nonnull(strstr(status, "\nUid:\t64101\t64101\t64101\t64101\n"));
        g_assert_nonnull(strstr(status, "\nCapEff:\t0000000000000000\n"));
    }
    g_assert_cmpuint(count_tcp_sockets(process.pid), ==, 0);

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, display), ==, 0);
    kvm_machine_display(machine, display[1], on_display, &taken);
    while (!taken) {
        g_main_context_iteration(NULL, TRUE);
    }
    vd_fd_clear(&display[0]);
    check_motion(machine);

    /* As after a kill -9 of hostd: nothing is said to the machine, it is simply found again. */
    kvm_machine_free(machine);
    machine = kvm_machine_adopt(&fixture.environment, "one", on_changed, &fixture);
    g_assert_nonnull(machine);
    wait_for_state(machine, KVM_STATE_READY);
    while (!kvm_machine_is_settled(machine)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_assert_cmpint(kvm_machine_record(machine)->process.pid, ==, process.pid);
    g_assert_true(vd_process_is_alive(process));

    disk = g_build_filename(kvm_machine_folder(machine), "disk.qcow2", NULL);
    g_assert_true(g_file_test(disk, G_FILE_TEST_EXISTS));
    kvm_machine_stop(machine, false, false);
    wait_for_state(machine, KVM_STATE_GONE);
    g_assert_false(vd_process_is_alive(process));
    g_assert_false(g_file_test(disk, G_FILE_TEST_EXISTS));

    /* What is gone stays gone for who asks later. */
    kvm_machine_free(machine);
    machine = kvm_machine_adopt(&fixture.environment, "one", on_changed, &fixture);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_GONE);
    end(&fixture, machine);
    g_assert_null(kvm_machine_adopt(&fixture.environment, "one", on_changed, &fixture));
    tear_down(&fixture);
}

static void
test_hung_machine_delays_nobody_and_is_killed_on_order(void)
{
    struct fixture fixture;
    struct kvm_machine *hung, *other;
    struct vd_process process;
    gint64 before;

    set_up(&fixture);
    hung = start(&fixture, "hung", 1);
    other = start(&fixture, "other", 2);
    wait_for_state(hung, KVM_STATE_READY);
    wait_for_state(other, KVM_STATE_READY);
    process = kvm_machine_record(hung)->process;
    g_assert_cmpint(kill(process.pid, SIGSTOP), ==, 0);
    kvm_machine_free(hung);
    kvm_machine_free(other);
    before = g_get_monotonic_time();
    hung = kvm_machine_adopt(&fixture.environment, "hung", on_changed, &fixture);
    other = kvm_machine_adopt(&fixture.environment, "other", on_changed, &fixture);
    while (!kvm_machine_is_settled(other)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_test_message("the other one was adopted after %" G_GINT64_FORMAT " us",
                   g_get_monotonic_time() - before);
    g_assert_cmpint(g_get_monotonic_time() - before, <, 1500000);
    g_assert_cmpint(kvm_machine_state(other), ==, KVM_STATE_READY);

    wait_for_state(hung, KVM_STATE_UNKNOWN);
    g_assert_nonnull(strstr(kvm_machine_text(hung), "does not answer"));
    g_assert_true(vd_process_is_alive(process));
    g_assert_cmpint(kill(process.pid, SIGCONT), ==, 0);
    wait_for_state(hung, KVM_STATE_READY);
    g_assert_cmpstr(kvm_machine_text(hung), ==, "");

    g_assert_cmpint(kill(process.pid, SIGSTOP), ==, 0);
    end(&fixture, hung);
    g_assert_false(vd_process_is_alive(process));
    end(&fixture, other);
    tear_down(&fixture);
}

static void
test_guest_that_ignores_the_power_button_is_ended(void)
{
    struct fixture fixture;
    struct kvm_machine *machine;
    struct vd_process process;
    gint64 before;

    set_up(&fixture);
    machine = start(&fixture, "deaf", 1);
    wait_for_state(machine, KVM_STATE_READY);
    process = kvm_machine_record(machine)->process;
    before = g_get_monotonic_time();
    kvm_machine_stop(machine, true, false);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_STOPPING);
    wait_for_state(machine, KVM_STATE_GONE);
    g_assert_cmpint(g_get_monotonic_time() - before, >=, 300000);
    g_assert_false(vd_process_is_alive(process));
    end(&fixture, machine);
    tear_down(&fixture);
}

/* Replaces from by to in the record of id. */
static void
edit_record(struct fixture *fixture, const char *id, const char *from, const char *to)
{
    g_autofree char *path = g_build_filename(fixture->desktops, id, "record.json", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GString) edited = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    edited = g_string_new(text);
    g_assert_cmpuint(g_string_replace(edited, from, to, 1), ==, 1);
    g_assert_true(g_file_set_contents(path, edited->str, -1, NULL));
}

static void
test_what_does_not_match_is_left_alone(void)
{
    struct fixture fixture;
    struct kvm_machine *machine;
    struct kvm_record good;
    struct vd_process process;
    g_autofree char *folder = NULL;
    g_autofree char *record_path = NULL;
    char other_uuid[] = "00000000-0000-4000-8000-000000000000";

    set_up(&fixture);
    machine = start(&fixture, "odd", 1);
    wait_for_state(machine, KVM_STATE_READY);
    kvm_machine_free(machine);
    folder = g_build_filename(fixture.desktops, "odd", NULL);
    g_assert_true(kvm_record_read(&good, folder, NULL));

    edit_record(&fixture, "odd", good.uuid, other_uuid);
    machine = kvm_machine_adopt(&fixture.environment, "odd", on_changed, &fixture);
    wait_for_state(machine, KVM_STATE_UNKNOWN);
    g_assert_nonnull(strstr(kvm_machine_text(machine), "uuid"));
    kvm_machine_stop(machine, false, false);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_UNKNOWN);
    kvm_machine_free(machine);

    g_assert_cmpint(kvm_record_write(&good, folder), ==, 0);
    edit_record(&fixture, "odd", "\"run_epoch\": 1", "\"run_epoch\": 0");
    machine = kvm_machine_adopt(&fixture.environment, "odd", on_changed, &fixture);
    wait_for_state(machine, KVM_STATE_UNKNOWN);
    g_assert_nonnull(strstr(kvm_machine_text(machine), "epoch"));
    kvm_machine_free(machine);

    record_path = g_build_filename(folder, "record.json", NULL);
    g_assert_true(g_file_set_contents(record_path, "{\"version\": 1, \"id\": \"od", -1, NULL));
    machine = kvm_machine_adopt(&fixture.environment, "odd", on_changed, &fixture);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_UNKNOWN);
    g_assert_nonnull(strstr(kvm_machine_text(machine), "damaged"));
    kvm_machine_stop(machine, false, false);
    kvm_machine_free(machine);
    g_assert_true(vd_process_is_alive(good.process));

    /* Killed between the start and the second record: it is found by its uuid. */
    good.stage = KVM_STAGE_PREPARED;
    process = good.process;
    memset(&good.process, 0, sizeof(good.process));
    g_assert_cmpint(kvm_record_write(&good, folder), ==, 0);
    machine = kvm_machine_adopt(&fixture.environment, "odd", on_changed, &fixture);
    wait_for_state(machine, KVM_STATE_READY);
    g_assert_cmpint(kvm_machine_record(machine)->process.pid, ==, process.pid);
    end(&fixture, machine);
    kvm_record_clear(&good);
    tear_down(&fixture);
}

static void
test_death_and_restart_of_the_host_are_told(void)
{
    struct fixture fixture;
    struct kvm_machine *machine;
    g_autofree char *folder = NULL;
    struct kvm_record record;

    set_up(&fixture);
    machine = start(&fixture, "mortal", 1);
    wait_for_state(machine, KVM_STATE_READY);
    g_assert_cmpint(kill(kvm_machine_record(machine)->process.pid, SIGKILL), ==, 0);
    wait_for_state(machine, KVM_STATE_FAILED);
    g_assert_nonnull(strstr(kvm_machine_text(machine), "ended by itself"));
    end(&fixture, machine);

    machine = start(&fixture, "mortal", 1);
    wait_for_state(machine, KVM_STATE_READY);
    folder = g_strdup(kvm_machine_folder(machine));
    g_assert_true(kvm_record_read(&record, folder, NULL));
    end(&fixture, machine);
    g_assert_cmpint(vd_mkdir_all(folder, 0700), ==, 0);
    g_assert_cmpint(kvm_record_write(&record, folder), ==, 0);
    fixture.environment.boot_id = "boot-2";
    machine = kvm_machine_adopt(&fixture.environment, "mortal", on_changed, &fixture);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_FAILED);
    g_assert_nonnull(strstr(kvm_machine_text(machine), "host was restarted"));
    end(&fixture, machine);

    /* Written down, never started: nothing is left to adopt. */
    record.stage = KVM_STAGE_PREPARED;
    memset(&record.process, 0, sizeof(record.process));
    fixture.environment.boot_id = "boot-1";
    g_assert_cmpint(vd_mkdir_all(folder, 0700), ==, 0);
    g_assert_cmpint(kvm_record_write(&record, folder), ==, 0);
    g_assert_null(kvm_machine_adopt(&fixture.environment, "mortal", on_changed, &fixture));
    kvm_record_clear(&record);
    tear_down(&fixture);
}

static void
test_refusals_name_their_reason(void)
{
    struct fixture fixture;
    struct kvm_machine *machine;
    struct kvm_order order = {.id = "fast",
                              .pool = "test",
                              .image = "empty",
                              .revision = 1,
                              .epoch = 1,
                              .cpu = 1,
                              .memory_mb = 128,
                              .want_kvm = true,
                              .files = {.disk = "disk.qcow2"}};

    set_up(&fixture);
    machine = kvm_machine_start(&fixture.environment, &order, on_changed, &fixture);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_FAILED);
    g_assert_cmpstr(kvm_machine_text(machine), ==, fixture.environment.accel_text);
    end(&fixture, machine);

    order.want_kvm = false;
    order.files.disk = "nothing.qcow2";
    machine = kvm_machine_start(&fixture.environment, &order, on_changed, &fixture);
    wait_for_state(machine, KVM_STATE_FAILED);
    g_assert_nonnull(strstr(kvm_machine_text(machine), "cannot make its disk"));
    end(&fixture, machine);

    order.files.disk = NULL;
    order.files.kernel = "vmlinuz";
    machine = kvm_machine_start(&fixture.environment, &order, on_changed, &fixture);
    wait_for_state(machine, KVM_STATE_FAILED);
    g_assert_cmpstr(kvm_machine_text(machine), ==,
                    "its kernel does not open: No such file or directory");
    end(&fixture, machine);
    tear_down(&fixture);
}

/* A hostd that comes back has to speak to the server that the machine was started with. */
static void
test_a_record_knows_its_display(void)
{
    g_autofree char *folder = g_dir_make_tmp("vedette-record-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(folder, KVM_RECORD_FILE, NULL);
    g_autofree char *text = NULL;
    struct kvm_record record = {.id = (char *)"odd",
                                .pool = (char *)"desk",
                                .image = (char *)"tiny",
                                .revision = 1,
                                .cpu = 1,
                                .memory_mb = 64,
                                .display = KVM_DISPLAY_QXL,
                                .uuid = (char *)"0f0e0d0c-0b0a-4908-8706-050403020100",
                                .boot_id = (char *)"boot-1"};
    struct kvm_record again;
    char *place;

    g_assert_cmpint(kvm_record_write(&record, folder), ==, 0);
    g_assert_true(kvm_record_read(&again, folder, NULL));
    g_assert_cmpint(again.display, ==, KVM_DISPLAY_QXL);
    kvm_record_clear(&again);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    place = strstr(text, "\"qxl\"");
    g_assert_nonnull(place);
    memcpy(place, "\"vnc\"", 5);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_false(kvm_record_read(&again, folder, NULL));
    /* One of before there was a choice. */
    place = strstr(text, "\"display\"");
    g_assert_nonnull(place);
    memcpy(place, "\"unknown\"", 9);
    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_assert_true(kvm_record_read(&again, folder, NULL));
    g_assert_cmpint(again.display, ==, KVM_DISPLAY_DBUS);
    kvm_record_clear(&again);
    g_assert_cmpint(g_remove(path), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void
write_prepared(struct fixture *fixture, const char *path, char *uuid)
{
    struct kvm_record record = {.id = (char *)"late",
                                .pool = (char *)"test",
                                .image = (char *)"empty",
                                .revision = 1,
                                .slot = 9,
                                .epoch = 1,
                                .run_epoch = 1,
                                .cpu = 1,
                                .memory_mb = 128,
                                .uuid = uuid,
                                .boot_id = (char *)(uintptr_t)fixture->environment.boot_id,
                                .stage = KVM_STAGE_PREPARED};

    g_assert_cmpint(vd_mkdir_all(path, 0700), ==, 0);
    g_assert_cmpint(kvm_record_write(&record, path), ==, 0);
}

/* Its keeper died while it was between fork and exec: held, and known by nothing. */
static void
test_late_process_is_found(void)
{
    struct fixture fixture;
    g_autofree char *uuid = g_uuid_string_random();
    g_autofree char *path = NULL;
    struct kvm_machine *machine;
    int folder, listener, status;
    int input[2];
    pid_t pid;

    set_up(&fixture);
    path = g_build_filename(fixture.desktops, "late", NULL);
    write_prepared(&fixture, path, uuid);
    folder = open(path, O_DIRECTORY | O_CLOEXEC);
    listener = kvm_socket_listen(folder, "qmp.sock");
    g_assert_cmpint(listener, >=, 0);
    machine = kvm_machine_adopt(&fixture.environment, "late", on_changed, &fixture);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_UNKNOWN);
    kvm_machine_tend(machine, KVM_ROOM_ENOUGH);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_UNKNOWN); /* hands off */

    g_assert_cmpint(pipe2(input, O_CLOEXEC), ==, 0);
    pid = fork();
    if (pid == 0) {
        (void)dup2(input[0], STDIN_FILENO); /* it reads as long as we hold the other end */
        (void)execl("/bin/sh", "sh", "-c", "read line", "sh", "-uuid", uuid, NULL);
        _exit(127);
    }
    while (kvm_machine_state(machine) == KVM_STATE_UNKNOWN) {
        kvm_machine_tend(machine, KVM_ROOM_ENOUGH); /* as soon as it has its arguments */
    }
    g_assert_cmpint(kvm_machine_record(machine)->process.pid, ==, pid);
    g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    vd_fd_clear(&input[0]);
    vd_fd_clear(&input[1]);
    wait_for_state(machine, KVM_STATE_FAILED);
    kvm_machine_free(machine);

    /* Nobody came of it, and the socket was let go. */
    write_prepared(&fixture, path, uuid);
    machine = kvm_machine_adopt(&fixture.environment, "late", on_changed, &fixture);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_UNKNOWN);
    vd_fd_clear(&listener);
    kvm_machine_tend(machine, KVM_ROOM_ENOUGH);
    g_assert_cmpint(kvm_machine_state(machine), ==, KVM_STATE_FAILED);
    kvm_machine_free(machine);
    vd_fd_clear(&folder);
    tear_down(&fixture);
}

int
main(int argc, char **argv)
{
    g_autofree char *engine = g_find_program_in_path(ENGINE);

    g_test_init(&argc, &argv, NULL);
    if (engine == NULL) {
        g_print("1..0 # SKIP " ENGINE " is not installed\n");
        return 0;
    }
    g_test_add_func("/machine/late-process-is-found", test_late_process_is_found);
    g_test_add_func("/machine/start-confined-adopt-and-stop", test_start_confined_adopt_and_stop);
    g_test_add_func("/machine/hung-machine-delays-nobody-and-is-killed-on-order",
                    test_hung_machine_delays_nobody_and_is_killed_on_order);
    g_test_add_func("/machine/guest-that-ignores-the-power-button-is-ended",
                    test_guest_that_ignores_the_power_button_is_ended);
    g_test_add_func("/machine/what-does-not-match-is-left-alone",
                    test_what_does_not_match_is_left_alone);
    g_test_add_func("/machine/death-and-restart-of-the-host-are-told",
                    test_death_and_restart_of_the_host_are_told);
    g_test_add_func("/machine/refusals-name-their-reason", test_refusals_name_their_reason);
    g_test_add_func("/machine/a-record-knows-its-display", test_a_record_knows_its_display);
    return g_test_run();
}
