/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_TOOLBAR_H
#define CLIENT_TOOLBAR_H

/* toolbar: slides in at the top edge of a desktop and away again. */

#include <gtk/gtk.h>
#include <stdbool.h>

struct client_toolbar;

struct client_toolbar_events {
    void (*full_screen)(void *user_data);
    void (*fit)(bool fit, void *user_data);
    void (*ctrl_alt_del)(void *user_data);
    void (*statistics)(bool shown, void *user_data);
    void (*disconnect)(void *user_data);
    void (*logoff)(void *user_data);
};

struct client_toolbar *client_toolbar_new(const struct client_toolbar_events *events,
                                          void *user_data);
void client_toolbar_free(struct client_toolbar *toolbar);
GtkWidget *client_toolbar_widget(struct client_toolbar *toolbar);
/* The pointer is at y of the window, in logical pixels: shows or hides. */
void client_toolbar_pointer(struct client_toolbar *toolbar, double y);
/* Shows it for a moment, so that a person sees where it is. */
void client_toolbar_greet(struct client_toolbar *toolbar);
void client_toolbar_set_full_screen(struct client_toolbar *toolbar, bool full_screen);

#endif
