/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/throttle.h"

#include <string.h>

static void
count_account(struct store_throttle *row, int64_t now_ms)
{
    if (now_ms - row->since_ms >= BROKER_THROTTLE_ACCOUNT_MS) {
        row->failures = 0;
        row->since_ms = now_ms;
    }
    row->failures++;
    row->last_ms = now_ms;
    row->until_ms =
        row->failures >= BROKER_THROTTLE_ACCOUNT ? row->since_ms + BROKER_THROTTLE_ACCOUNT_MS : 0;
}

void
broker_throttle_count(struct store_throttle *row, int64_t now_ms)
{
    int64_t delay_ms = BROKER_THROTTLE_FIRST_MS;
    unsigned i;

    if (now_ms - row->last_ms >= BROKER_THROTTLE_FORGET_MS) {
        row->failures = 0;
        row->since_ms = now_ms;
    }
    row->failures++;
    row->last_ms = now_ms;
    if (row->failures < BROKER_THROTTLE_FREE) {
        row->until_ms = 0;
        return;
    }
    for (i = BROKER_THROTTLE_FREE; i < row->failures && delay_ms < BROKER_THROTTLE_MOST_MS; i++) {
        delay_ms *= 2;
    }
    row->until_ms = now_ms + MIN(delay_ms, BROKER_THROTTLE_MOST_MS);
}

/* The row, or a fresh one; names are folded so that spellings do not multiply the guesses. */
static bool
get_row(struct store *store, const char *account, const char *source, struct store_throttle *ret)
{
    char *folded = g_ascii_strdown(account, -1);
    enum store_result result;

    memset(ret, 0, sizeof(*ret));
    result = store_throttle_get(store, folded, source, ret, NULL);
    g_strlcpy(ret->account, folded, sizeof(ret->account));
    g_strlcpy(ret->source, source, sizeof(ret->source));
    g_free(folded);
    return result != STORE_FAILED;
}

/* A clock that went back must not lock anybody out for longer than the longest delay. */
static bool
is_over(const struct store_throttle *row, int64_t now_ms)
{
    return row->until_ms <= now_ms || row->until_ms - now_ms > BROKER_THROTTLE_MOST_MS;
}

bool
broker_throttle_allows(struct store *store, const char *account, const char *source, int64_t now_ms)
{
    struct store_throttle own;
    struct store_throttle whole;

    return get_row(store, account, source, &own) && get_row(store, account, "", &whole) &&
           is_over(&own, now_ms) && is_over(&whole, now_ms);
}

bool
broker_throttle_charge(struct store *store, const char *account, const char *source, int64_t now_ms)
{
    struct store_throttle own;
    struct store_throttle whole;
    bool ok;

    if (!get_row(store, account, source, &own) || !get_row(store, account, "", &whole) ||
        !is_over(&own, now_ms) || !is_over(&whole, now_ms) || !store_begin(store, NULL)) {
        return false;
    }
    broker_throttle_count(&own, now_ms);
    count_account(&whole, now_ms);
    ok = store_throttle_put(store, &own, NULL) && store_throttle_put(store, &whole, NULL);
    return store_end(store, ok, NULL);
}

void
broker_throttle_forgive(struct store *store, const char *account, const char *source)
{
    struct store_throttle whole;
    char *folded = g_ascii_strdown(account, -1);
    bool ok;

    if (store_begin(store, NULL)) {
        ok = store_throttle_remove(store, folded, source, NULL);
        if (ok && get_row(store, account, "", &whole) && whole.failures > 0) {
            whole.failures--;
            whole.until_ms = 0;
            ok = store_throttle_put(store, &whole, NULL);
        }
        store_end(store, ok, NULL);
    }
    g_free(folded);
}
