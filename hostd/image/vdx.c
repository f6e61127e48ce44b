/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/vdx.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define DIGEST_START "sha256:"

static bool
invalid(GError **error, const char *what)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "export: %s", what);
    return false;
}

/* Over all members but the digest, in a form that does not depend on how they were written. */
static void
compute_digest(const json_t *root, char digest[8 + IMAGE_SHA256_LENGTH])
{
    json_t *rest = json_copy((json_t *)root);
    g_autofree char *sum = NULL;
    char *text;

    json_object_del(rest, "digest");
    text = json_dumps(rest, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENSURE_ASCII);
    sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);
    g_snprintf(digest, 8 + IMAGE_SHA256_LENGTH, DIGEST_START "%s", sum);
    free(text);
    json_decref(rest);
}

static bool
take_manifest(struct vdx_head *head, const json_t *object, GError **error)
{
    char *text = json_dumps(object, JSON_COMPACT); /* NULL for what is no object */
    struct image_manifest *manifest;

    if (text == NULL) {
        return invalid(error, "it has no manifest");
    }
    manifest = image_manifest_parse(text, strlen(text), error);
    free(text);
    if (manifest == NULL) {
        return false;
    }
    head->manifest = *manifest;
    image_manifest_free(manifest);
    return true;
}

static bool
take_head(struct vdx_head *head, const json_t *root, GError **error)
{
    const char *kind = json_string_value(json_object_get(root, "kind"));
    const char *digest = json_string_value(json_object_get(root, "digest"));

    if (!json_is_integer(json_object_get(root, "format"))) {
        return invalid(error, "it has no format");
    }
    if (json_integer_value(json_object_get(root, "format")) != VDX_FORMAT) {
        return invalid(error, "its format is not known: it was written by another Vedette");
    }
    compute_digest(root, head->digest);
    if (digest == NULL || strcmp(digest, head->digest) != 0) {
        return invalid(error, "the digest of its head is wrong");
    }
    if (g_strcmp0(kind, "revision") != 0) {
        return invalid(error, "it is no revision of an image");
    }
    return take_manifest(head, json_object_get(root, "manifest"), error);
}

struct vdx_head *
vdx_head_parse(const char *text, gsize size, GError **error)
{
    g_autofree struct vdx_head *head = NULL;
    json_error_t where;
    json_t *root;
    bool ok;

    if (size > VDX_HEAD_MAX) {
        invalid(error, "its head is too long");
        return NULL;
    }
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    head = g_new0(struct vdx_head, 1);
    ok = json_is_object(root) ? take_head(head, root, error)
                              : invalid(error, "its head is no JSON object");
    json_decref(root);
    return ok ? g_steal_pointer(&head) : NULL;
}

char *
vdx_head_to_json(struct vdx_head *head)
{
    g_autofree char *manifest = image_manifest_to_json(&head->manifest);
    json_t *root = json_pack("{s:i, s:s, s:o}", "format", VDX_FORMAT, "kind", "revision",
                             "manifest", json_loads(manifest, 0, NULL));
    char *text, *copy;

    compute_digest(root, head->digest);
    json_object_set_new(root, "digest", json_string(head->digest));
    text = json_dumps(root, JSON_INDENT(2));
    copy = g_strconcat(text, "\n", NULL);
    free(text);
    json_decref(root);
    return copy;
}
