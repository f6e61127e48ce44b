/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/image/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "protocol/base/fd.h"

#define READ_CHUNK   (256u * 1024)
#define DIGEST_START "sha256:"

G_DEFINE_QUARK(image - error, image_error)

bool
image_name_valid(const char *name)
{
    size_t size = name == NULL ? 0 : strlen(name);

    if (size == 0 || size > IMAGE_NAME_MAX || !g_ascii_isalnum(name[0])) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!g_ascii_isalnum(name[i]) && strchr("._-", name[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool
image_note_valid(const char *note)
{
    if (strlen(note) > IMAGE_NOTE_MAX || !g_utf8_validate(note, -1, NULL)) {
        return false;
    }
    while (*note != '\0' && g_unichar_isprint(g_utf8_get_char(note))) {
        note = g_utf8_next_char(note);
    }
    return *note == '\0';
}

void
image_manifest_free(struct image_manifest *manifest)
{
    g_free(manifest);
}

static bool
invalid(GError **error, const char *what)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "manifest: %s", what);
    return false;
}

static bool
is_printable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

/* Copies a text member; absent or null is "" when optional. */
static bool
take_text(const json_t *object, const char *key, bool optional, char *to, size_t room,
          GError **error)
{
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    to[0] = '\0';
    if (optional && (value == NULL || json_is_null(value))) {
        return true;
    }
    if (text == NULL || json_string_length(value) >= room || !is_printable(text)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID,
                    "manifest: %s is missing or is no short printable text", key);
        return false;
    }
    memcpy(to, text, strlen(text) + 1);
    return true;
}

static bool
take_name(const json_t *object, const char *key, bool optional, char *to, GError **error)
{
    if (!take_text(object, key, optional, to, IMAGE_NAME_MAX + 1, error)) {
        return false;
    }
    if (!(optional && to[0] == '\0') && !image_name_valid(to)) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "manifest: %s is no plain name", key);
        return false;
    }
    return true;
}

static bool
take_number(const json_t *object, const char *key, guint64 min, guint64 max, guint64 *to,
            GError **error)
{
    const json_t *value = json_object_get(object, key);
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || (guint64)number < min || (guint64)number > max) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID,
                    "manifest: %s is no number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                    key, min, max);
        return false;
    }
    *to = (guint64)number;
    return true;
}

static bool
is_sha256(const char *text)
{
    size_t i;

    for (i = 0; g_ascii_isdigit(text[i]) || (text[i] >= 'a' && text[i] <= 'f'); i++) {
    }
    return i == IMAGE_SHA256_LENGTH && text[i] == '\0';
}

static bool
take_file(struct image_manifest *manifest, const json_t *object, GError **error)
{
    struct image_file *file = &manifest->files[manifest->file_count];

    if (!take_name(object, "name", false, file->name, error) ||
        !take_number(object, "size", 0, IMAGE_FILE_SIZE_MAX, &file->size, error) ||
        !take_text(object, "sha256", false, file->sha256, sizeof(file->sha256), error)) {
        return false;
    }
    if (!is_sha256(file->sha256)) {
        return invalid(error, "sha256 is no digest");
    }
    if (manifest->file_count > 0 && strcmp(file[-1].name, file->name) >= 0) {
        return invalid(error, "files do not rise by name");
    }
    manifest->file_count++;
    return true;
}

static bool
take_files(struct image_manifest *manifest, const json_t *array, GError **error)
{
    size_t count = json_array_size(array);

    if (!json_is_array(array) || count == 0 || count > IMAGE_FILES_MAX) {
        return invalid(error, "files is no list of one to sixteen files");
    }
    for (size_t i = 0; i < count; i++) {
        if (!take_file(manifest, json_array_get(array, i), error)) {
            return false;
        }
    }
    return true;
}

static bool
has_file(const struct image_manifest *manifest, const char *name)
{
    for (guint i = 0; i < manifest->file_count; i++) {
        if (strcmp(manifest->files[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* A role names one of the files; which roles there must be depends on the kind. */
static bool
check_roles(const struct image_manifest *manifest, GError **error)
{
    const char *roles[] = {manifest->disk, manifest->kernel, manifest->initrd};

    for (guint i = 0; i < G_N_ELEMENTS(roles); i++) {
        if (roles[i][0] != '\0' && !has_file(manifest, roles[i])) {
            return invalid(error, "disk, kernel or initrd is not in the list of files");
        }
    }
    if (manifest->kind == IMAGE_DISK && manifest->disk[0] == '\0') {
        return invalid(error, "a disk image has no disk");
    }
    if (manifest->kind == IMAGE_KERNEL &&
        (manifest->kernel[0] == '\0' || manifest->disk[0] != '\0')) {
        return invalid(error, "a kernel image has no kernel, or has a disk");
    }
    return true;
}

static bool
is_digest(const char *text)
{
    return g_str_has_prefix(text, DIGEST_START) && is_sha256(text + strlen(DIGEST_START));
}

static bool
take_origin(struct image_origin *origin, const json_t *object, GError **error)
{
    const char *note = json_string_value(json_object_get(object, "note"));
    guint64 revision = 0;

    if (object == NULL || json_is_null(object)) {
        return true;
    }
    if (!take_number(object, "revision", 1, IMAGE_REVISION_MAX, &revision, error) ||
        !take_text(object, "digest", false, origin->digest, sizeof(origin->digest), error) ||
        !take_text(object, "script", false, origin->script, sizeof(origin->script), error)) {
        return false;
    }
    if (!is_digest(origin->digest) || !is_sha256(origin->script)) {
        return invalid(error, "what it was patched from has no digests");
    }
    if (note == NULL || !image_note_valid(note)) {
        return invalid(error, "the note about the patch is missing or is no short line");
    }
    origin->revision = (guint)revision;
    g_strlcpy(origin->note, note, sizeof(origin->note));
    return true;
}

/* No machine of a user takes scripts from its host, whoever made its image. */
static bool
check_cmdline(const char *cmdline, GError **error)
{
    g_auto(GStrv) words = g_strsplit(cmdline, " ", -1);

    return !g_strv_contains((const char *const *)words, IMAGE_PATCH_WORD) ||
           invalid(error, "only the patcher may say " IMAGE_PATCH_WORD " to a kernel");
}

static bool
take_common(struct image_manifest *manifest, const json_t *root, GError **error)
{
    char kind[16];
    guint64 memory = 0;

    if (!take_text(root, "kind", false, kind, sizeof(kind), error) ||
        !take_text(root, "cmdline", true, manifest->cmdline, sizeof(manifest->cmdline), error) ||
        !take_text(root, "description", true, manifest->description, sizeof(manifest->description),
                   error) ||
        !take_number(root, "memory_min_mb", 1, IMAGE_MEMORY_MB_MAX, &memory, error) ||
        !take_origin(&manifest->patched, json_object_get(root, "patched"), error) ||
        !check_cmdline(manifest->cmdline, error)) {
        return false;
    }
    if (strcmp(kind, "disk") != 0 && strcmp(kind, "kernel") != 0) {
        return invalid(error, "kind is neither disk nor kernel");
    }
    if (!json_is_boolean(json_object_get(root, "agent"))) {
        return invalid(error, "agent is neither true nor false");
    }
    manifest->kind = strcmp(kind, "disk") == 0 ? IMAGE_DISK : IMAGE_KERNEL;
    manifest->memory_min_mb = (guint)memory;
    manifest->agent = json_is_true(json_object_get(root, "agent"));
    return true;
}

static bool
take_manifest(struct image_manifest *manifest, const json_t *root, GError **error)
{
    struct image_manifest sealed;
    guint64 format = 0, revision = 0;

    if (!take_number(root, "format", IMAGE_FORMAT, IMAGE_FORMAT, &format, error) ||
        !take_name(root, "name", false, manifest->name, error) ||
        !take_number(root, "revision", 1, IMAGE_REVISION_MAX, &revision, error) ||
        !take_text(root, "created", false, manifest->created, sizeof(manifest->created), error) ||
        !take_common(manifest, root, error) ||
        !take_name(root, "disk", true, manifest->disk, error) ||
        !take_name(root, "kernel", true, manifest->kernel, error) ||
        !take_name(root, "initrd", true, manifest->initrd, error) ||
        !take_files(manifest, json_object_get(root, "files"), error) ||
        !check_roles(manifest, error) ||
        !take_text(root, "digest", false, manifest->digest, sizeof(manifest->digest), error)) {
        return false;
    }
    manifest->revision = (guint)revision;
    sealed = *manifest;
    image_manifest_seal(&sealed);
    if (strcmp(sealed.digest, manifest->digest) != 0) {
        return invalid(error, "the digest is not that of the list of files");
    }
    return true;
}

static struct image_manifest *
parse(const char *text, gsize size, GError **error,
      bool (*take)(struct image_manifest *, const json_t *, GError **))
{
    struct image_manifest *manifest;
    json_error_t where;
    json_t *root;
    bool ok;

    if (size > IMAGE_MANIFEST_MAX) {
        invalid(error, "too long");
        return NULL;
    }
    root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
    if (!json_is_object(root)) {
        json_decref(root);
        invalid(error, root == NULL ? where.text : "no JSON object");
        return NULL;
    }
    manifest = g_new0(struct image_manifest, 1);
    ok = take(manifest, root, error);
    json_decref(root);
    if (!ok) {
        g_free(manifest);
        return NULL;
    }
    return manifest;
}

struct image_manifest *
image_manifest_parse(const char *text, gsize size, GError **error)
{
    return parse(text, size, error, take_manifest);
}

struct image_manifest *
image_manifest_from_recipe(const char *text, gsize size, GError **error)
{
    return parse(text, size, error, take_common);
}

struct image_manifest *
image_manifest_load(const char *folder, GError **error)
{
    struct image_manifest *manifest;
    char *path = g_build_filename(folder, IMAGE_MANIFEST_FILE, NULL), *text = NULL;
    size_t size = 0;
    int rc = vd_file_read(path, IMAGE_MANIFEST_MAX, &text, &size);

    if (rc < 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_IO, "%s: %s", path, g_strerror(-rc));
        g_free(path);
        return NULL;
    }
    manifest = image_manifest_parse(text, size, error);
    g_prefix_error(error, "%s: ", path);
    free(text);
    g_free(path);
    return manifest;
}

/* Size and digest of a regular file; symbolic links are not followed. */
static bool
measure(const char *path, guint64 *ret_size, char sha256[IMAGE_SHA256_LENGTH + 1], GError **error)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    guchar *chunk = g_malloc(READ_CHUNK);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    ssize_t n = -1;

    *ret_size = 0;
    if (fd != -1 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        errno = EINVAL;
    } else if (fd != -1) {
        while ((n = read(fd, chunk, READ_CHUNK)) > 0) {
            g_checksum_update(sum, chunk, n);
            *ret_size += (guint64)n;
        }
    }
    if (n < 0) {
        g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED, "%s: %s", path, g_strerror(errno));
    } else {
        g_strlcpy(sha256, g_checksum_get_string(sum), IMAGE_SHA256_LENGTH + 1);
    }
    vd_fd_clear(&fd);
    g_free(chunk);
    g_checksum_free(sum);
    return n == 0;
}

bool
image_manifest_add_file(struct image_manifest *manifest, const char *folder, const char *name,
                        GError **error)
{
    struct image_file *file = &manifest->files[manifest->file_count];
    char *path;
    bool ok;

    g_assert(image_name_valid(name));
    g_assert(manifest->file_count < IMAGE_FILES_MAX);
    path = g_build_filename(folder, name, NULL);
    ok = measure(path, &file->size, file->sha256, error);
    g_free(path);
    if (ok) {
        g_strlcpy(file->name, name, sizeof(file->name));
        manifest->file_count++;
    }
    return ok;
}

void
image_manifest_seal(struct image_manifest *manifest)
{
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);

    for (guint i = 0; i < manifest->file_count; i++) {
        const struct image_file *file = &manifest->files[i];
        char *line =
            g_strdup_printf("%s %" G_GUINT64_FORMAT " %s\n", file->sha256, file->size, file->name);

        g_checksum_update(sum, (const guchar *)line, (gssize)strlen(line));
        g_free(line);
    }
    g_snprintf(manifest->digest, sizeof(manifest->digest), DIGEST_START "%s",
               g_checksum_get_string(sum));
    g_checksum_free(sum);
}

static json_t *
name_or_null(const char *name)
{
    return name[0] == '\0' ? json_null() : json_string(name);
}

static json_t *
pack_files(const struct image_manifest *manifest)
{
    json_t *files = json_array();

    for (guint i = 0; i < manifest->file_count; i++) {
        const struct image_file *file = &manifest->files[i];

        json_array_append_new(files, json_pack("{s:s, s:I, s:s}", "name", file->name, "size",
                                               (json_int_t)file->size, "sha256", file->sha256));
    }
    return files;
}

bool
image_manifest_parse_files(struct image_manifest *manifest, const char *text, GError **error)
{
    json_t *array = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    bool ok = take_files(manifest, array, error);

    json_decref(array);
    return ok;
}

char *
image_manifest_files_to_json(const struct image_manifest *manifest)
{
    json_t *files = pack_files(manifest);
    char *text = json_dumps(files, JSON_COMPACT), *copy = g_strdup(text);

    free(text);
    json_decref(files);
    return copy;
}

json_t *
image_manifest_pack_origin(const struct image_manifest *manifest)
{
    const struct image_origin *origin = &manifest->patched;

    return origin->revision == 0 ? NULL
                                 : json_pack("{s:I, s:s, s:s, s:s}", "revision",
                                             (json_int_t)origin->revision, "digest", origin->digest,
                                             "script", origin->script, "note", origin->note);
}

char *
image_manifest_to_json(const struct image_manifest *manifest)
{
    json_t *files = pack_files(manifest), *origin = image_manifest_pack_origin(manifest);
    json_t *root;
    char *text, *copy;

    root = json_pack(
        "{s:i, s:s, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:b, s:o, s:s}", "format",
        IMAGE_FORMAT, "name", manifest->name, "revision", (json_int_t)manifest->revision, "created",
        manifest->created, "kind", manifest->kind == IMAGE_DISK ? "disk" : "kernel", "description",
        manifest->description, "disk", name_or_null(manifest->disk), "kernel",
        name_or_null(manifest->kernel), "initrd", name_or_null(manifest->initrd), "cmdline",
        manifest->cmdline, "memory_min_mb", (json_int_t)manifest->memory_min_mb, "agent",
        manifest->agent ? 1 : 0, "files", files, "digest", manifest->digest);
    if (origin != NULL) {
        json_object_set_new(root, "patched", origin);
    }
    text = json_dumps(root, JSON_INDENT(2));
    copy = g_strconcat(text, "\n", NULL);
    free(text);
    json_decref(root);
    return copy;
}

bool
image_manifest_verify(const struct image_manifest *manifest, const char *folder, GError **error)
{
    for (guint i = 0; i < manifest->file_count; i++) {
        const struct image_file *file = &manifest->files[i];
        char sha256[IMAGE_SHA256_LENGTH + 1];
        char *path = g_build_filename(folder, file->name, NULL);
        guint64 size;
        bool ok = measure(path, &size, sha256, error);

        if (ok && (size != file->size || strcmp(sha256, file->sha256) != 0)) {
            g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED,
                        "%s is not the file that the manifest describes", path);
            ok = false;
        }
        g_free(path);
        if (!ok) {
            return false;
        }
    }
    return true;
}

guint64
image_manifest_size(const struct image_manifest *manifest)
{
    guint64 size = 0;

    for (guint i = 0; i < manifest->file_count; i++) {
        size += manifest->files[i].size;
    }
    return size;
}
