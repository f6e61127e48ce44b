/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_STATECARD_H
#define CLIENT_STATECARD_H

/* statecard: what is said over the picture while it is not live. */

#include <gtk/gtk.h>

#include "client/native/session.h"

struct client_statecard;

/* again and back are called when a person asks for it. */
struct client_statecard *client_statecard_new(void (*again)(void *user_data),
                                              void (*back)(void *user_data), void *user_data);
void client_statecard_free(struct client_statecard *card);
GtkWidget *client_statecard_widget(struct client_statecard *card);
/* Says the status; hides when live. */
void client_statecard_show(struct client_statecard *card,
                           const struct client_session_status *status);

#endif
