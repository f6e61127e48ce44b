/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

/*
 * script: what a line does when. Text, one command a line, empty lines and # ignored:
 *
 *   COMMAND := rate up|down|both BITS_PER_SECOND     k, M and G may follow; 0: without limit
 *            | delay up|down|both MILLISECONDS       one way
 *            | queue up|down|both BYTES              k and M (1024) may follow
 *            | loss up|down|both PERCENT
 *            | stall up|down|both SECONDS
 *            | drop                                  resets every connection
 *            | stats                                 prints the counts so far
 *            | quit
 *   FILE    := { SECONDS COMMAND } with times that do not fall; `SECONDS repeat` starts over
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_verb {
    BENCH_RATE,
    BENCH_DELAY,
    BENCH_QUEUE,
    BENCH_LOSS,
    BENCH_STALL,
    BENCH_DROP,
    BENCH_STATS,
    BENCH_QUIT,
    BENCH_REPEAT,
};

struct bench_command {
    int64_t at_us;
    enum bench_verb verb;
    bool up, down;
    double value; /* in the unit of the text, suffix applied */
};

struct bench_script {
    struct bench_command *commands;
    size_t count;
};

/* One command without a time. False when it is none. */
bool bench_command_parse(const char *text, struct bench_command *ret_command);
/* A number with suffix: base is 1000 or 1024. False when it is none. */
bool bench_number_parse(const char *text, double base, double *ret_value);
/* 0, or the number of the first wrong line, or -1 when the file cannot be read. */
int bench_script_load(const char *path, struct bench_script *ret_script);
void bench_script_clear(struct bench_script *script);

#endif
