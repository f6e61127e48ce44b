/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Heads of exports: any bytes, as they are, with the digest that they should have, and as a
 * manifest within a head that is right, because a digest would keep the fuzzer out. What is
 * accepted is written and read again unchanged.
 */
#include "hostd/image/vdx.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

/* Compared as text: a struct has padding, which nobody sets. */
static void
try_again(struct vdx_head *head)
{
    g_autofree char *text = vdx_head_to_json(head), *twice = NULL;
    struct vdx_head *again = vdx_head_parse(text, strlen(text), NULL);

    if (again == NULL || strcmp(again->digest, head->digest) != 0) {
        abort();
    }
    twice = vdx_head_to_json(again);
    if (strcmp(text, twice) != 0) {
        abort();
    }
    g_free(again);
}

/* The same head with the right digest. */
static void
try_sealed(const uint8_t *data, size_t size)
{
    json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    g_autofree char *sum = NULL, *digest = NULL;
    struct vdx_head *head;
    char *text;

    if (!json_is_object(root)) {
        json_decref(root);
        return;
    }
    json_object_del(root, "digest");
    text = json_dumps(root, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    free(text);
    digest = g_strdup_printf("sha256:%s", sum);
    json_object_set_new(root, "digest", json_string(digest));
    text = json_dumps(root, JSON_COMPACT);
    json_decref(root);
    head = vdx_head_parse(text, strlen(text), NULL);
    free(text);
    if (head != NULL) {
        try_again(head);
    }
    g_free(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vdx_head *head = vdx_head_parse((const char *)data, size, NULL);
    struct image_manifest *manifest = image_manifest_parse((const char *)data, size, NULL);

    if (head != NULL) {
        try_again(head);
    }
    try_sealed(data, size);
    if (manifest != NULL) {
        struct vdx_head made = {.manifest = *manifest};

        try_again(&made);
    }
    image_manifest_free(manifest);
    g_free(head);
    return 0;
}
