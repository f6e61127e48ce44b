/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_PNG_H
#define CLIENT_PNG_H

/* png: pictures into files. False and *error when the file cannot be written. Lossless, 8 bit. */

#include <gio/gio.h>
#include <stdbool.h>

#include "client/native/cursor.h"
#include "protocol/codec/codec.h"

/* RGB; X is dropped. */
bool client_png_write_image(const char *path, const struct vdp_image *image, GError **error);
/* RGBA. */
bool client_png_write_cursor(const char *path, const struct client_cursor *cursor, GError **error);

#endif
