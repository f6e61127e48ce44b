/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

/* ctl: what every verb of vedettectl shares. Exit statuses: 0 done, 1 refused or failed, 2 usage.
 */

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#define CTL_DONE   0
#define CTL_FAILED 1
#define CTL_USAGE  2

struct ctl {
    const char *state;  /* absolute */
    const char *config; /* absolute */
    bool json;
    int64_t since_hours; /* for audit */
    const char *script;  /* for image patch, as are the next */
    const char *note;
    int64_t seconds;    /* 0: what vedette-image takes for right */
    int64_t rev;        /* for image build, too; 0: the next number */
    const char *recipe; /* for image build, as are the next */
    const char *guest;
    const char *cache;
    const char *programs;
    const char *user, *pool; /* for desktop import; NULL: what the file says */
    const char *name;        /* for image import; NULL: what the file says */
    const char *server;      /* for image publish; NULL: the first gateway */
    const char *ca;
    const char *ask_after; /* for image publish; NULL: as each pool says, as is the next */
    const char *end_after;
};

/* words[0] is the verb; words is NULL-terminated. */
int ctl_verb_status(const struct ctl *ctl, char **words);
int ctl_verb_why(const struct ctl *ctl, char **words);
int ctl_verb_pool(const struct ctl *ctl, char **words);
int ctl_verb_host(const struct ctl *ctl, char **words);
int ctl_verb_session(const struct ctl *ctl, char **words);
int ctl_verb_desktop(const struct ctl *ctl, char **words);
int ctl_verb_disk(const struct ctl *ctl, char **words);
int ctl_verb_trash(const struct ctl *ctl, char **words);
int ctl_verb_reload(const struct ctl *ctl, char **words);
int ctl_verb_plan(const struct ctl *ctl, char **words);
int ctl_verb_diff(const struct ctl *ctl, char **words);
int ctl_verb_apply(const struct ctl *ctl, char **words);
int ctl_verb_cat(const struct ctl *ctl, char **words);
int ctl_verb_verify(const struct ctl *ctl, char **words);
int ctl_verb_audit(const struct ctl *ctl, char **words);
int ctl_verb_image(const struct ctl *ctl, char **words);

/*
 * Goes on as vedette-image with these arguments, of which the first is its name, and what both need
 * to know; does not come back unless it fails.
 */
int ctl_become_image(const struct ctl *ctl, GPtrArray *arguments);

/* desktop export and import; words[1] is which. */
int ctl_desktop_move(const struct ctl *ctl, char **words);

/* Has its own options: argv[0] is the verb. */
int ctl_verb_up(const struct ctl *ctl, int argc, char **argv);

/* One line on standard error: what is wrong with how it was called. Returns CTL_USAGE. */
int ctl_usage(const char *text);

/*
 * Sends request (stolen) to the broker and waits. With --json the reply or the error goes to
 * standard output at once. NULL after telling what is wrong and what to do about it; the exit
 * status is then CTL_FAILED.
 */
json_t *ctl_call(const struct ctl *ctl, json_t *request);

/* Prints a JSON object without its "type" on one line. */
void ctl_print_json(json_t *object);

/* Text of a member; "" when it is missing. */
const char *ctl_text(json_t *object, const char *key);
json_int_t ctl_number(json_t *object, const char *key);

#endif
