/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CAPTURE_REPLAY_H
#define STREAMER_CAPTURE_REPLAY_H

/*
 * capture-replay: plays a trace (trace.h) as if it were a machine. It takes input and forgets it.
 *
 * The first frame is there at once, the clock starts when somebody looks. The picture stays as it
 * is after the last frame.
 */

#include <glib.h>

#include "hostd/streamer/capture.h"

/*
 * data is a whole trace (a reference is taken). NULL and *error when it is none; frames are checked
 * when their time comes and a broken one ends the capture.
 */
struct capture *capture_replay_new(GBytes *data, const struct capture_events *events,
                                   void *user_data, GError **error);

#endif
