/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BROKER_THROTTLE_H
#define BROKER_THROTTLE_H

/*
 * throttle: how many guesses at a password are evaluated.
 *
 * Per (account, source): five at once, then one after 30 s, 60 s, 120 s and so on up to one an
 * hour: 12 in the first hour. Per account over all sources: 100 an hour. Written before a guess is
 * evaluated, so that a restart forgets nothing.
 */

#include "broker/store/store.h"

#define BROKER_THROTTLE_FREE       5u
#define BROKER_THROTTLE_FIRST_MS   INT64_C(30000)
#define BROKER_THROTTLE_MOST_MS    INT64_C(3600000)
#define BROKER_THROTTLE_FORGET_MS  INT64_C(7200000) /* without a guess */
#define BROKER_THROTTLE_ACCOUNT    100u
#define BROKER_THROTTLE_ACCOUNT_MS INT64_C(3600000)

/* Whether a guess would be evaluated now. False also when the store fails. */
bool broker_throttle_allows(struct store *store, const char *account, const char *source,
                            int64_t now_ms);
/* The same, and counts the guess. */
bool broker_throttle_charge(struct store *store, const char *account, const char *source,
                            int64_t now_ms);
/* The guess was right: it and the ones before it from this source are forgotten. */
void broker_throttle_forgive(struct store *store, const char *account, const char *source);

/* The row after one more guess of this source. Pure. */
void broker_throttle_count(struct store_throttle *row, int64_t now_ms);

#endif
