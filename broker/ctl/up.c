/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/up.h"

#include <errno.h>
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/ctl/ask.h"
#include "broker/ctl/certificates.h"
#include "broker/ctl/daemons.h"
#include "broker/ctl/layout.h"
#include "broker/ctl/orphans.h"
#include "broker/ctl/relay.h"
#include "broker/ctl/unit.h"
#include "protocol/base/fd.h"
#include "protocol/base/secret.h"

#define ASK_MS        3000u
#define SHUTDOWN_MS   40000u /* a desktop is asked, then told, then killed: seconds each */
#define READY_POLL_MS 100u
#define STOP_POLL_MS  50u
#define DESKTOPS_MS   20000u               /* desktops get this long to go */
#define STOP_LIMIT_US (3 * G_USEC_PER_SEC) /* and their processes this much more */

enum phase {
    PHASE_UP,
    PHASE_DESKTOPS, /* the broker stops the desktops */
    PHASE_DAEMONS,  /* the daemons end */
};

struct up {
    const struct ctl_up_settings *settings;
    GMainLoop *loop;
    struct ctl_daemons daemons;
    struct ctl_unit *broker, *gateway, *host;
    char *broker_socket;
    int signal_fd;
    guint signal_source;
    enum phase phase;
    bool announced;
    guint timer; /* polls for readiness, then for the end of the desktops */
    gint64 stop_until_us;
    struct ctl_ask *ask;       /* status or shutdown */
    struct ctl_ask *token_ask; /* host-token */
};

static void stop_daemons(struct up *up, bool hurried);

/* Starting */

static gboolean
start_broker(struct ctl_unit *unit, void *user_data, GError **error)
{
    struct up *up = user_data;

    (void)unit;
    return ctl_daemons_start_broker(&up->daemons, error);
}

static gboolean
start_gateway(struct ctl_unit *unit, void *user_data, GError **error)
{
    struct up *up = user_data;

    (void)unit;
    return ctl_daemons_start_gateway(&up->daemons, error);
}

static void
on_token(json_t *reply, const char *text, void *user_data)
{
    struct up *up = user_data;
    const char *token = json_string_value(json_object_get(reply, "token"));
    g_autoptr(GError) error = NULL;

    ctl_ask_free(up->token_ask);
    up->token_ask = NULL;
    if (up->phase != PHASE_UP) {
        return;
    }
    if (token == NULL) {
        g_autofree char *line = g_strdup_printf("no join token for this host: %s", text);

        ctl_unit_fail(up->host, line);
    } else if (!ctl_daemons_start_host(&up->daemons, token, &error)) {
        ctl_unit_fail(up->host, error->message);
    }
}

/* A host without a certificate joins first, with a token from the broker. */
static gboolean
start_host(struct ctl_unit *unit, void *user_data, GError **error)
{
    struct up *up = user_data;

    (void)unit;
    if (!ctl_certificates_host_must_join(up->settings)) {
        return ctl_daemons_start_host(&up->daemons, NULL, error);
    }
    ctl_ask_free(up->token_ask);
    up->token_ask =
        ctl_ask_new(up->broker_socket,
                    json_pack("{s:s,s:s}", "type", "host-token", "name", up->settings->host_name),
                    ASK_MS, on_token, up);
    return TRUE;
}

/* Readiness */

static bool
is_true(json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool
is_connected(json_t *status)
{
    size_t i;
    json_t *host;

    if (json_array_size(json_object_get(status, "gateways")) == 0) {
        return false;
    }
    json_array_foreach(json_object_get(status, "hosts"), i, host)
    {
        if (is_true(host, "connected")) {
            return true;
        }
    }
    return false;
}

static void
announce(struct up *up)
{
    const struct ctl_up_settings *settings = up->settings;

    up->announced = true;
    printf("vedette is up: https://%s:%u\n", settings->names[0], settings->port);
    (void)fflush(stdout);
    if (settings->ready_fd >= 0) {
        int fd = settings->ready_fd;

        (void)vd_fd_write_all(fd, "ready\n", 6);
        vd_fd_clear(&fd);
    }
}

static gboolean on_ready_poll(void *user_data);

static void
on_status(json_t *reply, const char *text, void *user_data)
{
    struct up *up = user_data;

    (void)text;
    ctl_ask_free(up->ask);
    up->ask = NULL;
    if (up->phase != PHASE_UP) {
        return;
    }
    if (reply != NULL && is_connected(reply) && ctl_service_is_ready(up->daemons.gateway)) {
        announce(up);
    } else if (up->timer == 0) {
        up->timer = g_timeout_add(READY_POLL_MS, on_ready_poll, up);
    }
}

static gboolean
on_ready_poll(void *user_data)
{
    struct up *up = user_data;

    up->timer = 0;
    if (up->phase == PHASE_UP && up->ask == NULL && !up->announced) {
        up->ask = ctl_ask_new(up->broker_socket, json_pack("{s:s}", "type", "status"), ASK_MS,
                              on_status, up);
    }
    return G_SOURCE_REMOVE;
}

static void
on_ready(struct ctl_service *service, void *user_data)
{
    struct up *up = user_data;

    if (up->phase != PHASE_UP || service != up->daemons.broker) {
        return;
    }
    if (!ctl_unit_is_running(up->host) && up->token_ask == NULL) {
        ctl_unit_start(up->host);
    }
    if (!up->announced && up->timer == 0) {
        up->timer = g_timeout_add(READY_POLL_MS, on_ready_poll, up);
    }
}

static const struct ctl_service_events service_events = {.ready = on_ready};

/* Ending */

static GArray *
list_orphans(const struct up *up)
{
    const pid_t known[] = {
        ctl_service_pid(up->daemons.broker_launch), ctl_service_pid(up->daemons.broker),
        ctl_service_pid(up->daemons.gateway), ctl_service_pid(up->daemons.host_launch),
        ctl_service_pid(up->daemons.hostd)};

    return ctl_orphans_list(known, G_N_ELEMENTS(known));
}

/* Machines that still run; streamers go with their machines. */
static unsigned
count_machines(const struct up *up)
{
    g_autoptr(GArray) orphans = list_orphans(up);
    unsigned count = 0;
    guint i;

    for (i = 0; i < orphans->len; i++) {
        count +=
            ctl_orphans_runs(g_array_index(orphans, pid_t, i), up->daemons.streamer_path) ? 0 : 1;
    }
    return count;
}

static void
quit_when_ended(struct up *up)
{
    if (up->phase == PHASE_DAEMONS && !ctl_unit_is_running(up->broker) &&
        !ctl_unit_is_running(up->gateway) && !ctl_unit_is_running(up->host)) {
        g_main_loop_quit(up->loop);
    }
}

static void
stop_daemons(struct up *up, bool hurried)
{
    up->phase = PHASE_DAEMONS;
    ctl_unit_stop(up->gateway, hurried);
    ctl_unit_stop(up->host, hurried);
    ctl_unit_stop(up->broker, hurried);
    quit_when_ended(up);
}

static gboolean
on_stop_poll(void *user_data)
{
    struct up *up = user_data;

    if (count_machines(up) == 0 || g_get_monotonic_time() > up->stop_until_us) {
        up->timer = 0;
        stop_daemons(up, false);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static void
on_shutdown(json_t *reply, const char *text, void *user_data)
{
    struct up *up = user_data;

    ctl_ask_free(up->ask);
    up->ask = NULL;
    if (up->phase != PHASE_DESKTOPS) {
        return;
    }
    if (reply == NULL) {
        ctl_relay_print("up", "the broker does not stop the desktops: %s; they are ended now",
                        text);
        stop_daemons(up, false);
    } else if (up->timer == 0) {
        up->stop_until_us = g_get_monotonic_time() + STOP_LIMIT_US;
        up->timer = g_timeout_add(STOP_POLL_MS, on_stop_poll, up);
    }
}

static void
begin_stop(struct up *up)
{
    if (up->timer != 0) {
        g_source_remove(up->timer);
        up->timer = 0;
    }
    ctl_ask_free(up->ask);
    up->ask = NULL;
    if (!up->settings->stop_desktops) {
        ctl_relay_print("up", "ending; desktops run on");
        stop_daemons(up, false);
        return;
    }
    ctl_relay_print("up", "ending; first the desktops, which takes a moment");
    up->phase = PHASE_DESKTOPS;
    up->ask = ctl_ask_new(up->broker_socket,
                          json_pack("{s:s,s:b,s:i}", "type", "shutdown", "stop_desktops", 1,
                                    "timeout_ms", (int)SHUTDOWN_MS),
                          SHUTDOWN_MS + ASK_MS, on_shutdown, up);
}

/* Whatever a daemon could not stop is ours to end. */
static void
end_orphans(const struct up *up)
{
    g_autoptr(GArray) orphans = list_orphans(up);
    guint i;

    for (i = 0; i < orphans->len; i++) {
        pid_t pid = g_array_index(orphans, pid_t, i);

        if (kill(pid, SIGKILL) == 0) {
            (void)waitpid(pid, NULL, 0);
        }
    }
}

/* Signals */

static void
reap(struct up *up)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (!ctl_unit_reaped(up->broker, pid, status) &&
            !ctl_unit_reaped(up->gateway, pid, status)) {
            (void)ctl_unit_reaped(up->host, pid, status); /* else an orphan that ended */
        }
    }
    if (up->phase == PHASE_DESKTOPS && !ctl_unit_is_running(up->broker)) {
        stop_daemons(up, false); /* nobody is left to stop the desktops gently */
    }
    quit_when_ended(up);
}

static gboolean
on_signal(int fd, GIOCondition condition, void *user_data)
{
    struct up *up = user_data;
    struct signalfd_siginfo info;

    (void)condition;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            reap(up);
            break;
        case SIGHUP:
            ctl_service_signal(up->daemons.broker, SIGHUP);
            break;
        default:
            if (up->phase == PHASE_UP) {
                begin_stop(up);
            } else {
                ctl_relay_print("up", "hurrying");
                stop_daemons(up, true);
            }
        }
    }
    return G_SOURCE_CONTINUE;
}

static gboolean
watch_signals(struct up *up)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return FALSE;
    }
    up->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (up->signal_fd < 0) {
        return FALSE;
    }
    up->signal_source = g_unix_fd_add(up->signal_fd, G_IO_IN, on_signal, up);
    return TRUE;
}

static void
make_units(struct up *up)
{
    up->broker = ctl_unit_new("broker", start_broker, up);
    ctl_unit_add(up->broker, up->daemons.broker_launch);
    ctl_unit_add(up->broker, up->daemons.broker);
    up->gateway = ctl_unit_new("gateway", start_gateway, up);
    ctl_unit_add(up->gateway, up->daemons.gateway);
    up->host = ctl_unit_new("host", start_host, up);
    ctl_unit_add(up->host, up->daemons.host_launch);
    ctl_unit_add(up->host, up->daemons.hostd);
}

static void
run(struct up *up)
{
    up->loop = g_main_loop_new(NULL, FALSE);
    up->broker_socket = g_build_filename(up->settings->state, "run", "broker.sock", NULL);
    make_units(up);
    ctl_unit_start(up->broker);
    ctl_unit_start(up->gateway);
    g_main_loop_run(up->loop); /* the host starts when the broker is ready */
    if (up->settings->stop_desktops) {
        end_orphans(up);
    }
    if (up->timer != 0) {
        g_source_remove(up->timer);
    }
    g_source_remove(up->signal_source);
    ctl_ask_free(up->ask);
    ctl_ask_free(up->token_ask);
    ctl_unit_free(up->broker);
    ctl_unit_free(up->gateway);
    ctl_unit_free(up->host);
    g_main_loop_unref(up->loop);
    g_free(up->broker_socket);
}

int
ctl_up_run(const struct ctl_up_settings *settings)
{
    struct up up = {.settings = settings, .signal_fd = -1};
    g_autoptr(GError) error = NULL;
    int lock = -1;
    int status = 1;

    vd_secret_harden_process();
    if (!ctl_layout_make(settings, &error) || (lock = ctl_layout_lock(settings, &error)) < 0 ||
        !ctl_certificates_make(settings, &error) ||
        !ctl_daemons_init(&up.daemons, settings, &service_events, &up, &error)) {
        fprintf(stderr, "vedettectl: %s\n", error->message);
    } else if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 || !watch_signals(&up)) {
        fprintf(stderr, "vedettectl: cannot watch children: %s\n", g_strerror(errno));
    } else {
        run(&up);
        status = 0;
        ctl_relay_print("up", "ended");
    }
    ctl_daemons_clear(&up.daemons);
    vd_fd_clear(&up.signal_fd);
    vd_fd_clear(&lock);
    return status;
}
