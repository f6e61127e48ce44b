/* SPDX-License-Identifier: Apache-2.0 */
/* What leaves and enters as a file: heads of disks, heads of exports, archives, files with holes.
 */
#include "hostd/image/qcow2.h"
#include "hostd/image/tar.h"
#include "hostd/image/transfer.h"
#include "hostd/image/vdx.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_BYTES 2048u /* header, reference counts, clusters: four clusters of 512 bytes */

/* A sound head of 64 KiB in version 3; tests change what they are about. */
static guint8 disk[DISK_BYTES];

static void
put32(gsize at, guint32 value)
{
    for (guint i = 0; i < 4; i++) {
        disk[at + i] = (guint8)(value >> (24 - 8 * i));
    }
}

static void
put64(gsize at, guint64 value)
{
    put32(at, (guint32)(value >> 32));
    put32(at + 4, (guint32)value);
}

static void
fill(void)
{
    memset(disk, 0, sizeof(disk));
    put32(0, 0x514649fb);
    put32(4, 3);
    put32(20, 9); /* cluster bits */
    put64(24, 65536);
    put32(36, 2);    /* entries of the cluster table: 64 clusters each */
    put64(40, 1024); /* where it is */
    put64(48, 512);  /* reference counts */
    put32(56, 1);    /* clusters of them */
    put32(96, 4);    /* 16 bits each */
    put32(100, 112); /* length */
}

static void
expect(bool overlay, const char *refusal)
{
    g_autoptr(GError) error = NULL;
    bool ok = image_qcow2_check(disk, sizeof(disk), sizeof(disk), overlay, NULL, &error);

    if (refusal == NULL) {
        g_assert_no_error(error);
        g_assert_true(ok);
    } else {
        g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED);
        if (strstr(error->message, refusal) == NULL) {
            g_error("'%s' does not say '%s'", error->message, refusal);
        }
    }
}

/* One field of width bytes set to value, and what is said of it. */
static const struct {
    gsize at;
    guint width;
    guint64 value;
    const char *refusal;
} changes[] = {
    {0, 4, 0x514649fc, "no qcow2"},
    {4, 4, 1, "version 1"},
    {4, 4, 4, "version 4"},
    {8, 8, 400, "stands on another file"},
    {16, 4, 8, "stands on another file"},
    {20, 4, 8, "clusters of 2^8"},
    {20, 4, 22, "clusters of 2^22"},
    {20, 4, G_MAXUINT32, "clusters of"},
    {24, 8, 0, "it shows 0"},
    {24, 8, IMAGE_DISK_SIZE_MAX + 512, "are allowed"},
    {24, 8, G_MAXUINT64, "are allowed"},
    {24, 8, 65535, "sectors"},
    {24, 8, 65536 + 512, "does not fit"},
    {32, 4, 1, "encrypted"},
    {32, 4, 2, "encrypted"},
    {36, 4, 1, "does not fit"},
    {36, 4, G_MAXUINT32, "does not fit"},
    {40, 8, 0, "cluster table"},
    {40, 8, 1025, "cluster table"},
    {40, 8, 2048, "cluster table"},
    {40, 8, G_MAXUINT64 - 511, "cluster table"},
    {48, 8, 0, "reference count table"},
    {48, 8, 2048, "reference count table"},
    {56, 4, 0, "empty or too large"},
    {56, 4, G_MAXUINT32, "empty or too large"},
    {60, 4, 1, "snapshots"},
    {72, 8, 1, "damaged"},
    {72, 8, 2, "damaged"},
    {72, 8, 4, "another file"},
    {72, 8, 8, "compression"},
    {72, 8, 16, "not known"},
    {72, 8, (guint64)1 << 63, "not known"},
    {88, 8, 1, "bitmaps"},
    {88, 8, 2, "another file"},
    {96, 4, 7, "too wide"},
    {100, 4, 96, "too short"},
    {100, 4, 106, "too short"},
    {100, 4, 520, "longer than"},
    {100, 4, G_MAXUINT32 - 7, "longer than"},
    {104, 4, 1, "fields that are not known"}, /* its last byte */
    {104, 4, 1u << 24, "compression"},
    {104, 4, 2u << 24, "compression"},
};

static void
test_disk_fields(void)
{
    fill();
    expect(false, NULL);
    expect(true, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(changes); i++) {
        fill();
        if (changes[i].width == 4) {
            put32(changes[i].at, (guint32)changes[i].value);
        } else {
            put64(changes[i].at, changes[i].value);
        }
        expect(false, changes[i].refusal);
    }
}

static void
put_extension(guint32 type, guint32 length)
{
    fill();
    put32(112, type);
    put32(116, length);
}

static void
test_disk_extensions(void)
{
    static const struct {
        guint32 type, length;
        const char *refusal;
    } extensions[] = {
        {0x6803f857, 48, NULL},
        {0xe2792aca, 5, "stands on another file"},
        {0x44415441, 8, "names another file"},
        {0x0537be77, 16, "encrypted"},
        {0x23852875, 24, "bitmaps"},
        {0x12345678, 0, "not known"},
        {0x6803f857, 400, "too long"},
        {0x6803f857, 391, NULL}, /* to the last byte of the cluster, padded */
        {0x6803f857, 393, "too long"},
        {0x6803f857, G_MAXUINT32, "too long"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(extensions); i++) {
        put_extension(extensions[i].type, extensions[i].length);
        expect(false, extensions[i].refusal);
    }
    put_extension(0xe2792aca, 5);
    expect(true, NULL);
}

static void
test_disk_zstd(void)
{
    fill();
    put64(72, 8);
    put32(104, 1u << 24);
    expect(false, NULL);
    put32(100, 104);
    expect(false, "compression");
}

static void
test_disk_version_2(void)
{
    fill();
    put32(4, 2);
    memset(disk + 72, 0, 512 - 72);
    expect(false, NULL);
    put64(72, (guint64)0x12345678 << 32); /* no feature bits: an extension begins there */
    expect(false, "not known");
}

static void
test_disk_overlay(void)
{
    static const struct {
        guint64 at;
        guint32 size;
        const char *refusal;
    } names[] = {
        {400, 112, NULL},
        {400, 113, "does not lie"},
        {100, 8, "does not lie"},
        {600, 8, "does not lie"},
        {0, 8, "does not lie"},
        {G_MAXUINT64, 8, "does not lie"},
        {400, G_MAXUINT32, "does not lie"},
    };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        fill();
        put64(8, names[i].at);
        put32(16, names[i].size);
        expect(true, names[i].refusal);
        expect(false, "stands on another file");
    }
}

static void
test_disk_cut(void)
{
    fill();
    for (gsize size = 0; size < sizeof(disk); size++) {
        g_autofree guint8 *part = g_memdup2(disk, size); /* a read beyond it is found by ASan */
        bool ok = image_qcow2_check(part, size, size, false, NULL, NULL);

        g_assert_true(ok == (size >= 1024 + 16)); /* the cluster table is all there */
    }
    g_assert_false(
        image_qcow2_check(disk, sizeof(disk), IMAGE_DISK_FILE_MAX + 1, false, NULL, NULL));
}

static void
test_names(void)
{
    static const char *const bad[] = {"",     ".",  "..",   "../a",   "/a",   "a/b",
                                      "a\\b", ".a", "a\nb", "a\033b", "a\xff"};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(tar_name_is_plain(bad[i]));
    }
    g_assert_true(tar_name_is_plain("My appliance (2)-disk1.vmdk"));
    g_assert_true(tar_name_is_plain("\xea\xb0\x80.ovf"));
}

static int
scratch_file(void)
{
    char path[] = "/tmp/vedette-export.XXXXXX";
    int fd = g_mkstemp_full(path, O_RDWR | O_CLOEXEC, 0600);

    g_assert_cmpint(fd, >=, 0);
    g_unlink(path);
    return fd;
}

static void
test_archive(void)
{
    int fd = scratch_file();
    g_autoptr(GError) error = NULL;
    struct tar_writer *writer = tar_writer_new(fd, &error);
    struct tar_reader *reader;
    struct tar_member member;
    char data[8];

    g_assert_no_error(error);
    g_assert_true(tar_writer_begin(writer, "one", 3, &error));
    g_assert_true(tar_writer_data(writer, "abc", 3, &error));
    g_assert_true(tar_writer_begin(writer, "two", 0, &error));
    g_assert_true(tar_writer_end(writer, &error));
    tar_writer_free(writer);
    g_assert_cmpint(lseek(fd, 0, SEEK_SET), ==, 0);
    reader = tar_reader_new(fd, TAR_ZSTD, &error);
    g_assert_no_error(error);
    g_assert_cmpint(tar_reader_next(reader, &member, &error), ==, 1);
    g_assert_cmpstr(member.name, ==, "one");
    g_assert_cmpuint(member.size, ==, 3);
    g_assert_cmpint(tar_reader_data(reader, data, sizeof(data), &error), ==, 3);
    g_assert_cmpint(tar_reader_data(reader, data, sizeof(data), &error), ==, 0);
    g_assert_cmpint(tar_reader_next(reader, &member, &error), ==, 1);
    g_assert_cmpstr(member.name, ==, "two");
    g_assert_cmpint(tar_reader_next(reader, &member, &error), ==, 0);
    tar_reader_free(reader);
    close(fd);
}

static void
test_holes(void)
{
    g_autofree guint8 *zeros = g_malloc0(4u * TRANSFER_HOLE);
    int fd = scratch_file();
    struct transfer_file file;
    struct stat st;
    const char *sum;

    transfer_file_begin(&file, fd);
    g_assert_true(transfer_file_write(&file, (const guint8 *)"x", 1, NULL));
    g_assert_true(transfer_file_write(&file, zeros, 4u * TRANSFER_HOLE, NULL));
    sum = transfer_file_end(&file, NULL);
    g_assert_nonnull(sum);
    g_assert_cmpuint(strlen(sum), ==, IMAGE_SHA256_LENGTH);
    g_assert_cmpuint(file.size, ==, 1 + 4u * TRANSFER_HOLE);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    g_assert_cmpint(st.st_size, ==, 1 + 4u * TRANSFER_HOLE);
    g_assert_cmpint(st.st_blocks * 512, <, 2u * TRANSFER_HOLE);
    transfer_file_clear(&file);
    close(fd);
}

/* Compared as text: a struct has padding, which nobody sets. */
static void
expect_same(struct vdx_head *head, struct vdx_head *again)
{
    g_autofree char *text = vdx_head_to_json(head), *twice = NULL;

    g_assert_nonnull(again);
    g_assert_cmpstr(again->digest, ==, head->digest);
    twice = vdx_head_to_json(again);
    g_assert_cmpstr(twice, ==, text);
}

/* Any changed byte of a head is noticed, spaces between its members apart. */
static void
test_head_digest(void)
{
    static struct vdx_head head = {.manifest = {.name = "office",
                                                .revision = 3,
                                                .kind = IMAGE_DISK,
                                                .disk = "disk.qcow2",
                                                .memory_min_mb = 512,
                                                .file_count = 1,
                                                .files = {{.name = "disk.qcow2", .size = 5}}}};
    g_autofree char *text = NULL;
    struct vdx_head *again;
    gsize size;

    memset(head.manifest.files[0].sha256, 'a', IMAGE_SHA256_LENGTH);
    image_manifest_seal(&head.manifest);
    text = vdx_head_to_json(&head);
    size = strlen(text);
    again = vdx_head_parse(text, size, NULL);
    g_assert_nonnull(again);
    expect_same(&head, again);
    g_free(again);
    for (gsize i = 0; i < size; i++) {
        char was = text[i];

        if (!g_ascii_isspace(was)) {
            text[i] = was == '0' ? '1' : '0';
            again = vdx_head_parse(text, size, NULL);
            g_assert_null(again);
            text[i] = was;
        }
        again = vdx_head_parse(text, i, NULL);
        g_assert_true(again == NULL || i == size - 1);
        g_free(again);
    }
}

static struct vdx_head *
read_desktop(const char *user, struct vdx_head *ret_head)
{
    g_autofree char *text = NULL;

    *ret_head = (struct vdx_head){.kind = VDX_DESKTOP,
                                  .desktop = {.id = "d-0123456789abcdef",
                                              .pool = "lab",
                                              .base_name = "office",
                                              .base_revision = 3,
                                              .cpu = 2,
                                              .memory_mb = 512,
                                              .live = true}};
    g_strlcpy(ret_head->desktop.user, user, sizeof(ret_head->desktop.user));
    g_strlcpy(ret_head->desktop.base_digest, "sha256:", sizeof(ret_head->desktop.base_digest));
    memset(ret_head->desktop.base_digest + 7, 'b', IMAGE_SHA256_LENGTH);
    ret_head->manifest.file_count = 1;
    g_strlcpy(ret_head->manifest.files[0].name, VDX_DISK_FILE, IMAGE_NAME_MAX + 1);
    memset(ret_head->manifest.files[0].sha256, 'a', IMAGE_SHA256_LENGTH);
    text = vdx_head_to_json(ret_head);
    return vdx_head_parse(text, strlen(text), NULL);
}

static void
test_desktop(void)
{
    static const char *const bad[] = {"", "a\nb", "a\033[2J",
                                      "a\xe2\x80\xae"}; /* the last: right to left */
    struct vdx_head head, *again = read_desktop("\xea\xb0\x80 alice@EXAMPLE", &head);
    char name[VDX_TEXT_MAX + 1], longer[VDX_TEXT_MAX + 2];

    expect_same(&head, again);
    g_free(again);
    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_null(read_desktop(bad[i], &head));
        g_assert_false(vdx_set_name(name, bad[i]));
    }
    memset(longer, 'x', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    g_assert_false(vdx_set_name(name, longer));
    g_assert_false(vdx_set_name(name, "\xff"));
    g_assert_true(vdx_set_name(name, longer + 1));
}

/* What is left of it says nothing about where it was. */
static void
test_blank(void)
{
    static const char path[] = "/srv/images/office/3/disk.qcow2";

    fill();
    put64(8, 400);
    put32(16, strlen(path));
    memcpy(disk + 400, path, strlen(path));
    expect(false, "stands on another file");
    image_qcow2_blank_backing(disk, sizeof(disk));
    expect(false, NULL);
    g_assert_null(memmem(disk, sizeof(disk), "srv", 3));
    for (gsize size = 0; size < 600; size++) { /* a write beyond it is found by ASan */
        g_autofree guint8 *part = NULL;

        fill();
        put64(8, size % 7 == 0 ? G_MAXUINT64 - 3 : 400);
        put32(16, size % 5 == 0 ? G_MAXUINT32 : 112);
        part = g_memdup2(disk, size);
        image_qcow2_blank_backing(part, size);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/export/each-field-of-a-disk", test_disk_fields);
    g_test_add_func("/export/extensions-of-a-disk", test_disk_extensions);
    g_test_add_func("/export/disk-compressed-with-zstd", test_disk_zstd);
    g_test_add_func("/export/disk-of-version-2", test_disk_version_2);
    g_test_add_func("/export/an-overlay-names-what-it-stands-on", test_disk_overlay);
    g_test_add_func("/export/disk-cut-at-every-byte", test_disk_cut);
    g_test_add_func("/export/names-without-a-path", test_names);
    g_test_add_func("/export/archive-comes-back", test_archive);
    g_test_add_func("/export/zeros-become-holes", test_holes);
    g_test_add_func("/export/head-changed-at-every-byte", test_head_digest);
    g_test_add_func("/export/head-of-a-desktop", test_desktop);
    g_test_add_func("/export/an-overlay-forgets-what-it-stood-on", test_blank);
    return g_test_run();
}
