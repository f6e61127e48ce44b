/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_LOAD_H
#define CTL_LOAD_H

/* load: the figures of a host for people, out of a "load" object of a reply. */

#include <jansson.h>

/* "17.3 %", or "-" when it is not known; for g_free(). */
char *ctl_load_percent(json_t *load, const char *name);

/* Some lines with what the host said of itself. */
void ctl_load_print(const char *host, json_t *load);

/* A line for each pool with hosts that have passed its OverheadMax. */
void ctl_load_print_over(json_t *pools);

#endif
