/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vedette-streamer: shows one desktop: capture, codec, uplink. Holds no long-term key, opens no
 * file after its start and starts no program.
 */

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "hostd/streamer/capture-replay.h"
#include "hostd/streamer/capture-x11.h"
#include "hostd/streamer/control.h"
#include "hostd/streamer/jail.h"
#include "hostd/streamer/streamer.h"
#include "hostd/streamer/trace.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/secret.h"
#include "protocol/video/video.h"

#define FAREWELL_MS 300 /* for a GOAWAY to leave after SIGTERM */

struct config {
    int64_t control_fd;
    const char *replay;
    const char *x11;
    const char *log_level;
};

static const struct vd_option options[] = {
    {"control-fd", VD_OPTION_INT, offsetof(struct config, control_fd), "3", 0, 1023, "N",
     "Listening socket on which hostd gives orders."},
    {"replay", VD_OPTION_STRING, offsetof(struct config, replay), NULL, 0, 0, "FILE",
     "Show a recorded trace instead of a machine."},
    {"x11", VD_OPTION_STRING, offsetof(struct config, x11), NULL, 0, 0, "DISPLAY",
     "Show an X display instead of a machine."},
    {"log-level", VD_OPTION_STRING, offsetof(struct config, log_level), "info", 0, 0, "LEVEL",
     "info, or debug for the lines of every module."},
};

static const struct vd_program program = {"vedette-streamer", "Shows one desktop to its user.",
                                          "[OPTION...]", options,
                                          sizeof(options) / sizeof(options[0])};

struct app {
    GMainLoop *loop;
    struct streamer_control *control;
};

static gboolean
quit_loop(gpointer data)
{
    g_main_loop_quit(data);
    return G_SOURCE_REMOVE;
}

static gboolean
take_sigterm(gpointer data)
{
    struct app *app = data;

    if (streamer_say_restart(streamer_control_streamer(app->control))) {
        g_main_loop_quit(app->loop);
    } else {
        g_timeout_add(FAREWELL_MS, quit_loop, app->loop);
    }
    return G_SOURCE_CONTINUE;
}

static bool
start_replay(struct streamer *streamer, char *data, size_t size)
{
    GBytes *bytes = g_bytes_new_with_free_func(data, size, free, data);
    GError *error = NULL;
    struct capture *capture =
        capture_replay_new(bytes, streamer_capture_events(), streamer, &error);

    g_bytes_unref(bytes);
    if (capture == NULL) {
        vd_error("main", "%s", error->message);
        g_error_free(error);
        return false;
    }
    streamer_set_capture(streamer, capture);
    return true;
}

static bool
start_x11(struct streamer *streamer, const char *display)
{
    char *error = NULL;
    struct capture *capture = capture_x11_new(display, streamer_capture_events(), streamer, &error);

    if (capture == NULL) {
        vd_error("main", "%s", error);
        g_free(error);
        return false;
    }
    streamer_set_capture(streamer, capture);
    return true;
}

int
main(int argc, char **argv)
{
    struct config config = {0};
    struct app app = {0};
    char *trace = NULL;
    size_t trace_size = 0;
    int result;

    vd_log_init("vedette-streamer");
    json_set_alloc_funcs(malloc, vd_secret_release); /* the order to dial holds a token */
    if (vd_options_parse(&program, &config, argc, argv, false) < 0) {
        return 2;
    }
    if (strcmp(config.log_level, "debug") == 0) {
        setenv("VEDETTE_DEBUG", "all", 1);
    }
    vdp_video_prepare(); /* spice-glib starts GStreamer too */
    if (config.replay != NULL) {
        result = vd_file_read(config.replay, STREAMER_MAX_TRACE, &trace, &trace_size);
        if (result < 0) {
            vd_error("main", "cannot read %s: %s", config.replay, strerror(-result));
            return 1;
        }
    }
    result = streamer_jail_enter();
    if (result < 0) {
        vd_error("main", "cannot enter the jail: %s", strerror(-result));
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    app.loop = g_main_loop_new(NULL, FALSE);
    app.control = streamer_control_new((int)config.control_fd);
    if (app.control == NULL) {
        vd_error("main", "out of memory");
        return 1;
    }
    if (trace != NULL && !start_replay(streamer_control_streamer(app.control), trace, trace_size)) {
        return 1;
    }
    if (config.x11 != NULL && !start_x11(streamer_control_streamer(app.control), config.x11)) {
        return 1;
    }
    g_unix_signal_add(SIGTERM, take_sigterm, &app);
    g_unix_signal_add(SIGINT, take_sigterm, &app);
    vd_notice("main", "ready");
    g_main_loop_run(app.loop);
    streamer_control_free(app.control);
    g_main_loop_unref(app.loop);
    return 0;
}
