/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_SERVICE_H
#define CTL_SERVICE_H

/* service: one program that `vedettectl up` keeps running; start, log, signal, end. */

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct ctl_service;

struct ctl_service_events {
    /* The program said that it is ready. */
    void (*ready)(struct ctl_service *service, void *user_data);
};

/*
 * name is for the log ("broker"), program its name ("vedette-broker"), path its file. Strings and
 * events are borrowed.
 */
struct ctl_service *ctl_service_new(const char *name, const char *program, const char *path,
                                    uid_t uid, bool change_uid,
                                    const struct ctl_service_events *events, void *user_data);
/* A supplementary group, when the user is changed; none by default. */
void ctl_service_set_group(struct ctl_service *service, gid_t group);
void ctl_service_free(struct ctl_service *service); /* kills; accepts NULL */

/* Starts it; arguments without argv[0], NULL-terminated. fds become 3, 4, … and stay the caller's.
 */
gboolean ctl_service_start(struct ctl_service *service, const char *const *arguments,
                           const int *fds, size_t fd_count, GError **error);
void ctl_service_signal(struct ctl_service *service, int signal); /* nothing when it does not run */
/* To be called when pid was reaped. True when that was this service, which then is not running. */
bool ctl_service_reaped(struct ctl_service *service, pid_t pid, int status);

pid_t ctl_service_pid(const struct ctl_service *service); /* 0: not running */
bool ctl_service_is_ready(const struct ctl_service *service);
const char *ctl_service_name(const struct ctl_service *service);

#endif
