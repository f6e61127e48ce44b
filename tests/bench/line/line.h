/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

/*
 * line: one direction of a network line, as a model, and the connections that share it. Pure: the
 * caller brings the time.
 *
 *   put -> FIFO of at most queue bytes -> leaves at rate -> is delay_us under way -> peek, take
 *
 * A FIFO that is long against the rate is a bufferbloat line. A lost packet holds up what follows
 * it for the time that a retransmission takes, as TCP's receiver would see it. During a stall
 * nothing leaves the FIFO. Settings may change at any time; what left the FIFO keeps its delay.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_LINE_PACKET 1448u /* bytes: the unit in which bytes leave the FIFO */
#define BENCH_LINE_NEVER  INT64_MAX

struct bench_trunk; /* one direction of the line */
struct bench_line;  /* what one connection has on it */

struct bench_line_settings {
    uint64_t rate;    /* bytes per second; 0: without limit */
    int64_t delay_us; /* one way */
    size_t queue;     /* bytes that may wait */
    uint32_t loss;    /* lost packets in a million */
};

struct bench_line_counts {
    uint64_t bytes;       /* taken out */
    uint64_t lost;        /* packets that had to be sent twice */
    size_t queue_max;     /* bytes that waited at most */
    int64_t wait_max_us;  /* in the FIFO */
    uint64_t wait_sum_us; /* over all packets */
    uint64_t packets;
};

/* NULL when memory is short. */
struct bench_trunk *bench_trunk_new(const struct bench_line_settings *settings, uint32_t seed);
void bench_trunk_free(struct bench_trunk *trunk); /* accepts NULL; after its lines */

void bench_trunk_set(struct bench_trunk *trunk, const struct bench_line_settings *settings);
const struct bench_line_settings *bench_trunk_settings(const struct bench_trunk *trunk);
/* Nothing leaves the FIFO before until_us. */
void bench_trunk_stall(struct bench_trunk *trunk, int64_t until_us);
const struct bench_line_counts *bench_trunk_counts(const struct bench_trunk *trunk);

/* NULL when memory is short. The line belongs to the trunk until it is freed. */
struct bench_line *bench_line_new(struct bench_trunk *trunk);
void bench_line_free(struct bench_line *line); /* accepts NULL; what it has on the line is lost */

/* Bytes that may be put in now. */
size_t bench_line_room(struct bench_line *line, int64_t now_us);
/* False when memory is short. size is at most what room() said. */
bool bench_line_put(struct bench_line *line, const uint8_t *data, size_t size, int64_t now_us);
/* Bytes that have arrived, in one piece; *ret_size is 0 when there are none. */
const uint8_t *bench_line_peek(struct bench_line *line, size_t *ret_size, int64_t now_us);
void bench_line_take(struct bench_line *line, size_t size);
/* When something arrives or room may be made, BENCH_LINE_NEVER when nothing is under way. */
int64_t bench_line_next(struct bench_line *line, int64_t now_us);

/* Bytes of this line that have not arrived yet, or were not taken. */
size_t bench_line_left(const struct bench_line *line);

#endif
