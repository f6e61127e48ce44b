/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/line/script.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LINE     256
#define MAX_COMMANDS 10000u

static const struct {
    const char *name;
    enum bench_verb verb;
    bool has_value;
    double base;
} verbs[] = {
    {"rate", BENCH_RATE, true, 1000.0},   {"delay", BENCH_DELAY, true, 1000.0},
    {"queue", BENCH_QUEUE, true, 1024.0}, {"loss", BENCH_LOSS, true, 1000.0},
    {"stall", BENCH_STALL, true, 1000.0}, {"drop", BENCH_DROP, false, 0},
    {"stats", BENCH_STATS, false, 0},     {"quit", BENCH_QUIT, false, 0},
    {"repeat", BENCH_REPEAT, false, 0},
};

bool
bench_number_parse(const char *text, double base, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || !(value >= 0.0 && value < 1e15)) {
        return false;
    }
    if (*end == 'k') {
        value *= base;
        end++;
    } else if (*end == 'M') {
        value *= base * base;
        end++;
    } else if (*end == 'G') {
        value *= base * base * base;
        end++;
    }
    *ret_value = value;
    return *end == '\0';
}

bool
bench_command_parse(const char *text, struct bench_command *ret_command)
{
    char word[3][64];
    int words = sscanf(text, "%63s %63s %63s", word[0], word[1], word[2]);
    size_t i;

    *ret_command = (struct bench_command){0};
    for (i = 0; words > 0 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(word[0], verbs[i].name) != 0) {
            continue;
        }
        ret_command->verb = verbs[i].verb;
        if (!verbs[i].has_value) {
            return words == 1;
        }
        if (words != 3) {
            return false;
        }
        ret_command->up = strcmp(word[1], "down") != 0;
        ret_command->down = strcmp(word[1], "up") != 0;
        if (ret_command->up && ret_command->down && strcmp(word[1], "both") != 0) {
            return false;
        }
        return bench_number_parse(word[2], verbs[i].base, &ret_command->value);
    }
    return false;
}

/* A line of a file: time and command. 1, 0 for nothing there, -1 for a mistake. */
static int
parse_line(char *line, struct bench_command *ret_command)
{
    char *end;
    double at;

    line[strcspn(line, "#\n")] = '\0';
    while (isspace((unsigned char)*line)) {
        line++;
    }
    if (*line == '\0') {
        return 0;
    }
    at = strtod(line, &end);
    if (end == line || !(at >= 0.0 && at < 1e6) || !bench_command_parse(end, ret_command)) {
        return -1;
    }
    ret_command->at_us = (int64_t)(at * 1e6);
    return 1;
}

static bool
add(struct bench_script *script, const struct bench_command *command)
{
    struct bench_command *more;

    if (script->count == MAX_COMMANDS ||
        (script->count > 0 && command->at_us < script->commands[script->count - 1].at_us) ||
        (command->verb == BENCH_REPEAT && command->at_us == 0)) {
        return false;
    }
    more = realloc(script->commands, (script->count + 1) * sizeof(*more));
    if (more == NULL) {
        return false;
    }
    script->commands = more;
    more[script->count++] = *command;
    return true;
}

int
bench_script_load(const char *path, struct bench_script *ret_script)
{
    FILE *file = fopen(path, "re");
    char line[MAX_LINE];
    int number = 0;
    int bad = 0;

    *ret_script = (struct bench_script){0};
    if (file == NULL) {
        return -1;
    }
    while (bad == 0 && fgets(line, sizeof(line), file) != NULL) {
        struct bench_command command;
        int r = parse_line(line, &command);

        number++;
        if (r < 0 || (r > 0 && !add(ret_script, &command))) {
            bad = number;
        }
    }
    (void)fclose(file);
    return bad;
}

void
bench_script_clear(struct bench_script *script)
{
    free(script->commands);
    *script = (struct bench_script){0};
}
