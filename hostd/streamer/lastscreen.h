/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_LASTSCREEN_H
#define STREAMER_LASTSCREEN_H

/* lastscreen: the small picture of what a shadow shows, for its user's launcher. */

#include <jansson.h>

#include "hostd/streamer/shadow.h"

/* The message to hostd: a new reference, or NULL when there is no screen or no room for it. */
json_t *streamer_lastscreen_message(struct streamer_shadow *shadow);

#endif
