/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CHANGE_PRIVATE_H
#define BROKER_CHANGE_PRIVATE_H

/* change-private: what the files of change share. */

#include "broker/change.h"

/* Ends the open transaction; false after logging why. */
bool broker_change_commit(struct broker *broker, bool ok, GError **error);

/* Tells the gateways to let go of every stream of a session. */
void broker_change_close_streams(struct broker *broker, const char *session, int reason,
                                 const char *text);

#endif
