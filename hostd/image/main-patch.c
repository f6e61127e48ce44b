/* SPDX-License-Identifier: Apache-2.0 */

/* main-patch: the patch verb, a build whose recipe is vedette-patch. */

#include <glib.h>
#include <string.h>

#include "hostd/image/main.h"
#include "hostd/image/store.h"

/* The revision that new desktops are made of, or the newest sound one; 0: there is none. */
static guint
revision_in_force(const char *images, const char *name)
{
    guint revision = image_store_published(images, name);
    GPtrArray *entries = revision == 0 ? image_store_list(images, NULL) : NULL;

    for (guint i = 0; entries != NULL && i < entries->len; i++) {
        const struct image_entry *entry = entries->pdata[i];

        if (strcmp(entry->name, name) == 0 && entry->problem == NULL) {
            revision = MAX(revision, entry->revision);
        }
    }
    g_clear_pointer(&entries, g_ptr_array_unref);
    return revision;
}

/* The folder of the revision to patch, for g_free(), or NULL after telling why there is none. */
static char *
find_base(const struct config *config, const char *images, const char *name, guint revision)
{
    g_autofree char *base = g_strdup_printf("%s/%s/%u", images, name, revision);
    g_autoptr(GError) error = NULL;
    bool known = image_name_valid(name) && revision > 0;
    struct image_manifest *manifest = known ? image_manifest_load(base, &error) : NULL;
    const char *text = NULL;

    if (manifest == NULL) {
        text =
            error != NULL ? error->message : "there is no such image; 'image list' shows what is";
    } else if (manifest->kind != IMAGE_DISK || !manifest->agent) {
        text = "only an image with a disk and an agent can be patched; build this one anew instead";
    }
    image_manifest_free(manifest);
    if (text != NULL) {
        report_failure(config, text, NULL);
        return NULL;
    }
    return g_steal_pointer(&base);
}

/* Progress, log, interruption and sealing are a build's. */
int
run_patch(const struct config *config, char **words)
{
    struct config build = *config;
    g_autofree char *name = NULL, *base = NULL, *recipe = NULL, *folder = own_folder();
    g_autofree char *script =
        config->script != NULL ? g_canonicalize_filename(config->script, NULL) : NULL;
    g_autofree char *images = g_canonicalize_filename(config->images, NULL);
    g_autofree char *seconds = g_strdup_printf("%d", (int)config->seconds);
    guint revision = 0;

    if (script == NULL) {
        return usage_error("--script is missing");
    }
    if (!image_note_valid(config->note)) {
        return usage_error("--note is one line of at most 200 bytes");
    }
    if (!parse_reference(words[0], &name, &revision)) {
        name = g_strdup(words[0]);
        revision = image_name_valid(name) ? revision_in_force(images, name) : 0;
    }
    base = find_base(config, images, name, revision);
    if (base == NULL) {
        return 1;
    }
    g_setenv("VEDETTE_BASE", base, TRUE);
    g_setenv("VEDETTE_SCRIPT", script, TRUE);
    g_setenv("VEDETTE_NOTE", config->note, TRUE);
    g_setenv("VEDETTE_SECONDS", seconds, TRUE);
    recipe = g_build_filename(folder, "vedette-patch", NULL);
    build.recipe = recipe;
    build.log_lines = 1; /* all but why it failed was shown */
    return build_image(&build, name);
}
