/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_STORE_H
#define VEDETTE_IMAGE_STORE_H

/*
 * store: the folder of images, IMAGES/NAME/REVISION/.
 *
 * A draft is a hidden folder beside the revisions; publishing it renames its contents to the next
 * number, so a revision is there whole or not at all. Whoever makes a draft holds a lock on it;
 * drafts that nobody holds were left by a build that was killed, and the next draft removes them. A
 * number is never given out twice, not even after the revision was deleted.
 */

#include "hostd/image/manifest.h"

struct image_draft;

/* Makes a draft of an image; NULL with an error of IMAGE_ERROR. The folder of images is made if
 * need be. */
struct image_draft *image_draft_new(const char *images, const char *name, GError **error);

/* Removes the draft's folder unless it was published. NULL-safe. */
void image_draft_free(struct image_draft *draft);

/* The name of a revision's disk (0), initial file system (1) and kernel (2). */
const char *image_store_file(guint role);

/*
 * Removes drafts of an image that nobody holds, and the image's folder when no revision was ever in
 * it. True when there was something.
 */
bool image_store_sweep(const char *images, const char *name);

/* Has the draft become that revision; false when a number that high was given out already. */
bool image_draft_ask(struct image_draft *draft, guint revision, GError **error);

const char *image_draft_out(const struct image_draft *draft);  /* what will be the revision */
const char *image_draft_work(const struct image_draft *draft); /* scratch */

/*
 * Completes manifest with name, revision, files and digest, writes it and publishes the draft. The
 * files are those of disk.qcow2, vmlinuz and initrd.img that are in the folder; anything else there
 * is an error.
 */
bool image_draft_publish(struct image_draft *draft, struct image_manifest *manifest,
                         GError **error);

/*
 * All revisions in rising order of name and number: GPtrArray of struct image_entry. Revisions
 * whose manifest does not parse have an error text instead of a manifest. NULL with an error when
 * the folder cannot be read; a folder that does not exist holds no images.
 */
struct image_entry {
    char *name;
    guint revision;
    char *path;
    struct image_manifest *manifest; /* NULL: see problem */
    char *problem;
};
GPtrArray *image_store_list(const char *images, GError **error);

/*
 * The revision that pools with Revision=latest take, IMAGES/NAME/published; 0 where nobody has ever
 * published one: then it is the highest. Newer ones are candidates until they are published.
 */
guint image_store_published(const char *images, const char *name);
/* Makes a revision that is there the published one. */
bool image_store_publish(const char *images, const char *name, guint revision, GError **error);
/* Publishes the highest sound revision below the published one; 0 with an error without one. */
guint image_store_rollback(const char *images, const char *name, GError **error);

/* Removes one revision, its manifest first, so that it is there whole or not at all. */
bool image_store_remove(const char *images, const char *name, guint revision, GError **error);

/*
 * Removes the folders in folder whose names begin with start and that nobody has locked; how many.
 * Whoever makes one and locks it, and whoever calls this, holds a lock that both know meanwhile, so
 * that none is removed between the two.
 */
guint image_remove_unheld(const char *folder, const char *start);

/* Removes a folder with all that is in it, without following links. Returns 0 or a negative errno.
 */
int image_remove_tree(const char *path);

#endif
