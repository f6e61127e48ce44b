/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_WISH_H
#define STREAMER_WISH_H

/*
 * wish: the monitors that a client wants, on their way to a machine: as many as the desktop can
 * have, of sizes that a machine can show, and not more often than a guest can follow.
 */

#include <stdbool.h>
#include <stdint.h>

#include "protocol/wire/messages.h"

#define STREAMER_WISH_INTERVAL_US 200000 /* between two that are passed on */

struct streamer_wish {
    struct vdp_area areas[VDP_MAX_MONITORS];
    unsigned count;    /* 0: none */
    bool waits;        /* to be passed on */
    int64_t passed_us; /* when the last one was */
    unsigned most;     /* that the desktop can have; 0 counts as 1 */
};

/* The last wish wins. */
void streamer_wish_for(struct streamer_wish *wish, const struct vdp_monitors *monitors);
/* From now on the desktop can have so many; a wish for more becomes one for as many. */
void streamer_wish_limit(struct streamer_wish *wish, unsigned most);
/* Whoever wished is gone; what the machine has it keeps. */
void streamer_wish_drop(struct streamer_wish *wish);
/*
 * True when the wish is to be passed on now, which it then counts as. Else *ret_due_us is when to
 * ask again, 0 when there is nothing to pass on.
 */
bool streamer_wish_take(struct streamer_wish *wish, int64_t now_us, int64_t *ret_due_us);

#endif
