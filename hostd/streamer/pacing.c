/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/pacing.h"

#include <string.h>

#include "protocol/wire/error.h"
#include "protocol/wire/record.h"

void
streamer_pacing_init(struct streamer_pacing *pacing)
{
    memset(pacing, 0, sizeof(*pacing));
    pacing->next = 1;
    pacing->oldest = 1;
    pacing->last_sent_us = INT64_MIN / 2;
    pacing->paid_until_us = INT64_MIN / 2;
    streamer_congestion_init(&pacing->congestion, 0);
}

void
streamer_pacing_input(struct streamer_pacing *pacing, int64_t now_us)
{
    pacing->hot_until_us = now_us + STREAMER_HOT_US;
}

uint32_t
streamer_pacing_begin(struct streamer_pacing *pacing, int64_t now_us)
{
    uint32_t id = pacing->next++;

    pacing->partial = true;
    pacing->last_sent_us = now_us;
    pacing->paid_until_us =
        (pacing->paid_until_us > now_us ? pacing->paid_until_us : now_us) + STREAMER_INTERVAL_US;
    return id;
}

void
streamer_pacing_handed(struct streamer_pacing *pacing, size_t bytes, int64_t now_us)
{
    streamer_congestion_sent(&pacing->congestion, bytes, now_us);
    pacing->unfenced += bytes;
}

void
streamer_pacing_end(struct streamer_pacing *pacing, int64_t now_us)
{
    uint32_t slot = (pacing->next - 1) % STREAMER_MAX_SLOTS;

    pacing->partial = false;
    pacing->sent_us[slot] = now_us;
    pacing->marks[slot] = streamer_congestion_mark(&pacing->congestion, now_us);
}

size_t
streamer_pacing_fragment(const struct streamer_pacing *pacing)
{
    uint64_t size = streamer_congestion_rate(&pacing->congestion) * STREAMER_FRAGMENT_US / 1000000u;

    if (streamer_congestion_room(&pacing->congestion) == 0) {
        return 0;
    }
    if (size == 0 || size > VDP_FRAGMENT_SIZE) {
        return VDP_FRAGMENT_SIZE;
    }
    return size > STREAMER_FRAGMENT_MIN ? (size_t)size : STREAMER_FRAGMENT_MIN;
}

uint32_t
streamer_pacing_fence(struct streamer_pacing *pacing, bool full, int64_t now_us)
{
    size_t distance = pacing->congestion.window / 8;

    distance = distance > STREAMER_FENCE_MIN ? distance : STREAMER_FENCE_MIN;
    if (pacing->unfenced < distance &&
        !(full && streamer_congestion_needs_mark(&pacing->congestion))) {
        return 0;
    }
    pacing->unfenced = 0;
    return streamer_congestion_mark(&pacing->congestion, now_us);
}

void
streamer_pacing_pong(struct streamer_pacing *pacing, uint32_t fence, int64_t now_us)
{
    (void)streamer_congestion_arrived(&pacing->congestion, fence, 0, now_us);
}

static void
add_round_trip(struct streamer_pacing *pacing, int64_t rtt_us, int64_t now_us)
{
    rtt_us = rtt_us > 0 ? rtt_us : 1;
    if (now_us - pacing->window_us > STREAMER_RTT_WINDOW_US) {
        pacing->rtt_us[1] = pacing->rtt_us[0];
        pacing->rtt_us[0] = 0;
        pacing->window_us = now_us;
    }
    if (pacing->rtt_us[0] == 0 || rtt_us < pacing->rtt_us[0]) {
        pacing->rtt_us[0] = rtt_us;
    }
}

int
streamer_pacing_ack(struct streamer_pacing *pacing, uint32_t id, int64_t client_us, int64_t now_us)
{
    uint32_t slot = id % STREAMER_MAX_SLOTS;

    if (id == 0 || id >= pacing->next || (pacing->partial && id == pacing->next - 1)) {
        return VDP_ERR_RANGE;
    }
    if (id < pacing->oldest) {
        return 0;
    }
    add_round_trip(pacing, now_us - pacing->sent_us[slot], now_us);
    if (pacing->marks[slot] != 0) {
        (void)streamer_congestion_arrived(&pacing->congestion, pacing->marks[slot], client_us,
                                          now_us);
    }
    pacing->oldest = id + 1;
    return 0;
}

uint32_t
streamer_pacing_unacked(const struct streamer_pacing *pacing)
{
    return pacing->next - pacing->oldest;
}

int64_t
streamer_pacing_rtt_us(const struct streamer_pacing *pacing)
{
    int64_t now = pacing->rtt_us[0];
    int64_t before = pacing->rtt_us[1];

    if (now == 0 || before == 0) {
        return now + before;
    }
    return now < before ? now : before;
}

uint32_t
streamer_pacing_slots(const struct streamer_pacing *pacing)
{
    int64_t rtt_us = streamer_pacing_rtt_us(pacing);
    int64_t slots = (rtt_us * STREAMER_FPS + 999999) / 1000000 + STREAMER_MIN_SLOTS;

    return slots < STREAMER_MAX_SLOTS ? (uint32_t)slots : STREAMER_MAX_SLOTS;
}

size_t
streamer_pacing_unsent_limit(const struct streamer_pacing *pacing)
{
    uint64_t rate = streamer_congestion_rate(&pacing->congestion);
    uint64_t limit = rate * STREAMER_UNSENT_US / 1000000u;

    if (rate == 0) {
        return STREAMER_UNSENT_FIRST;
    }
    return limit > STREAMER_UNSENT_MIN ? (size_t)limit : STREAMER_UNSENT_MIN;
}

int64_t
streamer_pacing_next(const struct streamer_pacing *pacing, int64_t since_us, size_t unsent,
                     int64_t now_us)
{
    bool hot = now_us < pacing->hot_until_us;
    int64_t due_us = since_us;
    int64_t earliest_us = pacing->paid_until_us - (STREAMER_BURST - 1) * STREAMER_INTERVAL_US;

    if (streamer_pacing_unacked(pacing) >= streamer_pacing_slots(pacing)) {
        return STREAMER_WAIT_FOR_EVENT;
    }
    if (streamer_congestion_room(&pacing->congestion) == 0) {
        return STREAMER_WAIT_FOR_EVENT;
    }
    if (unsent > streamer_pacing_unsent_limit(pacing)) {
        /* The kernel does not say when it has sent: look again soon. */
        return STREAMER_UNSENT_POLL_US;
    }
    if (since_us - pacing->last_sent_us < STREAMER_INTERVAL_US) {
        due_us += hot ? STREAMER_GATHER_HOT_US : STREAMER_GATHER_US;
    }
    /* The echo of a key must not wait for the frame rate. */
    if (!hot && due_us < earliest_us) {
        due_us = earliest_us;
    }
    return due_us > now_us ? due_us - now_us : 0;
}

int64_t
streamer_pacing_spare(const struct streamer_pacing *pacing, int64_t due_us, size_t unsent,
                      int64_t now_us)
{
    int64_t wait_us = streamer_pacing_next(pacing, now_us - STREAMER_GATHER_US, unsent, now_us);

    due_us = due_us > pacing->paid_until_us ? due_us : pacing->paid_until_us;
    if (wait_us == STREAMER_WAIT_FOR_EVENT || due_us <= now_us) {
        return wait_us;
    }
    return wait_us > due_us - now_us ? wait_us : due_us - now_us;
}
