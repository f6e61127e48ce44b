/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/settings.h"

#include <glib.h>
#include <string.h>

#include "protocol/base/fd.h"
#include "protocol/base/log.h"

static char *
settings_path(void)
{
    return g_build_filename(g_get_user_config_dir(), "vedette", "client.ini", NULL);
}

void
client_settings_load(char **ret_server, char **ret_user)
{
    g_autoptr(GKeyFile) ini = g_key_file_new();
    g_autofree char *path = settings_path();

    /* Without a file, or with a damaged one, there is nothing to remember. */
    (void)g_key_file_load_from_file(ini, path, G_KEY_FILE_NONE, NULL);
    *ret_server = g_key_file_get_string(ini, "Login", "Server", NULL);
    *ret_user = g_key_file_get_string(ini, "Login", "User", NULL);
}

void
client_settings_store(const char *server, const char *user)
{
    g_autoptr(GKeyFile) ini = g_key_file_new();
    g_autofree char *path = settings_path();
    g_autofree char *folder = g_path_get_dirname(path);
    g_autofree char *text = NULL;
    gsize size = 0;
    int r;

    g_key_file_set_string(ini, "Login", "Server", server);
    g_key_file_set_string(ini, "Login", "User", user);
    text = g_key_file_to_data(ini, &size, NULL);
    r = vd_mkdir_all(folder, 0700);
    if (r >= 0)
        r = vd_file_replace(path, text, size, 0600);
    if (r < 0)
        vd_warning("settings", "writing '%s': %s, continuing without", path, g_strerror(-r));
}
