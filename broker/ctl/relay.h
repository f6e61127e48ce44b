/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_RELAY_H
#define CTL_RELAY_H

/* relay: lines of many programs on one standard error, each with its program's name in front. */

#include <glib.h>

struct ctl_relay;

/* Called with each line before it is printed; the line is borrowed. */
typedef void (*ctl_relay_fn)(const char *line, void *user_data);

/* Reads fd (ownership taken) on the main loop until its end. name is borrowed. */
struct ctl_relay *ctl_relay_new(int fd, const char *name, ctl_relay_fn line, void *user_data);
void ctl_relay_free(struct ctl_relay *relay); /* prints what is left; accepts NULL */

/* Prints one line under name, as the relays do. */
void ctl_relay_print(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
