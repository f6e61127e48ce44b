/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pam/frames.h"

#include <glib.h>
#include <string.h>

#include "protocol/wire/error.h"

static uint8_t wire[PAM_FRAME_MAX_SIZE];

/* Encodes frame, feeds it in pieces and returns what next() said; the decoded frame is in *ret. */
static int
carry(const struct pam_frame *frame, enum pam_frames_side side, size_t piece, struct pam_frame *ret)
{
    struct pam_frames *frames = pam_frames_new(side);
    int size = pam_frame_encode(frame, wire);
    int at = 0;
    int got = 0;

    g_assert_cmpint(size, >, 0);
    while (at < size) {
        g_assert_cmpint(pam_frames_next(frames, ret), ==, 0);
        at += (int)pam_frames_push(frames, wire + at, MIN(piece, (size_t)(size - at)));
    }
    got = pam_frames_next(frames, ret);
    pam_frames_free(frames);
    return got;
}

static int
feed(enum pam_frames_side side, const void *bytes, size_t size)
{
    struct pam_frames *frames = pam_frames_new(side);
    struct pam_frame frame;
    int got;

    g_assert_cmpuint(pam_frames_push(frames, bytes, size), ==, size);
    got = pam_frames_next(frames, &frame);
    if (got < 0) { /* sticky */
        g_assert_cmpint(pam_frames_next(frames, &frame), ==, got);
    }
    pam_frames_free(frames);
    return got;
}

static void
test_every_frame_survives_the_way(void)
{
    static struct pam_frame in;
    static struct pam_frame out;
    size_t i;

    in.type = PAM_FRAME_START;
    g_strlcpy(in.start.user, "alice", sizeof(in.start.user));
    g_strlcpy(in.start.source, "2001:db8::1", sizeof(in.start.source));
    g_assert_cmpint(carry(&in, PAM_FRAMES_HELPER, 1, &out), ==, 1);
    g_assert_cmpstr(out.start.user, ==, "alice");
    g_assert_cmpstr(out.start.source, ==, "2001:db8::1");

    in = (struct pam_frame){.type = PAM_FRAME_ANSWERS};
    in.answers.count = PAM_MAX_PROMPTS;
    for (i = 0; i < PAM_MAX_PROMPTS; i++) {
        memset(in.answers.items[i], 'x', PAM_MAX_TEXT);
    }
    g_assert_cmpint(carry(&in, PAM_FRAMES_HELPER, 1000, &out), ==, 1);
    g_assert_cmpuint(out.answers.count, ==, PAM_MAX_PROMPTS);
    g_assert_cmpuint(strlen(out.answers.items[15]), ==, PAM_MAX_TEXT);

    in = (struct pam_frame){.type = PAM_FRAME_PROMPTS};
    in.prompts.count = 3;
    in.prompts.items[0].style = PAM_PROMPT_INFO;
    in.prompts.items[1].style = PAM_PROMPT_SECRET;
    in.prompts.items[2].style = PAM_PROMPT_ECHO;
    g_strlcpy(in.prompts.items[1].text, "암호: ", PAM_MAX_TEXT);
    g_assert_cmpint(carry(&in, PAM_FRAMES_BROKER, 7, &out), ==, 1);
    g_assert_cmpstr(out.prompts.items[1].text, ==, "암호: ");
    g_assert_cmpuint(pam_prompts_wanted(&out.prompts), ==, 2);

    in = (struct pam_frame){.type = PAM_FRAME_RESULT};
    in.result.ok = true;
    in.result.stage = PAM_STAGE_DONE;
    g_strlcpy(in.result.user, "alice", PAM_MAX_NAME);
    g_assert_cmpint(carry(&in, PAM_FRAMES_BROKER, 3, &out), ==, 1);
    g_assert_true(out.result.ok);
    g_assert_cmpstr(out.result.user, ==, "alice");
}

static void
test_two_frames_in_one_read(void)
{
    struct pam_frames *frames = pam_frames_new(PAM_FRAMES_HELPER);
    static struct pam_frame frame;
    int one;
    int two;

    frame.type = PAM_FRAME_START;
    g_strlcpy(frame.start.user, "bob", PAM_MAX_NAME);
    one = pam_frame_encode(&frame, wire);
    frame = (struct pam_frame){.type = PAM_FRAME_ANSWERS};
    frame.answers.count = 1;
    two = pam_frame_encode(&frame, wire + one);
    g_assert_cmpint(one, >, 0);
    g_assert_cmpint(two, >, 0);
    (void)pam_frames_push(frames, wire, (size_t)(one + two));
    g_assert_cmpint(pam_frames_next(frames, &frame), ==, 1);
    g_assert_cmpint(frame.type, ==, PAM_FRAME_START);
    g_assert_cmpint(pam_frames_next(frames, &frame), ==, 1);
    g_assert_cmpint(frame.type, ==, PAM_FRAME_ANSWERS);
    g_assert_cmpint(pam_frames_next(frames, &frame), ==, 0);
    pam_frames_free(frames);
}

static void
test_malformed_frames_are_refused(void)
{
    static const struct {
        enum pam_frames_side side;
        const char *bytes;
        size_t size;
        int error;
    } cases[] = {
#define CASE(side, bytes, error) {side, bytes, sizeof(bytes) - 1, error}
        CASE(PAM_FRAMES_HELPER, "\1\100\0\0\1", VDP_ERR_TOO_BIG),
        CASE(PAM_FRAMES_HELPER, "\4\0\0\0\1\0\0\0\0", VDP_ERR_RANGE),       /* no user */
        CASE(PAM_FRAMES_HELPER, "\5\0\0\0\1\1\0a\7\0", VDP_ERR_TRUNCATED),  /* text is cut */
        CASE(PAM_FRAMES_HELPER, "\6\0\0\0\1\1\0a\0\0x", VDP_ERR_TRAILING),  /* one byte too many */
        CASE(PAM_FRAMES_HELPER, "\5\0\0\0\1\1\0\0\0\0", VDP_ERR_RANGE),     /* zero byte */
        CASE(PAM_FRAMES_HELPER, "\5\0\0\0\1\1\0\n\0\0", VDP_ERR_RANGE),     /* control */
        CASE(PAM_FRAMES_HELPER, "\6\0\0\0\1\1\0a\101\0b", VDP_ERR_TOO_BIG), /* source of 65 */
        CASE(PAM_FRAMES_HELPER, "\1\0\0\0\2\21", VDP_ERR_RANGE),            /* 17 answers */
        CASE(PAM_FRAMES_HELPER, "\0\0\0\0\77", VDP_ERR_RANGE),              /* unknown type */
        CASE(PAM_FRAMES_HELPER, "\1\0\0\0\20\1", VDP_ERR_STATE),            /* direction */
        CASE(PAM_FRAMES_BROKER, "\1\0\0\0\2\0", VDP_ERR_STATE),             /* direction */
        CASE(PAM_FRAMES_BROKER, "\1\0\0\0\20\0", VDP_ERR_RANGE),            /* no prompt */
        CASE(PAM_FRAMES_BROKER, "\4\0\0\0\20\1\5\0\0", VDP_ERR_RANGE),      /* style 5 */
        CASE(PAM_FRAMES_BROKER, "\5\0\0\0\20\1\1\1\0\377", VDP_ERR_RANGE),  /* no UTF-8 */
        CASE(PAM_FRAMES_BROKER, "\7\0\0\0\21\1\1\0\0\1\0a", VDP_ERR_RANGE), /* ok at a stage */
        CASE(PAM_FRAMES_BROKER, "\7\0\0\0\21\1\6\7\0\1\0a", VDP_ERR_RANGE), /* ok and a code */
        CASE(PAM_FRAMES_BROKER, "\6\0\0\0\21\1\6\0\0\0\0", VDP_ERR_RANGE),  /* ok, nobody */
        CASE(PAM_FRAMES_BROKER, "\6\0\0\0\21\0\1\0\0\0\0", VDP_ERR_RANGE),  /* refused, 0 */
        CASE(PAM_FRAMES_BROKER, "\6\0\0\0\21\2\6\0\0\0\0", VDP_ERR_RANGE),  /* ok is 2 */
#undef CASE
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %zu", i);
        g_assert_cmpint(feed(cases[i].side, cases[i].bytes, cases[i].size), ==, cases[i].error);
    }
    g_assert_cmpint(feed(PAM_FRAMES_HELPER, "\1\0", 2), ==, 0);
}

static void
test_fields_outside_limits_are_not_sent(void)
{
    static struct pam_frame frame;

    frame.type = PAM_FRAME_START;
    g_assert_cmpint(pam_frame_encode(&frame, wire), ==, VDP_ERR_RANGE); /* empty user */
    memset(frame.start.user, 'u', sizeof(frame.start.user));            /* not terminated */
    g_assert_cmpint(pam_frame_encode(&frame, wire), ==, VDP_ERR_RANGE);
    frame = (struct pam_frame){.type = PAM_FRAME_ANSWERS};
    frame.answers.count = PAM_MAX_PROMPTS + 1;
    g_assert_cmpint(pam_frame_encode(&frame, wire), ==, VDP_ERR_RANGE);
    frame = (struct pam_frame){.type = PAM_FRAME_RESULT};
    frame.result.ok = true;
    g_assert_cmpint(pam_frame_encode(&frame, wire), ==, VDP_ERR_RANGE);
    frame = (struct pam_frame){.type = 99};
    g_assert_cmpint(pam_frame_encode(&frame, wire), ==, VDP_ERR_RANGE);
}

static void
test_prompts_of_modules_are_cleaned(void)
{
    char clean[PAM_MAX_TEXT + 1];
    char *lots = g_strnfill(PAM_MAX_TEXT - 1, 'a');
    char *with_wide = g_strconcat(lots, "é!", NULL);

    pam_text_clean(clean, NULL);
    g_assert_cmpstr(clean, ==, "");
    pam_text_clean(clean, "Pa\xdfwort\x1b[2J\n\t암호");
    g_assert_cmpstr(clean, ==, "Pa?wort?[2J\n\t암호");
    pam_text_clean(clean, with_wide); /* the cut falls before the character, not inside it */
    g_assert_cmpstr(clean, ==, lots);
    g_free(with_wide);
    g_free(lots);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pam-frames/every-frame-survives-the-way", test_every_frame_survives_the_way);
    g_test_add_func("/pam-frames/two-frames-in-one-read", test_two_frames_in_one_read);
    g_test_add_func("/pam-frames/malformed-frames-are-refused", test_malformed_frames_are_refused);
    g_test_add_func("/pam-frames/fields-outside-limits-are-not-sent",
                    test_fields_outside_limits_are_not_sent);
    g_test_add_func("/pam-frames/prompts-of-modules-are-cleaned",
                    test_prompts_of_modules_are_cleaned);
    return g_test_run();
}
