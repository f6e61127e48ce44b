/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte picks the side and the size of the pieces; what decodes must encode again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/pam/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_round_trip(const struct pam_frame *frame)
{
    static uint8_t bytes[PAM_FRAME_MAX_SIZE];
    char clean[PAM_MAX_TEXT + 1];

    if (pam_frame_encode(frame, bytes) <= (int)PAM_FRAME_HEADER_SIZE) {
        abort();
    }
    if (frame->type == PAM_FRAME_PROMPTS) {
        pam_text_clean(clean, frame->prompts.items[0].text);
        if (strcmp(clean, frame->prompts.items[0].text) != 0 ||
            pam_prompts_wanted(&frame->prompts) > PAM_MAX_PROMPTS) {
            abort();
        }
    }
    if (frame->type == PAM_FRAME_ANSWERS && frame->answers.count > 0) {
        pam_text_clean(clean, frame->answers.items[0]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pam_frames *frames;
    static struct pam_frame frame;
    size_t piece;

    if (size < 1) {
        return 0;
    }
    frames = pam_frames_new((data[0] & 1) != 0 ? PAM_FRAMES_HELPER : PAM_FRAMES_BROKER);
    piece = (size_t)(data[0] >> 1) + 1;
    data++;
    size--;
    while (size > 0) {
        size_t taken = pam_frames_push(frames, data, size < piece ? size : piece);
        int got;

        data += taken;
        size -= taken;
        while ((got = pam_frames_next(frames, &frame)) == 1) {
            check_round_trip(&frame);
        }
        if (got < 0) {
            if (pam_frames_next(frames, &frame) != got) {
                abort();
            }
            break;
        }
    }
    pam_frames_free(frames);
    return 0;
}
