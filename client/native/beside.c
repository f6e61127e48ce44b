/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/beside.h"

#include <gio/gio.h>

char *
client_beside_program(const char *relative)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(program ? program : ".");

    return g_build_filename(folder, relative, NULL);
}
