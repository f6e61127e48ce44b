/* SPDX-License-Identifier: Apache-2.0 */
#include <glib-unix.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/secret.h"

#define MODULE "main"

static const struct vd_option options[] = {
    {"state", VD_OPTION_STRING, offsetof(struct broker_config, state), "/var/lib/vedette", 0, 0,
     "DIR", "Folder with pki, the database and the images."},
    {"config", VD_OPTION_STRING, offsetof(struct broker_config, config), "/etc/vedette", 0, 0,
     "DIR", "Folder with pools.d."},
    {"run", VD_OPTION_STRING, offsetof(struct broker_config, run), "/run/vedette", 0, 0, "DIR",
     "Folder for the sockets."},
    {"host-bind", VD_OPTION_STRING, offsetof(struct broker_config, host_bind), "127.0.0.1", 0, 0,
     "ADDR", "Address at which hosts dial."},
    {"host-port", VD_OPTION_INT, offsetof(struct broker_config, host_port), "8444", 0, 65535, "N",
     "Port at which hosts dial."},
    {"launch-fd", VD_OPTION_INT, offsetof(struct broker_config, launch_fd), "-1", -1, 1048576, "N",
     "Descriptor of the socket to vedette-launch; without it nobody can log in."},
    {"gateway-uid", VD_OPTION_INT, offsetof(struct broker_config, gateway_uid), "-1", -1,
     UINT32_MAX, "N", "User id of the gateway; root and the own one are admitted anyway."},
};

static gboolean
on_hangup(gpointer user_data)
{
    struct broker *broker = user_data;

    broker_reload(broker);
    broker_settle_soon(broker);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_terminate(gpointer user_data)
{
    g_main_loop_quit(user_data);
    return G_SOURCE_CONTINUE;
}

int
main(int argc, char **argv)
{
    static const struct vd_program program = {"vedette-broker", "Decides who gets which desktop.",
                                              "[OPTION...]", options, G_N_ELEMENTS(options)};
    struct broker_config config = {0};
    struct broker *broker;
    GMainLoop *loop;
    GError *error = NULL;
    int left = vd_options_parse(&program, &config, argc, argv, false);

    if (left < 0 || left < argc) {
        if (left >= 0) {
            vd_error(MODULE, "'%s' is not an option", argv[left]);
        }
        return 2;
    }
    vd_log_init(program.name);
    vd_secret_harden_process();
    /* Passwords and tickets pass through JSON values. */
    json_set_alloc_funcs(malloc, vd_secret_release);
    signal(SIGPIPE, SIG_IGN);
    broker = broker_new(&config, &error);
    if (broker == NULL) {
        vd_error(MODULE, "%s", error->message);
        g_clear_error(&error);
        return 1;
    }
    loop = g_main_loop_new(NULL, FALSE);
    g_unix_signal_add(SIGHUP, on_hangup, broker);
    g_unix_signal_add(SIGTERM, on_terminate, loop);
    g_unix_signal_add(SIGINT, on_terminate, loop);
    vd_notice(MODULE, "ready");
    g_main_loop_run(loop);
    broker_free(broker);
    g_main_loop_unref(loop);
    return 0;
}
