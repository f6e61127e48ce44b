/* SPDX-License-Identifier: Apache-2.0 */
/* Image manifests: any bytes; what is accepted is written and read again unchanged. */
#include "hostd/image/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_manifest *manifest = image_manifest_parse((const char *)data, size, NULL);
    struct image_manifest *again;
    char *text;

    image_manifest_free(image_manifest_from_recipe((const char *)data, size, NULL));
    if (manifest == NULL) {
        return 0;
    }
    for (guint i = 0; i < manifest->file_count; i++) {
        if (!image_name_valid(manifest->files[i].name)) {
            abort();
        }
    }
    text = image_manifest_to_json(manifest);
    again = image_manifest_parse(text, strlen(text), NULL);
    if (again == NULL || memcmp(again, manifest, sizeof(*again)) != 0) {
        abort();
    }
    image_manifest_free(again);
    image_manifest_free(manifest);
    g_free(text);
    return 0;
}
