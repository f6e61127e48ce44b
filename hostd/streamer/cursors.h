/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CURSORS_H
#define STREAMER_CURSORS_H

/*
 * cursors: which cursor shapes this connection's client has, by id. Pure.
 *
 * Ids go from 1 to STREAMER_MAX_CURSORS; when all are in use the oldest shape gives its id to the
 * new one, so that a client never keeps more than that.
 */

#include <stdbool.h>
#include <stdint.h>

#include "hostd/streamer/shadow.h"

#define STREAMER_MAX_CURSORS 64u

struct streamer_cursors {
    struct streamer_cursor shapes[STREAMER_MAX_CURSORS]; /* owned; empty when rgba is NULL */
    uint32_t next;                                       /* index to be given away */
};

/*
 * Returns the id of shape, and in *ret_is_new whether the client has to be sent it. Shape is cut to
 * what can be seen of it and its hot spot: guests send 64x64 for an arrow. Moves the pixels of a
 * new shape into the list and leaves a borrowed pointer to them in shape.
 */
uint32_t streamer_cursors_find(struct streamer_cursors *cursors, struct streamer_cursor *shape,
                               bool *ret_is_new);
void streamer_cursors_clear(struct streamer_cursors *cursors);

#endif
