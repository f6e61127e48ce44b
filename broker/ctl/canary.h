/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CANARY_H
#define CTL_CANARY_H

/* canary: the headless client at a desktop that is being tried, one command after the other. */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/ctl/ctl.h"

struct ctl_canary {
    const char *server; /* HOST:PORT */
    const char *pool;
    const char *token; /* of its login */
    const char *tap;   /* keys, "leftctrl+esc" */
    int64_t first_frame_ms, echo_ms;
};

/* What was measured; -1 where it did not come to that. */
struct ctl_canary_times {
    int64_t first_frame_ms, echo_ms;
};

/* NULL when it kept its budgets, else why not, for g_free(). */
char *ctl_canary_try(const struct ctl *ctl, const struct ctl_canary *canary,
                     struct ctl_canary_times *ret_times);

#endif
