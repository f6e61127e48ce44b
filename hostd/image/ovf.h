/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_OVF_H
#define VEDETTE_IMAGE_OVF_H

/*
 * ovf: what the descriptor of an appliance says (OVF 1.x and 2.x), and its list of digests.
 *
 * Both are foreign. The XML parser, libxml2, is known here only; it fetches nothing, and a document
 * with a DTD, where entities are made, is refused before the first of them is read. What a desktop
 * cannot have becomes a note for people, printable ASCII.
 */

#include <glib.h>
#include <stdbool.h>

#include "hostd/image/tar.h"

#define OVF_DESCRIPTOR_MAX (1024u * 1024) /* bytes */
#define OVF_DIGESTS_MAX    (64u * 1024)   /* bytes of the .mf */
#define OVF_ITEMS_MAX      256u           /* of hardware */
#define OVF_TEXT_MAX       80u            /* bytes of what is shown of a text in it */
#define OVF_MEMORY_MIN_MB  64u

struct ovf {
    char name[OVF_TEXT_MAX + 1];      /* of the system; may be "" */
    char disk_file[TAR_NAME_MAX + 1]; /* plain name of the one disk's file */
    guint64 capacity;                 /* bytes that the disk is said to have; 0: not said */
    guint cpus, memory_mb;
    GPtrArray *notes; /* texts */
};

/* NULL with an error of IMAGE_ERROR. */
struct ovf *ovf_parse(const char *text, gsize size, GError **error);
void ovf_free(struct ovf *ovf); /* NULL-safe */

/*
 * The digests of a .mf: name to "sha1:..." or "sha256:..." in small letters; g_hash_table_unref().
 * NULL with an error of IMAGE_ERROR_INVALID, also when it uses another algorithm.
 */
GHashTable *ovf_digests_parse(const char *text, gsize size, GError **error);

#endif
