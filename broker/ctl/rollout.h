/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_ROLLOUT_H
#define CTL_ROLLOUT_H

/* rollout: the deadlines of a published revision, and how many sessions are still on others. */

#include "broker/ctl/ctl.h"

/* What ctl->ask_after and ctl->end_after say. */
struct ctl_deadlines {
    json_t *ask_ms; /* number, or null for what each pool says; owned */
    json_t *end_ms;
};

/* False after telling what is wrong with them. */
bool ctl_deadlines_read(const struct ctl *ctl, struct ctl_deadlines *ret);
void ctl_deadlines_clear(struct ctl_deadlines *deadlines);

/* Tells the broker that NAME:REVISION was published. False after telling what is wrong. */
bool ctl_rollout_begin(const struct ctl *ctl, const char *reference,
                       const struct ctl_deadlines *deadlines);

/* image rollout NAME: an exit status. */
int ctl_rollout_show(const struct ctl *ctl, const char *image);

#endif
