/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_UNIT_H
#define CTL_UNIT_H

/*
 * unit: services that live and die together, such as a daemon and its vedette-launch.
 *
 * When one of them ends the others are ended too, and all start again after a while: 100 ms,
 * doubled with each failure up to 5 s, and from the beginning after half a minute of quiet.
 */

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

#include "broker/ctl/service.h"

#define CTL_UNIT_SERVICES 2u

struct ctl_unit;

/* Starts all services of the unit, now or later; later failures come back by ctl_unit_fail(). */
typedef gboolean (*ctl_unit_start_fn)(struct ctl_unit *unit, void *user_data, GError **error);

/* name is borrowed. */
struct ctl_unit *ctl_unit_new(const char *name, ctl_unit_start_fn start, void *user_data);
void ctl_unit_free(struct ctl_unit *unit); /* frees its services; accepts NULL */
void ctl_unit_add(struct ctl_unit *unit, struct ctl_service *service); /* takes ownership */

void ctl_unit_start(struct ctl_unit *unit);
/* Ends what runs of it and starts it anew after the wait. text is printed. */
void ctl_unit_fail(struct ctl_unit *unit, const char *text);
/* Ends it for good: SIGTERM, and SIGKILL after 3 s or, when hurried, at once. */
void ctl_unit_stop(struct ctl_unit *unit, bool hurried);
/* Tells of a reaped child; true when it was of this unit. */
bool ctl_unit_reaped(struct ctl_unit *unit, pid_t pid, int status);
bool ctl_unit_is_running(const struct ctl_unit *unit); /* at least one service runs */

#endif
