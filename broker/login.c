/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/login.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/api.h"
#include "broker/jsonget.h"
#include "broker/name.h"
#include "broker/pam/frames.h"
#include "broker/throttle.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define MODULE "login"

struct login {
    struct broker_logins *logins; /* borrowed */
    char id[VD_TOKEN_CHARS + 1];
    char user[STORE_NAME_MAX + 1];
    char source[STORE_NAME_MAX + 1];
    bool native;
    bool charged;              /* this attempt was counted as a guess */
    int fd;                    /* of vedette-pam, -1 when it is over */
    struct pam_frames *frames; /* what it said */
    guint watch_id;
    guint timer_id;             /* deadline, or the grid of the refusal */
    struct broker_reply *reply; /* who waits for an answer, or NULL */
    int64_t asked_us;           /* when that question came */
    size_t wanted;              /* answers that the shown prompts want */
    json_t *notes;              /* info and error messages for the next prompts */
};

struct broker_logins {
    struct broker *broker; /* borrowed */
    GHashTable *items;     /* id to struct login */
    unsigned helpers;
};

static void
close_helper(struct login *login)
{
    if (login->fd >= 0) {
        login->logins->helpers--;
    }
    g_clear_handle_id(&login->watch_id, g_source_remove);
    vd_fd_clear(&login->fd);
    g_clear_pointer(&login->frames, pam_frames_free);
}

static void
free_login(gpointer data)
{
    struct login *login = data;

    close_helper(login);
    g_clear_handle_id(&login->timer_id, g_source_remove);
    broker_reply_free(login->reply);
    json_decref(login->notes);
    explicit_bzero(login->id, sizeof(login->id));
    g_free(login);
}

static void
forget(struct login *login)
{
    g_hash_table_remove(login->logins->items, login->id);
}

static gboolean
on_grid(gpointer user_data)
{
    struct login *login = user_data;
    json_t *body = json_object();

    login->timer_id = 0;
    json_object_set_new(body, "state", json_string("refused"));
    json_object_set_new(body, "message", json_string(BROKER_REFUSAL_TEXT));
    if (login->reply != NULL) {
        broker_reply_send(g_steal_pointer(&login->reply), 200, body, NULL);
    } else {
        json_decref(body);
    }
    forget(login);
    return G_SOURCE_REMOVE;
}

/* why is for the log and the audit trail; the person hears the one text, on the grid. */
static void
refuse(struct login *login, const char *why)
{
    struct broker *broker = login->logins->broker;
    int64_t spent_ms = (vd_monotonic_us() - login->asked_us) / 1000;

    close_helper(login);
    vd_info(MODULE, "'%s' from %s is refused: %s", login->user, login->source, why);
    broker_audit(broker, "login-refused", login->user, login->source, NULL, why);
    g_clear_handle_id(&login->timer_id, g_source_remove);
    login->timer_id =
        g_timeout_add((guint)(BROKER_REFUSAL_MS - spent_ms % BROKER_REFUSAL_MS), on_grid, login);
}

static gboolean
on_deadline(gpointer user_data)
{
    struct login *login = user_data;

    login->timer_id = 0;
    refuse(login, "no end within 30 s");
    return G_SOURCE_REMOVE;
}

static bool
send_frame(struct login *login, const struct pam_frame *frame)
{
    uint8_t *bytes = g_malloc(PAM_FRAME_MAX_SIZE);
    int size = pam_frame_encode(frame, bytes);
    ssize_t sent = -1;

    if (size > 0) {
        sent = send(login->fd, bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    explicit_bzero(bytes, PAM_FRAME_MAX_SIZE);
    g_free(bytes);
    return size > 0 && sent == size;
}

static const char *
style_name(uint8_t style)
{
    static const char *const names[] = {"", "secret", "echo", "info", "error"};

    return names[style];
}

static void
take_prompts(struct login *login, const struct pam_frame_prompts *prompts)
{
    json_t *body;
    size_t i;

    for (i = 0; i < prompts->count; i++) {
        json_t *prompt = json_object();

        json_object_set_new(prompt, "style", json_string(style_name(prompts->items[i].style)));
        json_object_set_new(prompt, "text", broker_json_string(prompts->items[i].text));
        if (json_array_size(login->notes) < 2 * PAM_MAX_PROMPTS ||
            prompts->items[i].style == PAM_PROMPT_SECRET ||
            prompts->items[i].style == PAM_PROMPT_ECHO) {
            json_array_append_new(login->notes, prompt);
        } else {
            json_decref(prompt);
        }
    }
    login->wanted = pam_prompts_wanted(prompts);
    if (login->wanted == 0 || login->reply == NULL) {
        return;
    }
    body = json_object();
    json_object_set_new(body, "state", json_string("prompt"));
    json_object_set_new(body, "login", json_string(login->id));
    json_object_set_new(body, "prompts", login->notes);
    login->notes = json_array();
    broker_reply_send(g_steal_pointer(&login->reply), 200, body, NULL);
}

static void
admit(struct login *login, const char *user)
{
    struct broker *broker = login->logins->broker;
    char token[VD_TOKEN_CHARS + 1];
    GError *error = NULL;
    json_t *body;
    char *cookie = NULL;

    if (!broker_user_is_valid(user)) {
        refuse(login, "PAM named a user that cannot be");
        return;
    }
    vd_token_new(token);
    if (!store_login_put(broker->store, token, user, vd_wall_ms(), &error)) {
        broker_store_failed(broker, error);
        refuse(login, "the login could not be written");
        return;
    }
    if (login->charged) {
        broker_throttle_forgive(broker->store, login->user, login->source);
    }
    vd_notice(MODULE, "'%s' from %s is in", user, login->source);
    broker_audit(broker, "login", user, login->source, NULL, NULL);
    body = json_object();
    json_object_set_new(body, "state", json_string("ok"));
    json_object_set_new(body, "user", json_string(user));
    if (login->native) {
        json_object_set_new(body, "token", json_string(token));
    } else {
        cookie = broker_api_cookie(token);
    }
    if (login->reply != NULL) {
        broker_reply_send(g_steal_pointer(&login->reply), 200, body, cookie);
    } else {
        json_decref(body);
    }
    vd_secret_free(cookie);
    explicit_bzero(token, sizeof(token));
    forget(login);
}

static void
take_result(struct login *login, const struct pam_frame_result *result)
{
    char why[128];

    if (result->ok) {
        admit(login, result->user);
        return;
    }
    /* A stack that refuses without asking for anything is a guess too. */
    if (!login->charged) {
        login->charged = true;
        broker_throttle_charge(login->logins->broker->store, login->user, login->source,
                               vd_wall_ms());
    }
    g_snprintf(why, sizeof(why), "PAM code %u at stage %s", result->code,
               pam_stage_name(result->stage));
    refuse(login, why);
}

/* False when the helper is done with, whatever the reason: login may be freed then. */
static bool
take_frames(struct login *login)
{
    struct pam_frame *frame = g_new0(struct pam_frame, 1);
    bool open = true;
    int result = 0;

    while (open && (result = pam_frames_next(login->frames, frame)) == 1) {
        if (frame->type == PAM_FRAME_PROMPTS) {
            take_prompts(login, &frame->prompts);
        } else {
            open = false;
            take_result(login, &frame->result);
        }
    }
    if (open && result < 0) {
        open = false;
        refuse(login, "the PAM helper sent nonsense");
    }
    explicit_bzero(frame, sizeof(*frame));
    g_free(frame);
    return open;
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer user_data)
{
    struct login *login = user_data;
    uint8_t bytes[4096];
    ssize_t size = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    size_t used = 0;

    (void)condition;
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return G_SOURCE_CONTINUE;
    }
    if (size <= 0) {
        login->watch_id = 0;
        refuse(login, "the PAM helper ended without a result");
        return G_SOURCE_REMOVE;
    }
    while (used < (size_t)size) {
        used += pam_frames_push(login->frames, bytes + used, (size_t)size - used);
        if (!take_frames(login)) {
            return G_SOURCE_REMOVE;
        }
    }
    return G_SOURCE_CONTINUE;
}

static struct login *
add_login(struct broker_logins *logins, const struct broker_api_request *request,
          struct broker_reply *reply)
{
    struct login *login = g_new0(struct login, 1);

    login->logins = logins;
    vd_token_new(login->id);
    g_strlcpy(login->user, request->user, sizeof(login->user));
    g_strlcpy(login->source, request->source, sizeof(login->source));
    login->native = request->native;
    login->fd = -1;
    login->reply = reply;
    login->asked_us = vd_monotonic_us();
    login->notes = json_array();
    g_hash_table_insert(logins->items, login->id, login);
    return login;
}

/* 0, or -EBUSY, or another negative errno when there is no helper to be had. */
static int
start_helper(struct login *login)
{
    struct broker *broker = login->logins->broker;
    struct pam_frame *frame;
    struct vd_process process;
    int result =
        broker->launch != NULL ? vd_launch_pam(broker->launch, &login->fd, &process) : -ENOTCONN;

    if (result < 0) {
        login->fd = -1;
        return result;
    }
    login->logins->helpers++;
    login->frames = pam_frames_new(PAM_FRAMES_BROKER);
    frame = g_new0(struct pam_frame, 1);
    frame->type = PAM_FRAME_START;
    g_strlcpy(frame->start.user, login->user, sizeof(frame->start.user));
    g_strlcpy(frame->start.source, login->source, sizeof(frame->start.source));
    if (login->frames == NULL || !send_frame(login, frame)) {
        result = -EPIPE;
    }
    g_free(frame);
    login->watch_id = g_unix_fd_add(login->fd, G_IO_IN | G_IO_HUP | G_IO_ERR, on_readable, login);
    login->timer_id = g_timeout_add_seconds(BROKER_LOGIN_SECONDS, on_deadline, login);
    return result;
}

static void
answer_busy(struct broker_reply *reply)
{
    broker_reply_error(reply, 503, "busy", "Too many people log in right now; try again.");
}

void
broker_login_begin(struct broker_logins *logins, const struct broker_api_request *request,
                   struct broker_reply *reply)
{
    struct store *store = logins->broker->store;
    struct login *login;
    int result;

    if (logins->helpers >= BROKER_MAX_HELPERS ||
        g_hash_table_size(logins->items) >= BROKER_MAX_LOGINS) {
        answer_busy(reply);
        return;
    }
    login = add_login(logins, request, reply);
    if (login->user[0] == '\0') {
        refuse(login, "a user name that cannot be");
        return;
    }
    if (!broker_throttle_allows(store, login->user, login->source, vd_wall_ms())) {
        refuse(login, "too many guesses");
        return;
    }
    result = start_helper(login);
    if (result == -EBUSY) {
        answer_busy(g_steal_pointer(&login->reply));
        forget(login);
    } else if (result < 0) {
        vd_error(MODULE, "starting vedette-pam: %s", g_strerror(-result));
        refuse(login, "no PAM helper");
    }
}

void
broker_login_answer(struct broker_logins *logins, const struct broker_api_request *request,
                    struct broker_reply *reply)
{
    struct login *login = g_hash_table_lookup(logins->items, request->login);
    struct pam_frame *frame;
    bool sent;
    size_t i;

    /* An unknown one is one that ran out of time, or an invention: the same refusal on the grid. */
    if (login == NULL) {
        if (g_hash_table_size(logins->items) >= BROKER_MAX_LOGINS) {
            answer_busy(reply);
            return;
        }
        refuse(add_login(logins, request, reply), "an answer to no question");
        return;
    }
    if (login->reply != NULL || login->fd < 0 || request->answer_count != login->wanted ||
        strcmp(login->source, request->source) != 0) {
        broker_reply_error(reply, 400, "bad-request", "These are not the answers to the prompts.");
        return;
    }
    login->reply = reply;
    login->asked_us = vd_monotonic_us();
    login->wanted = 0;
    if (!login->charged) {
        login->charged = true;
        if (!broker_throttle_charge(logins->broker->store, login->user, login->source,
                                    vd_wall_ms())) {
            refuse(login, "too many guesses");
            return;
        }
    }
    frame = g_new0(struct pam_frame, 1);
    frame->type = PAM_FRAME_ANSWERS;
    frame->answers.count = request->answer_count;
    for (i = 0; i < request->answer_count; i++) {
        g_strlcpy(frame->answers.items[i], request->answers[i], sizeof(frame->answers.items[i]));
    }
    sent = send_frame(login, frame);
    explicit_bzero(frame, sizeof(*frame));
    g_free(frame);
    if (!sent) {
        refuse(login, "the PAM helper takes no answers");
    }
}

struct broker_logins *
broker_logins_new(struct broker *broker)
{
    struct broker_logins *logins = g_new0(struct broker_logins, 1);

    logins->broker = broker;
    logins->items = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_login);
    return logins;
}

void
broker_logins_free(struct broker_logins *logins)
{
    if (logins != NULL) {
        g_hash_table_unref(logins->items);
        g_free(logins);
    }
}
