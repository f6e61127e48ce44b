/* SPDX-License-Identifier: Apache-2.0 */
/* upoptions: the command line of `vedettectl up` as settings. */
#include <glib.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/up.h"

#define MAX_NAMES (VD_MAX_STRINGS + 5)

struct config {
    const char *state;
    const char *config;
    const char *bind;
    int64_t port;
    const char *host_bind;
    int64_t host_port;
    const char *host_name;
    struct vd_strings public_names;
    int64_t uid_base;
    const char *pam_service;
    const char *pam_confdir;
    const char *qemu;
    const char *programs;
    bool stop_desktops;
    int64_t ready_fd;
};

#define OFFSET(member) offsetof(struct config, member)

static const struct vd_option options[] = {
    {"state", VD_OPTION_STRING, OFFSET(state), NULL, 0, 0, "DIR", "Where everything is kept."},
    {"config", VD_OPTION_STRING, OFFSET(config), NULL, 0, 0, "DIR", "Folder with pools.d."},
    {"bind", VD_OPTION_STRING, OFFSET(bind), "127.0.0.1", 0, 0, "ADDRESS",
     "Address of the gateway; 0.0.0.0 lets others in."},
    {"port", VD_OPTION_INT, OFFSET(port), "8443", 1, 65535, "N", "Port of the gateway."},
    {"host-bind", VD_OPTION_STRING, OFFSET(host_bind), "127.0.0.1", 0, 0, "ADDRESS",
     "Address that hosts dial."},
    {"host-port", VD_OPTION_INT, OFFSET(host_port), "8444", 1, 65535, "N", "Port that hosts dial."},
    {"host-name", VD_OPTION_STRING, OFFSET(host_name), NULL, 0, 0, "NAME",
     "Name of this machine as a host; its hostname by default."},
    {"public-name", VD_OPTION_STRINGS, OFFSET(public_names), NULL, 0, 0, "NAME",
     "Name or address that people type; also in the certificate."},
    {"uid-base", VD_OPTION_INT, OFFSET(uid_base), "62000", 0, 4294900000, "UID",
     "Daemons and desktops run under users from here on; 0: all under our own."},
    {"pam-service", VD_OPTION_STRING, OFFSET(pam_service), "vedette", 0, 0, "NAME",
     "PAM service of logins."},
    {"pam-confdir", VD_OPTION_STRING, OFFSET(pam_confdir), "", 0, 0, "DIR",
     "Folder of PAM services in place of the system's."},
    {"qemu", VD_OPTION_STRING, OFFSET(qemu), "/usr/bin/qemu-system-x86_64", 0, 0, "FILE",
     "The program that runs a desktop."},
    {"programs", VD_OPTION_STRING, OFFSET(programs), NULL, 0, 0, "DIR",
     "Where the daemons are: one folder, or a build tree."},
    {"stop-desktops", VD_OPTION_FLAG, OFFSET(stop_desktops), NULL, 0, 0, NULL,
     "Ends the desktops too, when it ends."},
    {"ready-fd", VD_OPTION_INT, OFFSET(ready_fd), "-1", -1, 1023, "N",
     "Descriptor that gets a line when all is up."},
};

static const struct vd_program program = {
    .name = "vedettectl up",
    .summary = "Runs broker, gateway and host on this machine until it is interrupted.",
    .usage = "[OPTION...]",
    .options = options,
    .option_count = G_N_ELEMENTS(options),
};

static void
add_name(const char **names, size_t *count, const char *name)
{
    size_t i;

    for (i = 0; i < *count; i++) {
        if (strcmp(names[i], name) == 0) {
            return;
        }
    }
    names[(*count)++] = name;
    names[*count] = NULL;
}

/* What people typed first, then what always reaches this machine. */
static void
collect_names(const struct config *config, const char *hostname, const char **names)
{
    size_t count = 0;
    size_t i;

    for (i = 0; i < config->public_names.count; i++) {
        add_name(names, &count, config->public_names.items[i]);
    }
    add_name(names, &count, "localhost");
    add_name(names, &count, "127.0.0.1");
    add_name(names, &count, "::1");
    if (hostname[0] != '\0') {
        add_name(names, &count, hostname);
    }
}

int
ctl_verb_up(const struct ctl *ctl, int argc, char **argv)
{
    struct config config;
    struct ctl_up_settings settings = {0};
    const char *names[MAX_NAMES] = {NULL};
    char hostname[65] = "";
    g_autofree char *state = NULL;
    g_autofree char *configuration = NULL;
    g_autofree char *confdir = NULL;
    g_autofree char *programs = NULL;
    int at = vd_options_parse(&program, &config, argc, argv, false);

    if (at < 0) {
        return CTL_USAGE;
    }
    if (at < argc) {
        return ctl_usage("up takes options only");
    }
    (void)gethostname(hostname, sizeof(hostname) - 1);
    state = g_canonicalize_filename(config.state != NULL ? config.state : ctl->state, NULL);
    configuration =
        g_canonicalize_filename(config.config != NULL ? config.config : ctl->config, NULL);
    if (config.pam_confdir[0] != '\0') {
        confdir = g_canonicalize_filename(config.pam_confdir, NULL);
    }
    if (config.programs != NULL || ctl->programs != NULL) {
        programs = g_canonicalize_filename(
            config.programs != NULL ? config.programs : ctl->programs, NULL);
    }
    collect_names(&config, hostname, names);
    settings = (struct ctl_up_settings){
        .state = state,
        .config = configuration,
        .bind = config.bind,
        .port = (uint16_t)config.port,
        .host_bind = config.host_bind,
        .host_port = (uint16_t)config.host_port,
        .host_name = config.host_name != NULL ? config.host_name
                     : hostname[0] != '\0'    ? hostname
                                              : "local",
        .names = names,
        .change_uid = geteuid() == 0 && config.uid_base != 0,
        .uid_base = (uid_t)config.uid_base,
        .pam_service = config.pam_service,
        .pam_confdir = confdir != NULL ? confdir : "",
        .qemu = config.qemu,
        .programs = programs,
        .stop_desktops = config.stop_desktops,
        .ready_fd = (int)config.ready_fd,
    };
    return ctl_up_run(&settings);
}
