/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_LOGINPAGE_H
#define CLIENT_LOGINPAGE_H

/* loginpage: server and user, what PAM asks, and whom to trust: one card that changes its contents.
 */

#include <gtk/gtk.h>
#include <stdbool.h>

#include "client/native/apireply.h"
#include "client/native/theme.h"

struct client_loginpage;

struct client_loginpage_events {
    void (*start)(const char *server, const char *user, void *user_data);
    void (*answer)(const char *const *answers, size_t count, void *user_data);
    void (*trust)(void *user_data);  /* the fingerprint was confirmed */
    void (*cancel)(void *user_data); /* back to server and user */
};

/* theme and events are borrowed. */
struct client_loginpage *client_loginpage_new(const struct client_theme *theme,
                                              const struct client_loginpage_events *events,
                                              void *user_data);
void client_loginpage_free(struct client_loginpage *page); /* after its widget is gone */
GtkWidget *client_loginpage_widget(struct client_loginpage *page);

/* Server and user; message (may be NULL) is shown as an error. */
void client_loginpage_start(struct client_loginpage *page, const char *server, const char *user,
                            const char *message);
void client_loginpage_busy(struct client_loginpage *page, const char *text);
void client_loginpage_prompts(struct client_loginpage *page, const char *user,
                              const struct client_login_reply *round);
void client_loginpage_trust(struct client_loginpage *page, const char *server,
                            const char *fingerprint);

#endif
