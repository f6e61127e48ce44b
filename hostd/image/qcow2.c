/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/qcow2.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostd/image/manifest.h"

#define MAGIC             0x514649fbu /* "QFI" 0xfb */
#define V2_LENGTH         72u
#define V3_LENGTH         104u
#define KNOWN_LENGTH      112u /* with the compression type */
#define BACKING_AT        8u
#define BACKING_LENGTH    12u /* offset and size, side by side */
#define CLUSTER_BITS_MIN  9u
#define CLUSTER_BITS_MAX  21u
#define L1_ENTRIES_MAX    (32u * 1024 * 1024 / 8)
#define REFCOUNT_MAX      (8u * 1024 * 1024) /* bytes of the table */
#define REFCOUNT_ORDER    6u
#define SECTOR            512u
#define FEATURE_DIRTY     (1u << 0)
#define FEATURE_CORRUPT   (1u << 1)
#define FEATURE_DATA_FILE (1u << 2)
#define FEATURE_COMPRESS  (1u << 3)
#define EXTENSION_END     0u
#define EXTENSION_BACKING 0xe2792acau
#define EXTENSION_NAMES   0x6803f857u
#define EXTENSION_DATA    0x44415441u
#define EXTENSION_CRYPT   0x0537be77u
#define EXTENSION_BITMAPS 0x23852875u

struct header {
    const guint8 *head;
    gsize head_size;
    guint64 file_size;
    guint32 version, cluster_bits, length;
    guint64 size, backing_at;
    guint32 backing_size;
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

/* Big endian. The caller has made sure that the bytes are there. */
static guint32
get32(const struct header *h, gsize at)
{
    const guint8 *p = h->head + at;

    return (guint32)p[0] << 24 | (guint32)p[1] << 16 | (guint32)p[2] << 8 | p[3];
}

static guint64
get64(const struct header *h, gsize at)
{
    return (guint64)get32(h, at) << 32 | get32(h, at + 4);
}

static bool
take_start(struct header *h, GError **error)
{
    if (h->head_size < V2_LENGTH || get32(h, 0) != MAGIC) {
        return refuse(error, "it is no qcow2 file");
    }
    h->version = get32(h, 4);
    if (h->version != 2 && h->version != 3) {
        return refuse(error, "qcow2 version %u is not known", h->version);
    }
    h->length = h->version == 2 ? V2_LENGTH : h->head_size < V3_LENGTH ? 0 : get32(h, 100);
    h->cluster_bits = get32(h, 20);
    if (h->cluster_bits < CLUSTER_BITS_MIN || h->cluster_bits > CLUSTER_BITS_MAX) {
        return refuse(error, "clusters of 2^%u bytes are not possible", h->cluster_bits);
    }
    if (h->version == 3 && (h->length < V3_LENGTH || h->length % 8 != 0)) {
        return refuse(error, "its header is too short");
    }
    if (h->length > h->head_size || h->length > 1u << h->cluster_bits) {
        return refuse(error, "its header is longer than the file or a cluster");
    }
    return true;
}

static bool
check_features(const struct header *h, GError **error)
{
    guint64 features = h->version == 2 ? 0 : get64(h, 72),
            automatic = h->version == 2 ? 0 : get64(h, 88);

    if ((features & FEATURE_DATA_FILE) != 0) {
        return refuse(error, "its data is in another file");
    }
    if ((features & (FEATURE_DIRTY | FEATURE_CORRUPT)) != 0) {
        return refuse(error, "it is marked as damaged or was not closed");
    }
    if ((features & ~(guint64)FEATURE_COMPRESS) != 0) {
        return refuse(error, "it has features that are not known: %#" G_GINT64_MODIFIER "x",
                      features);
    }
    if (automatic != 0) {
        return refuse(error, "it has bitmaps or data in another file");
    }
    if (get32(h, 32) != 0) {
        return refuse(error, "it is encrypted");
    }
    if (get32(h, 60) != 0) {
        return refuse(error, "it has snapshots inside");
    }
    return true;
}

/* What is behind the known part of the header has to be zero, the compression's number small. */
static bool
check_rest(const struct header *h, GError **error)
{
    for (guint32 at = V3_LENGTH + 1; at < h->length; at++) {
        if (h->head[at] != 0) {
            return refuse(error, "its header has fields that are not known");
        }
    }
    if (h->length > V3_LENGTH) {
        guint8 compression = h->head[V3_LENGTH];
        bool told = (get64(h, 72) & FEATURE_COMPRESS) != 0;

        if (compression > 1 || told != (compression == 1)) {
            return refuse(error, "its compression is not known");
        }
    } else if (h->version == 3 && (get64(h, 72) & FEATURE_COMPRESS) != 0) {
        return refuse(error, "its compression is not known");
    }
    return true;
}

static bool
check_backing(struct header *h, bool overlay, GError **error)
{
    h->backing_at = get64(h, BACKING_AT);
    h->backing_size = get32(h, BACKING_AT + 8);
    if (h->backing_at == 0 && h->backing_size == 0) {
        return true;
    }
    if (!overlay) {
        return refuse(error, "it stands on another file");
    }
    if (h->backing_size > IMAGE_BACKING_MAX || h->backing_at < h->length ||
        h->backing_at > (1u << h->cluster_bits) - MIN(h->backing_size, 1u << h->cluster_bits)) {
        return refuse(error, "the name of what it stands on does not lie in its header");
    }
    return true;
}

/* A table of bytes bytes at offset at. */
static bool
check_table(const struct header *h, const char *name, guint64 at, guint64 bytes, GError **error)
{
    if (at == 0 || at % (1u << h->cluster_bits) != 0 || at > h->file_size ||
        bytes > h->file_size - at) {
        return refuse(error, "its %s table does not lie in the file", name);
    }
    return true;
}

static bool
check_tables(struct header *h, GError **error)
{
    guint64 clusters, wanted;
    guint32 l1_entries = get32(h, 36), refcount_clusters = get32(h, 56);
    guint32 entries_bits = h->cluster_bits - 3; /* of a level 2 table, one cluster */

    h->size = get64(h, 24);
    if (h->size == 0 || h->size > IMAGE_DISK_SIZE_MAX) {
        return refuse(error,
                      "it shows %" G_GUINT64_FORMAT " bytes, at most %" G_GUINT64_FORMAT
                      " are allowed",
                      h->size, IMAGE_DISK_SIZE_MAX);
    }
    if (h->size % SECTOR != 0) {
        return refuse(error, "its size is no number of sectors");
    }
    clusters = (h->size - 1) >> h->cluster_bits;
    wanted = (clusters >> entries_bits) + 1;
    if (l1_entries > L1_ENTRIES_MAX || l1_entries < wanted) {
        return refuse(error, "its cluster table does not fit its size");
    }
    if (h->version == 3 && get32(h, 96) > REFCOUNT_ORDER) {
        return refuse(error, "its reference counts are too wide");
    }
    if (refcount_clusters == 0 || refcount_clusters > REFCOUNT_MAX >> h->cluster_bits) {
        return refuse(error, "its reference count table is empty or too large");
    }
    return check_table(h, "cluster", get64(h, 40), (guint64)l1_entries * 8, error) &&
           check_table(h, "reference count", get64(h, 48),
                       (guint64)refcount_clusters << h->cluster_bits, error);
}

static bool
check_extension(guint32 type, bool overlay, GError **error)
{
    switch (type) {
    case EXTENSION_NAMES:
        return true;
    case EXTENSION_BACKING:
        return overlay || refuse(error, "it stands on another file");
    case EXTENSION_DATA:
        return refuse(error, "it names another file for its data");
    case EXTENSION_CRYPT:
        return refuse(error, "it is encrypted");
    case EXTENSION_BITMAPS:
        return refuse(error, "it has bitmaps");
    default:
        return refuse(error, "its header has an extension that is not known: %#x", type);
    }
}

/* They end with a zero one, or where the name of the backing file or the next cluster begins. */
static bool
check_extensions(const struct header *h, bool overlay, GError **error)
{
    gsize end = h->backing_at != 0 ? (gsize)h->backing_at : (gsize)1 << h->cluster_bits;
    gsize at = h->length;

    end = MIN(end, h->head_size);
    while (end - at >= 8) {
        guint32 type = get32(h, at), length = get32(h, at + 4);

        if (type == EXTENSION_END) {
            return true;
        }
        at += 8;
        if (length > end - at || (length + 7u) / 8 * 8 > end - at) {
            return refuse(error, "an extension of its header is too long");
        }
        if (!check_extension(type, overlay, error)) {
            return false;
        }
        at += (length + 7u) / 8 * 8;
    }
    return true;
}

bool
image_qcow2_check(const guint8 *head, gsize head_size, guint64 file_size, bool overlay,
                  guint64 *ret_size, GError **error)
{
    struct header h = {.head = head, .head_size = head_size, .file_size = file_size};

    if (!take_start(&h, error)) {
        return false;
    }
    if (file_size > IMAGE_DISK_FILE_MAX) {
        return refuse(error, "its file is larger than %" G_GUINT64_FORMAT " bytes",
                      IMAGE_DISK_FILE_MAX);
    }
    if (head_size < MIN(file_size, (guint64)1 << h.cluster_bits)) {
        return refuse(error, "it ends within its header");
    }
    if (!check_features(&h, error) || !check_rest(&h, error) ||
        !check_backing(&h, overlay, error) || !check_tables(&h, error) ||
        !check_extensions(&h, overlay, error)) {
        return false;
    }
    if (ret_size != NULL) {
        *ret_size = h.size;
    }
    return true;
}

bool
image_qcow2_check_file(int fd, bool overlay, guint64 *ret_size, GError **error)
{
    g_autofree guint8 *head = g_malloc(IMAGE_QCOW2_HEAD_MAX);
    struct stat st;
    gsize got = 0;
    ssize_t n = fstat(fd, &st) == 0 ? 1 : -1;

    while (n > 0 && got < IMAGE_QCOW2_HEAD_MAX) {
        n = pread(fd, head + got, IMAGE_QCOW2_HEAD_MAX - got, (off_t)got);
        got += n > 0 ? (gsize)n : 0;
    }
    if (n < 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "the disk does not read: %s",
                    g_strerror(errno));
        return false;
    }
    return image_qcow2_check(head, got, (guint64)st.st_size, overlay, ret_size, error);
}

bool
image_qcow2_forget_backing(int fd, GError **error)
{
    static const guint8 nothing[BACKING_LENGTH];

    if (pwrite(fd, nothing, sizeof(nothing), BACKING_AT) != (ssize_t)sizeof(nothing)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "the disk cannot be written: %s",
                    g_strerror(errno));
        return false;
    }
    return true;
}

void
image_qcow2_blank_backing(guint8 *head, gsize head_size)
{
    const struct header h = {.head = head, .head_size = head_size};
    guint64 at, size;

    if (head_size < BACKING_AT + BACKING_LENGTH || get32(&h, 0) != MAGIC) {
        return;
    }
    at = get64(&h, BACKING_AT);
    size = get32(&h, BACKING_AT + 8);
    if (at >= V2_LENGTH && at < head_size) {
        memset(head + at, 0, MIN(size, head_size - at));
    }
    memset(head + BACKING_AT, 0, BACKING_LENGTH);
}
