/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_DESKTOP_H
#define CLIENT_DESKTOP_H

/* desktop: a window with one session in it: picture, toolbar, states. */

#include <gtk/gtk.h>

#include "client/native/session.h"

struct client_desktop;

/*
 * Opens the window and connects. closed is called from the main loop when the person leaves it;
 * free the desktop then. end is the state it was left in.
 */
struct client_desktop *client_desktop_new(GtkApplication *application, struct client_api *api,
                                          const struct client_session_options *options,
                                          const char *title,
                                          void (*closed)(enum client_end end, void *user_data),
                                          void *user_data);
void client_desktop_free(struct client_desktop *desktop); /* accepts NULL */

#endif
