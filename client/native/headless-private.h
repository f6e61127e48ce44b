/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_HEADLESS_PRIVATE_H
#define CLIENT_HEADLESS_PRIVATE_H

/*
 * headless-private: shared by headless.c (trust, login, output), headless-wait.c (conditions),
 * headless-commands.c (the script) and headless-once.c.
 */

#include <gio/gio.h>
#include <jansson.h>

#include "client/native/headless.h"
#include "client/native/login.h"
#include "client/native/session.h"

enum headless_wait {
    HEADLESS_WAIT_NONE,
    HEADLESS_WAIT_LIVE,
    HEADLESS_WAIT_SETTLED,
    HEADLESS_WAIT_SIZE,
    HEADLESS_WAIT_MONITORS,
    HEADLESS_WAIT_ECHO,
    HEADLESS_WAIT_END,
};

struct headless {
    const struct client_config *config;
    GMainLoop *loop;
    int exit_code;
    struct client_address address;
    char *ca_pem;
    struct client_api *api;
    struct client_login *login;
    struct client_session *session;
    GCancellable *cancellable;
    bool password_used;
    int64_t login_started_us;
    int64_t login_ms; /* -1 before the login is done */

    /* What was last reported, so that only changes make an event. */
    enum client_state said_state;
    enum client_end said_end;
    unsigned said_position;

    /* The picture. */
    int64_t frame_us; /* of the last frame of the live stream; 0: none yet */
    int64_t input_us; /* of the last input sent */
    bool settled;     /* the last frame was flagged so */
    uint64_t frames;
    uint32_t frame_serial; /* newest input that the last frame knows of */
    bool frame_changed;    /* the last frame changed the picture */

    /* The script. */
    GDataInputStream *input;
    bool busy;       /* a command has not been answered */
    bool input_end;  /* end of file */
    GArray *strokes; /* of "type", still to come */
    guint stroke_timer;

    /* The condition that the current command, or --once, waits for. */
    enum headless_wait wait;
    unsigned wait_quiet_ms;
    uint16_t wait_width, wait_height;
    struct vdp_monitors wait_monitors;
    uint32_t wait_serial;
    guint wait_timer;
    guint quiet_timer;
    void (*waited)(struct headless *headless, const char *failure); /* NULL: it came true */
};

/* Takes the object and writes it as a line. */
void headless_print(json_t *object);
void headless_print_text(const char *text);
void headless_event(const char *name, json_t *object);
void headless_exit(struct headless *headless, int code);

/* Calls waited as soon as the condition holds, cannot hold any more, or timeout_ms are over. */
void headless_wait_start(struct headless *headless, enum headless_wait wait, unsigned timeout_ms,
                         void (*waited)(struct headless *headless, const char *failure));
void headless_wait_check(struct headless *headless);
void headless_wait_stop(struct headless *headless);

/* Answers to the command that is being obeyed; the object is taken. */
void script_answer(struct headless *headless, json_t *object);
void script_ok(struct headless *headless);
void script_fail(struct headless *headless, const char *error);
void script_waited(struct headless *headless, const char *failure);

/* headless-monitors.c: commands. */
void command_monitors(struct headless *headless, char **words, unsigned count);
void command_wait_monitors(struct headless *headless, char **words, unsigned count);
void command_dump_monitor(struct headless *headless, char **words, unsigned count);

/* Starts a session on a pool; an earlier one is dropped. */
void headless_connect(struct headless *headless, const char *pool);

/* Reads and obeys the commands until the end of the input. */
void headless_script_start(struct headless *headless);
void headless_script_stop(struct headless *headless);

void headless_once_start(struct headless *headless);

#endif
