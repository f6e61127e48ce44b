/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VEDETTE_IMAGE_PROGRESS_H
#define VEDETTE_IMAGE_PROGRESS_H

/*
 * progress: how far a long job is, on standard error. A bar that stays on its line where standard
 * error is a terminal; else one line for each new step, and one every five seconds while a step
 * lasts.
 */

#include <stdbool.h>

struct progress;

/* label stands in front of each line. */
struct progress *progress_new(const char *label);
void progress_free(struct progress *progress); /* leaves the terminal at the start of a line */

/* percent is 0 to 100. A step is text up to its first colon; what follows is detail. */
void progress_show(struct progress *progress, int percent, const char *text);

/* A line for whoever watches, above the bar; what is not printable in it is not printed. */
void progress_say(struct progress *progress, const char *text);

/* What is behind "@say "; NULL when the line is something else. */
const char *progress_parse_said(const char *line);

/* Reads "@progress PERCENT TEXT"; false when the line is something else. *ret_text points into
 * line. */
bool progress_parse(const char *line, int *ret_percent, const char **ret_text);

#endif
