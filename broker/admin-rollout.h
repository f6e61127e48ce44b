/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ADMIN_ROLLOUT_H
#define BROKER_ADMIN_ROLLOUT_H

/* admin-rollout: keeps what was said with a publication, and says how far it is. */

#include <jansson.h>

struct broker;

/* Verbs of vedettectl, docs/PROTOCOL.md. */
json_t *broker_admin_rollout(struct broker *broker, const json_t *message);
json_t *broker_admin_rollout_begin(struct broker *broker, const json_t *message);

#endif
