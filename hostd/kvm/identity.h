/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVM_IDENTITY_H
#define KVM_IDENTITY_H

/*
 * identity: what makes a forked machine somebody else than its template.
 *
 * The generation id and the uuid are the machine's own and new with each start; the rest is inside
 * the guest, whose agent is told and answers with what it has then. One JSON object a line.
 */

#include <jansson.h>
#include <stdbool.h>

/* The address of the machine's network card, by its uuid: locally administered; g_free(). */
char *kvm_identity_mac(const char *uuid);

/*
 * The order for the machine called id with that uuid: host name, machine id, seed, time and, where
 * it has a card, its address; g_free().
 */
char *kvm_identity_order(const char *id, const char *uuid, bool network);

/* The order for one that comes back after a while: seed and time, the rest is its own; g_free(). */
char *kvm_identity_wake_order(void);
char *kvm_identity_check_awake(const json_t *answer); /* as below */

/*
 * NULL when the answer says that the guest became what the order for id and uuid says, else why
 * not; g_free(). The answer is the guest's: foreign.
 */
char *kvm_identity_check(const json_t *answer, const char *id, const char *uuid, bool network);

#endif
