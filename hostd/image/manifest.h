/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_MANIFEST_H
#define VEDETTE_IMAGE_MANIFEST_H

/*
 * manifest: what an image revision consists of (manifest.json in its folder).
 *
 * A manifest is foreign until it was parsed: images are copied between machines. Parsing bounds
 * every length, admits plain file names only and checks the digest over the list of files; that the
 * files themselves have their digests is image_manifest_verify(), which reads them all.
 */

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#define IMAGE_FORMAT        1
#define IMAGE_MANIFEST_FILE "manifest.json"
#define IMAGE_MANIFEST_MAX  (64u * 1024) /* bytes */
#define IMAGE_NAME_MAX      64u          /* bytes, of images and of files */
#define IMAGE_TEXT_MAX      1024u        /* bytes of command line and description */
#define IMAGE_NOTE_MAX      200u         /* bytes of a note about a patch */
#define IMAGE_FILES_MAX     16u
#define IMAGE_FILE_SIZE_MAX ((guint64)1 << 44) /* bytes */
#define IMAGE_REVISION_MAX  1000000000u
#define IMAGE_MEMORY_MB_MAX (1024u * 1024)
#define IMAGE_SHA256_LENGTH 64u             /* hexadecimal digits */
#define IMAGE_PATCH_WORD    "vedette.patch" /* see hostd/guest/run.h; no image may say it itself */

#define IMAGE_ERROR (image_error_quark())
GQuark image_error_quark(void);

enum image_error {
    IMAGE_ERROR_INVALID, /* the manifest or a name says what it must not */
    IMAGE_ERROR_DAMAGED, /* a file is missing, or is not what the manifest says */
    IMAGE_ERROR_IO,
    IMAGE_ERROR_RECIPE,  /* the recipe failed */
    IMAGE_ERROR_REFUSED, /* something foreign that could do harm */
};

enum image_kind {
    IMAGE_DISK,   /* root file system on disk, kernel and initial file system beside it */
    IMAGE_KERNEL, /* kernel and initial file system only */
};

struct image_file {
    char name[IMAGE_NAME_MAX + 1];
    guint64 size; /* bytes */
    char sha256[IMAGE_SHA256_LENGTH + 1];
};

/* What a revision was before a script ran in it, and which script that was. */
struct image_origin {
    guint revision; /* of the same image where it was patched; 0: nobody patched it */
    char digest[8 + IMAGE_SHA256_LENGTH];
    char script[IMAGE_SHA256_LENGTH + 1]; /* digest of the script */
    char note[IMAGE_NOTE_MAX + 1];        /* "" or image_note_valid() */
};

struct image_manifest {
    char name[IMAGE_NAME_MAX + 1];
    guint revision;   /* from 1 */
    char created[32]; /* RFC 3339, UTC */
    enum image_kind kind;
    char disk[IMAGE_NAME_MAX + 1]; /* "" when there is none; else one of files */
    char kernel[IMAGE_NAME_MAX + 1];
    char initrd[IMAGE_NAME_MAX + 1];
    char cmdline[IMAGE_TEXT_MAX + 1]; /* printable ASCII */
    char description[IMAGE_TEXT_MAX + 1];
    guint memory_min_mb;
    bool agent; /* a guest agent says when the desktop is ready */
    guint file_count;
    struct image_file files[IMAGE_FILES_MAX]; /* rising by name */
    char digest[8 + IMAGE_SHA256_LENGTH];     /* "sha256:..." */
    struct image_origin patched;
};

/* Letters, digits, '.', '_' and '-', starting with a letter or digit, at most IMAGE_NAME_MAX bytes.
 */
bool image_name_valid(const char *name);

/* UTF-8 of one line, printable, at most IMAGE_NOTE_MAX bytes. */
bool image_note_valid(const char *note);

/* All return a manifest (image_manifest_free()) or NULL with an error of IMAGE_ERROR. */
struct image_manifest *image_manifest_parse(const char *text, gsize size, GError **error);
struct image_manifest *image_manifest_load(const char *folder, GError **error);
void image_manifest_free(struct image_manifest *manifest);

/*
 * What a recipe says about its result (recipe.json: kind, cmdline, memory_min_mb, agent,
 * description, patched): a manifest without name, revision, files and digest.
 */
struct image_manifest *image_manifest_from_recipe(const char *text, gsize size, GError **error);

/* Adds a file of folder by name, with size and digest; false with an error. Call in rising order.
 */
bool image_manifest_add_file(struct image_manifest *manifest, const char *folder, const char *name,
                             GError **error);

/* Computes the digest over the list of files into manifest->digest. */
void image_manifest_seal(struct image_manifest *manifest);

/* The list of files alone, as it stands within a manifest and elsewhere; text is borrowed. */
bool image_manifest_parse_files(struct image_manifest *manifest, const char *text, GError **error);
char *image_manifest_files_to_json(const struct image_manifest *manifest); /* g_free() */

/* Where a patched one is from, as in its manifest, for json_decref(); NULL for another one. */
json_t *image_manifest_pack_origin(const struct image_manifest *manifest);

/* The JSON text, free with g_free(). */
char *image_manifest_to_json(const struct image_manifest *manifest);

/* Reads every file of the revision in folder and compares size and digest. */
bool image_manifest_verify(const struct image_manifest *manifest, const char *folder,
                           GError **error);

/* All bytes of all files. */
guint64 image_manifest_size(const struct image_manifest *manifest);

#endif
