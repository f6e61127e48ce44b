/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/line/line.h"

#include <stdlib.h>
#include <string.h>

struct packet {
    struct packet *next;
    int64_t at_us; /* entered the FIFO; then: arrives */
    size_t size;
    size_t taken;
    uint8_t data[];
};

struct list {
    struct packet *first;
    struct packet **end;
    size_t bytes;
};

struct bench_trunk {
    struct bench_line_settings settings;
    struct bench_line *lines;
    size_t waiting;  /* bytes of all lines in the FIFO */
    int64_t free_us; /* the last packet has left by then */
    uint32_t random;
    struct bench_line_counts counts;
};

struct bench_line {
    struct bench_line *next;
    struct bench_trunk *trunk;
    struct list waiting;
    struct list flying;
    int64_t arrival_us; /* of the packet that left last: none overtakes another */
};

static void
list_add(struct list *list, struct packet *packet)
{
    packet->next = NULL;
    *list->end = packet;
    list->end = &packet->next;
    list->bytes += packet->size - packet->taken;
}

static struct packet *
list_pop(struct list *list)
{
    struct packet *packet = list->first;

    list->first = packet->next;
    if (list->first == NULL) {
        list->end = &list->first;
    }
    list->bytes -= packet->size - packet->taken;
    return packet;
}

struct bench_trunk *
bench_trunk_new(const struct bench_line_settings *settings, uint32_t seed)
{
    struct bench_trunk *trunk = calloc(1, sizeof(*trunk));

    if (trunk != NULL) {
        trunk->settings = *settings;
        trunk->random = seed | 1u;
    }
    return trunk;
}

void
bench_trunk_free(struct bench_trunk *trunk)
{
    free(trunk);
}

void
bench_trunk_set(struct bench_trunk *trunk, const struct bench_line_settings *settings)
{
    trunk->settings = *settings;
}

const struct bench_line_settings *
bench_trunk_settings(const struct bench_trunk *trunk)
{
    return &trunk->settings;
}

void
bench_trunk_stall(struct bench_trunk *trunk, int64_t until_us)
{
    trunk->free_us = until_us > trunk->free_us ? until_us : trunk->free_us;
}

const struct bench_line_counts *
bench_trunk_counts(const struct bench_trunk *trunk)
{
    return &trunk->counts;
}

struct bench_line *
bench_line_new(struct bench_trunk *trunk)
{
    struct bench_line *line = calloc(1, sizeof(*line));

    if (line != NULL) {
        line->trunk = trunk;
        line->next = trunk->lines;
        line->waiting.end = &line->waiting.first;
        line->flying.end = &line->flying.first;
        trunk->lines = line;
    }
    return line;
}

void
bench_line_free(struct bench_line *line)
{
    struct bench_line **link;

    if (line == NULL) {
        return;
    }
    for (link = &line->trunk->lines; *link != line; link = &(*link)->next) {
    }
    *link = line->next;
    line->trunk->waiting -= line->waiting.bytes;
    while (line->waiting.first != NULL) {
        free(list_pop(&line->waiting));
    }
    while (line->flying.first != NULL) {
        free(list_pop(&line->flying));
    }
    free(line);
}

/* xorshift: the same seed loses the same packets. */
static bool
is_lost(struct bench_trunk *trunk)
{
    trunk->random ^= trunk->random << 13;
    trunk->random ^= trunk->random >> 17;
    trunk->random ^= trunk->random << 5;
    return trunk->random % 1000000u < trunk->settings.loss;
}

/* Puts the first packet of a line on its way at start_us. */
static void
send_packet(struct bench_line *line, int64_t start_us)
{
    struct bench_trunk *trunk = line->trunk;
    struct packet *packet = list_pop(&line->waiting);
    int64_t waited_us = start_us - packet->at_us;
    int64_t arrival_us;

    trunk->waiting -= packet->size;
    trunk->counts.packets++;
    trunk->counts.wait_sum_us += (uint64_t)waited_us;
    if (waited_us > trunk->counts.wait_max_us) {
        trunk->counts.wait_max_us = waited_us;
    }
    trunk->free_us = start_us;
    if (trunk->settings.rate > 0) {
        trunk->free_us += (int64_t)(packet->size * 1000000u / trunk->settings.rate);
    }
    arrival_us = trunk->free_us + trunk->settings.delay_us;
    if (is_lost(trunk)) {
        trunk->counts.lost++;
        arrival_us += 2 * trunk->settings.delay_us;
    }
    if (arrival_us < line->arrival_us) {
        arrival_us = line->arrival_us;
    }
    line->arrival_us = arrival_us;
    packet->at_us = arrival_us;
    list_add(&line->flying, packet);
}

/* Does what the trunk did by now_us: packets leave in the order in which they came. */
static void
advance(struct bench_trunk *trunk, int64_t now_us)
{
    while (trunk->waiting > 0) {
        struct bench_line *first = NULL;
        struct bench_line *line;
        int64_t start_us;

        for (line = trunk->lines; line != NULL; line = line->next) {
            if (line->waiting.first != NULL &&
                (first == NULL || line->waiting.first->at_us < first->waiting.first->at_us)) {
                first = line;
            }
        }
        start_us = first->waiting.first->at_us;
        if (start_us < trunk->free_us) {
            start_us = trunk->free_us;
        }
        if (start_us > now_us) {
            return;
        }
        send_packet(first, start_us);
    }
}

size_t
bench_line_room(struct bench_line *line, int64_t now_us)
{
    size_t limit = line->trunk->settings.queue;
    size_t used;
    struct packet *packet;

    advance(line->trunk, now_us);
    /* What has arrived and is not taken stands in the way as well. */
    used = line->trunk->waiting;
    for (packet = line->flying.first; packet != NULL && packet->at_us <= now_us;
         packet = packet->next) {
        used += packet->size - packet->taken;
    }
    return used < limit ? limit - used : 0;
}

bool
bench_line_put(struct bench_line *line, const uint8_t *data, size_t size, int64_t now_us)
{
    while (size > 0) {
        size_t part = size < BENCH_LINE_PACKET ? size : BENCH_LINE_PACKET;
        struct packet *packet = malloc(sizeof(*packet) + part);

        if (packet == NULL) {
            return false;
        }
        packet->at_us = now_us;
        packet->size = part;
        packet->taken = 0;
        memcpy(packet->data, data, part);
        list_add(&line->waiting, packet);
        line->trunk->waiting += part;
        data += part;
        size -= part;
    }
    if (line->trunk->waiting > line->trunk->counts.queue_max) {
        line->trunk->counts.queue_max = line->trunk->waiting;
    }
    advance(line->trunk, now_us);
    return true;
}

const uint8_t *
bench_line_peek(struct bench_line *line, size_t *ret_size, int64_t now_us)
{
    struct packet *packet;

    advance(line->trunk, now_us);
    packet = line->flying.first;
    if (packet == NULL || packet->at_us > now_us) {
        *ret_size = 0;
        return NULL;
    }
    *ret_size = packet->size - packet->taken;
    return packet->data + packet->taken;
}

void
bench_line_take(struct bench_line *line, size_t size)
{
    line->trunk->counts.bytes += size;
    while (size > 0) {
        struct packet *packet = line->flying.first;
        size_t part = packet->size - packet->taken;

        if (part > size) {
            packet->taken += size;
            line->flying.bytes -= size;
            return;
        }
        size -= part;
        free(list_pop(&line->flying));
    }
}

int64_t
bench_line_next(struct bench_line *line, int64_t now_us)
{
    int64_t next_us = BENCH_LINE_NEVER;

    advance(line->trunk, now_us);
    if (line->flying.first != NULL) {
        next_us = line->flying.first->at_us;
    }
    if (line->trunk->waiting > 0 && line->trunk->free_us < next_us) {
        next_us = line->trunk->free_us;
    }
    return next_us;
}

size_t
bench_line_left(const struct bench_line *line)
{
    return line->waiting.bytes + line->flying.bytes;
}
