/* SPDX-License-Identifier: Apache-2.0 */
/* What a revision was patched from, what no image may ask for, and a number that was asked for. */
#include "hostd/image/store.h"

#include <glib.h>
#include <string.h>

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" /* of nothing */
#define WHOLE(note)                                                                                \
    "{\"revision\":1,\"digest\":\"sha256:" SHA "\",\"script\":\"" SHA "\",\"note\":" note "}"

/* What a recipe says, with these members more. */
static struct image_manifest *
say(const char *more, GError **error)
{
    g_autofree char *text =
        g_strdup_printf("{\"kind\":\"kernel\",\"memory_min_mb\":64,\"agent\":true,%s}", more);

    return image_manifest_from_recipe(text, strlen(text), error);
}

static void
expect(const char *more, bool good)
{
    g_autoptr(GError) error = NULL;
    struct image_manifest *m = say(more, &error);

    g_assert_true((m != NULL) == good);
    if (!good) {
        g_assert_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID);
    }
    image_manifest_free(m);
}

static void
test_origin(void)
{
    g_autofree char *long_note = g_strnfill(IMAGE_NOTE_MAX + 1, 'x');

    expect("\"patched\":null", true);
    expect("\"patched\":" WHOLE("\"\""), true);
    expect("\"patched\":" WHOLE("null"), false);
    expect("\"patched\":" WHOLE("\"\\u001b[2J\""), false);
    expect("\"patched\":7", false);
    expect("\"patched\":{\"revision\":1}", false);
    expect("\"patched\":{\"revision\":0,\"digest\":\"sha256:" SHA "\",\"script\":\"" SHA
           "\",\"note\":\"\"}",
           false);
    expect("\"patched\":{\"revision\":1,\"digest\":\"sha512:" SHA "\",\"script\":\"" SHA
           "\",\"note\":\"\"}",
           false);
    expect("\"patched\":{\"revision\":1,\"digest\":\"sha256:" SHA
           "\",\"script\":\"x\",\"note\":\"\"}",
           false);
    g_assert_true(image_note_valid("6월 보안 갱신"));
    g_assert_false(image_note_valid("two\nlines"));
    g_assert_false(image_note_valid("\xff"));
    g_assert_false(image_note_valid(long_note));
}

/* A machine of a user never takes scripts, see hostd/guest/run.h. */
static void
test_patch_word(void)
{
    expect("\"cmdline\":\"quiet\"", true);
    expect("\"cmdline\":\"quiet " IMAGE_PATCH_WORD "\"", false);
    expect("\"cmdline\":\"" IMAGE_PATCH_WORD " quiet\"", false);
}

static void
expect_number(const char *images, guint asked, guint wanted)
{
    g_autoptr(GError) error = NULL;
    struct image_draft *draft = image_draft_new(images, "office", &error);
    g_autofree char *kernel = g_build_filename(image_draft_out(draft), "vmlinuz", NULL);
    g_autofree char *folder = g_strdup_printf("%s/office/%u", images, wanted);
    struct image_manifest *manifest = say("\"patched\":" WHOLE("\"보안\""), NULL), *again;

    g_assert_true(g_file_set_contents(kernel, "x", -1, NULL));
    g_assert_true(asked == 0 || image_draft_ask(draft, asked, &error) == (wanted != 0));
    g_assert_true(image_draft_publish(draft, manifest, NULL) == (wanted != 0));
    g_assert_cmpuint(manifest->revision, ==, wanted);
    if (wanted != 0) {
        again = image_manifest_load(folder, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(&again->patched, sizeof(again->patched), &manifest->patched,
                        sizeof(manifest->patched));
        g_assert_cmpstr(again->patched.note, ==, "보안");
        image_manifest_free(again);
    }
    image_manifest_free(manifest);
    image_draft_free(draft);
}

static void
test_asked_number(void)
{
    g_autofree char *images = g_dir_make_tmp("vedette-images-XXXXXX", NULL);

    expect_number(images, 0, 1);
    expect_number(images, 1, 0);
    expect_number(images, 7, 7);
    expect_number(images, 6, 0);
    expect_number(images, 7, 0);
    expect_number(images, 0, 8);
    g_assert_cmpint(image_remove_tree(images), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/origin/says-what-was-patched", test_origin);
    g_test_add_func("/origin/no-image-makes-machines-take-scripts", test_patch_word);
    g_test_add_func("/origin/a-number-can-be-asked-for", test_asked_number);
    return g_test_run();
}
