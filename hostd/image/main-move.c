/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-image export and import. */
#include "hostd/image/appliance.h"
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
