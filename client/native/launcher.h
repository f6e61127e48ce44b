/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_LAUNCHER_H
#define CLIENT_LAUNCHER_H

/* launcher: the pools of a user as cards; asks the server again every few seconds while shown. */

#include <gtk/gtk.h>

#include "client/native/api.h"
#include "client/native/theme.h"

struct client_launcher;

struct client_launcher_events {
    void (*connect)(const char *pool, const char *description, void *user_data);
    void (*logout)(void *user_data);
    void (*expired)(void *user_data); /* the login is over */
};

struct client_launcher *client_launcher_new(const struct client_theme *theme,
                                            const struct client_launcher_events *events,
                                            void *user_data);
void client_launcher_free(struct client_launcher *launcher);
GtkWidget *client_launcher_widget(struct client_launcher *launcher);
/* Shows and refreshes; api is borrowed until client_launcher_stop(). */
void client_launcher_start(struct client_launcher *launcher, struct client_api *api,
                           const char *user);
void client_launcher_stop(struct client_launcher *launcher);

#endif
