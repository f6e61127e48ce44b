/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/pacing.h"

#include <string.h>

#include "protocol/wire/error.h"

void
streamer_pacing_init(struct streamer_pacing *pacing)
{
    memset(pacing, 0, sizeof(*pacing));
    pacing->next = 1;
    pacing->oldest = 1;
    pacing->last_sent_us = INT64_MIN / 2;
}

void
streamer_pacing_input(struct streamer_pacing *pacing, int64_t now_us)
{
    pacing->hot_until_us = now_us + STREAMER_HOT_US;
}

uint32_t
streamer_pacing_sent(struct streamer_pacing *pacing, int64_t now_us)
{
    uint32_t id = pacing->next++;

    pacing->sent_us[id % STREAMER_MAX_SLOTS] = now_us;
    pacing->last_sent_us = now_us;
    return id;
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
streamer_pacing_ack(struct streamer_pacing *pacing, uint32_t id, int64_t now_us)
{
    if (id == 0 || id >= pacing->next) {
        return VDP_ERR_RANGE;
    }
    if (id < pacing->oldest) {
        return 0;
    }
    add_round_trip(pacing, now_us - pacing->sent_us[id % STREAMER_MAX_SLOTS], now_us);
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

int64_t
streamer_pacing_next(const struct streamer_pacing *pacing, int64_t since_us, size_t unsent,
                     int64_t now_us)
{
    bool hot = now_us < pacing->hot_until_us;
    int64_t due_us = since_us + (hot ? STREAMER_GATHER_HOT_US : STREAMER_GATHER_US);
    int64_t earliest_us = pacing->last_sent_us + STREAMER_INTERVAL_US;

    if (streamer_pacing_unacked(pacing) >= streamer_pacing_slots(pacing)) {
        return STREAMER_WAIT_FOR_EVENT;
    }
    if (unsent > STREAMER_UNSENT_LIMIT) {
        /* The kernel does not say when it has sent: look again soon. */
        return STREAMER_UNSENT_POLL_US;
    }
    /* The echo of a key must not wait for the frame rate. */
    if (!hot && due_us < earliest_us) {
        due_us = earliest_us;
    }
    return due_us > now_us ? due_us - now_us : 0;
}
