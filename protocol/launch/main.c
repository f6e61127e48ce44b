/* SPDX-License-Identifier: Apache-2.0 */
/* vedette-launch: the only lasting privilege. Reads its options, opens its programs, serves. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/base/log.h"
#include "protocol/base/options.h"
#include "protocol/base/secret.h"
#include "protocol/launch/serve.h"

struct config {
    const char *role;
    int64_t launch_fd;
    int64_t uid;
    int64_t desktop_uid_base;
    const char *pam;
    const char *pam_service;
    const char *pam_confdir;
    int64_t pam_seconds;
    const char *machine;
    const char *streamer;
    const char *bridge_helper;
};

static const struct vd_option options[] = {
    {"role", VD_OPTION_STRING, offsetof(struct config, role), NULL, 0, 0, "broker|host",
     "Whose requests to serve; required."},
    {"launch-fd", VD_OPTION_INT, offsetof(struct config, launch_fd), "-1", -1, 1023, "N",
     "Descriptor of our end of the socket pair; required."},
    {"uid", VD_OPTION_INT, offsetof(struct config, uid), "-1", -1, 4294967294, "UID",
     "The caller's user; -1 is our own."},
    {"desktop-uid-base", VD_OPTION_INT, offsetof(struct config, desktop_uid_base), "0", 0,
     4294900000, "UID", "User of the desktop in slot 0; 0 leaves all under our own."},
    {"pam", VD_OPTION_STRING, offsetof(struct config, pam), NULL, 0, 0, "FILE",
     "The program vedette-pam; required for a broker."},
    {"pam-service", VD_OPTION_STRING, offsetof(struct config, pam_service), "vedette", 0, 0, "NAME",
     "PAM service that logins go through."},
    {"pam-confdir", VD_OPTION_STRING, offsetof(struct config, pam_confdir), "", 0, 0, "DIR",
     "Folder of PAM services in place of the system's."},
    {"pam-seconds", VD_OPTION_INT, offsetof(struct config, pam_seconds), "30", 1, 3600, "N",
     "Seconds until a login that hangs is killed."},
    {"machine", VD_OPTION_STRING, offsetof(struct config, machine), NULL, 0, 0, "FILE",
     "The program that runs a desktop (QEMU); required for a host."},
    {"streamer", VD_OPTION_STRING, offsetof(struct config, streamer), NULL, 0, 0, "FILE",
     "The program vedette-streamer; required for a host."},
    {"bridge-helper", VD_OPTION_STRING, offsetof(struct config, bridge_helper),
     "/usr/lib/qemu/qemu-bridge-helper", 0, 0, "FILE",
     "The program that puts a machine on a bridge; without it there is no Network=bridge."},
};

static const struct vd_program program = {
    .name = "vedette-launch",
    .summary = "Starts what needs privilege for the broker or the host daemon.",
    .usage = "--role broker|host --launch-fd N [OPTION...]",
    .options = options,
    .option_count = sizeof(options) / sizeof(options[0]),
};

static int
open_program(struct vd_launch_program *opened, const char *option, const char *path)
{
    int result;

    if (path == NULL) {
        vd_error("launch", "--%s is required for this role", option);
        return -EINVAL;
    }
    result = vd_launch_program_open(opened, path);
    if (result < 0) {
        vd_error("launch", "cannot open --%s %s: %s", option, path, strerror(-result));
    }
    return result;
}

static int
open_programs(const struct config *config, struct vd_launch_settings *settings)
{
    int result;

    if (settings->role == VD_LAUNCH_ROLE_BROKER) {
        return open_program(&settings->pam, "pam", config->pam);
    }
    result = open_program(&settings->machine, "machine", config->machine);
    if (result == 0) {
        result = open_program(&settings->streamer, "streamer", config->streamer);
    }
    if (result == 0 &&
        vd_launch_program_open(&settings->bridge_helper, config->bridge_helper) < 0) {
        settings->bridge_helper.fd = -1; /* who wants a bridge is told then */
    }
    return result;
}

/* Checks what the options say and turns it into settings. */
static int
make_settings(const struct config *config, struct vd_launch_settings *settings)
{
    if (config->role == NULL || vd_launch_role_parse(config->role, &settings->role) < 0) {
        vd_error("launch", "--role must be broker or host");
        return -EINVAL;
    }
    if (fcntl((int)config->launch_fd, F_SETFD, FD_CLOEXEC) < 0) {
        vd_error("launch", "--launch-fd %d is not open; 'vedettectl up' starts this program",
                 (int)config->launch_fd);
        return -EINVAL;
    }
    settings->fd = (int)config->launch_fd;
    settings->caller = config->uid < 0 ? geteuid() : (uid_t)config->uid;
    settings->desktop_base = (uid_t)config->desktop_uid_base;
    settings->change_uid = geteuid() == 0 && config->desktop_uid_base != 0;
    settings->pam_seconds = config->pam_seconds;
    return open_programs(config, settings);
}

int
main(int argc, char **argv)
{
    struct config config;
    struct vd_launch_settings settings = {.fd = -1, .bridge_helper = {.fd = -1}};
    const char *pam_argv[] = {"vedette-pam", "--service", NULL, "--confdir", NULL, NULL};
    const char *const streamer_argv[] = {"vedette-streamer", "--control-fd", "3", NULL};
    int result;

    vd_log_init("vedette-launch");
    if (vd_options_parse(&program, &config, argc, argv, false) < 0) {
        return 2;
    }
    vd_secret_harden_process();
    pam_argv[2] = config.pam_service;
    pam_argv[4] = config.pam_confdir;
    settings.pam_argv = pam_argv;
    settings.streamer_argv = streamer_argv;
    if (make_settings(&config, &settings) < 0) {
        return 2;
    }
    vd_notice("main", "ready");
    result = vd_launch_serve(&settings);
    if (result < 0) {
        vd_error("launch", "the caller broke the protocol: %s", strerror(-result));
    }
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
