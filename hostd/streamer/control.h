/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CONTROL_H
#define STREAMER_CONTROL_H

/*
 * control: hostd's orders and our status, over the local socket. docs/PROTOCOL.md, "Local
 * channels".
 *
 * The newest controller wins: a hostd that was restarted connects anew. A controller that leaves
 * changes nothing, the desktop stays on the screen.
 */

struct streamer_control;

/* Takes ownership of the listening socket. NULL when memory is short. */
struct streamer_control *streamer_control_new(int listen_fd);
void streamer_control_free(struct streamer_control *control); /* accepts NULL */

struct streamer;
/* For main: what the control drives. Borrowed. */
struct streamer *streamer_control_streamer(struct streamer_control *control);

#endif
