/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PUBLISH_H
#define CTL_PUBLISH_H

/*
 * publish: tries an image's revision before people get it.
 *
 * In each pool that takes the image's latest revision a canary is started (broker/canary.h), and
 * the headless client goes to it as a person would: its first frame and the echo of a key have to
 * come within the pool's budgets.
 */

#include <stdbool.h>

#include "broker/ctl/ctl.h"

/* reference is NAME:REVISION. False after saying what went wrong: it must not be published. */
bool ctl_publish_test(const struct ctl *ctl, const char *reference);

#endif
