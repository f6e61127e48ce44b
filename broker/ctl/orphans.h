/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_ORPHANS_H
#define CTL_ORPHANS_H

/*
 * orphans: the machines and streamers that came to us.
 *
 * vedette-launch starts them as orphans and `vedettectl up` is the reaper of all below it, so they
 * are its children, beside the services.
 */

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* Ids (pid_t) of our children that are not among the known ones, zombies left out. */
GArray *ctl_orphans_list(const pid_t *known, size_t known_count);
/* True when pid runs the program in this file. */
bool ctl_orphans_runs(pid_t pid, const char *path);

#endif
