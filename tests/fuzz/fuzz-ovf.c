/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors of appliances and their lists of digests: any bytes; what is accepted is bounded. */
#include "hostd/image/ovf.h"

#include <stdlib.h>
#include <string.h>

#include "hostd/image/manifest.h"
#include "hostd/image/qcow2.h"
#include "tests/fuzz/fuzz.h"

static void
check_text(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!g_ascii_isprint(*text)) {
            abort();
        }
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ovf *ovf = ovf_parse((const char *)data, size, NULL);
    GHashTable *digests = ovf_digests_parse((const char *)data, size, NULL);

    if (ovf != NULL) {
        if (!tar_name_is_plain(ovf->disk_file) || ovf->capacity > IMAGE_DISK_SIZE_MAX ||
            ovf->memory_mb < OVF_MEMORY_MIN_MB || ovf->memory_mb > IMAGE_MEMORY_MB_MAX) {
            abort();
        }
        check_text(ovf->name);
        for (guint i = 0; i < ovf->notes->len; i++) {
            check_text(ovf->notes->pdata[i]);
        }
    }
    ovf_free(ovf);
    g_clear_pointer(&digests, g_hash_table_unref);
    return 0;
}
