/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_PICTURE_H
#define CLIENT_PICTURE_H

/*
 * picture: a widget that shows the pixels of a session as a grid of textures.
 *
 * A texture stands on the pieces that were decoded, without a copy; what no frame touched is
 * neither uploaded nor drawn again. At 1:1 a pixel of the desktop is a pixel of the screen;
 * otherwise the picture is scaled to fit. A stale picture is grey.
 */

#include <gtk/gtk.h>
#include <stdbool.h>

#include "client/native/session.h"

#define CLIENT_TYPE_PICTURE (client_picture_get_type())
G_DECLARE_FINAL_TYPE(ClientPicture, client_picture, CLIENT, PICTURE, GtkWidget)

/* Sees every size in device pixels, with the scale in 1/120. */
typedef void (*client_picture_resized_fn)(int width, int height, int scale, void *user_data);

GtkWidget *client_picture_new(client_picture_resized_fn resized, void *user_data);
/* Borrowed until set to NULL. */
void client_picture_set_session(ClientPicture *picture, struct client_session *session);
void client_picture_surface(ClientPicture *picture); /* the session has another size */
/* The session has a frame to show; it is acknowledged when it is on the screen. */
void client_picture_frame(ClientPicture *picture, const struct client_frame *frame);
void client_picture_set_fit(ClientPicture *picture, bool fit);
void client_picture_set_stale(ClientPicture *picture, bool stale);
/* From the widget's coordinates to a pixel of the desktop; clamped. False without a picture. */
bool client_picture_locate(ClientPicture *picture, double x, double y, uint16_t *ret_x,
                           uint16_t *ret_y);

#endif
