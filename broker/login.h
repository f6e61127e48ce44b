/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_LOGIN_H
#define BROKER_LOGIN_H

/*
 * login: one PAM conversation per attempt, in a process of its own.
 *
 * Every refusal, whatever its reason, is the same text and leaves on a grid of whole seconds after
 * the request came. A password is in this process only between two records.
 */

#include "broker/apirequest.h"
#include "broker/broker.h"
#include "broker/gateways.h"

#define BROKER_MAX_HELPERS   VD_LAUNCH_MAX_PAM
#define BROKER_MAX_LOGINS    1024u /* those that wait for their refusal included */
#define BROKER_LOGIN_SECONDS 30u
#define BROKER_REFUSAL_MS    1000u /* the grid */
#define BROKER_REFUSAL_TEXT  "The login was refused."

struct broker_logins *broker_logins_new(struct broker *broker);
void broker_logins_free(struct broker_logins *logins); /* accepts NULL */

/* Both consume reply; the answer may come later. */
void broker_login_begin(struct broker_logins *logins, const struct broker_api_request *request,
                        struct broker_reply *reply);
void broker_login_answer(struct broker_logins *logins, const struct broker_api_request *request,
                         struct broker_reply *reply);

#endif
