/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_GC_H
#define VEDETTE_IMAGE_GC_H

/*
 * gc: removes revisions that nobody needs.
 *
 * What stays: the published revision, candidates (newer than it), the newest few, and whatever a
 * desktop or an entry of the trash of this machine's host stands on. The host's files say so; one
 * that does not read stops the whole, because it may be the one that needs a revision. What a build
 * or an import that was killed left behind goes in any case.
 */

#include <glib.h>

/* Of folders in the host's, while desktops are imported. */
#define IMAGE_IMPORT_START "importing-"

struct image_gc {
    const char *images;
    const char *name;   /* NULL: every image */
    const char *in_use; /* state folder of the host; NULL: there is none on this machine */
    guint keep;         /* so many of the newest revisions of each image stay */
};

/* What was removed, "NAME:REVISION" of each revision, even when *error says why not more; never
 * NULL. */
GPtrArray *image_gc_run(const struct image_gc *gc, GError **error);

#endif
