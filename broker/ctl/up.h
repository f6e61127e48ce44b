/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_UP_H
#define CTL_UP_H

/* up: `vedettectl up`, the supervisor of an installation on one machine. */

#include "broker/ctl/settings.h"

/* Runs until it is told to end. Returns the exit status. */
int ctl_up_run(const struct ctl_up_settings *settings);

#endif
