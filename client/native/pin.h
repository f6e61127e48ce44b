/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_PIN_H
#define CLIENT_PIN_H

/*
 * pin: which certificate authority speaks for a server.
 *
 * One PEM file a server in FOLDER/HOST_PORT.pem, written only after a person confirmed the
 * fingerprint. Nothing else is ever trusted: a server that shows another authority later is
 * refused, and the way back is to remove the file by hand.
 */

#include <gio/gio.h>
#include <stdbool.h>

#include "client/native/address.h"

#define CLIENT_MAX_PEM (64u * 1024u) /* bytes of a pin file or of --ca */

/* $XDG_CONFIG_HOME/vedette/pins; g_free(). */
char *client_pin_folder(void);
/* The file of a server: every character of the host outside [a-z0-9.-] is escaped. g_free(). */
char *client_pin_path(const char *folder, const struct client_address *address);
/* The PEM text (g_free()), or NULL with *ret_missing when there is none, or NULL and *error. */
char *client_pin_load(const char *folder, const struct client_address *address, bool *ret_missing,
                      GError **error);
bool client_pin_store(const char *folder, const struct client_address *address, const char *ca_pem,
                      GError **error);
/* A PEM file named by a person. */
char *client_pin_read_file(const char *path, GError **error);

/*
 * Asks the server for its authority, without trusting or sending anything. done gets the PEM text
 * and "sha256:…" (both borrowed), or NULL and an error text. It is called in the context that is
 * the thread default now, unless cancellable was cancelled before.
 */
typedef void (*client_pin_fetched_fn)(const char *ca_pem, const char *fingerprint,
                                      const char *error, void *user_data);
void client_pin_fetch(const struct client_address *address, GCancellable *cancellable,
                      client_pin_fetched_fn done, void *user_data);

#endif
