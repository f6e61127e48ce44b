/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STREAMER_CAPTURE_SPICE_H
#define STREAMER_CAPTURE_SPICE_H

/*
 * capture-spice: a machine's screen, keyboard and mouse over QEMU's SPICE server, for guests with
 * QXL. Display, cursor and inputs channels of the first monitor only.
 *
 * spice-glib draws into a surface of its own on the default main context. What it invalidated is
 * gathered until the socket is empty and then copied into the shadow: QEMU cuts one change into
 * columns of 32 pixels and sends each by itself. The server waits for us, so nothing queues up.
 */

#include "hostd/streamer/capture.h"

/*
 * connect is called once for every channel and returns a socket whose other end was given to QEMU
 * (QMP's add_client spice), or -1. Never NULL; what goes wrong is told as lost.
 */
struct capture *capture_spice_new(int (*connect)(void *user_data), void *connect_data,
                                  const struct capture_events *events, void *user_data);

#endif
