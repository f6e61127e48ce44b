/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/base/nearest.h"

#define MAX_NAMES 128u /* candidates for the nearest match */

static const char *const standard_names[] = {"help", "version", "print-options"};

#define STANDARD_COUNT (sizeof(standard_names) / sizeof(standard_names[0]))

static int complain(const struct vd_program *program, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One line on standard error; always -1. */
static int
complain(const struct vd_program *program, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    fprintf(stderr, "%s: %s\n", program->name, text);
    return -1;
}

static void *
field_of(void *config, const struct vd_option *option)
{
    return (char *)config + option->offset;
}

/* Whole text as a number within the option's range. */
static bool
parse_int(const struct vd_option *option, const char *text, int64_t *ret_value)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < option->min || value > option->max) {
        return false;
    }
    *ret_value = value;
    return true;
}

static void
set_defaults(const struct vd_program *program, void *config)
{
    size_t i;

    for (i = 0; i < program->option_count; i++) {
        const struct vd_option *option = &program->options[i];
        void *field = field_of(config, option);
        struct vd_strings *strings = field;

        switch (option->type) {
        case VD_OPTION_FLAG:
            *(bool *)field = false;
            break;
        case VD_OPTION_STRING:
            *(const char **)field = option->fallback;
            break;
        case VD_OPTION_STRINGS:
            memset(strings, 0, sizeof(*strings));
            if (option->fallback != NULL) {
                strings->items[strings->count++] = option->fallback;
            }
            break;
        case VD_OPTION_INT:
            *(int64_t *)field = option->fallback != NULL ? strtoll(option->fallback, NULL, 10) : 0;
            break;
        }
    }
}

static const char *
argument_of(const struct vd_option *option)
{
    if (option->type == VD_OPTION_FLAG) {
        return "";
    }
    if (option->argument != NULL) {
        return option->argument;
    }
    return option->type == VD_OPTION_INT ? "N" : "TEXT";
}

/* An empty default says nothing that is worth a line. */
static bool
has_default(const struct vd_option *option)
{
    return option->fallback != NULL && option->fallback[0] != '\0';
}

static void
print_help(const struct vd_program *program)
{
    size_t i;

    printf("Usage: %s %s\n%s\n\nOptions:\n", program->name, program->usage, program->summary);
    for (i = 0; i < program->option_count; i++) {
        const struct vd_option *option = &program->options[i];
        int used = printf("  --%s %s", option->name, argument_of(option));

        printf("%*s%s", used < 28 ? 28 - used : 1, "", option->text);
        if (option->type == VD_OPTION_INT) {
            printf(" [%" PRId64 "..%" PRId64 "]", option->min, option->max);
        }
        if (option->type == VD_OPTION_STRINGS) {
            printf(" (may be repeated)");
        }
        if (has_default(option)) {
            printf(" (default %s)", option->fallback);
        }
        putchar('\n');
    }
    printf("  --%-24s%s\n", "help", "Prints this text.");
    printf("  --%-24s%s\n", "version", "Prints the version.");
}

/* A dash in roff is a hyphen unless it is escaped, and a leading dot is a request. */
static void
print_roff(const char *text)
{
    if (*text == '.' || *text == '\'') {
        printf("\\&");
    }
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text == '\\' ? 'e' : *text);
    }
}

static void
print_man(const struct vd_program *program)
{
    size_t i;

    for (i = 0; i < program->option_count; i++) {
        const struct vd_option *option = &program->options[i];

        printf(".TP\n\\fB\\-\\-");
        print_roff(option->name);
        printf("\\fR");
        if (option->type != VD_OPTION_FLAG) {
            printf(" \\fI");
            print_roff(argument_of(option));
            printf("\\fR");
        }
        putchar('\n');
        print_roff(option->text);
        if (option->type == VD_OPTION_INT) {
            printf(" Between %" PRId64 " and %" PRId64 ".", option->min, option->max);
        }
        if (has_default(option)) {
            printf(" Default: ");
            print_roff(option->fallback);
            putchar('.');
        }
        putchar('\n');
    }
}

static void
handle_standard(const struct vd_program *program, const char *name)
{
    if (strcmp(name, "help") == 0) {
        print_help(program);
    } else if (strcmp(name, "version") == 0) {
        printf("%s %s\n", program->name, PACKAGE_VERSION);
    } else if (strcmp(name, "print-options") == 0) {
        print_man(program);
    } else {
        return;
    }
    exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int
complain_unknown(const struct vd_program *program, const char *name)
{
    const char *names[MAX_NAMES + 1];
    const char *nearest;
    size_t count = 0;
    size_t i;

    for (i = 0; i < program->option_count && count < MAX_NAMES - STANDARD_COUNT; i++) {
        names[count++] = program->options[i].name;
    }
    for (i = 0; i < STANDARD_COUNT; i++) {
        names[count++] = standard_names[i];
    }
    names[count] = NULL;
    nearest = vd_nearest(name, names);
    if (nearest != NULL) {
        return complain(program, "unknown option --%.60s; did you mean --%s?", name, nearest);
    }
    return complain(program, "unknown option --%.60s; --help lists all of them", name);
}

static const struct vd_option *
find_option(const struct vd_program *program, const char *name)
{
    size_t i;

    for (i = 0; i < program->option_count; i++) {
        if (strcmp(program->options[i].name, name) == 0) {
            return &program->options[i];
        }
    }
    return NULL;
}

/* given counts how often a STRINGS option was set, so that the first value replaces the default. */
static int
set_value(const struct vd_program *program, void *config, const struct vd_option *option,
          const char *value, bool first)
{
    void *field = field_of(config, option);
    struct vd_strings *strings = field;

    switch (option->type) {
    case VD_OPTION_FLAG:
        *(bool *)field = true;
        return 0;
    case VD_OPTION_STRING:
        *(const char **)field = value;
        return 0;
    case VD_OPTION_STRINGS:
        if (first) {
            memset(strings, 0, sizeof(*strings));
        }
        if (strings->count == VD_MAX_STRINGS) {
            return complain(program, "--%s is given more than %d times", option->name,
                            VD_MAX_STRINGS);
        }
        strings->items[strings->count++] = value;
        return 0;
    case VD_OPTION_INT:
        if (!parse_int(option, value, field)) {
            return complain(program, "--%s: '%.60s' is not a number from %" PRId64 " to %" PRId64,
                            option->name, value, option->min, option->max);
        }
        return 0;
    }
    return 0;
}

/* True when an earlier argument already set this option. Arguments are few; no table is kept. */
static bool
was_given(char **argv, int before, const char *name)
{
    size_t size = strlen(name);
    int i;

    for (i = 1; i < before; i++) {
        if (strncmp(argv[i], "--", 2) == 0 && strncmp(argv[i] + 2, name, size) == 0 &&
            (argv[i][2 + size] == '\0' || argv[i][2 + size] == '=')) {
            return true;
        }
    }
    return false;
}

/* Takes the option at argv[at]. Returns how many arguments it used, or -1. */
static int
take_option(const struct vd_program *program, void *config, int argc, char **argv, int at,
            int options_end)
{
    char name[64];
    const char *text = argv[at] + 2;
    const char *equals = strchr(text, '=');
    size_t size = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const char *value = equals != NULL ? equals + 1 : NULL;
    const struct vd_option *option;
    int used = 1;

    if (size >= sizeof(name)) {
        return complain(program, "unknown option --%.60s", text);
    }
    memcpy(name, text, size);
    name[size] = '\0';
    if (value == NULL) {
        handle_standard(program, name);
    }
    option = find_option(program, name);
    if (option == NULL) {
        return complain_unknown(program, name);
    }
    if (option->type == VD_OPTION_FLAG && value != NULL) {
        return complain(program, "--%s takes no value", name);
    }
    if (option->type != VD_OPTION_FLAG && value == NULL) {
        if (at + 1 >= argc) {
            return complain(program, "--%s needs a value (%s)", name, argument_of(option));
        }
        value = argv[at + 1];
        used = 2;
    }
    if (set_value(program, config, option, value, !was_given(argv, options_end, name)) < 0) {
        return -1;
    }
    return used;
}

/* Moves the count arguments at from down to to; the ones between move up and keep their order. */
static void
move_down(char **argv, int to, int from, int count)
{
    int i;

    for (i = 0; i < count; i++) {
        char *item = argv[from + i];

        memmove(&argv[to + i + 1], &argv[to + i], (size_t)(from - to) * sizeof(argv[0]));
        argv[to + i] = item;
    }
}

int
vd_options_parse(const struct vd_program *program, void *config, int argc, char **argv,
                 bool stop_at_word)
{
    int end = 1; /* options that were taken stand before it, words from it up to at */
    int at = 1;

    set_defaults(program, config);
    while (at < argc) {
        int used = 1;

        if (strcmp(argv[at], "--") == 0) {
            move_down(argv, end, at, 1);
            return end + 1;
        }
        if (argv[at][0] != '-' || argv[at][1] == '\0') {
            if (stop_at_word) {
                return at;
            }
            at++;
            continue;
        }
        if (argv[at][1] != '-') {
            return complain(program, "options are long ones, '%.60s' is not; --help lists them",
                            argv[at]);
        }
        used = take_option(program, config, argc, argv, at, end);
        if (used < 0) {
            return -1;
        }
        move_down(argv, end, at, used);
        end += used;
        at += used;
    }
    return end;
}
