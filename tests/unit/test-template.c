/* SPDX-License-Identifier: Apache-2.0 */
/* What forks start from: sealed memory, its copy on disk, the folder's description, new identities.
 */
#include "hostd/kvm/template.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/kvm/identity.h"
#include "hostd/kvm/ramfile.h"
#include "hostd/kvm/spec.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"

#define MEMORY_MB    64u
#define MEMORY_BYTES ((uint64_t)MEMORY_MB * 1024 * 1024)
#define FAR_AWAY     (40 * 1024 * 1024)
#define UUID         "0f0e0d0c-0b0a-4908-8706-050403020100"
#define MACHINE_ID   "0f0e0d0c0b0a49088706050403020100"

static const struct kvm_shape shape = {.image = "office",
                                       .digest = "sha256:00",
                                       .revision = 7,
                                       .cpu = 2,
                                       .memory_mb = MEMORY_MB,
                                       .accel = KVM_ACCEL_TCG,
                                       .engine = "engine 1"};

struct fixture {
    char *folder, *ram;
};

static void
set_up(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    fixture->folder = g_dir_make_tmp("vedette-template-XXXXXX", NULL);
    fixture->ram = g_build_filename(fixture->folder, KVM_TEMPLATE_RAM, NULL);
}

static void
tear_down(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    g_autofree char *json = g_build_filename(fixture->folder, KVM_TEMPLATE_FILE, NULL);

    (void)g_unlink(fixture->ram);
    (void)g_unlink(json);
    g_assert_cmpint(g_rmdir(fixture->folder), ==, 0);
    g_free(fixture->folder);
    g_free(fixture->ram);
}

static int
make_memory(void)
{
    int fd = kvm_ramfile_new(MEMORY_BYTES);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pwrite(fd, "near", 4, 0), ==, 4);
    g_assert_cmpint(pwrite(fd, "far", 3, FAR_AWAY), ==, 3);
    return fd;
}

static void
test_sealed_memory(void)
{
    int fd = make_memory();
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    char *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private;
    int again;

    g_assert_true(shared != MAP_FAILED);
    g_assert_false(kvm_ramfile_seal(fd)); /* its machine still writes */
    g_assert_cmpint(munmap(shared, 4096), ==, 0);
    g_assert_true(kvm_ramfile_seal(fd));

    /* QEMU 7.2 opens it for writing and maps it privately. */
    again = open(path, O_RDWR | O_CLOEXEC);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(pwrite(again, "x", 1, 0), ==, -1);
    g_assert_cmpint(errno, ==, EPERM);
    g_assert_cmpint(ftruncate(again, 1), ==, -1);
    g_assert_true(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0) == MAP_FAILED);
    private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, again, 0);
    g_assert_true(private != MAP_FAILED);
    private[0] = 'x';
    g_assert_cmpint(private[1], ==, 'e');
    g_assert_cmpint(munmap(private, 4096), ==, 0);
    vd_fd_clear(&again);
    vd_fd_clear(&fd);
}

static void
test_memory_on_disk(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    struct stat status;
    char text[5] = "";
    int fd = make_memory();
    int again;

    g_assert_cmpint(kvm_ramfile_save(fd, fixture->ram), ==, 0);
    g_assert_cmpint(kvm_ramfile_save(fd, fixture->ram), ==, -EEXIST);
    g_assert_cmpint(stat(fixture->ram, &status), ==, 0);
    g_assert_cmpuint((uint64_t)status.st_size, ==, MEMORY_BYTES);
    g_assert_cmpuint((uint64_t)status.st_blocks * 512, <,
                     MEMORY_BYTES / 16); /* what is zero takes no room */

    g_assert_cmpint(kvm_ramfile_load(fixture->ram, MEMORY_BYTES * 2), ==, -EINVAL);
    again = kvm_ramfile_load(fixture->ram, MEMORY_BYTES);
    g_assert_cmpint(again, >=, 0);
    g_assert_cmpint(pread(again, text, 4, 0), ==, 4);
    g_assert_cmpstr(text, ==, "near");
    g_assert_cmpint(pread(again, text, 4, FAR_AWAY), ==, 4);
    g_assert_cmpstr(text, ==, "far");
    g_assert_cmpint(pwrite(again, "x", 1, 0), ==, -1);
    vd_fd_clear(&again);
    vd_fd_clear(&fd);
}

static void
test_shapes(void)
{
    struct kvm_shape other = shape;
    g_autofree char *name = kvm_template_name(&shape);
    g_autofree char *same = kvm_template_name(&other);
    g_autofree char *changed = NULL;

    g_assert_cmpstr(name, ==, same);
    g_assert_true(kvm_spec_name_is_good(name));
    other.engine = "engine 2";
    changed = kvm_template_name(&other);
    g_assert_cmpstr(name, !=, changed);
}

static void
expect_refused(const struct kvm_shape *wanted, const char *folder, int code)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(kvm_template_load(wanted, folder, &error));
    g_assert_error(error, G_IO_ERROR, code);
}

static void
test_finished_and_other(struct fixture *fixture, gconstpointer data G_GNUC_UNUSED)
{
    struct kvm_shape other = shape;
    struct kvm_template *template;
    int fd = make_memory();

    g_assert_cmpint(kvm_ramfile_save(fd, fixture->ram), ==, 0);
    vd_fd_clear(&fd);
    expect_refused(&shape, fixture->folder, G_IO_ERROR_NOT_FOUND); /* it was never finished */
    g_assert_cmpint(kvm_template_write(&shape, fixture->folder), ==, 0);
    other.digest = "sha256:01";
    expect_refused(&other, fixture->folder, G_IO_ERROR_INVALID_ARGUMENT);

    template = kvm_template_load(&shape, fixture->folder, NULL);
    g_assert_nonnull(template);
    g_assert_null(template->disk);
    g_assert_true(g_str_has_suffix(template->state, "/" KVM_TEMPLATE_STATE));
    kvm_template_free(template);

    g_assert_cmpint(truncate(fixture->ram, 4096), ==, 0);
    expect_refused(&shape, fixture->folder, G_IO_ERROR_INVALID_ARGUMENT);
}

static json_t *
answer(const char *host, const char *machine, const char *uuid, const char *seeded, int64_t off_ms)
{
    g_autofree char *now = g_strdup_printf("%" G_GINT64_FORMAT, vd_wall_ms() + off_ms);

    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "host", host, "machine", machine, "uuid", uuid,
                     "seeded", seeded, "time_ms", now);
}

/* wanted is what the refusal has in it, NULL for none. */
static void
expect_check(json_t *seen, const char *wanted)
{
    g_autofree char *text = kvm_identity_check(seen, "d_1", UUID, false);

    if (wanted == NULL) {
        g_assert_cmpstr(text, ==, NULL);
    } else {
        g_assert_nonnull(text);
        g_assert_nonnull(strstr(text, wanted));
    }
    json_decref(seen);
}

static void
test_identities(void)
{
    g_autofree char *order = kvm_identity_order("d_1", UUID, false);
    g_autofree char *again = kvm_identity_order("d_1", UUID, false);
    g_autofree char *text = NULL;
    json_t *json = json_loads(order, 0, NULL);

    g_assert_cmpstr(json_string_value(json_object_get(json, "host")), ==, "d-1");
    g_assert_cmpstr(json_string_value(json_object_get(json, "machine")), ==, MACHINE_ID);
    g_assert_cmpuint(json_string_length(json_object_get(json, "seed")), ==, 128);
    g_assert_cmpstr(order, !=, again); /* the seed */
    g_assert_true(g_str_has_suffix(order, "}\n"));
    json_decref(json);

    expect_check(answer("d-1", MACHINE_ID, UUID, "yes", 0), NULL);
    expect_check(answer("d-1", MACHINE_ID, "", "yes", -1500), NULL);
    expect_check(answer("d-2", MACHINE_ID, UUID, "yes", 0), "host name");
    expect_check(answer("d-1", "0", UUID, "yes", 0), "machine-id");
    expect_check(answer("d-1", MACHINE_ID, "0", "yes", 0), "uuid");
    expect_check(answer("d-1", MACHINE_ID, UUID, "no", 0), "random");
    expect_check(answer("d-1", MACHINE_ID, UUID, "yes", 5000), "clock");
    expect_check(answer("d-1", MACHINE_ID, UUID, "yes", -5000), "clock");
    g_free(again);
    again = kvm_identity_order("d_1", UUID, true);
    g_assert_nonnull(strstr(again, "\"mac\":\"02:04:03:02:01:00\""));
    json = answer("d-1", MACHINE_ID, UUID, "yes", 0);
    text = kvm_identity_check(json, "d_1", UUID, true);
    g_assert_nonnull(strstr(text, "network card"));
    g_free(text);
    json_object_set_new(json, "mac", json_string("02:04:03:02:01:00"));
    text = kvm_identity_check(json, "d_1", UUID, true);
    g_assert_cmpstr(text, ==, NULL);
    json_decref(json);
    expect_check(json_object(), "host name");
    expect_check(json_pack("{s:i, s:[]}", "host", 7, "machine"), "host name");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/template/sealed-memory", test_sealed_memory);
    g_test_add("/template/memory-on-disk", struct fixture, NULL, set_up, test_memory_on_disk,
               tear_down);
    g_test_add_func("/template/shapes", test_shapes);
    g_test_add("/template/finished-and-other", struct fixture, NULL, set_up,
               test_finished_and_other, tear_down);
    g_test_add_func("/template/identities", test_identities);
    return g_test_run();
}
