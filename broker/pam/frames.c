/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/pam/frames.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/wire/error.h"

struct pam_frames {
    enum pam_frames_side side;
    int error; /* sticky */
    size_t used;
    uint8_t bytes[PAM_FRAME_MAX_SIZE];
};

/* A bounded cursor over a body with a sticky error. */
struct cursor {
    const uint8_t *at;
    size_t left;
    int error;
};

struct sink {
    uint8_t *at;
    size_t left;
    int error;
};

static uint32_t
get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* Returns the length of the UTF-8 character at text, or 0 when there is no valid one. */
static size_t
character_size(const uint8_t *text, size_t size)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value;
    size_t length;
    size_t i;

    if (text[0] < 0x80) {
        return 1;
    }
    if (text[0] < 0xc2 || text[0] > 0xf4) {
        return 0;
    }
    length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    if (length > size) {
        return 0;
    }
    value = text[0] & (0x7fu >> length);
    for (i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text[i] & 0x3fu);
    }
    if (value < smallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    return length;
}

static bool
is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* One printable character of a prompt, tab and newline included; 0 for anything else. */
static size_t
prompt_character_size(const uint8_t *text, size_t size)
{
    if (is_control(text[0]) && text[0] != '\n' && text[0] != '\t') {
        return 0;
    }
    return character_size(text, size);
}

static bool
prompt_is_legal(const char *text, size_t size)
{
    size_t i = 0;

    while (i < size) {
        size_t step = prompt_character_size((const uint8_t *)text + i, size - i);

        if (step == 0) {
            return false;
        }
        i += step;
    }
    return true;
}

static bool
name_is_legal(const char *text, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++) {
        if (is_control((uint8_t)text[i])) {
            return false;
        }
    }
    return prompt_is_legal(text, size);
}

void
pam_text_clean(char out[PAM_MAX_TEXT + 1], const char *text)
{
    size_t size = text != NULL ? strlen(text) : 0;
    size_t used = 0;
    size_t i = 0;

    while (i < size) {
        size_t step = prompt_character_size((const uint8_t *)text + i, size - i);

        if (used + (step > 0 ? step : 1) > PAM_MAX_TEXT) {
            break;
        }
        if (step == 0) {
            out[used++] = '?';
            i++;
        } else {
            memcpy(out + used, text + i, step);
            used += step;
            i += step;
        }
    }
    out[used] = '\0';
}

size_t
pam_prompts_wanted(const struct pam_frame_prompts *prompts)
{
    size_t wanted = 0;
    size_t i;

    for (i = 0; i < prompts->count; i++) {
        if (prompts->items[i].style == PAM_PROMPT_SECRET ||
            prompts->items[i].style == PAM_PROMPT_ECHO) {
            wanted++;
        }
    }
    return wanted;
}

const char *
pam_stage_name(unsigned stage)
{
    static const char *const names[] = {"start",       "authenticate", "account", "change",
                                        "credentials", "session",      "done"};

    return stage < sizeof(names) / sizeof(names[0]) ? names[stage] : "unknown";
}

static unsigned
take(struct cursor *in, size_t size)
{
    unsigned value = 0;
    size_t i;

    if (in->error != 0 || in->left < size) {
        in->error = in->error != 0 ? in->error : VDP_ERR_TRUNCATED;
        return 0;
    }
    for (i = 0; i < size; i++) {
        value |= (unsigned)in->at[i] << (8 * i);
    }
    in->at += size;
    in->left -= size;
    return value;
}

/* Reads a text of at most max bytes into out, which has room for one more. */
static size_t
take_text(struct cursor *in, char *out, size_t max)
{
    size_t size = take(in, 2);

    out[0] = '\0';
    if (in->error == 0 && size > max) {
        in->error = VDP_ERR_TOO_BIG;
    } else if (in->error == 0 && size > in->left) {
        in->error = VDP_ERR_TRUNCATED;
    } else if (in->error == 0 && memchr(in->at, 0, size) != NULL) {
        in->error = VDP_ERR_RANGE;
    }
    if (in->error != 0) {
        return 0;
    }
    memcpy(out, in->at, size);
    out[size] = '\0';
    in->at += size;
    in->left -= size;
    return size;
}

static void
require(struct cursor *in, bool condition)
{
    if (in->error == 0 && !condition) {
        in->error = VDP_ERR_RANGE;
    }
}

static void
take_name(struct cursor *in, char out[PAM_MAX_NAME + 1])
{
    size_t size = take_text(in, out, PAM_MAX_NAME);

    require(in, name_is_legal(out, size));
}

static void
take_answers(struct cursor *in, struct pam_frame_answers *answers)
{
    size_t count = take(in, 1);
    size_t i;

    require(in, count <= PAM_MAX_PROMPTS);
    answers->count = 0;
    for (i = 0; in->error == 0 && i < count; i++) {
        (void)take_text(in, answers->items[i], PAM_MAX_TEXT);
        answers->count++;
    }
}

static void
take_prompts(struct cursor *in, struct pam_frame_prompts *prompts)
{
    size_t count = take(in, 1);
    size_t i;

    require(in, count >= 1 && count <= PAM_MAX_PROMPTS);
    prompts->count = 0;
    for (i = 0; in->error == 0 && i < count; i++) {
        struct pam_prompt *prompt = &prompts->items[i];
        size_t size;

        prompt->style = (uint8_t)take(in, 1);
        require(in, prompt->style >= PAM_PROMPT_SECRET && prompt->style <= PAM_PROMPT_ERROR);
        size = take_text(in, prompt->text, PAM_MAX_TEXT);
        require(in, prompt_is_legal(prompt->text, size));
        prompts->count++;
    }
}

static void
take_result(struct cursor *in, struct pam_frame_result *result)
{
    unsigned ok = take(in, 1);

    result->stage = (uint8_t)take(in, 1);
    result->code = (uint16_t)take(in, 2);
    take_name(in, result->user);
    result->ok = ok == 1;
    require(in, ok <= 1 && result->stage <= PAM_STAGE_DONE);
    /* Three fields say "yes"; a message in which they differ is nobody's yes. */
    require(in, result->ok == (result->stage == PAM_STAGE_DONE));
    require(in, result->ok == (result->code == 0));
    require(in, !result->ok || result->user[0] != '\0');
}

static int
decode(enum pam_frames_side side, uint8_t type, struct cursor *in, struct pam_frame *frame)
{
    bool from_helper = type == PAM_FRAME_PROMPTS || type == PAM_FRAME_RESULT;

    if (from_helper != (side == PAM_FRAMES_BROKER)) {
        return VDP_ERR_STATE;
    }
    frame->type = type;
    switch (type) {
    case PAM_FRAME_START:
        take_name(in, frame->start.user);
        take_name(in, frame->start.source);
        require(in, frame->start.user[0] != '\0');
        break;
    case PAM_FRAME_ANSWERS:
        take_answers(in, &frame->answers);
        break;
    case PAM_FRAME_PROMPTS:
        take_prompts(in, &frame->prompts);
        break;
    case PAM_FRAME_RESULT:
        take_result(in, &frame->result);
        break;
    default:
        return VDP_ERR_RANGE;
    }
    if (in->error == 0 && in->left > 0) {
        return VDP_ERR_TRAILING;
    }
    return in->error;
}

struct pam_frames *
pam_frames_new(enum pam_frames_side side)
{
    struct pam_frames *frames = calloc(1, sizeof(*frames));

    if (frames != NULL) {
        frames->side = side;
    }
    return frames;
}

void
pam_frames_free(struct pam_frames *frames)
{
    if (frames != NULL) {
        explicit_bzero(frames, sizeof(*frames));
        free(frames);
    }
}

size_t
pam_frames_push(struct pam_frames *frames, const void *data, size_t size)
{
    size_t room = sizeof(frames->bytes) - frames->used;
    size_t taken = size < room ? size : room;

    if (taken > 0) {
        memcpy(frames->bytes + frames->used, data, taken);
        frames->used += taken;
    }
    return taken;
}

int
pam_frames_next(struct pam_frames *frames, struct pam_frame *ret_frame)
{
    struct cursor in = {.at = frames->bytes + PAM_FRAME_HEADER_SIZE};
    size_t whole;

    if (frames->error != 0) {
        return frames->error;
    }
    if (frames->used < PAM_FRAME_HEADER_SIZE) {
        return 0;
    }
    in.left = get_u32(frames->bytes);
    if (in.left > PAM_FRAME_MAX_BODY) {
        frames->error = VDP_ERR_TOO_BIG;
        return frames->error;
    }
    whole = PAM_FRAME_HEADER_SIZE + in.left;
    if (frames->used < whole) {
        return 0;
    }
    memset(ret_frame, 0, sizeof(*ret_frame));
    frames->error = decode(frames->side, frames->bytes[4], &in, ret_frame);
    memmove(frames->bytes, frames->bytes + whole, frames->used - whole);
    explicit_bzero(frames->bytes + frames->used - whole, whole);
    frames->used -= whole;
    return frames->error != 0 ? frames->error : 1;
}

static void
put(struct sink *out, unsigned value, size_t size)
{
    size_t i;

    if (out->error != 0 || out->left < size) {
        out->error = VDP_ERR_RANGE;
        return;
    }
    for (i = 0; i < size; i++) {
        out->at[i] = (uint8_t)(value >> (8 * i));
    }
    out->at += size;
    out->left -= size;
}

/* text lies in an array of max + 1 bytes. */
static void
put_text(struct sink *out, const char *text, size_t max)
{
    size_t size = strnlen(text, max + 1);

    put(out, (unsigned)size, 2);
    if (size > max || out->error != 0 || out->left < size) {
        out->error = VDP_ERR_RANGE;
        return;
    }
    memcpy(out->at, text, size);
    out->at += size;
    out->left -= size;
}

static void
put_body(struct sink *out, const struct pam_frame *frame)
{
    size_t i;

    switch (frame->type) {
    case PAM_FRAME_START:
        put_text(out, frame->start.user, PAM_MAX_NAME);
        put_text(out, frame->start.source, PAM_MAX_NAME);
        break;
    case PAM_FRAME_ANSWERS:
        put(out, (unsigned)frame->answers.count, 1);
        for (i = 0; out->error == 0 && i < frame->answers.count && i < PAM_MAX_PROMPTS; i++) {
            put_text(out, frame->answers.items[i], PAM_MAX_TEXT);
        }
        break;
    case PAM_FRAME_PROMPTS:
        put(out, (unsigned)frame->prompts.count, 1);
        for (i = 0; out->error == 0 && i < frame->prompts.count && i < PAM_MAX_PROMPTS; i++) {
            put(out, frame->prompts.items[i].style, 1);
            put_text(out, frame->prompts.items[i].text, PAM_MAX_TEXT);
        }
        break;
    case PAM_FRAME_RESULT:
        put(out, frame->result.ok, 1);
        put(out, frame->result.stage, 1);
        put(out, frame->result.code, 2);
        put_text(out, frame->result.user, PAM_MAX_NAME);
        break;
    default:
        out->error = VDP_ERR_RANGE;
    }
}

int
pam_frame_encode(const struct pam_frame *frame, uint8_t out[PAM_FRAME_MAX_SIZE])
{
    struct sink body = {.at = out + PAM_FRAME_HEADER_SIZE, .left = PAM_FRAME_MAX_BODY};
    struct sink header = {.at = out, .left = PAM_FRAME_HEADER_SIZE};
    struct pam_frame *check;
    struct cursor in;
    size_t size;
    enum pam_frames_side receiver =
        frame->type >= PAM_FRAME_PROMPTS ? PAM_FRAMES_BROKER : PAM_FRAMES_HELPER;

    put_body(&body, frame);
    size = PAM_FRAME_MAX_BODY - body.left;
    put(&header, (unsigned)size, 4);
    put(&header, frame->type, 1);
    check = calloc(1, sizeof(*check));
    if (check == NULL) {
        return VDP_ERR_NOMEM;
    }
    /* What the other end would refuse is refused here, by the very same code. */
    in = (struct cursor){.at = out + PAM_FRAME_HEADER_SIZE, .left = size, .error = body.error};
    if (decode(receiver, frame->type, &in, check) != 0) {
        body.error = VDP_ERR_RANGE;
    }
    explicit_bzero(check, sizeof(*check));
    free(check);
    return body.error != 0 ? VDP_ERR_RANGE : (int)(PAM_FRAME_HEADER_SIZE + size);
}
