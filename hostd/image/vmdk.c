/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/vmdk.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/manifest.h"
#include "hostd/image/qcow2.h"
#include "hostd/image/tar.h"

#define SECTOR          512u
#define HEADER_LENGTH   79u
#define MAGIC           "KDMV"
#define VERSION_MAX     3u
#define DESCRIPTOR_AT   1u /* sector: qemu-img looks there, whatever the header says */
#define ENTRIES         512u
#define GRAIN_MIN       8u /* sectors */
#define GRAIN_MAX       65536u
#define GD_AT_END       G_MAXUINT64
#define COMPRESSION_MAX 1u /* deflate */
#define MARKER_FOOTER   3u

struct head {
    guint64 capacity, grain, descriptor_at, descriptor_size, directory_at;
};

static bool __attribute__((format(printf, 2, 3))) refuse(GError **error, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list values;

    va_start(values, format);
    text = g_strdup_vprintf(format, values);
    va_end(values);
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_REFUSED, "the disk is refused: %s", text);
    return false;
}

/* Little endian. */
static guint32
get32(const guint8 *p)
{
    return (guint32)p[3] << 24 | (guint32)p[2] << 16 | (guint32)p[1] << 8 | p[0];
}

static guint64
get64(const guint8 *p)
{
    return (guint64)get32(p + 4) << 32 | get32(p);
}

static bool
is_zero(const guint8 *data, gsize size)
{
    for (gsize i = 0; i < size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

/* A header or a footer, of HEADER_LENGTH bytes at least. */
static bool
take_header(struct head *h, const guint8 *at, GError **error)
{
    if (memcmp(at, MAGIC, 4) != 0) {
        return refuse(error, "it is no VMDK with its data in one file");
    }
    *h = (struct head){.capacity = get64(at + 12),
                       .grain = get64(at + 20),
                       .descriptor_at = get64(at + 28),
                       .descriptor_size = get64(at + 36),
                       .directory_at = get64(at + 56)};
    if (get32(at + 4) == 0 || get32(at + 4) > VERSION_MAX) {
        return refuse(error, "VMDK version %u is not known", get32(at + 4));
    }
    /* With 0 the data would be wherever the descriptor says. */
    if (h->capacity == 0 || h->capacity > IMAGE_DISK_SIZE_MAX / SECTOR) {
        return refuse(
            error, "it shows %" G_GUINT64_FORMAT " sectors, 1 to %" G_GUINT64_FORMAT " are allowed",
            h->capacity, IMAGE_DISK_SIZE_MAX / SECTOR);
    }
    if (h->grain < GRAIN_MIN || h->grain > GRAIN_MAX || (h->grain & (h->grain - 1)) != 0 ||
        get32(at + 44) != ENTRIES) {
        return refuse(error, "its tables have sizes that are not possible");
    }
    if (at[77] + 256u * at[78] > COMPRESSION_MAX) {
        return refuse(error, "its compression is not known");
    }
    return true;
}

static bool
check_foot(const struct head *h, const guint8 *foot, GError **error)
{
    struct head last;

    if (h->directory_at != GD_AT_END) {
        return true;
    }
    if (foot == NULL || get64(foot) != 1 || get32(foot + 8) != 0 ||
        get32(foot + 12) != MARKER_FOOTER || !is_zero(foot + 2 * SECTOR, SECTOR)) {
        return refuse(error, "its footer is missing");
    }
    if (!take_header(&last, foot + SECTOR, error)) {
        return false;
    }
    if (last.capacity != h->capacity || last.grain != h->grain || last.directory_at == GD_AT_END) {
        return refuse(error, "its footer and its header say different things");
    }
    return true;
}

/* ACCESS SECTORS TYPE "NAME" [...]; false for a line that is something else. */
static bool
is_extent(const char *line)
{
    static const char *const starts[] = {"RW", "RDONLY", "NOACCESS"};

    for (guint i = 0; i < G_N_ELEMENTS(starts); i++) {
        gsize length = strlen(starts[i]);

        if (g_ascii_strncasecmp(line, starts[i], length) == 0 && g_ascii_isspace(line[length])) {
            return true;
        }
    }
    return false;
}

static bool
check_extent(const char *line, GError **error)
{
    g_auto(GStrv) quoted = g_strsplit(line, "\"", -1);
    g_auto(GStrv) words = g_strsplit_set(quoted[0], " \t", -1);
    guint type = 0, count = 0;

    for (guint i = 0; words[i] != NULL; i++) {
        if (words[i][0] != '\0' && ++count == 3) {
            type = i;
        }
    }
    if (count != 3 || g_ascii_strcasecmp(words[type], "SPARSE") != 0) {
        return refuse(error, "its data is in another file");
    }
    if (g_strv_length(quoted) != 3 || !tar_name_is_plain(quoted[1]) ||
        strspn(quoted[2], " \t") != strlen(quoted[2])) {
        return refuse(error, "its extent is no plain file");
    }
    return true;
}

static bool
check_key(const char *line, GError **error)
{
    const char *equals = strchr(line, '=');
    g_autofree char *key =
        equals == NULL ? NULL : g_strstrip(g_strndup(line, (gsize)(equals - line)));
    g_autofree char *value = equals == NULL ? NULL : g_strdelimit(g_strdup(equals + 1), "\"", ' ');

    if (key == NULL) {
        return true;
    }
    g_strstrip(value);
    if (g_ascii_strcasecmp(key, "parentCID") == 0 && g_ascii_strcasecmp(value, "ffffffff") != 0) {
        return refuse(error, "it stands on another file");
    }
    if (g_ascii_strcasecmp(key, "createType") == 0 &&
        g_ascii_strcasecmp(value, "streamOptimized") != 0 &&
        g_ascii_strcasecmp(value, "monolithicSparse") != 0) {
        return refuse(error, "its data is in other files, or of a kind that is not known");
    }
    return true;
}

static bool
check_descriptor(const char *text, GError **error)
{
    g_auto(GStrv) lines = g_strsplit_set(text, "\r\n", -1);
    guint extents = 0;

    for (guint i = 0; lines[i] != NULL; i++) {
        const char *line = g_strstrip(lines[i]);

        if (line[0] == '#') {
            continue;
        }
        if (is_extent(line)) {
            extents++;
            if (!check_extent(line, error)) {
                return false;
            }
        } else if (!check_key(line, error)) {
            return false;
        }
    }
    return extents == 1 || refuse(error, "it has %u extents and not one", extents);
}

bool
vmdk_check(const guint8 *head, gsize head_size, const guint8 *foot, guint64 file_size,
           guint64 *ret_size, GError **error)
{
    static const char hint[] = "parentFileNameHint";
    g_autofree char *text = NULL;
    struct head h;

    if (head_size < SECTOR) {
        return refuse(error, "it is no VMDK with its data in one file");
    }
    if (!take_header(&h, head, error)) {
        return false;
    }
    if (file_size > IMAGE_DISK_FILE_MAX) {
        return refuse(error, "its file is larger than %" G_GUINT64_FORMAT " bytes",
                      IMAGE_DISK_FILE_MAX);
    }
    if (h.descriptor_at != DESCRIPTOR_AT || h.descriptor_size == 0 ||
        h.descriptor_size > head_size / SECTOR - DESCRIPTOR_AT) {
        return refuse(error, "its descriptor is not where it should be");
    }
    /* Wherever it stands: the one who looks for it does not care where the descriptor ends. */
    if (memmem(head, head_size, hint, strlen(hint)) != NULL) {
        return refuse(error, "it stands on another file");
    }
    text = g_strndup((const char *)head + SECTOR, h.descriptor_size * SECTOR);
    if (!check_descriptor(text, error) || !check_foot(&h, foot, error)) {
        return false;
    }
    *ret_size = h.capacity * SECTOR;
    return true;
}

/* Reads size bytes at an offset; how many there were, -1 with an error. */
static gssize
read_at(int fd, guint8 *data, gsize size, guint64 at, GError **error)
{
    gsize got = 0;
    ssize_t n = 1;

    while (n > 0 && got < size) {
        n = pread(fd, data + got, size - got, (off_t)(at + got));
        got += n > 0 ? (gsize)n : 0;
    }
    if (n < 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "the disk does not read: %s",
                    g_strerror(errno));
        return -1;
    }
    return (gssize)got;
}

bool
vmdk_check_file(int fd, guint64 *ret_size, GError **error)
{
    g_autofree guint8 *head = g_malloc(VMDK_HEAD_MAX);
    guint8 foot[VMDK_FOOT];
    struct stat st = {0};
    guint64 size, end;
    gssize got;

    if (fstat(fd, &st) != 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "the disk does not read: %s",
                    g_strerror(errno));
        return false;
    }
    size = (guint64)st.st_size;
    got = read_at(fd, head, VMDK_HEAD_MAX, 0, error);
    /* qemu-img counts whole sectors, rounded up; a part of one at the end would move the footer. */
    end = size % SECTOR == 0 && size >= VMDK_FOOT ? size - VMDK_FOOT : 0;
    if (got < 0 || (end > 0 && read_at(fd, foot, VMDK_FOOT, end, error) != VMDK_FOOT)) {
        return error == NULL || *error != NULL ? false
                                               : refuse(error, "it changes while it is read");
    }
    return vmdk_check(head, (gsize)got, end > 0 ? foot : NULL, size, ret_size, error);
}
