/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_AGENT_H
#define KVM_AGENT_H

/*
 * agent: the line to the agent inside one guest, over its serial port.
 *
 * The guest writes this side's input: one JSON object a line of at most KVM_AGENT_MAX_LINE bytes,
 * anything else is skipped and the line goes on. Connects by itself and again when it has to.
 */

#include <jansson.h>
#include <stdbool.h>

#define KVM_AGENT_MAX_LINE 4096u

struct kvm_agent;

/* Never from inside a call; either may free the agent. */
struct kvm_agent_events {
    /* The guest's agent has come, for the first time or anew. */
    void (*hello)(struct kvm_agent *agent, void *user_data);
    /* The guest says that its session is on the screen; once. */
    void (*ready)(struct kvm_agent *agent, void *user_data);
    /* What it answers to kvm_agent_identify(); borrowed, foreign. */
    void (*identity)(struct kvm_agent *agent, const json_t *answer, void *user_data);
    /* What has become of kvm_agent_sign_in(); borrowed, foreign. */
    void (*account)(struct kvm_agent *agent, const json_t *answer, void *user_data);
    /* It has done what kvm_agent_sync() or kvm_agent_flush() asked for. */
    void (*synced)(struct kvm_agent *agent, void *user_data);
};

/* folder (a descriptor, borrowed) holds the socket called name; events is borrowed. Never NULL. */
struct kvm_agent *kvm_agent_new(int folder, const char *name, const struct kvm_agent_events *events,
                                void *user_data);
void kvm_agent_free(struct kvm_agent *agent); /* accepts NULL */

/*
 * Has the guest's session write text (UTF-8, at most KVM_AGENT_MAX_TEXT bytes), as if it had been
 * typed; false when it is longer, or there is no line that takes it.
 */
#define KVM_AGENT_MAX_TEXT 1024u
bool kvm_agent_type(struct kvm_agent *agent, const char *text);

/*
 * A guest that was parked may never have seen that its line was cut, and then nobody is new to it:
 * has it cut until the guest says hello. What is on its way is lost with it.
 */
void kvm_agent_introduce(struct kvm_agent *agent);
/* Whether the agent has said hello, and with it what it can do; false for NULL. */
bool kvm_agent_has_greeted(const struct kvm_agent *agent);

/*
 * Tells the guest where its monitors are wanted, "X,Y X,Y ...", now and whenever its agent comes
 * anew: drivers of Linux 6.1 do not say what the card says.
 */
#define KVM_AGENT_MAX_PLACES 64u /* bytes */
void kvm_agent_place(struct kvm_agent *agent, const char *places);

/* True when the guest has said that it can become another machine, see identity.h. */
bool kvm_agent_renews(const struct kvm_agent *agent);
/* Passes an order of kvm_identity_order() on; false when there is no line that takes it. */
bool kvm_agent_identify(struct kvm_agent *agent, const char *order);

/* True when the guest has said that it can sign a user in, see account.h. */
bool kvm_agent_signs_in(const struct kvm_agent *agent);
/* Passes an order of kvm_account_order() on; false when there is no line that takes it. */
bool kvm_agent_sign_in(struct kvm_agent *agent, const char *order);

/*
 * Asks the guest to write out what it holds and to change its disk no more; false when its agent
 * does not know how, or there is no line that takes it. For a guest that is about to end.
 */
bool kvm_agent_sync(struct kvm_agent *agent);

/* Asks it to write out what it holds and to go on; false as above. */
bool kvm_agent_flush(struct kvm_agent *agent);

/* Asks the guest to switch itself off; false when there is no line. */
bool kvm_agent_power_off(struct kvm_agent *agent);

#endif
