/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_GROUPS_H
#define BROKER_GROUPS_H

/*
 * groups: who is a member of which of the system's groups (NSS), remembered for a short time.
 *
 * A look-up may ask a directory server and take long, so it runs on a thread. Nobody's groups are
 * guessed: until they are known, and when they cannot be read, rules that name groups refuse.
 */

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

struct broker_groups;
typedef void (*broker_groups_fn)(void *user_data);

struct broker_groups *broker_groups_new(void);
/* What still waits is destroyed without being called. Accepts NULL. */
void broker_groups_free(struct broker_groups *groups);

/*
 * Calls known when the groups of user are known or cannot be: at once, or later from the loop.
 * user_data is known's then; if groups is freed before, destroy gets it.
 */
void broker_groups_ask(struct broker_groups *groups, const char *user, broker_groups_fn known,
                       void *user_data, GDestroyNotify destroy);

bool broker_groups_are_known(const struct broker_groups *groups, const char *user);

/*
 * Who the user is in a desktop, as kvm/account.h wants it but for the disk; borrowed until the next
 * call. NULL when the system does not know her as a person, or not now.
 */
const json_t *broker_groups_account(const struct broker_groups *groups, const char *user);

/* A broker_member_fn; groups is a struct broker_groups. False for a user who is not known. */
bool broker_groups_member(const char *user, const char *group, void *groups);

#endif
