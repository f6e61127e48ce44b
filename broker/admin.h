/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ADMIN_H
#define BROKER_ADMIN_H

/* admin: run/broker.sock: the verbs of vedettectl, for root and the broker's own uid. */

#include "broker/broker.h"

#define BROKER_MAX_ADMINS 64u

/* NULL and *error when it cannot listen. */
struct broker_admin *broker_admin_new(struct broker *broker, GError **error);
void broker_admin_free(struct broker_admin *admin); /* accepts NULL */

/* Decisions were carried out: answers a shutdown that waited for the last desktop. */
void broker_admin_settled(struct broker_admin *admin);

#endif
