/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CHANGE_H
#define BROKER_CHANGE_H

/*
 * change: every change of what survives: first committed to the store, then made in the model.
 *
 * Each returns false when the store could not do it; the model is as before then. Pointers that a
 * call removes from the model are gone when it returns true.
 */

#include <jansson.h>

#include "broker/broker.h"

/* Carries out one decision of broker_reconcile(). One about an object that is gone is skipped. */
bool broker_change_apply(struct broker *broker, const struct broker_action *action);

/*
 * A session of user that waits for a desktop of pool; account (NULL: the image's own) is whom the
 * desktop signs in. NULL on failure.
 */
struct broker_session *broker_change_wait(struct broker *broker, const char *user, const char *pool,
                                          const json_t *account);
/* Has a desktop deleted; its disk goes into its host's trash when somebody had it. */
bool broker_change_delete(struct broker *broker, struct broker_desktop *desktop, const char *text);

/* A desktop of pool, with its revision, on host, that is owner's; *ret_id is its id. */
bool broker_change_create_for(struct broker *broker, const struct broker_pool *pool,
                              const struct broker_host *host, const char *owner,
                              char ret_id[STORE_ID_MAX + 1]);

/* A desktop of its user's own from an entry of host's trash; *ret_id is its id. */
bool broker_change_restore(struct broker *broker, const struct broker_host *host,
                           const struct broker_trash *entry, char ret_id[STORE_ID_MAX + 1]);

/* Has the host of a user's disk delete it, and takes note when it says that it did. */
bool broker_change_delete_disk(struct broker *broker, struct store_userdisk *disk);
void broker_change_disk_gone(struct broker *broker, const char *host, const char *user,
                             const char *pool);

/* Has a desktop parked; whoever looks at it is sent away and may come back. */
bool broker_change_park(struct broker *broker, struct broker_desktop *desktop, const char *text);
/* Has the desktop of a session brought back when it is parked, or is to be. */
bool broker_change_wake(struct broker *broker, struct broker_session *session);

/*
 * Ends a session: its clients are sent away with text, its desktop is wanted gone, or
 * switched off if it is the user's own. kind is for the
 * audit trail: "logoff", "expired", "failed", "admin".
 */
bool broker_change_end(struct broker *broker, struct broker_session *session, const char *kind,
                       const char *text);

/*
 * A new stream of session's desktop through a gateway, in place of the ones before, with a ticket
 * for the client; the streamer's token stays in the model. NULL on failure.
 */
struct broker_stream *broker_change_stream(struct broker *broker, struct broker_session *session,
                                           const char *gateway, const char *url,
                                           char ret_ticket[VD_TOKEN_CHARS + 1]);
bool broker_change_joined(struct broker *broker, struct broker_stream *stream);
/* The stream is over; its session may be without a client now. */
bool broker_change_closed(struct broker *broker, struct broker_stream *stream);
/* After a restart: the tokens that were only in memory are made anew. */
void broker_change_refresh_streams(struct broker *broker);
/* Streams that nobody joined in time. */
void broker_change_expire_streams(struct broker *broker);

#endif
