/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/native/headless-private.h"
#include "client/native/pin.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"

#define MAX_ANSWER 4096u /* bytes of a password or another answer */

void
headless_print_text(const char *text)
{
    /* Who does not read our output any more does not need it. */
    (void)vd_fd_write_all(STDOUT_FILENO, text, strlen(text));
}

void
headless_print(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    g_autofree char *line = g_strconcat(text, "\n", NULL);

    headless_print_text(line);
    free(text);
    json_decref(object);
}

void
headless_event(const char *name, json_t *object)
{
    json_t *event = json_pack("{s:s}", "event", name);

    if (object) {
        json_object_update(event, object);
        json_decref(object);
    }
    headless_print(event);
}

void
headless_exit(struct headless *headless, int code)
{
    headless->exit_code = code;
    g_main_loop_quit(headless->loop);
}

/* One line of fd without its end, or NULL at the end of the file. vd_secret_free(). */
static char *
headless_read_line(int fd)
{
    char *line = g_malloc0(MAX_ANSWER + 1);
    size_t size = 0;
    ssize_t r;
    char c;

    do {
        r = read(fd, &c, 1);
        if (r == 1 && c != '\n' && size < MAX_ANSWER)
            line[size++] = c;
    } while ((r == 1 && c != '\n') || (r < 0 && errno == EINTR));
    if (r == 1 || size > 0)
        return line;
    vd_secret_free(line);
    return NULL;
}

static char *
headless_answer(struct headless *headless, const struct client_prompt *prompt)
{
    if (prompt->style == CLIENT_PROMPT_SECRET && headless->config->password_fd >= 0 &&
        !headless->password_used) {
        headless->password_used = true;
        return headless_read_line((int)headless->config->password_fd);
    }
    if (headless->config->answers_fd >= 0)
        return headless_read_line((int)headless->config->answers_fd);
    return NULL;
}

static void
login_prompts(const struct client_login_reply *round, void *user_data)
{
    static const char *const styles[] = {"secret", "echo", "info", "error"};
    struct headless *headless = user_data;
    char *answers[CLIENT_MAX_PROMPTS] = {NULL};
    size_t count = 0;
    bool complete = true;
    size_t i;

    for (i = 0; i < round->prompt_count; i++) {
        const struct client_prompt *prompt = &round->prompts[i];

        headless_event("prompt", json_pack("{s:s, s:s}", "style", styles[prompt->style], "text",
                                           prompt->text));
        if (!complete || !client_prompt_wants_answer(prompt))
            continue;
        answers[count] = headless_answer(headless, prompt);
        if (answers[count])
            count++;
        else
            complete = false;
    }
    if (complete) {
        client_login_answer(headless->login, (const char *const *)answers, count);
    } else {
        headless_event("refused", json_pack("{s:s}", "message", "there is no answer for a prompt"));
        headless_exit(headless, CLIENT_EXIT_REFUSED);
    }
    for (i = 0; i < count; i++)
        vd_secret_free(answers[i]);
}

static void
login_done(const char *user, void *user_data)
{
    struct headless *headless = user_data;

    headless->login_ms = (vd_monotonic_us() - headless->login_started_us) / 1000;
    headless_event(
        "login", json_pack("{s:s, s:I}", "user", user, "login_ms", (json_int_t)headless->login_ms));
    if (headless->config->pool)
        headless_connect(headless, headless->config->pool);
    if (headless->config->once)
        headless_once_start(headless);
    else
        headless_script_start(headless);
}

static void
login_refused(const char *message, void *user_data)
{
    headless_event("refused", json_pack("{s:s}", "message", message));
    headless_exit(user_data, CLIENT_EXIT_REFUSED);
}

static void
headless_untrusted(struct headless *headless, const char *text, const char *fingerprint)
{
    headless_event("untrusted", json_pack("{s:s, s:s?}", "text", text, "fingerprint", fingerprint));
    headless_exit(headless, CLIENT_EXIT_UNTRUSTED);
}

static void
login_failed(enum client_api_status status, const char *text, void *user_data)
{
    if (status == CLIENT_API_UNTRUSTED) {
        headless_untrusted(user_data, text, NULL);
        return;
    }
    headless_event("failed", json_pack("{s:s}", "text", text));
    headless_exit(user_data,
                  status == CLIENT_API_UNREACHABLE ? CLIENT_EXIT_UNREACHABLE : CLIENT_EXIT_FAILED);
}

static void
headless_login(struct headless *headless)
{
    static const struct client_login_events events = {
        .prompts = login_prompts,
        .done = login_done,
        .refused = login_refused,
        .failed = login_failed,
    };

    headless->api = client_api_new(&headless->address, headless->ca_pem, NULL);
    headless->login_started_us = vd_monotonic_us();
    if (headless->config->token_fd >= 0) {
        char *token = headless_read_line((int)headless->config->token_fd);

        client_api_set_token(headless->api, token);
        vd_secret_free(token);
        login_done(headless->config->user, headless);
        return;
    }
    headless->login = client_login_new(headless->api, headless->config->user, &events, headless);
}

static void
headless_fetched(const char *ca_pem, const char *fingerprint, const char *error, void *user_data)
{
    struct headless *headless = user_data;
    g_autofree char *folder = client_pin_folder();
    g_autoptr(GError) failure = NULL;

    if (!ca_pem) {
        headless_event("failed", json_pack("{s:s}", "text", error));
        headless_exit(headless, CLIENT_EXIT_UNREACHABLE);
        return;
    }
    if (!headless->config->fingerprint ||
        g_ascii_strcasecmp(fingerprint, headless->config->fingerprint) != 0) {
        headless_untrusted(headless, "the server is unknown", fingerprint);
        return;
    }
    if (!client_pin_store(folder, &headless->address, ca_pem, &failure))
        vd_warning("pin", "%s, continuing without a stored pin", failure->message);
    headless->ca_pem = g_strdup(ca_pem);
    headless_login(headless);
}

/* Decides whom to trust, then logs in. */
static bool
headless_start(struct headless *headless, GError **error)
{
    g_autofree char *folder = client_pin_folder();
    bool missing = false;

    if (!client_address_parse(headless->config->server, &headless->address, error))
        return false;
    if (headless->config->ca)
        headless->ca_pem = client_pin_read_file(headless->config->ca, error);
    else
        headless->ca_pem = client_pin_load(folder, &headless->address, &missing, error);
    if (missing) {
        client_pin_fetch(&headless->address, headless->cancellable, headless_fetched, headless);
        return true;
    }
    if (!headless->ca_pem)
        return false;
    headless_login(headless);
    return true;
}

static void
session_changed(void *user_data)
{
    struct headless *headless = user_data;
    struct client_session_status status = client_session_status(headless->session);

    if (status.state != CLIENT_STATE_LIVE) {
        headless->frame_us = 0;
        headless->settled = false;
    }
    if (status.state != headless->said_state || status.end != headless->said_end ||
        status.position != headless->said_position) {
        headless->said_state = status.state;
        headless->said_end = status.end;
        headless->said_position = status.position;
        headless_event("state",
                       json_pack("{s:s, s:s, s:i, s:s, s:s}", "state",
                                 client_state_name(status.state), "end",
                                 client_end_name(status.end), "position", (int)status.position,
                                 "session", status.session, "text", status.text));
    }
    headless_wait_check(headless);
}

static void
session_surface(void *user_data)
{
    headless_wait_check(user_data);
}

static void
session_frame(const struct client_frame *frame, void *user_data)
{
    struct headless *headless = user_data;

    headless->frame_us = vd_monotonic_us();
    headless->settled = frame->settled;
    headless->frames++;
    headless->frame_serial = frame->input_serial;
    headless->frame_changed = frame->pieces > 0;
    client_stream_presented(client_session_stream(headless->session), frame->decoded_us);
    headless_wait_check(headless);
}

static void
session_cursor(void *user_data)
{
    (void)user_data; /* asked for by the command "cursor" */
}

static void
session_notice(const struct vdp_notice *notice, void *user_data)
{
    (void)user_data;
    headless_event("notice",
                   json_pack("{s:i, s:I, s:s%}", "kind", (int)notice->kind, "seconds",
                             (json_int_t)notice->seconds, "text", notice->text, notice->text_size));
}

void
headless_connect(struct headless *headless, const char *pool)
{
    static const struct client_session_events events = {
        .changed = session_changed,
        .surface = session_surface,
        .layout = session_surface,
        .frame = session_frame,
        .cursor = session_cursor,
        .notice = session_notice,
    };
    struct client_session_options options = {
        .address = &headless->address,
        .ca_pem = headless->ca_pem,
        .pool = pool,
        .width = headless->config->width,
        .height = headless->config->height,
        .monitors = VDP_MAX_MONITORS,
    };

    client_session_free(headless->session);
    headless->frame_us = 0;
    headless->settled = false;
    headless->session = client_session_new(headless->api, &options, &events, headless);
    client_session_start(headless->session);
}

int
client_headless_run(const struct client_config *config)
{
    struct headless headless = {.config = config, .login_ms = -1};
    g_autoptr(GError) error = NULL;

    headless.loop = g_main_loop_new(NULL, FALSE);
    headless.cancellable = g_cancellable_new();
    headless.strokes = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    if (headless_start(&headless, &error)) {
        g_main_loop_run(headless.loop);
    } else {
        headless_event("failed", json_pack("{s:s}", "text", error->message));
        headless.exit_code = CLIENT_EXIT_FAILED;
    }
    g_cancellable_cancel(headless.cancellable);
    headless_script_stop(&headless);
    headless_wait_stop(&headless);
    client_session_free(headless.session);
    client_login_free(headless.login);
    client_api_free(headless.api);
    client_address_clear(&headless.address);
    g_free(headless.ca_pem);
    g_array_unref(headless.strokes);
    g_object_unref(headless.cancellable);
    g_main_loop_unref(headless.loop);
    return headless.exit_code;
}
