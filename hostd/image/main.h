/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_MAIN_H
#define VEDETTE_IMAGE_MAIN_H

/* main: what the verbs of vedette-image share. Each returns the exit status of the program. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct config {
    const char *recipe, *images, *guest, *cache;
    const char *in_use;        /* folder of a host's state */
    const char *script, *note; /* of a patch */
    int64_t seconds;
    guint log_lines;         /* of a failed build that are shown */
    int64_t rev;             /* the number of a new revision; 0: the next */
    const char *name;        /* of the image that an import becomes */
    const char *user, *pool; /* that an import of a desktop is for */
    int64_t keep;
    bool json, verify;
};

void print_json(json_t *object); /* takes the reference */
int usage_error(const char *text);
/* log: path of a build's log, or NULL. */
void report_failure(const struct config *config, const char *message, const char *log);

char *own_folder(void); /* with this program, for g_free() */

/* Runs config->recipe; what this program exits with. */
int build_image(const struct config *config, const char *name);

/* NAME:REVISION into its parts; false for anything else. *ret_name is for g_free(). */
bool parse_reference(const char *text, char **ret_name, guint *ret_revision);

int run_patch(const struct config *config, char **words);
int run_export(const struct config *config, char **words);
int run_import(const struct config *config, char **words);
int run_export_desktop(const struct config *config, char **words);
int run_import_desktop(const struct config *config, char **words);

#endif
