/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_ADMIN_DESKTOPS_H
#define BROKER_ADMIN_DESKTOPS_H

/* admin-desktops: what an administrator does with desktops and with the trash. docs/PROTOCOL.md. */

#include <jansson.h>

#include "broker/broker.h"

json_t *broker_admin_desktop_list(struct broker *broker, const json_t *message);
json_t *broker_admin_desktop_delete(struct broker *broker, const json_t *message);
json_t *broker_admin_trash_list(struct broker *broker, const json_t *message);
json_t *broker_admin_trash_restore(struct broker *broker, const json_t *message);
json_t *broker_admin_trash_empty(struct broker *broker, const json_t *message);

#endif
