/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of exports: any bytes, as they are and as a manifest within a head that is right, because a
 * digest would keep the fuzzer out. What is accepted is written and read again unchanged.
 */
#include "hostd/image/vdx.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

static void
try_again(struct vdx_head *head)
{
    struct vdx_head *again;
    char *text = vdx_head_to_json(head);

    again = vdx_head_parse(text, strlen(text), NULL);
    if (again == NULL || memcmp(again, head, sizeof(*head)) != 0) {
        abort();
    }
    g_free(again);
    g_free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vdx_head *head = vdx_head_parse((const char *)data, size, NULL);
    struct image_manifest *manifest = image_manifest_parse((const char *)data, size, NULL);

    if (head != NULL) {
        try_again(head);
    }
    if (manifest != NULL) {
        struct vdx_head made = {.manifest = *manifest};

        try_again(&made);
    }
    image_manifest_free(manifest);
    g_free(head);
    return 0;
}
