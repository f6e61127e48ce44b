/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_REPORT_H
#define BROKER_REPORT_H

/* report: how things stand, as JSON for vedettectl. No secret is in any of it. */

#include <jansson.h>

#include "broker/broker.h"

/*
 * {"type":"reply", "pools":[..], "hosts":[..], "gateways":[..], "desktops":[..], "sessions":[..],
 *  "errors":[..]}
 */
json_t *broker_report_status(struct broker *broker);
/* {"type":"reply", "hosts":[..]} */
json_t *broker_report_hosts(struct broker *broker);
/* {"type":"reply", "sessions":[..]} */
json_t *broker_report_desktops(struct broker *broker); /* an array */
json_t *broker_report_sessions(struct broker *broker);
/* {"type":"reply", "session":{..,"figures":null|{..}}} */
json_t *broker_report_session(struct broker *broker, const struct broker_session *session);
/*
 * {"type":"reply", "user", "pool", "ok", "text", "access":{"allowed","text"},
 *  "limits":{"max","max_per_user","assigned","waiting","own","text"},
 *  "hosts":[{"host","ok","rule","text"}]}; NULL when there is no such pool.
 */
json_t *broker_report_why(struct broker *broker, const char *user, const char *pool);

/* The newest lines of the audit trail since then; NULL when the database cannot be read. */
json_t *broker_report_audit(struct broker *broker, int64_t since_ms);

#endif
