/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_BUILD_H
#define VEDETTE_IMAGE_BUILD_H

/*
 * build: runs a recipe in a draft and publishes what it made.
 *
 * The recipe is a program that gets its folders in the environment (recipes/lib.sh says which) and
 * prints "@progress PERCENT TEXT" lines, and "@say TEXT" for whoever watches. What else it prints
 * goes to a log, which is kept when it fails. It dies with this process, and with a signal that
 * ends this process.
 */

#include "hostd/image/manifest.h"

struct image_build {
    const char *name;   /* of the image */
    const char *recipe; /* path of the program */
    const char *images; /* folder of all images */
    const char *guest;  /* folder with the programs that run inside */
    const char *cache;  /* kept between builds; made if need be */
    guint revision;     /* what it becomes; 0: the next one */
};

/*
 * Returns the manifest of the new revision, or NULL with an error. *ret_log is then the path of the
 * log if there is one (g_free()), else NULL.
 */
struct image_manifest *image_build_run(const struct image_build *build, char **ret_log,
                                       GError **error);

/* The last lines of a log, at most count of them and 8 KiB; g_free(). NULL when it cannot be read.
 */
char *image_log_tail(const char *path, guint count);

#endif
