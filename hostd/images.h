/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_IMAGES_H
#define HOSTD_IMAGES_H

/*
 * images: which image revisions this host has, from the manifests in its image folder.
 *
 * A revision appears by rename of a finished folder and is never changed afterwards, so that a
 * manifest is read once. A folder without a sound manifest is passed over.
 */

#include <glib.h>
#include <stdbool.h>

#include "hostd/kvm/machine.h"

struct hostd_image {
    char *name;
    unsigned revision;
    char *digest;
    unsigned memory_min_mb;
    struct kvm_image files; /* strings owned by the image */
};

struct hostd_images;

struct hostd_images *hostd_images_new(const char *folder);
void hostd_images_free(struct hostd_images *images); /* accepts NULL */

/* Looks again; true when something came or went. Reads only what it has not seen. */
bool hostd_images_scan(struct hostd_images *images);

/* All images, of struct hostd_image; borrowed until the next scan. */
const GPtrArray *hostd_images_all(const struct hostd_images *images);
/* NULL when this host does not have it; borrowed until the next scan. */
const struct hostd_image *hostd_images_find(const struct hostd_images *images, const char *name,
                                            unsigned revision);

#endif
