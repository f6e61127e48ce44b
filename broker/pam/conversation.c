/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pam/conversation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/wire/error.h"

/* A module that talks without end is ended. */
#define MAX_ROUNDS 64u

struct pam_conversation {
    int fd;
    int error; /* sticky */
    unsigned rounds;
    struct pam_frames *frames;
    struct pam_frame frame; /* the one in hand; wiped after use */
    uint8_t bytes[PAM_FRAME_MAX_SIZE];
};

struct pam_conversation *
pam_conversation_new(int fd)
{
    struct pam_conversation *conversation = calloc(1, sizeof(*conversation));

    if (conversation == NULL) {
        return NULL;
    }
    conversation->fd = fd;
    conversation->frames = pam_frames_new(PAM_FRAMES_HELPER);
    if (conversation->frames == NULL) {
        free(conversation);
        return NULL;
    }
    return conversation;
}

void
pam_conversation_free(struct pam_conversation *conversation)
{
    if (conversation != NULL) {
        pam_frames_free(conversation->frames);
        explicit_bzero(conversation, sizeof(*conversation));
        free(conversation);
    }
}

static void
wipe(struct pam_conversation *conversation)
{
    explicit_bzero(&conversation->frame, sizeof(conversation->frame));
    explicit_bzero(conversation->bytes, sizeof(conversation->bytes));
}

/* Sends the frame in hand. */
static int
send_frame(struct pam_conversation *conversation)
{
    int size = pam_frame_encode(&conversation->frame, conversation->bytes);
    size_t at = 0;

    if (conversation->error == 0 && size < 0) {
        conversation->error = size;
    }
    while (conversation->error == 0 && at < (size_t)size) {
        ssize_t n =
            send(conversation->fd, conversation->bytes + at, (size_t)size - at, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR) {
            conversation->error = -errno;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    return conversation->error;
}

/* Waits for the next frame; it must be of this type. */
static int
receive_frame(struct pam_conversation *conversation, enum pam_frame_type type)
{
    int got = 0;

    while (conversation->error == 0 &&
           (got = pam_frames_next(conversation->frames, &conversation->frame)) == 0) {
        uint8_t chunk[1024];
        ssize_t n = read(conversation->fd, chunk, sizeof(chunk));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            conversation->error = n < 0 ? -errno : -EPIPE;
        } else if (pam_frames_push(conversation->frames, chunk, (size_t)n) != (size_t)n) {
            conversation->error = VDP_ERR_TOO_BIG; /* more than one frame ahead of us */
        }
        explicit_bzero(chunk, sizeof(chunk));
    }
    if (conversation->error == 0 && got < 0) {
        conversation->error = got;
    }
    if (conversation->error == 0 && conversation->frame.type != type) {
        conversation->error = VDP_ERR_STATE;
    }
    return conversation->error;
}

int
pam_conversation_receive_start(struct pam_conversation *conversation,
                               struct pam_frame_start *ret_start)
{
    int result = receive_frame(conversation, PAM_FRAME_START);

    if (result == 0) {
        *ret_start = conversation->frame.start;
    }
    wipe(conversation);
    return result;
}

int
pam_conversation_send_result(struct pam_conversation *conversation,
                             const struct pam_frame_result *result)
{
    int sent;

    conversation->frame = (struct pam_frame){.type = PAM_FRAME_RESULT, .result = *result};
    sent = send_frame(conversation);
    wipe(conversation);
    return sent;
}

static int
style_of(int pam_style)
{
    switch (pam_style) {
    case PAM_PROMPT_ECHO_OFF:
        return PAM_PROMPT_SECRET;
    case PAM_PROMPT_ECHO_ON:
        return PAM_PROMPT_ECHO;
    case PAM_TEXT_INFO:
        return PAM_PROMPT_INFO;
    case PAM_ERROR_MSG:
        return PAM_PROMPT_ERROR;
    default:
        return -1; /* binary prompts: nobody who could answer them */
    }
}

/* Puts PAM's messages into the frame in hand. */
static int
make_prompts(struct pam_conversation *conversation, int count, const struct pam_message **messages)
{
    struct pam_frame_prompts *prompts = &conversation->frame.prompts;
    int i;

    memset(&conversation->frame, 0, sizeof(conversation->frame));
    conversation->frame.type = PAM_FRAME_PROMPTS;
    for (i = 0; i < count; i++) {
        int style = style_of(messages[i]->msg_style);

        if (style < 0) {
            return PAM_CONV_ERR;
        }
        prompts->items[i].style = (uint8_t)style;
        pam_text_clean(prompts->items[i].text, messages[i]->msg);
    }
    prompts->count = (size_t)count;
    return PAM_SUCCESS;
}

static void
free_responses(struct pam_response *responses, int count)
{
    int i;

    for (i = 0; responses != NULL && i < count; i++) {
        if (responses[i].resp != NULL) {
            explicit_bzero(responses[i].resp, strlen(responses[i].resp));
            free(responses[i].resp);
        }
    }
    free(responses);
}

/* Deals the answers in hand out to the messages that wanted one. */
static int
deal_answers(const struct pam_frame_answers *answers, int count,
             const struct pam_message **messages, struct pam_response *responses)
{
    size_t next = 0;
    int i;

    for (i = 0; i < count; i++) {
        int style = style_of(messages[i]->msg_style);

        if (style != PAM_PROMPT_SECRET && style != PAM_PROMPT_ECHO) {
            continue;
        }
        responses[i].resp = strdup(answers->items[next++]);
        if (responses[i].resp == NULL) {
            return PAM_BUF_ERR;
        }
    }
    return PAM_SUCCESS;
}

static int
converse(int count, const struct pam_message **messages, struct pam_response **ret_responses,
         void *user_data)
{
    struct pam_conversation *conversation = user_data;
    struct pam_response *responses;
    size_t wanted;
    int result;

    *ret_responses = NULL;
    if (count <= 0 || count > (int)PAM_MAX_PROMPTS || ++conversation->rounds > MAX_ROUNDS ||
        make_prompts(conversation, count, messages) != PAM_SUCCESS) {
        return PAM_CONV_ERR;
    }
    wanted = pam_prompts_wanted(&conversation->frame.prompts);
    if (send_frame(conversation) != 0) {
        return PAM_CONV_ERR;
    }
    if (wanted > 0 && (receive_frame(conversation, PAM_FRAME_ANSWERS) != 0 ||
                       conversation->frame.answers.count != wanted)) {
        conversation->error = conversation->error != 0 ? conversation->error : VDP_ERR_STATE;
        wipe(conversation);
        return PAM_CONV_ERR;
    }
    responses = calloc((size_t)count, sizeof(*responses)); /* freed by the module */
    result = responses == NULL ? PAM_BUF_ERR : PAM_SUCCESS;
    if (result == PAM_SUCCESS && wanted > 0) {
        result = deal_answers(&conversation->frame.answers, count, messages, responses);
    }
    wipe(conversation);
    if (result != PAM_SUCCESS) {
        free_responses(responses, count);
        return result;
    }
    *ret_responses = responses;
    return PAM_SUCCESS;
}

struct pam_conv
pam_conversation_functions(struct pam_conversation *conversation)
{
    return (struct pam_conv){.conv = converse, .appdata_ptr = conversation};
}
