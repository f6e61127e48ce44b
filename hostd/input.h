/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOSTD_INPUT_H
#define HOSTD_INPUT_H

/*
 * input: what a streamer cannot give its machine itself. Text goes to the agent inside, relative
 * motion to the monitor. Belongs to the main loop's thread.
 */

#include <jansson.h>
#include <stdbool.h>

#include "hostd/kvm/machine.h"
#include "protocol/link/channel.h"

struct hostd_input;

/* machine is borrowed. Never NULL. */
struct hostd_input *hostd_input_new(struct kvm_machine *machine);
void hostd_input_free(struct hostd_input *input); /* accepts NULL */

/* True when the message was input. What is to be answered goes to conn, now or later. */
bool hostd_input_take(struct hostd_input *input, struct vdp_channel_conn *conn,
                      const json_t *message);
/* The conn is no more. */
void hostd_input_forget(struct hostd_input *input);

#endif
