/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_CANARY_H
#define BROKER_CANARY_H

/*
 * canary: a desktop of a revision that is not published yet, to be tried before people get it.
 *
 * It belongs to a user that nobody can log in as, who may use the pool as long as it exists: the
 * test goes the way that people go, through gateway and API, and ends where nobody else gets.
 */

#include <jansson.h>
#include <stdbool.h>
#include <string.h>

struct broker;
struct broker_pool;

#define BROKER_CANARY    "#canary" /* no name of a user begins so */
#define BROKER_CANARY_MS 3600000   /* what is left of a test that was killed goes after this */

/* Inline: pure modules ask, and must not bring the verbs along. */
static inline bool
broker_canary_is(const char *user)
{
    return strcmp(user, BROKER_CANARY) == 0;
}

/* Whether there is a canary in the pool. */
bool broker_canary_may_use(const struct broker *broker, const struct broker_pool *pool);

/* Verbs of vedettectl, docs/PROTOCOL.md. */
json_t *broker_canary_begin(struct broker *broker, const json_t *message);
json_t *broker_canary_end(struct broker *broker, const json_t *message);

#endif
