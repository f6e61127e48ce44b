/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_IMAGES_H
#define HOSTD_IMAGES_H

/*
 * images: which image revisions this host has, from the manifests in its image folder.
 *
 * A revision appears by rename of a finished folder and is never changed afterwards, so that a
 * manifest is read once. A folder without a sound manifest is passed over. The files of a revision
 * are compared with their digests before the first desktop starts from them, once in the life of
 * this process, on a thread of its own.
 */

#include <glib.h>
#include <stdbool.h>

#include "hostd/image/manifest.h"
#include "hostd/kvm/machine.h"

enum hostd_image_check {
    HOSTD_IMAGE_UNCHECKED,
    HOSTD_IMAGE_CHECKING,
    HOSTD_IMAGE_SOUND,
    HOSTD_IMAGE_DAMAGED, /* see problem */
};

struct hostd_image {
    struct image_manifest *manifest; /* owned */
    struct kvm_image files;          /* strings of the manifest */
    enum hostd_image_check check;
    bool published; /* pools with Revision=latest take it */
    char *problem;  /* owned, NULL unless damaged */
};

struct hostd_images;

/* A check has ended; images may be asked again. */
typedef void (*hostd_images_checked_fn)(void *user_data);

struct hostd_images *hostd_images_new(const char *folder, hostd_images_checked_fn checked,
                                      void *user_data);
void hostd_images_free(struct hostd_images *images); /* accepts NULL */

/* Looks again; true when something came or went. Reads only what it has not seen. */
bool hostd_images_scan(struct hostd_images *images);

/* All images, of struct hostd_image; borrowed until the next scan. */
const GPtrArray *hostd_images_all(const struct hostd_images *images);

/* NULL when this host does not have it; borrowed until the next scan. */
const struct hostd_image *hostd_images_find(const struct hostd_images *images, const char *name,
                                            unsigned revision);

/* Begins to check the files of an image if that was not done yet, and says how far that is. */
enum hostd_image_check hostd_images_check(struct hostd_images *images, const char *name,
                                          unsigned revision);

#endif
