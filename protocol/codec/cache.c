/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/codec/cache.h"

#include <stdlib.h>
#include <string.h>

uint32_t
vdp_clock_take(struct vdp_clock *clock)
{
    uint32_t slot;

    if (clock->taken < VDP_CACHE_SLOTS) {
        return clock->taken++;
    }
    while (clock->marked[clock->hand]) {
        clock->marked[clock->hand] = 0;
        clock->hand = (clock->hand + 1) % VDP_CACHE_SLOTS;
    }
    slot = clock->hand;
    clock->hand = (slot + 1) % VDP_CACHE_SLOTS;
    return slot;
}

void
vdp_sent_clear(struct vdp_sent *sent)
{
    memset(&sent->clock, 0, sizeof(sent->clock));
    memset(sent->first, 0, sizeof(sent->first));
}

int
vdp_sent_find(const struct vdp_sent *sent, uint64_t hash)
{
    uint32_t at = sent->first[hash % VDP_CACHE_SLOTS];

    while (at != 0 && sent->hash[at - 1] != hash) {
        at = sent->next[at - 1];
    }
    return (int)at - 1;
}

static void
unlink_slot(struct vdp_sent *sent, uint32_t slot)
{
    uint16_t *link = &sent->first[sent->hash[slot] % VDP_CACHE_SLOTS];

    while (*link != slot + 1) {
        link = &sent->next[*link - 1];
    }
    *link = sent->next[slot];
}

void
vdp_sent_insert(struct vdp_sent *sent, uint64_t hash)
{
    bool full = sent->clock.taken == VDP_CACHE_SLOTS;
    uint32_t slot = vdp_clock_take(&sent->clock);

    if (full) {
        unlink_slot(sent, slot);
    }
    sent->hash[slot] = hash;
    sent->next[slot] = sent->first[hash % VDP_CACHE_SLOTS];
    sent->first[hash % VDP_CACHE_SLOTS] = (uint16_t)(slot + 1);
}

void
vdp_received_clear(struct vdp_received *received)
{
    memset(&received->clock, 0, sizeof(received->clock));
}

void
vdp_received_free_all(struct vdp_received *received)
{
    uint32_t slab;

    for (slab = 0; slab < VDP_CACHE_SLOTS / VDP_SLAB_SLOTS; slab++) {
        free(received->slabs[slab]);
        received->slabs[slab] = NULL;
    }
    vdp_received_clear(received);
}

static uint8_t *
slot_pixels(const struct vdp_received *received, uint32_t slot)
{
    return received->slabs[slot / VDP_SLAB_SLOTS] + (size_t)(slot % VDP_SLAB_SLOTS) * VDP_SLOT_SIZE;
}

uint8_t *
vdp_received_insert(struct vdp_received *received, uint32_t width, uint32_t height)
{
    uint32_t slot = vdp_clock_take(&received->clock);
    uint8_t **slab = &received->slabs[slot / VDP_SLAB_SLOTS];

    if (*slab == NULL) {
        *slab = malloc((size_t)VDP_SLAB_SLOTS * VDP_SLOT_SIZE);
    }
    received->width[slot] = (uint8_t)width;
    received->height[slot] = (uint8_t)height;
    return *slab != NULL ? slot_pixels(received, slot) : NULL;
}

const uint8_t *
vdp_received_hit(struct vdp_received *received, uint32_t slot, uint32_t width, uint32_t height)
{
    if (slot >= received->clock.taken || received->width[slot] != width ||
        received->height[slot] != height) {
        return NULL;
    }
    received->clock.marked[slot] = 1;
    return slot_pixels(received, slot);
}
