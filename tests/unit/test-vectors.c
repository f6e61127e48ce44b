/* SPDX-License-Identifier: Apache-2.0 */
/* The golden traces of tests/vectors/codec decode to the pictures they were made from. */
#include <glib.h>
#include <string.h>

#include "protocol/codec/codec.h"
#include "protocol/wire/messages.h"

static void
check_frame(struct vdp_decoder *decoder, const struct vdp_record *record, const char *expected)
{
    struct vdp_frame frame;
    struct vdp_rect dirty;
    struct vdp_image image;
    char *digest;

    g_assert_cmpint(vdp_get_frame(record, &frame), ==, 0);
    g_assert_cmpint(vdp_decoder_frame(decoder, frame.ops, frame.ops_size,
                                      (frame.flags & VDP_FRAME_KEY) != 0, &dirty),
                    ==, 0);
    image = vdp_decoder_image(decoder);
    digest =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, image.pixels, image.stride * image.height);
    digest[16] = '\0';
    g_assert_cmpstr(digest, ==, expected);
    g_free(digest);
}

static void
test_trace(const void *name)
{
    char *file = g_strdup_printf("%s.vdp", (const char *)name);
    char *list = g_strdup_printf("%s.digests", (const char *)name);
    char *path = g_test_build_filename(G_TEST_DIST, "..", "vectors", "codec", file, NULL);
    char *list_path = g_test_build_filename(G_TEST_DIST, "..", "vectors", "codec", list, NULL);
    struct vdp_decoder *decoder = vdp_decoder_new();
    struct vdp_framer *framer = vdp_framer_new(1u << 20);
    struct vdp_record record;
    char *data = NULL;
    char *text = NULL;
    char **digests;
    gsize size;
    gsize at = 0;
    unsigned frames = 0;

    g_assert_true(g_file_get_contents(path, &data, &size, NULL));
    g_assert_true(g_file_get_contents(list_path, &text, NULL, NULL));
    digests = g_strsplit(g_strchomp(text), "\n", -1);
    while (at < size) {
        size_t taken = 0;

        g_assert_cmpint(vdp_framer_push(framer, data + at, size - at, &taken), ==, 0);
        at += taken;
        while (vdp_framer_next(framer, &record) == 1) {
            struct vdp_surface surface;

            g_assert_cmpint(vdp_message_permit(&record, true, true), ==, 0);
            if (record.type == VDP_SURFACE) {
                g_assert_cmpint(vdp_get_surface(&record, &surface), ==, 0);
                g_assert_cmpint(vdp_decoder_resize(decoder, surface.width, surface.height), ==, 0);
            } else {
                g_assert_nonnull(digests[frames]);
                check_frame(decoder, &record, digests[frames++]);
            }
        }
    }
    g_assert_cmpuint(frames, ==, g_strv_length(digests));
    g_assert_cmpuint(frames, >=, 9);
    vdp_decoder_free(decoder);
    vdp_framer_free(framer);
    g_strfreev(digests);
    g_free(data);
    g_free(text);
    g_free(path);
    g_free(list_path);
    g_free(file);
    g_free(list);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/vectors/desktop", "desktop", test_trace);
    g_test_add_data_func("/vectors/edges", "edges", test_trace);
    g_test_add_data_func("/vectors/moves", "moves", test_trace);
    return g_test_run();
}
