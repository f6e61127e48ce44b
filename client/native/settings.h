/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

/* settings: what is remembered between starts: server and user, never an answer. g_free() both. */

void client_settings_load(char **ret_server, char **ret_user);
void client_settings_store(const char *server, const char *user);

#endif
