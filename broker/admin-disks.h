/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ADMIN_DISKS_H
#define BROKER_ADMIN_DISKS_H

/* admin-disks: what an administrator does with users' own disks. docs/PROTOCOL.md. */

#include <jansson.h>

#include "broker/broker.h"

json_t *broker_admin_disk_list(struct broker *broker, const json_t *message);
json_t *broker_admin_disk_delete(struct broker *broker, const json_t *message);

#endif
