/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_BASE_OPTIONS_H
#define VEDETTE_BASE_OPTIONS_H

/*
 * options: one table that yields the command line parser, --help and the man page.
 *
 * --name VALUE and --name=VALUE; a FLAG takes no value. An unknown option, a value outside its
 * range or a missing one is an error that names the option and the nearest match. --help prints the
 * table and exits 0, --version prints the version, --print-options prints the table as man page
 * source.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vd_option_type {
    VD_OPTION_FLAG,    /* bool */
    VD_OPTION_STRING,  /* const char *, borrowed from argv or the table */
    VD_OPTION_STRINGS, /* struct vd_strings; may be given several times */
    VD_OPTION_INT,     /* int64_t, within min and max */
};

#define VD_MAX_STRINGS 16

struct vd_strings {
    const char *items[VD_MAX_STRINGS + 1]; /* NULL-terminated, borrowed */
    size_t count;
};

struct vd_option {
    const char *name; /* without the dashes */
    enum vd_option_type type;
    size_t offset;        /* in the config struct */
    const char *fallback; /* text of the default, or NULL: required if a STRING says so in text */
    int64_t min, max;     /* INT only */
    const char *argument; /* "DIR" in --help */
    const char *text;     /* one sentence */
};

struct vd_program {
    const char *name;    /* "vedette-broker" */
    const char *summary; /* one sentence for --help */
    const char *usage;   /* "[OPTION...]" */
    const struct vd_option *options;
    size_t option_count;
};

/*
 * Fills config from the defaults and argv. Options end at "--" or, when stop_at_word, at the first
 * argument that is no option. Returns the index of the first argument that is left, or -1 after
 * printing one line to standard error (the caller exits with 2). --help and the like exit here.
 */
int vd_options_parse(const struct vd_program *program, void *config, int argc, char **argv,
                     bool stop_at_word);

#endif
