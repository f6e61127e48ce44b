/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_DIRECT_H
#define CLIENT_DIRECT_H

/*
 * direct: shows a widget's picture past GTK where that can be: on X11, while a pixel of the desktop
 * is a pixel of the screen.
 *
 * GTK paints at its frame clock and by its renderer, which costs up to a refresh and, without a
 * GPU, milliseconds of processor a frame. What GTK draws over the picture is cut out. Everywhere
 * else the picture widget's own drawing goes on. One thread: GTK's.
 */

#include <gtk/gtk.h>
#include <stdbool.h>

#include "client/native/canvas.h"

struct client_direct;

/*
 * widget is realized, canvas holds its picture; renewed is called when GTK has to draw all of it.
 * NULL where the picture cannot be shown so.
 */
struct client_direct *client_direct_new(GtkWidget *widget, struct client_canvas *canvas,
                                        void (*renewed)(void *user_data), void *user_data);
void client_direct_free(struct client_direct *direct); /* accepts NULL */

/*
 * Follows what has been drawn: call it when GTK has painted. x, y: of the picture in the widget, in
 * logical pixels; wanted: it is live and 1:1. Accepts NULL.
 */
void client_direct_follow(struct client_direct *direct, double x, double y, int width, int height,
                          bool wanted);

#endif
