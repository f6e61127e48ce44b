/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_LAYOUT_H
#define CTL_LAYOUT_H

/* layout: the folders of an installation's state, with owner and mode, and its lock. */

#include <glib.h>

#include "broker/ctl/settings.h"

/* Makes what is missing and checks who owns what is there. */
gboolean ctl_layout_make(const struct ctl_up_settings *settings, GError **error);

/* Takes STATE/up.lock for as long as the returned descriptor is open; -1 and *error when it is
 * taken. */
int ctl_layout_lock(const struct ctl_up_settings *settings, GError **error);

/* Writes a file whole, with owner and mode. */
gboolean ctl_layout_write(const struct ctl_up_settings *settings, const char *path,
                          const char *text, enum ctl_user user, mode_t mode, GError **error);

#endif
