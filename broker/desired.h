/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_DESIRED_H
#define BROKER_DESIRED_H

/* desired: what a host should run, as JSON, and what its report says about it. */

#include <jansson.h>

#include "broker/hostmsg.h"
#include "broker/model.h"
#include "broker/pool.h"

#define BROKER_IDLE_WARN_MS INT64_C(120000) /* before she has touched nothing for too long */
#define BROKER_WARN_MS      INT64_C(900000) /* before a session's time is over its user is told */

/* The array W of docs/PROTOCOL.md for one host. It holds uplink tokens: never log it. */
json_t *broker_desired(const struct broker_model *model, const struct broker_pools *pools,
                       const char *host, const char *ca_pem, int64_t now_ms);

/* The disks that the host is to delete: [{"pool","user"}]. */
json_t *broker_desired_no_disks(const struct broker_model *model, const char *host);

/*
 * Puts a report into the model. Returns how many of the desktops in it are not known here; those
 * are left alone.
 */
unsigned broker_observe(struct broker_model *model, struct broker_host *host,
                        const struct broker_hostmsg *message, int64_t now_ms);

#endif
