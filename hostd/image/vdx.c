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

/* Names as people and systems have them: no control characters, as they will be shown. */
static bool
set_text(char *to, gsize max, const char *text)
{
    if (text == NULL || *text == '\0' || strlen(text) > max || !g_utf8_validate(text, -1, NULL)) {
        return false;
    }
    for (const char *at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        if (!g_unichar_isprint(g_utf8_get_char(at))) {
            return false;
        }
    }
    memcpy(to, text, strlen(text) + 1);
    return true;
}

bool
vdx_set_name(char *to, const char *name)
{
    return set_text(to, VDX_TEXT_MAX, name);
}

static bool
take_text(const json_t *object, const char *key, gsize max, char *to, GError **error)
{
    return set_text(to, max, json_string_value(json_object_get(object, key))) ||
           invalid(error, "a name in it is missing, too long or no plain text");
}

static bool
take_number(const json_t *object, const char *key, guint max, guint *to, GError **error)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 1 || number > (json_int_t)max) {
        return invalid(error, "a number in it is missing or too large");
    }
    *to = (guint)number;
    return true;
}

static bool
take_base(struct vdx_desktop *desktop, const json_t *base, GError **error)
{
    const char *digits = desktop->base_digest + strlen(DIGEST_START);

    if (!take_text(base, "name", IMAGE_NAME_MAX, desktop->base_name, error) ||
        !take_number(base, "revision", IMAGE_REVISION_MAX, &desktop->base_revision, error) ||
        !take_text(base, "digest", sizeof(desktop->base_digest) - 1, desktop->base_digest, error)) {
        return false;
    }
    return (image_name_valid(desktop->base_name) &&
            g_str_has_prefix(desktop->base_digest, DIGEST_START) &&
            strlen(digits) == IMAGE_SHA256_LENGTH &&
            strspn(digits, "0123456789abcdef") == IMAGE_SHA256_LENGTH) ||
           invalid(error, "what it stands on has no name or no digest");
}

/* Its own disk, and what may be between that and the image's. */
static bool
take_disks(struct vdx_head *head, const json_t *files, GError **error)
{
    static const char *const names[] = {VDX_DISK_FILE, VDX_MIDDLE_FILE};
    char *text = json_dumps(files, JSON_COMPACT); /* NULL for what is no list */
    bool ok = text != NULL ? image_manifest_parse_files(&head->manifest, text, error)
                           : invalid(error, "it has no files");

    for (guint i = 0; ok && i < head->manifest.file_count; i++) {
        ok = (i < G_N_ELEMENTS(names) && strcmp(head->manifest.files[i].name, names[i]) == 0) ||
             invalid(error, "it has files that no desktop has");
    }
    free(text);
    return ok;
}

static bool
take_desktop(struct vdx_head *head, const json_t *root, GError **error)
{
    const json_t *object = json_object_get(root, "desktop");
    struct vdx_desktop *desktop = &head->desktop;

    head->kind = VDX_DESKTOP;
    if (!json_is_boolean(json_object_get(object, "live"))) {
        return invalid(error, "it does not say whether it was live");
    }
    desktop->live = json_is_true(json_object_get(object, "live"));
    return take_text(object, "id", VDX_TEXT_MAX, desktop->id, error) &&
           take_text(object, "pool", VDX_TEXT_MAX, desktop->pool, error) &&
           take_text(object, "user", VDX_TEXT_MAX, desktop->user, error) &&
           take_number(object, "cpu", VDX_CPU_MAX, &desktop->cpu, error) &&
           take_number(object, "memory_mb", IMAGE_MEMORY_MB_MAX, &desktop->memory_mb, error) &&
           take_base(desktop, json_object_get(root, "base"), error) &&
           take_disks(head, json_object_get(root, "files"), error);
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
    if (g_strcmp0(kind, "desktop") == 0) {
        return take_desktop(head, root, error);
    }
    return g_strcmp0(kind, "revision") == 0
               ? take_manifest(head, json_object_get(root, "manifest"), error)
               : invalid(error, "it is neither a revision of an image nor a desktop");
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

static json_t *
pack_revision(const struct vdx_head *head)
{
    g_autofree char *manifest = image_manifest_to_json(&head->manifest);

    return json_pack("{s:i, s:s, s:o}", "format", VDX_FORMAT, "kind", "revision", "manifest",
                     json_loads(manifest, 0, NULL));
}

static json_t *
pack_desktop(const struct vdx_head *head)
{
    g_autofree char *files = image_manifest_files_to_json(&head->manifest);
    const struct vdx_desktop *d = &head->desktop;

    return json_pack("{s:i, s:s, s:{s:s, s:s, s:s, s:i, s:i, s:b}, s:{s:s, s:i, s:s}, s:o}",
                     "format", VDX_FORMAT, "kind", "desktop", "desktop", "id", d->id, "pool",
                     d->pool, "user", d->user, "cpu", (int)d->cpu, "memory_mb", (int)d->memory_mb,
                     "live", d->live ? 1 : 0, "base", "name", d->base_name, "revision",
                     (int)d->base_revision, "digest", d->base_digest, "files",
                     json_loads(files, 0, NULL));
}

char *
vdx_head_to_json(struct vdx_head *head)
{
    json_t *root = head->kind == VDX_DESKTOP ? pack_desktop(head) : pack_revision(head);
    char *text, *copy;

    compute_digest(root, head->digest);
    json_object_set_new(root, "digest", json_string(head->digest));
    text = json_dumps(root, JSON_INDENT(2));
    copy = g_strconcat(text, "\n", NULL);
    free(text);
    json_decref(root);
    return copy;
}
