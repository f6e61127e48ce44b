/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_THEME_H
#define CLIENT_THEME_H

/*
 * theme: the folder that dresses login and launcher. theme.ini names everything; docs/THEMES.md.
 *
 * A member that is missing keeps its built-in value, so that a broken theme never hides the login.
 */

#include <gtk/gtk.h>

struct client_theme {
    char *folder; /* "" when no theme was found */
    char *title;  /* of the product */
    char *greeting;
    char *footer;
    char *logo; /* file, or NULL */
    char *css;  /* file, or NULL */
};

/* folder NULL: the default theme, beside the program in a build tree or where it was installed. */
struct client_theme *client_theme_load(const char *folder);
void client_theme_free(struct client_theme *theme);
/* Puts colours and style sheet of the theme on the display. */
void client_theme_apply(const struct client_theme *theme, GdkDisplay *display);
/* The logo at a size in pixels, or NULL. */
GtkWidget *client_theme_logo(const struct client_theme *theme, int size);

#endif
