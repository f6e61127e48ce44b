/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PROGRAMS_H
#define CTL_PROGRAMS_H

/* programs: where the daemons and helpers are. */

#include <glib.h>

/*
 * Looks for a program by name ("vedette-broker") in folder, flat or as a build tree; without a
 * folder in the build tree that vedettectl itself runs from, then where `make install` puts it.
 * NULL and *error when it is nowhere; else for g_free().
 */
char *ctl_program_find(const char *folder, const char *name, GError **error);

#endif
