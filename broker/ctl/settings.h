/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_SETTINGS_H
#define CTL_SETTINGS_H

/* settings: what `vedettectl up` was told, with paths made absolute. Everything is borrowed. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol/base/options.h"

struct ctl_up_settings {
    const char *state;  /* absolute */
    const char *config; /* absolute */
    const char *bind;
    uint16_t port;
    const char *host_bind;
    uint16_t host_port;
    const char *host_name;    /* of this machine, as a host */
    const char *const *names; /* for the certificates and the gateway; NULL-terminated */
    bool change_uid;
    uid_t uid_base;
    const char *pam_service;
    const char *pam_confdir;
    const char *qemu;
    const char *programs; /* NULL: find them */
    bool stop_desktops;
    int ready_fd; /* -1: none */
};

#define CTL_DESKTOP_UIDS 100u /* desktops begin here above the base */

enum ctl_user { CTL_USER_ROOT, CTL_USER_BROKER, CTL_USER_GATEWAY, CTL_USER_HOST };

/* The uid (and gid) of a daemon; our own where nothing is changed. */
uid_t ctl_uid_of(const struct ctl_up_settings *settings, enum ctl_user user);

#endif
