/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-hostd: keeps the desktops of one host. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostd/hostd.h"
#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/secret.h"

#define KVM_DEVICE  "/dev/kvm"
#define S_PER_HOUR  3600L
#define MS_PER_S    1000u
#define MAX_SECONDS 86400

struct config {
    const char *state, *images, *broker, *ca, *name, *qemu;
    int64_t launch_fd, join_fd, kvm_fd;
    int64_t renew_hours;
    int64_t boot_seconds, shutdown_seconds, quit_seconds;
    bool probe;
};

#define FIELD(member) offsetof(struct config, member)

static const struct vd_option options[] = {
    {"state", VD_OPTION_STRING, FIELD(state), "/var/lib/vedette/hostd", 0, 0, "DIR",
     "Folder for key, certificate and what is known about desktops."},
    {"images", VD_OPTION_STRING, FIELD(images), "/var/lib/vedette/images", 0, 0, "DIR",
     "Folder of image revisions."},
    {"broker", VD_OPTION_STRING, FIELD(broker), "wss://127.0.0.1:8444", 0, 0, "URL",
     "Where the broker listens for hosts."},
    {"ca", VD_OPTION_STRING, FIELD(ca), "/var/lib/vedette/pki/ca.pem", 0, 0, "FILE",
     "The installation's own certificate authority."},
    {"name", VD_OPTION_STRING, FIELD(name), "", 0, 0, "NAME",
     "Name to join as; empty is the machine's host name."},
    {"qemu", VD_OPTION_STRING, FIELD(qemu), "/usr/bin/qemu-system-x86_64", 0, 0, "FILE",
     "The program that vedette-launch runs machines with; qemu-img is taken from beside it."},
    {"launch-fd", VD_OPTION_INT, FIELD(launch_fd), "-1", -1, 1023, "N",
     "Descriptor of the socket to vedette-launch; required."},
    {"join-fd", VD_OPTION_INT, FIELD(join_fd), "-1", -1, 1023, "N",
     "Descriptor from which a join token is read once."},
    {"renew-hours", VD_OPTION_INT, FIELD(renew_hours), "72", 1, 8760, "N",
     "The certificate is renewed when less than this is left of its seven days."},
    {"kvm-fd", VD_OPTION_INT, FIELD(kvm_fd), "-1", -1, 1023, "N",
     "Descriptor of /dev/kvm for the probe, when only root may open it."},
    {"boot-seconds", VD_OPTION_INT, FIELD(boot_seconds), "300", 1, MAX_SECONDS, "N",
     "Time a guest gets until it has to be ready."},
    {"shutdown-seconds", VD_OPTION_INT, FIELD(shutdown_seconds), "60", 1, MAX_SECONDS, "N",
     "Time a guest gets for an orderly end."},
    {"quit-seconds", VD_OPTION_INT, FIELD(quit_seconds), "5", 1, MAX_SECONDS, "N",
     "Time a machine gets to quit before it is killed."},
    {"probe", VD_OPTION_FLAG, FIELD(probe), NULL, 0, 0, NULL,
     "Time the hardware virtualization, say what was found and exit."},
};

static const struct vd_program program = {
    .name = "vedette-hostd",
    .summary = "Keeps the desktops of one host.",
    .usage = "--launch-fd N [OPTION...]",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
};

/* Without launch nothing can be started or ended: the two are restarted together. */
static gboolean
on_launch_gone(gint fd G_GNUC_UNUSED, GIOCondition condition G_GNUC_UNUSED, gpointer user_data)
{
    vd_error("main", "vedette-launch is gone; desktops run on");
    g_main_loop_quit(user_data);
    return G_SOURCE_REMOVE;
}

static int
serve(const struct config *config, const struct kvm_probe *probe)
{
    struct hostd_options hostd_options = {
        .state = config->state,
        .images = config->images,
        .broker = config->broker,
        .ca = config->ca,
        .name = config->name,
        .join_fd = (int)config->join_fd,
        .renew_s = (long)config->renew_hours * S_PER_HOUR,
        .engine = config->qemu,
        .boot_ms = (unsigned)config->boot_seconds * MS_PER_S,
        .shutdown_ms = (unsigned)config->shutdown_seconds * MS_PER_S,
        .quit_ms = (unsigned)config->quit_seconds * MS_PER_S,
    };
    struct vd_launch *launch = vd_launch_new((int)config->launch_fd);
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    struct hostd *hostd = hostd_new(&hostd_options, launch, probe);

    g_unix_fd_add((int)config->launch_fd, G_IO_HUP | G_IO_ERR, on_launch_gone, loop);
    vd_notice("main", "ready");
    g_main_loop_run(loop);
    hostd_free(hostd);
    g_main_loop_unref(loop);
    vd_launch_free(launch);
    return 1; /* the only way out is the loss of launch */
}

int
main(int argc, char **argv)
{
    struct kvm_probe probe;
    struct config config;

    vd_log_init("vedette-hostd");
    if (vd_options_parse(&program, &config, argc, argv, false) < 0) {
        return 2;
    }
    /* Before any thread: the probe's guest runs in a forked child. */
    kvm_probe_run_opened(KVM_DEVICE, (int)config.kvm_fd, &probe);
    if (config.probe) {
        g_print("%s\n", probe.text);
        return 0;
    }
    vd_secret_harden_process();
    json_set_alloc_funcs(malloc, vd_secret_release); /* orders hold the tokens of uplinks */
    if (config.kvm_fd >= 0) {
        (void)close((int)config.kvm_fd);
    }
    if (fcntl((int)config.launch_fd, F_SETFD, FD_CLOEXEC) < 0) {
        vd_error("main", "--launch-fd %d is not open; 'vedettectl up' starts this program",
                 (int)config.launch_fd);
        return 2;
    }
    if (config.join_fd >= 0 && fcntl((int)config.join_fd, F_SETFD, FD_CLOEXEC) < 0) {
        vd_error("main", "--join-fd %d is not open: %s", (int)config.join_fd, strerror(errno));
        return 2;
    }
    vd_log(probe.kind == KVM_ACCEL_KVM ? VD_LOG_NOTICE : VD_LOG_WARNING, "main", "%s", probe.text);
    return serve(&config, &probe);
}
