/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests that are foreign, drafts that fail, numbers that are given once. */
#include "hostd/image/gc.h"
#include "hostd/image/store.h"
#include "protocol/base/fd.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hostd/image/progress.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* of nothing */

/* A manifest that is right in all but what a test changes; the digest is computed anew. */
struct sample {
    const char *name, *revision, *kind, *disk, *kernel, *initrd, *cmdline, *memory, *agent, *files;
};

static const struct sample right = {
    .name = "\"office\"",
    .revision = "7",
    .kind = "\"disk\"",
    .disk = "\"disk.qcow2\"",
    .kernel = "\"vmlinuz\"",
    .initrd = "null",
    .cmdline = "\"root=/dev/vda quiet\"",
    .memory = "512",
    .agent = "true",
    .files = "{\"name\":\"disk.qcow2\",\"size\":5,\"sha256\":\"" SHA "\"},"
             "{\"name\":\"vmlinuz\",\"size\":0,\"sha256\":\"" SHA "\"}",
};

static char *
write_sample(const struct sample *s, const char *digest)
{
    return g_strdup_printf(
        "{\"format\":1,\"name\":%s,\"revision\":%s,\"created\":\"2026-01-01T00:00:00Z\",\"kind\":%"
        "s,"
        "\"disk\":%s,\"kernel\":%s,\"initrd\":%s,\"cmdline\":%s,\"memory_min_mb\":%s,\"agent\":%s,"
        "\"files\":[%s],\"digest\":\"%s\"}",
        s->name, s->revision, s->kind, s->disk, s->kernel, s->initrd, s->cmdline, s->memory,
        s->agent, s->files, digest);
}

static const char *
right_digest(void)
{
    static struct image_manifest manifest;

    manifest.file_count = 2;
    manifest.files[0] = (struct image_file){.name = "disk.qcow2", .size = 5, .sha256 = SHA};
    manifest.files[1] = (struct image_file){.name = "vmlinuz", .size = 0, .sha256 = SHA};
    image_manifest_seal(&manifest);
    return manifest.digest;
}

static void
expect_refused(const struct sample *s)
{
    char *text = write_sample(s, right_digest());
    GError *error = NULL;

    g_assert_null(image_manifest_parse(text, strlen(text), &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    g_error_free(error);
    g_free(text);
}

static void
test_right(void)
{
    char *text = write_sample(&right, right_digest()), *again;
    GError *error = NULL;
    struct image_manifest *m = image_manifest_parse(text, strlen(text), &error), *twin;

    g_assert_no_error(error);
    g_assert_cmpstr(m->name, ==, "office");
    g_assert_cmpuint(m->revision, ==, 7);
    g_assert_cmpint(m->kind, ==, IMAGE_DISK);
    g_assert_cmpstr(m->kernel, ==, "vmlinuz");
    g_assert_cmpstr(m->initrd, ==, "");
    g_assert_cmpuint(image_manifest_size(m), ==, 5);
    again = image_manifest_to_json(m);
    twin = image_manifest_parse(again, strlen(again), &error);
    g_assert_no_error(error);
    g_assert_cmpmem(twin, sizeof(*twin), m, sizeof(*m));
    image_manifest_free(twin);
    image_manifest_free(m);
    g_free(again);
    g_free(text);
}

static void
test_traversal(void)
{
    static const char *const names[] = {"\"../etc\"",    "\"/etc\"",  "\"..\"",  "\".hidden\"",
                                        "\"\"",          "\"a/b\"",   "\"a b\"", "\"a,b\"",
                                        "\"a\\u0000b\"", "\"a\\nb\"", "null",    "7"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        struct sample s = right;

        s.name = names[i];
        expect_refused(&s);
        s = right;
        s.disk = names[i];
        if (strcmp(names[i], "null") == 0 || strcmp(names[i], "\"\"") == 0) {
            s.kernel = "null"; /* no disk in a disk image is wrong in any case */
        }
        expect_refused(&s);
    }
}

static void
test_file_traversal(void)
{
    struct sample s = right;

    s.disk = s.kernel = "\"../x\"";
    s.files = "{\"name\":\"../x\",\"size\":5,\"sha256\":\"" SHA "\"}";
    expect_refused(&s);
}

static void
test_numbers(void)
{
    static const char *const bad[] = {"0",     "-1",   "1.5",  "1e3", "99999999999999999999",
                                      "\"7\"", "null", "true", "[]",  "9223372036854775807"};

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct sample s = right;

        s.revision = bad[i];
        expect_refused(&s);
        s = right;
        s.memory = bad[i];
        expect_refused(&s);
    }
}

static void
test_lists(void)
{
    GString *many = g_string_new(NULL);
    struct sample s = right;

    s.files = "";
    expect_refused(&s);
    s.files = "7";
    expect_refused(&s);
    s.files = "{\"name\":\"vmlinuz\",\"size\":0,\"sha256\":\"" SHA "\"},"
              "{\"name\":\"disk.qcow2\",\"size\":5,\"sha256\":\"" SHA "\"}";
    expect_refused(&s); /* not in order */
    s.files = "{\"name\":\"disk.qcow2\",\"size\":5,\"sha256\":\"" SHA "\"},"
              "{\"name\":\"disk.qcow2\",\"size\":5,\"sha256\":\"" SHA "\"}";
    expect_refused(&s); /* twice */
    for (guint i = 0; i < IMAGE_FILES_MAX + 1; i++) {
        g_string_append_printf(many, "%s{\"name\":\"f%02u\",\"size\":5,\"sha256\":\"" SHA "\"}",
                               i == 0 ? "" : ",", i);
    }
    s.files = many->str;
    expect_refused(&s);
    g_string_free(many, TRUE);
}

static void
test_wrong_digest(void)
{
    struct sample s = right;

    s.files = "{\"name\":\"disk.qcow2\",\"size\":6,\"sha256\":\"" SHA "\"},"
              "{\"name\":\"vmlinuz\",\"size\":0,\"sha256\":\"" SHA "\"}";
    expect_refused(&s);
}

static void
test_command_line(void)
{
    char *text = g_strdup_printf("\"%0*d\"", (int)IMAGE_TEXT_MAX + 1, 0);
    struct sample s = right;

    s.cmdline = text;
    expect_refused(&s);
    s.cmdline = "\"quiet\\ninit=/bin/sh\"";
    expect_refused(&s);
    g_free(text);
}

static void
test_huge(void)
{
    char *text = g_malloc(IMAGE_MANIFEST_MAX + 1);
    GError *error = NULL;

    memset(text, '[', IMAGE_MANIFEST_MAX + 1);
    g_assert_null(image_manifest_parse(text, IMAGE_MANIFEST_MAX + 1, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(image_manifest_parse(text, IMAGE_MANIFEST_MAX, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    g_clear_error(&error);
    g_free(text);
}

/* --- the store --- */

static char *
make_images(void)
{
    char *path = g_dir_make_tmp("vedette-images-XXXXXX", NULL);

    g_assert_nonnull(path);
    return path;
}

static void
put(const char *folder, const char *name, const char *text)
{
    char *path = g_build_filename(folder, name, NULL);

    g_assert_true(g_file_set_contents(path, text, -1, NULL));
    g_free(path);
}

static struct image_manifest *
said_by_recipe(void)
{
    const char *text = "{\"kind\":\"kernel\",\"memory_min_mb\":64,\"agent\":false}";
    GError *error = NULL;
    struct image_manifest *manifest = image_manifest_from_recipe(text, strlen(text), &error);

    g_assert_no_error(error);
    return manifest;
}

static guint
publish(const char *images, const char *kernel)
{
    GError *error = NULL;
    struct image_draft *draft = image_draft_new(images, "office", &error);
    struct image_manifest *manifest = said_by_recipe();
    guint revision;

    g_assert_no_error(error);
    put(image_draft_out(draft), "vmlinuz", kernel);
    put(image_draft_work(draft), "scratch", "x");
    g_assert_true(image_draft_publish(draft, manifest, &error));
    g_assert_no_error(error);
    revision = manifest->revision;
    image_manifest_free(manifest);
    image_draft_free(draft);
    return revision;
}

static guint
hidden_count(const char *images)
{
    char *path = g_build_filename(images, "office", NULL);
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *name;
    guint count = 0;

    while ((name = g_dir_read_name(dir)) != NULL) {
        count += g_str_has_prefix(name, ".building-") ? 1 : 0;
    }
    g_dir_close(dir);
    g_free(path);
    return count;
}

static guint
revision_count(const char *images)
{
    GPtrArray *entries = image_store_list(images, NULL);
    guint count = entries->len;

    g_ptr_array_unref(entries);
    return count;
}

static void
test_numbers_rise(void)
{
    char *images = make_images();
    char *second = g_build_filename(images, "office", "2", NULL);
    GPtrArray *entries;
    struct image_entry *entry;

    g_assert_cmpuint(publish(images, "one"), ==, 1);
    g_assert_cmpuint(publish(images, "two"), ==, 2);
    g_assert_cmpuint(hidden_count(images), ==, 0);
    entries = image_store_list(images, NULL);
    g_assert_cmpuint(entries->len, ==, 2);
    entry = entries->pdata[1];
    g_assert_null(entry->problem);
    g_assert_cmpuint(entry->revision, ==, 2);
    g_assert_true(image_manifest_verify(entry->manifest, entry->path, NULL));
    g_ptr_array_unref(entries);

    g_assert_cmpint(image_remove_tree(second), ==, 0);
    g_assert_cmpuint(publish(images, "three"), ==, 3); /* a number is never given out twice */
    g_free(second);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_free(images);
}

static void
test_unpublished_leaves_nothing(void)
{
    char *images = make_images();
    GError *error = NULL;
    struct image_draft *draft = image_draft_new(images, "office", &error);

    g_assert_no_error(error);
    put(image_draft_out(draft), "vmlinuz", "x");
    g_assert_cmpuint(revision_count(images), ==, 0);
    image_draft_free(draft);
    g_assert_cmpuint(hidden_count(images), ==, 0);
    g_assert_cmpuint(revision_count(images), ==, 0);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_free(images);
}

static void
test_leftovers(void)
{
    char *images = make_images();
    char *left = g_build_filename(images, "office", ".building-left", "deep", "er", NULL);
    GError *error = NULL;
    struct image_draft *first, *second;

    g_assert_cmpint(g_mkdir_with_parents(left, 0755), ==, 0);
    put(left, "file", "x");
    first = image_draft_new(images, "office", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hidden_count(images), ==, 1); /* only its own */
    second = image_draft_new(images, "office", &error);
    g_assert_no_error(error);
    g_assert_cmpuint(hidden_count(images), ==, 2); /* the first is alive */
    put(image_draft_out(first), "vmlinuz", "x");
    image_draft_free(second);
    g_assert_true(g_file_test(image_draft_out(first), G_FILE_TEST_IS_DIR));
    image_draft_free(first);
    g_free(left);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_free(images);
}

static void
expect_unpublished(const char *name, const char *link_target)
{
    char *images = make_images();
    struct image_draft *draft = image_draft_new(images, "office", NULL);
    struct image_manifest *manifest = said_by_recipe();
    char *path = g_build_filename(image_draft_out(draft), name == NULL ? "none" : name, NULL);
    GError *error = NULL;

    if (link_target != NULL) {
        g_assert_cmpint(symlink(link_target, path), ==, 0);
    } else if (name != NULL) {
        put(image_draft_out(draft), name, "x");
    }
    g_assert_false(image_draft_publish(draft, manifest, &error));
    g_assert_nonnull(error);
    g_error_free(error);
    image_draft_free(draft);
    g_assert_cmpuint(revision_count(images), ==, 0);
    image_manifest_free(manifest);
    g_free(path);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_free(images);
}

static void
test_incomplete(void)
{
    expect_unpublished(NULL, NULL);                 /* no kernel */
    expect_unpublished("initrd.img", NULL);         /* still no kernel */
    expect_unpublished("disk.qcow2", NULL);         /* a disk in a kernel image */
    expect_unpublished("surprise", NULL);           /* a file that no image has */
    expect_unpublished("vmlinuz", "/etc/hostname"); /* a link out of the folder */
}

static void
test_damage(void)
{
    char *images = make_images();
    char *folder = g_build_filename(images, "office", "1", NULL);
    char *kernel = g_build_filename(folder, "vmlinuz", NULL);
    struct image_manifest *manifest;
    GError *error = NULL;

    publish(images, "one");
    manifest = image_manifest_load(folder, &error);
    g_assert_no_error(error);
    put(folder, "vmlinuz", "onE");
    g_assert_false(image_manifest_verify(manifest, folder, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED);
    g_clear_error(&error);
    g_assert_cmpint(g_unlink(kernel), ==, 0);
    g_assert_false(image_manifest_verify(manifest, folder, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED);
    g_clear_error(&error);
    g_assert_cmpint(symlink("/etc/hostname", kernel), ==, 0);
    g_assert_false(image_manifest_verify(manifest, folder, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED);
    g_clear_error(&error);
    image_manifest_free(manifest);
    g_free(kernel);
    g_free(folder);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_free(images);
}

static void
test_names(void)
{
    char *longest = g_strnfill(IMAGE_NAME_MAX, 'a'), *longer = g_strnfill(IMAGE_NAME_MAX + 1, 'a');
    GError *error = NULL;

    g_assert_true(image_name_valid("debian-desktop"));
    g_assert_true(image_name_valid(longest));
    g_assert_false(image_name_valid(longer));
    g_assert_false(image_name_valid(NULL));
    g_assert_null(image_draft_new("/nonexistent", "../x", &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    g_error_free(error);
    g_free(longest);
    g_free(longer);
}

static void
test_progress_lines(void)
{
    const char *text = NULL;
    int percent = -1;

    g_assert_true(progress_parse("@progress 42 Unpacking: x", &percent, &text));
    g_assert_cmpint(percent, ==, 42);
    g_assert_cmpstr(text, ==, "Unpacking: x");
    g_assert_true(progress_parse("@progress 100", &percent, &text));
    g_assert_cmpstr(text, ==, "");
    g_assert_false(progress_parse("@progress 101 x", &percent, &text));
    g_assert_false(progress_parse("@progress -1 x", &percent, &text));
    g_assert_false(progress_parse("@progress 99999999999999999999999 x", &percent, &text));
    g_assert_false(progress_parse("@progress", &percent, &text));
    g_assert_false(progress_parse("@progress 4x", &percent, &text));
    g_assert_false(progress_parse("progress 42 x", &percent, &text));
}

/* --- what is in force, and what nobody needs --- */

static void
test_published(void)
{
    char *images = make_images();
    GError *error = NULL;

    g_assert_cmpuint(publish(images, "one"), ==, 1);
    g_assert_cmpuint(image_store_published(images, "office"), ==, 0);
    g_assert_cmpuint(image_store_rollback(images, "office", &error), ==,
                     0); /* it is the only one */
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_cmpuint(publish(images, "two"), ==, 2);
    g_assert_cmpuint(publish(images, "three"), ==, 3);
    g_assert_cmpuint(image_store_rollback(images, "office", NULL), ==, 2); /* 3 was in force */
    g_assert_cmpuint(image_store_published(images, "office"), ==, 2);
    g_assert_true(image_store_publish(images, "office", 3, NULL));
    g_assert_cmpuint(image_store_published(images, "office"), ==, 3);
    g_assert_false(image_store_publish(images, "office", 4, NULL));
    g_assert_false(image_store_publish(images, "../office", 3, &error));
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_cmpuint(image_store_published(images, "office"), ==, 3);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_free(images);
}

/* How many go with so many kept, for a host whose files lie in state. */
static guint
collect(const char *images, const char *state, guint keep, GError **error)
{
    struct image_gc gc = {.images = images, .in_use = state, .keep = keep};
    GPtrArray *removed = image_gc_run(&gc, error);
    guint count = removed->len;

    g_ptr_array_unref(removed);
    return count;
}

static void
test_gc(void)
{
    char *images = make_images(), *state = make_images();
    char *desktop = g_build_filename(state, "desktops", "d-1", NULL);
    GError *error = NULL;

    for (guint i = 1; i <= 5; i++) {
        g_assert_cmpuint(publish(images, "kernel"), ==, i);
    }
    g_assert_cmpint(vd_mkdir_all(desktop, 0700), ==, 0);
    put(desktop, "record.json", "{\"image\":\"office\",\"revision\":1}");
    g_assert_true(image_store_publish(images, "office", 4, NULL));
    g_assert_cmpuint(collect(images, state, 4, NULL), ==, 0); /* 1 is needed, 2 to 5 are kept */
    g_assert_cmpuint(collect(images, state, 3, NULL), ==, 1); /* 2 */
    put(desktop, "record.json", "{\"image\":\"office\"");
    g_assert_cmpuint(collect(images, state, 0, &error), ==, 0); /* who knows what it needs */
    g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_DAMAGED);
    g_clear_error(&error);
    put(desktop, "record.json", "{\"image\":\"other\",\"revision\":3}");
    g_assert_cmpuint(collect(images, state, 0, NULL), ==, 2); /* 1 and 3 */
    g_assert_cmpuint(collect(images, state, 0, NULL), ==,
                     0); /* the published and the candidate stay */
    g_assert_cmpuint(revision_count(images), ==, 2);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
    g_assert_cmpint(image_remove_tree(state), ==, 0);
    g_free(desktop);
    g_free(state);
    g_free(images);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/manifest/reads-what-it-writes", test_right);
    g_test_add_func("/manifest/names-stay-in-the-folder", test_traversal);
    g_test_add_func("/manifest/files-stay-in-the-folder", test_file_traversal);
    g_test_add_func("/manifest/numbers-are-bounded", test_numbers);
    g_test_add_func("/manifest/lists-are-bounded-and-in-order", test_lists);
    g_test_add_func("/manifest/digest-covers-the-list", test_wrong_digest);
    g_test_add_func("/manifest/command-line-is-one-bounded-line", test_command_line);
    g_test_add_func("/manifest/huge-text-is-refused", test_huge);
    g_test_add_func("/store/numbers-rise-and-are-given-once", test_numbers_rise);
    g_test_add_func("/store/an-unpublished-draft-leaves-nothing", test_unpublished_leaves_nothing);
    g_test_add_func("/store/leftovers-go-and-live-drafts-stay", test_leftovers);
    g_test_add_func("/store/incomplete-drafts-are-not-published", test_incomplete);
    g_test_add_func("/store/damage-is-found", test_damage);
    g_test_add_func("/store/names-are-plain", test_names);
    g_test_add_func("/store/published-and-rolled-back", test_published);
    g_test_add_func("/gc/removes-what-nobody-needs", test_gc);
    g_test_add_func("/progress/lines-are-parsed-strictly", test_progress_lines);
    return g_test_run();
}
