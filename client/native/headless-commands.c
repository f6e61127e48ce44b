/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/headless-private.h"

#include <gio/gunixinputstream.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <unistd.h>

#include "client/native/keys.h"
#include "client/native/png.h"
#include "protocol/base/clock.h"

#define STROKE_MS       10u /* between two key events of "type": a guest's keyboard queue is short */
#define DEFAULT_WAIT_MS 30000u
#define MAX_WAIT_MS     3600000u
#define MAX_WORDS       8u

struct command {
    const char *name;
    unsigned least, most; /* words after the name; the text of a raw command is one word */
    bool raw;             /* takes the rest of the line as it is */
    bool session;         /* needs one */
    void (*run)(struct headless *headless, char **words, unsigned count);
};

static void script_next(struct headless *headless);

void
script_answer(struct headless *headless, json_t *object)
{
    headless->busy = false;
    headless_print(object);
    script_next(headless);
}

void
script_ok(struct headless *headless)
{
    script_answer(headless, json_pack("{s:b}", "ok", 1));
}

void
script_fail(struct headless *headless, const char *error)
{
    script_answer(headless, json_pack("{s:b, s:s}", "ok", 0, "error", error));
}

static bool
word_number(const char *word, int64_t least, int64_t most, int64_t *ret_value)
{
    return g_ascii_string_to_signed(word, 10, least, most, ret_value, NULL);
}

/* The live stream, or NULL after a failed answer. */
static struct client_stream *
script_stream(struct headless *headless)
{
    if (client_session_status(headless->session).state != CLIENT_STATE_LIVE) {
        script_fail(headless, "not live");
        return NULL;
    }
    headless->input_us = vd_monotonic_us();
    return client_session_stream(headless->session);
}

static json_t *
script_picture(struct headless *headless)
{
    const struct client_cells *cells = NULL;

    if (headless->session)
        cells = client_session_cells(headless->session);
    return json_pack("{s:b, s:i, s:i, s:I, s:b}", "ok", 1, "width", cells ? (int)cells->width : 0,
                     "height", cells ? (int)cells->height : 0, "frames",
                     (json_int_t)headless->frames, "settled", headless->settled);
}

void
script_waited(struct headless *headless, const char *failure)
{
    if (failure)
        script_fail(headless, failure);
    else
        script_answer(headless, script_picture(headless));
}

static void
command_wait_live(struct headless *headless, char **words, unsigned count)
{
    int64_t timeout_ms = DEFAULT_WAIT_MS;

    if (count > 0 && !word_number(words[0], 1, MAX_WAIT_MS, &timeout_ms)) {
        script_fail(headless, "bad number");
        return;
    }
    headless_wait_start(headless, HEADLESS_WAIT_LIVE, (unsigned)timeout_ms, script_waited);
}

static void
command_wait_settled(struct headless *headless, char **words, unsigned count)
{
    int64_t quiet_ms = 300;
    int64_t timeout_ms = DEFAULT_WAIT_MS;

    if ((count > 0 && !word_number(words[0], 1, MAX_WAIT_MS, &quiet_ms)) ||
        (count > 1 && !word_number(words[1], 1, MAX_WAIT_MS, &timeout_ms))) {
        script_fail(headless, "bad number");
        return;
    }
    headless->wait_quiet_ms = (unsigned)quiet_ms;
    headless_wait_start(headless, HEADLESS_WAIT_SETTLED, (unsigned)timeout_ms, script_waited);
}

static void
command_wait_size(struct headless *headless, char **words, unsigned count)
{
    int64_t width;
    int64_t height;
    int64_t timeout_ms = DEFAULT_WAIT_MS;

    if (!word_number(words[0], 1, VDP_MAX_SIDE, &width) ||
        !word_number(words[1], 1, VDP_MAX_SIDE, &height) ||
        (count > 2 && !word_number(words[2], 1, MAX_WAIT_MS, &timeout_ms))) {
        script_fail(headless, "bad number");
        return;
    }
    headless->wait_width = (uint16_t)width;
    headless->wait_height = (uint16_t)height;
    headless_wait_start(headless, HEADLESS_WAIT_SIZE, (unsigned)timeout_ms, script_waited);
}

static gboolean
command_stroke(void *user_data)
{
    struct headless *headless = user_data;
    uint32_t stroke;

    if (headless->strokes->len > 0) {
        stroke = g_array_index(headless->strokes, uint32_t, 0);
        g_array_remove_index(headless->strokes, 0);
        if (client_session_stream(headless->session))
            client_stream_key(client_session_stream(headless->session), (uint16_t)(stroke >> 1),
                              stroke & 1);
        headless->input_us = vd_monotonic_us();
        return G_SOURCE_CONTINUE;
    }
    headless->stroke_timer = 0;
    script_ok(headless);
    return G_SOURCE_REMOVE;
}

static void
strokes_add(struct headless *headless, uint16_t code, bool down)
{
    uint32_t stroke = (uint32_t)code << 1 | down;

    g_array_append_val(headless->strokes, stroke);
}

static void
command_type(struct headless *headless, char **words, unsigned count)
{
    const char *c;
    uint16_t code;
    bool shift;

    (void)count;
    if (!script_stream(headless))
        return;
    for (c = words[0]; *c; c++) {
        if (!client_key_from_char(*c, &code, &shift)) {
            g_array_set_size(headless->strokes, 0);
            script_fail(headless, "no key for a character");
            return;
        }
        if (shift)
            strokes_add(headless, KEY_LEFTSHIFT, true);
        strokes_add(headless, code, true);
        strokes_add(headless, code, false);
        if (shift)
            strokes_add(headless, KEY_LEFTSHIFT, false);
    }
    headless->stroke_timer = g_timeout_add(STROKE_MS, command_stroke, headless);
}

static void
command_key(struct headless *headless, char **words, unsigned count)
{
    uint16_t code = client_key_from_name(words[0]);
    bool down = count < 2 || strcmp(words[1], "down") == 0;
    bool up = count < 2 || strcmp(words[1], "up") == 0;
    struct client_stream *stream;

    if (!code || (!down && !up)) {
        script_fail(headless, "no such key");
        return;
    }
    stream = script_stream(headless);
    if (!stream)
        return;
    if (down)
        client_stream_key(stream, code, true);
    if (up)
        client_stream_key(stream, code, false);
    script_ok(headless);
}

static void
command_tapped(struct headless *headless, const char *failure)
{
    if (failure)
        script_fail(headless, failure);
    else
        script_answer(headless, json_pack("{s:b, s:I}", "ok", 1, "seen_us",
                                          (json_int_t)(headless->frame_us - headless->input_us)));
}

/* Presses a key and waits for the first change of the picture that the guest made knowing it. */
static void
command_tap(struct headless *headless, char **words, unsigned count)
{
    uint16_t code = client_key_from_name(words[0]);
    int64_t timeout_ms = DEFAULT_WAIT_MS;
    struct client_stream *stream;

    if (!code || (count > 1 && !word_number(words[1], 1, MAX_WAIT_MS, &timeout_ms))) {
        script_fail(headless, "no such key, or bad number");
        return;
    }
    stream = script_stream(headless);
    if (!stream)
        return;
    headless->wait_serial = client_stream_key(stream, code, true);
    client_stream_key(stream, code, false);
    headless_wait_start(headless, HEADLESS_WAIT_ECHO, (unsigned)timeout_ms, command_tapped);
}

/* What the keyboard's lights show: the sum of 1 Scroll, 2 Num and 4 Caps. */
static void
command_locks(struct headless *headless, char **words, unsigned count)
{
    struct client_stream *stream;
    int64_t locks;

    (void)count;
    if (!word_number(words[0], 0, 7, &locks)) {
        script_fail(headless, "bad number");
        return;
    }
    stream = script_stream(headless);
    if (!stream)
        return;
    client_stream_locks(stream, (uint8_t)locks);
    script_ok(headless);
}

/* Text for the agent, of any script. */
static void
command_write(struct headless *headless, char **words, unsigned count)
{
    struct client_stream *stream = script_stream(headless);

    (void)count;
    if (!stream)
        return;
    if (client_stream_text(stream, words[0]))
        script_ok(headless);
    else
        script_fail(headless, "no text");
}

/* The live stream and two numbers, or NULL after a failed answer. */
static struct client_stream *
script_pair(struct headless *headless, char **words, int64_t least, int64_t most, int64_t *ret_x,
            int64_t *ret_y)
{
    if (!word_number(words[0], least, most, ret_x) || !word_number(words[1], least, most, ret_y)) {
        script_fail(headless, "bad number");
        return NULL;
    }
    return script_stream(headless);
}

static void
command_move(struct headless *headless, char **words, unsigned count)
{
    int64_t x, y;
    struct client_stream *stream = script_pair(headless, words, 0, UINT16_MAX, &x, &y);

    (void)count;
    if (!stream)
        return;
    client_stream_pointer(stream, (uint16_t)x, (uint16_t)y);
    script_ok(headless);
}

/* As a mouse that has no place. */
static void
command_motion(struct headless *headless, char **words, unsigned count)
{
    int64_t dx, dy;
    struct client_stream *stream =
        script_pair(headless, words, -VDP_MAX_MOTION, VDP_MAX_MOTION, &dx, &dy);

    (void)count;
    if (!stream)
        return;
    client_stream_motion(stream, (int16_t)dx, (int16_t)dy);
    script_ok(headless);
}

static void
command_click(struct headless *headless, char **words, unsigned count)
{
    struct client_stream *stream;
    int64_t button;

    (void)count;
    if (!word_number(words[0], 1, 5, &button)) {
        script_fail(headless, "bad number");
        return;
    }
    stream = script_stream(headless);
    if (!stream)
        return;
    client_stream_button(stream, (uint8_t)button, true);
    client_stream_button(stream, (uint8_t)button, false);
    script_ok(headless);
}

static void
command_wheel(struct headless *headless, char **words, unsigned count)
{
    int64_t dx, dy;
    struct client_stream *stream = script_pair(headless, words, INT16_MIN, INT16_MAX, &dx, &dy);

    (void)count;
    if (!stream)
        return;
    client_stream_wheel(stream, (int16_t)dx, (int16_t)dy);
    script_ok(headless);
}

static void
command_size(struct headless *headless, char **words, unsigned count)
{
    int64_t width;
    int64_t height;

    (void)count;
    if (!word_number(words[0], 64, VDP_MAX_SIDE, &width) ||
        !word_number(words[1], 64, VDP_MAX_SIDE, &height)) {
        script_fail(headless, "bad number");
        return;
    }
    headless->input_us = vd_monotonic_us();
    client_session_set_size(headless->session, (uint16_t)width, (uint16_t)height, 120);
    script_ok(headless);
}

static void
command_dump(struct headless *headless, char **words, unsigned count)
{
    struct vdp_image image;
    g_autofree uint8_t *pixels = client_cells_copy(client_session_cells(headless->session), &image);
    g_autoptr(GError) error = NULL;

    (void)count;
    if (client_png_write_image(words[0], &image, &error))
        script_answer(headless, script_picture(headless));
    else
        script_fail(headless, error->message);
}

static void
command_cursor(struct headless *headless, char **words, unsigned count)
{
    const struct client_cursor *cursor = client_session_cursor(headless->session);
    g_autoptr(GError) error = NULL;

    (void)count;
    if (!cursor)
        script_fail(headless, "no cursor is shown");
    else if (client_png_write_cursor(words[0], cursor, &error))
        script_answer(headless, json_pack("{s:b, s:i, s:i, s:i, s:i}", "ok", 1, "width",
                                          cursor->width, "height", cursor->height, "hot_x",
                                          cursor->hot_x, "hot_y", cursor->hot_y));
    else
        script_fail(headless, error->message);
}

static void
command_state(struct headless *headless, char **words, unsigned count)
{
    struct client_session_status status = {.text = "", .session = "", .desktop = ""};
    json_t *answer = script_picture(headless);
    json_t *more;

    (void)words;
    (void)count;
    if (headless->session)
        status = client_session_status(headless->session);
    more =
        json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:i, s:b}", "state",
                  client_state_name(status.state), "end", client_end_name(status.end), "position",
                  (int)status.position, "text", status.text, "session", status.session, "desktop",
                  status.desktop, "attempt", (int)status.attempt, "fresh", status.fresh);
    json_object_update(answer, more);
    json_decref(more);
    script_answer(headless, answer);
}

static void
command_stats(struct headless *headless, char **words, unsigned count)
{
    struct client_stream_stats stats = client_session_stats(headless->session);
    struct client_session_times times = client_session_times(headless->session);

    (void)words;
    (void)count;
    script_answer(headless,
                  json_pack("{s:b, s:I, s:i, s:I, s:I, s:i, s:i, s:I, s:I, s:I, s:I}", "ok", 1,
                            "frames", (json_int_t)stats.frames, "mismatches", (int)stats.mismatches,
                            "bytes_in", (json_int_t)stats.bytes_in, "decode_us",
                            (json_int_t)stats.decode_us, "rtt_us", (int)stats.rtt_us, "capture_us",
                            (int)stats.capture_us, "login_ms", (json_int_t)headless->login_ms,
                            "connect_ms", (json_int_t)times.connect, "first_frame_ms",
                            (json_int_t)times.first_frame, "settled_ms",
                            (json_int_t)times.settled));
}

static void
command_pools_reply(const struct client_api_result *result, void *user_data)
{
    struct headless *headless = user_data;
    struct client_pools_reply reply;
    json_t *list = json_array();
    size_t i;

    if (result->status != CLIENT_API_OK ||
        !client_reply_pools(result->body, result->size, &reply)) {
        json_decref(list);
        script_fail(headless, result->text[0] ? result->text : "no usable answer");
        return;
    }
    for (i = 0; i < reply.count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s}", "name", reply.pools[i].name,
                                              "description", reply.pools[i].description, "state",
                                              client_pool_state_name(reply.pools[i].state), "text",
                                              reply.pools[i].text));
    client_pools_reply_clear(&reply);
    script_answer(headless, json_pack("{s:b, s:o}", "ok", 1, "pools", list));
}

static void
command_pools(struct headless *headless, char **words, unsigned count)
{
    (void)words;
    (void)count;
    client_api_call(headless->api, "/api/pools", NULL, command_pools_reply, headless);
}

static void
command_connect(struct headless *headless, char **words, unsigned count)
{
    (void)count;
    headless_connect(headless, words[0]);
    script_ok(headless);
}

static void
command_disconnect(struct headless *headless, char **words, unsigned count)
{
    (void)words;
    (void)count;
    client_session_disconnect(headless->session);
    script_ok(headless);
}

static void
command_logoff(struct headless *headless, char **words, unsigned count)
{
    (void)words;
    (void)count;
    client_session_logoff(headless->session);
    headless_wait_start(headless, HEADLESS_WAIT_END, DEFAULT_WAIT_MS, script_waited);
}

static void
command_quit(struct headless *headless, char **words, unsigned count)
{
    (void)words;
    (void)count;
    headless->input_end = true;
    script_ok(headless);
}

static const struct command commands[] = {
    {"click", 1, 1, false, true, command_click},
    {"connect", 1, 1, true, false, command_connect},
    {"cursor", 1, 1, true, true, command_cursor},
    {"disconnect", 0, 0, false, true, command_disconnect},
    {"dump", 1, 1, true, true, command_dump},
    {"dump-monitor", 2, 2, false, true, command_dump_monitor},
    {"key", 1, 2, false, true, command_key},
    {"logoff", 0, 0, false, true, command_logoff},
    {"locks", 1, 1, false, true, command_locks},
    {"monitors", 0, VDP_MAX_MONITORS, false, true, command_monitors},
    {"motion", 2, 2, false, true, command_motion},
    {"move", 2, 2, false, true, command_move},
    {"pools", 0, 0, false, false, command_pools},
    {"quit", 0, 0, false, false, command_quit},
    {"size", 2, 2, false, true, command_size},
    {"state", 0, 0, false, false, command_state},
    {"stats", 0, 0, false, true, command_stats},
    {"tap", 1, 2, false, true, command_tap},
    {"type", 1, 1, true, true, command_type},
    {"wait-live", 0, 1, false, true, command_wait_live},
    {"wait-monitors", 1, VDP_MAX_MONITORS, false, true, command_wait_monitors},
    {"wait-settled", 0, 2, false, true, command_wait_settled},
    {"wait-size", 2, 3, false, true, command_wait_size},
    {"wheel", 2, 2, false, true, command_wheel},
    {"write", 1, 1, true, true, command_write},
};

static const struct command *
command_find(const char *name)
{
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void
script_obey(struct headless *headless, char *line)
{
    char *rest = strchr(line, ' ');
    g_auto(GStrv) words = NULL;
    const struct command *command;
    unsigned count;

    if (rest)
        *rest++ = '\0';
    command = command_find(line);
    if (!command) {
        script_fail(headless, "unknown command");
        return;
    }
    if (command->session && !headless->session) {
        script_fail(headless, "not connected to a pool");
        return;
    }
    if (command->raw && rest && *rest)
        words = g_strdupv((char *[]){rest, NULL});
    else
        words = g_strsplit_set(rest ? g_strstrip(rest) : "", " ", MAX_WORDS);
    count = g_strv_length(words);
    if (count < command->least || count > command->most)
        script_fail(headless, "wrong number of words");
    else
        command->run(headless, words, count);
}

static void
script_line(GObject *source, GAsyncResult *result, void *user_data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *line =
        g_data_input_stream_read_line_finish(G_DATA_INPUT_STREAM(source), result, NULL, &error);
    struct headless *headless = user_data;

    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
        return;
    if (!line) {
        headless_exit(headless, CLIENT_EXIT_OK);
        return;
    }
    headless->busy = true;
    script_obey(headless, line);
}

static void
script_next(struct headless *headless)
{
    if (headless->busy)
        return;
    if (headless->input_end) {
        headless_exit(headless, CLIENT_EXIT_OK);
        return;
    }
    g_data_input_stream_read_line_async(headless->input, G_PRIORITY_DEFAULT, headless->cancellable,
                                        script_line, headless);
}

void
headless_script_start(struct headless *headless)
{
    GInputStream *input = g_unix_input_stream_new(STDIN_FILENO, FALSE);

    headless->input = g_data_input_stream_new(input);
    g_object_unref(input);
    script_next(headless);
}

void
headless_script_stop(struct headless *headless)
{
    g_clear_handle_id(&headless->stroke_timer, g_source_remove);
    g_clear_object(&headless->input);
}
