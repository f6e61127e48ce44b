/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_AGENT_H
#define KVM_AGENT_H

/*
 * agent: the line to the agent inside one guest, over its serial port.
 *
 * The guest writes this side's input: one JSON object a line of at most KVM_AGENT_MAX_LINE bytes,
 * anything else is skipped and the line goes on. Connects by itself and again when it has to.
 */

#include <stdbool.h>

#define KVM_AGENT_MAX_LINE 4096u

struct kvm_agent;

/* ready: the guest says that its session is on the screen. Never from inside a call; once. */
typedef void (*kvm_agent_ready_fn)(struct kvm_agent *agent, void *user_data);

/* folder (a descriptor, borrowed) holds the socket called name. Never NULL. */
struct kvm_agent *kvm_agent_new(int folder, const char *name, kvm_agent_ready_fn ready,
                                void *user_data);
void kvm_agent_free(struct kvm_agent *agent); /* accepts NULL */

/*
 * Has the guest's session write text (UTF-8, at most KVM_AGENT_MAX_TEXT bytes), as if it had been
 * typed; false when it is longer, or there is no line that takes it.
 */
#define KVM_AGENT_MAX_TEXT 1024u
bool kvm_agent_type(struct kvm_agent *agent, const char *text);

/* Asks the guest to switch itself off; false when there is no line. */
bool kvm_agent_power_off(struct kvm_agent *agent);

#endif
