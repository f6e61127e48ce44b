/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_DESKTOP_H
#define VEDETTE_IMAGE_DESKTOP_H

/*
 * desktop: a desktop of this machine's host as one file, and back.
 *
 * What leaves is its own disk (and, of a fork, what that stands on up to the image), not the image:
 * that is named by digest. It may run meanwhile. What comes back is an entry of the host's trash,
 * from where its user gets it as after a deletion; it needs an image revision of that digest here.
 */

#include "hostd/image/vdx.h"

#define DESKTOP_IMPORT_HOURS                                                                       \
    24 /* that an import stays in the trash, at least as long as it fits                           \
        */

struct desktop_move {
    const char *images;
    const char *host;        /* state folder of the host */
    const char *path;        /* of the .vdx */
    const char *user, *pool; /* import: whose it will be and of which pool; NULL: as it says */
};

/* True with *ret_head filled (its digest, live); false with an error. */
bool desktop_export(const struct desktop_move *move, const char *id, struct vdx_head *ret_head,
                    GError **error);

/*
 * The id of the entry in the trash (g_free()) and *ret_head; NULL with an error. A process of root
 * goes on as the owner of the host's folder, for good.
 */
char *desktop_import(const struct desktop_move *move, struct vdx_head *ret_head, GError **error);

#endif
