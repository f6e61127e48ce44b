/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PAM_FRAMES_H
#define PAM_FRAMES_H

/*
 * frames: what the broker and one vedette-pam say to each other over their stream socket.
 *
 * frame := u32 size of the body | u8 type | body; little endian; text := u16 size | bytes
 *
 *   broker to helper                           helper to broker
 *   START    text user, text source            PROMPTS  u8 n, n times (u8 style, text)
 *   ANSWERS  u8 n, n times text                RESULT   u8 ok, u8 stage, u16 code, text user
 *
 * The broker sends START once. Then the helper sends PROMPTS any number of times and RESULT as the
 * last thing. To PROMPTS with at least one secret or echo prompt the broker owes ANSWERS with
 * exactly one answer for each secret or echo prompt, in their order (pam_prompts_wanted() counts
 * them). To PROMPTS with only info and error messages it owes nothing: the helper goes on at once,
 * and the broker keeps the messages for the next thing it tells the person. An end of the stream
 * without RESULT is a refusal.
 *
 * Pure: no I/O, no log, libc only. Both sides treat the other as hostile: every length is compared
 * with its limit, every body must be consumed to its last byte, prompts are valid UTF-8 without
 * control characters other than tab and newline, names have no control characters, nothing holds a
 * zero byte. Errors are the negative codes of protocol/wire/error.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAM_FRAME_HEADER_SIZE 5u
#define PAM_FRAME_MAX_BODY    16384u
#define PAM_FRAME_MAX_SIZE    (PAM_FRAME_HEADER_SIZE + PAM_FRAME_MAX_BODY)
#define PAM_MAX_PROMPTS       16u  /* also answers */
#define PAM_MAX_TEXT          512u /* bytes of a prompt or an answer, without a final zero */
#define PAM_MAX_NAME          64u  /* bytes of user and source */

enum pam_frame_type {
    PAM_FRAME_START = 1,
    PAM_FRAME_ANSWERS = 2,
    PAM_FRAME_PROMPTS = 16,
    PAM_FRAME_RESULT = 17,
};

enum pam_prompt_style {
    PAM_PROMPT_SECRET = 1, /* answer is not shown while it is typed */
    PAM_PROMPT_ECHO = 2,   /* answer is shown */
    PAM_PROMPT_INFO = 3,   /* no answer */
    PAM_PROMPT_ERROR = 4,  /* no answer */
};

/* Where a conversation ended, for logs and the audit trail; a person never hears it. */
enum pam_stage {
    PAM_STAGE_NONE = 0, /* not even started: bad START, PAM service missing */
    PAM_STAGE_AUTHENTICATE = 1,
    PAM_STAGE_ACCOUNT = 2,
    PAM_STAGE_CHANGE = 3, /* an expired password */
    PAM_STAGE_CREDENTIALS = 4,
    PAM_STAGE_SESSION = 5,
    PAM_STAGE_DONE = 6, /* the only one that goes with ok */
};

/* Size of the strings is found with strlen; all arrays have room for the final zero. */
struct pam_frame_start {
    char user[PAM_MAX_NAME + 1];   /* not empty */
    char source[PAM_MAX_NAME + 1]; /* address of the client, for PAM_RHOST; may be empty */
};

struct pam_frame_answers {
    size_t count;
    char items[PAM_MAX_PROMPTS][PAM_MAX_TEXT + 1];
};

struct pam_prompt {
    uint8_t style; /* enum pam_prompt_style */
    char text[PAM_MAX_TEXT + 1];
};

struct pam_frame_prompts {
    size_t count; /* 1 to PAM_MAX_PROMPTS */
    struct pam_prompt items[PAM_MAX_PROMPTS];
};

struct pam_frame_result {
    bool ok;
    uint8_t stage;               /* enum pam_stage; PAM_STAGE_DONE exactly when ok */
    uint16_t code;               /* PAM's return code at that stage; 0 exactly when ok */
    char user[PAM_MAX_NAME + 1]; /* the user as PAM calls them afterwards; not empty when ok */
};

struct pam_frame {
    uint8_t type; /* enum pam_frame_type: says which member holds */
    union {
        struct pam_frame_start start;
        struct pam_frame_answers answers;
        struct pam_frame_prompts prompts;
        struct pam_frame_result result;
    };
};

/*
 * Encodes frame with its header into out. Returns the number of bytes, VDP_ERR_RANGE when a field
 * is outside of what a decoder accepts, or VDP_ERR_NOMEM. out may hold passwords then: wipe it.
 */
int pam_frame_encode(const struct pam_frame *frame, uint8_t out[PAM_FRAME_MAX_SIZE]);

/* How many answers these prompts want: those of style secret and echo. */
size_t pam_prompts_wanted(const struct pam_frame_prompts *prompts);

/* The English name of a stage, for logs; never NULL. */
const char *pam_stage_name(unsigned stage);

/*
 * Copies text into out and makes it a legal prompt: cut to PAM_MAX_TEXT bytes at a character,
 * invalid UTF-8 and control characters become '?'. NULL is an empty prompt.
 */
void pam_text_clean(char out[PAM_MAX_TEXT + 1], const char *text);

/* The receiving end: bytes in, frames out. Memory is wiped when bytes leave it. */
struct pam_frames;

enum pam_frames_side { PAM_FRAMES_BROKER, PAM_FRAMES_HELPER };

/* side is whose end this is: a broker accepts PROMPTS and RESULT, a helper START and ANSWERS. NULL
 * when memory is short. */
struct pam_frames *pam_frames_new(enum pam_frames_side side);
void pam_frames_free(struct pam_frames *frames); /* accepts NULL */

/* Takes up to size bytes and says how many; it takes none when a complete frame waits in the way.
 */
size_t pam_frames_push(struct pam_frames *frames, const void *data, size_t size);

/*
 * Returns 1 and fills *ret_frame, 0 when more bytes are needed, or an error, which stays: close the
 * connection. *ret_frame may hold passwords: the caller wipes it.
 */
int pam_frames_next(struct pam_frames *frames, struct pam_frame *ret_frame);

#endif
