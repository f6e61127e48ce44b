/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_LASTSCREEN_H
#define BROKER_LASTSCREEN_H

/*
 * lastscreen: the small picture of what a session showed when its user left, for her own launcher.
 *
 * Only in memory, wiped when it goes: with its session, with the policy of its pool
 * (LastScreen=), when somebody looks again, or because newer ones need the room. Nothing here logs
 * more than that.
 */

#include "broker/hostmsg.h"
#include "broker/model.h"
#include "broker/pool.h"

#define BROKER_PICTURES_MAX       4096u
#define BROKER_PICTURES_MAX_BYTES (32u * 1024u * 1024u)

/* Whether the pool of the session lets its last screen be shown; a pool that is gone does not. */
bool broker_lastscreen_is_allowed(const struct broker_pools *pools,
                                  const struct broker_session *session);

/*
 * Keeps what host says of one of its desktops, in place of an older one. False when the desktop is
 * not that host's, nobody's, or not to be shown: the picture may have been under way, so that this
 * is no offence.
 */
bool broker_lastscreen_take(struct broker_model *model, const struct broker_pools *pools,
                            const char *host, const struct broker_hostmsg *message, int64_t now_ms);

/* Drops what the pools, which have just changed, do not allow. */
void broker_lastscreen_prune(struct broker_model *model, const struct broker_pools *pools);

/*
 * The picture of a session of this user, and of nobody else's, that nobody is connected to. NULL
 * otherwise, whatever the reason.
 */
const struct broker_picture *broker_lastscreen_find(const struct broker_model *model,
                                                    const struct broker_pools *pools,
                                                    const char *user, const char *session);

#endif
