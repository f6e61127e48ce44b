/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-image export, import, export-desktop and import-desktop. */
#include "hostd/image/appliance.h"
#include "hostd/image/desktop.h"
#include "hostd/image/export.h"
#include "hostd/image/import.h"
#include "hostd/image/main.h"

#include <stdio.h>

int
run_export(const struct config *config, char **words)
{
    g_autofree char *name = NULL, *digest = NULL;
    g_autoptr(GError) error = NULL;
    guint revision;

    if (!parse_reference(words[0], &name, &revision)) {
        return usage_error("export wants NAME:REVISION FILE");
    }
    digest = image_export_revision(config->images, name, revision, words[1], &error);
    if (digest == NULL) {
        report_failure(config, error->message, NULL);
        return 1;
    }
    if (config->json) {
        print_json(json_pack("{s:s, s:i, s:s, s:s}", "name", name, "revision", (int)revision,
                             "file", words[1], "digest", digest));
    } else {
        printf("%s:%u is in %s, %s\n", name, revision, words[1], digest);
    }
    return 0;
}

static json_t *
notes_json(const GPtrArray *notes)
{
    json_t *list = json_array();

    for (guint i = 0; notes != NULL && i < notes->len; i++) {
        json_array_append_new(list, json_string(notes->pdata[i]));
    }
    return list;
}

int
run_import(const struct config *config, char **words)
{
    struct image_import import = {.images = config->images, .path = words[0], .name = config->name};
    g_autoptr(GPtrArray) notes = NULL;
    g_autoptr(GError) error = NULL;
    struct image_manifest *manifest;
    bool known = false;

    manifest = image_is_appliance(words[0]) ? image_appliance_run(&import, &notes, &error)
                                            : image_import_run(&import, &known, &error);
    if (manifest == NULL) {
        report_failure(config, error->message, NULL);
        return 1;
    }
    if (config->json) {
        print_json(json_pack("{s:s, s:i, s:s, s:b, s:o}", "name", manifest->name, "revision",
                             (int)manifest->revision, "digest", manifest->digest, "known", known,
                             "notes", notes_json(notes)));
    } else {
        printf("%s:%u %s, %s\n", manifest->name, manifest->revision,
               known ? "is the same already" : "is imported", manifest->digest);
        for (guint i = 0; notes != NULL && i < notes->len; i++) {
            printf("  %s\n", (const char *)notes->pdata[i]);
        }
    }
    image_manifest_free(manifest);
    return 0;
}

int
run_export_desktop(const struct config *config, char **words)
{
    struct desktop_move move = {.images = config->images, .host = config->in_use, .path = words[1]};
    g_autoptr(GError) error = NULL;
    struct vdx_head head;

    if (config->in_use == NULL) {
        return usage_error("--in-use is missing");
    }
    if (!desktop_export(&move, words[0], &head, &error)) {
        report_failure(config, error->message, NULL);
        return 1;
    }
    if (config->json) {
        print_json(json_pack("{s:s, s:s, s:s, s:b}", "desktop", words[0], "file", words[1],
                             "digest", head.digest, "live", head.desktop.live));
    } else {
        printf("%s of '%s' is in %s, %s\n", words[0], head.desktop.user, words[1], head.digest);
        if (head.desktop.live) {
            printf("It was running: what its programs had not written out yet is not in it.\n");
        }
    }
    return 0;
}

int
run_import_desktop(const struct config *config, char **words)
{
    struct desktop_move move = {.images = config->images,
                                .host = config->in_use,
                                .path = words[0],
                                .user = config->user,
                                .pool = config->pool};
    g_autofree char *id = NULL;
    g_autoptr(GError) error = NULL;
    struct vdx_head head;

    if (config->in_use == NULL) {
        return usage_error("--in-use is missing");
    }
    id = desktop_import(&move, &head, &error);
    if (id == NULL) {
        report_failure(config, error->message, NULL);
        return 1;
    }
    if (config->json) {
        print_json(json_pack("{s:s, s:s, s:s, s:i}", "id", id, "user", head.desktop.user, "pool",
                             head.desktop.pool, "hours", DESKTOP_IMPORT_HOURS));
    } else {
        printf("It is in the trash of this machine as %s, for %d hours.\n"
               "'vedettectl trash restore %s' makes it a desktop of '%s' in pool %s.\n",
               id, DESKTOP_IMPORT_HOURS, id, head.desktop.user, head.desktop.pool);
    }
    return 0;
}
