/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/programs.h"

#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    const char *folder;
} places[] = {
    {"vedette-broker", "broker"},     {"vedette-gateway", "broker/gateway"},
    {"vedette-pam", "broker/pam"},    {"vedette-launch", "protocol/launch"},
    {"vedette-hostd", "hostd"},       {"vedette-streamer", "hostd/streamer"},
    {"vedette-image", "hostd/image"}, {"vedette-agent", "hostd/guest"},
    {"vedette", "client/native"},
};

static char *
try_path(const char *folder, const char *below, const char *name)
{
    char *path =
        g_build_filename(folder, below != NULL ? below : name, below != NULL ? name : NULL, NULL);

    if (access(path, X_OK) == 0 && !g_file_test(path, G_FILE_TEST_IS_DIR)) {
        return path;
    }
    g_free(path);
    return NULL;
}

static char *
try_folder(const char *folder, const char *name)
{
    char *path = try_path(folder, NULL, name);
    size_t i;

    for (i = 0; path == NULL && i < G_N_ELEMENTS(places); i++) {
        if (strcmp(places[i].name, name) == 0) {
            path = try_path(folder, places[i].folder, name);
        }
    }
    return path;
}

/* The build tree that this very program stands in, or NULL. */
static char *
own_build_tree(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;

    if (folder == NULL || !g_str_has_suffix(folder, "/broker/ctl")) {
        return NULL;
    }
    return g_strndup(folder, strlen(folder) - strlen("/broker/ctl"));
}

/* What people run themselves is where vedettectl is. */
static char *
try_beside(const char *name)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = self != NULL ? g_path_get_dirname(self) : NULL;

    return folder != NULL ? try_path(folder, NULL, name) : NULL;
}

char *
ctl_program_find(const char *folder, const char *name, GError **error)
{
    g_autofree char *tree = folder == NULL ? own_build_tree() : NULL;
    char *path = NULL;

    if (folder != NULL) {
        path = try_folder(folder, name);
    }
    if (tree != NULL) {
        path = try_folder(tree, name);
    }
    if (path == NULL && folder == NULL) {
        path = try_folder(PKGLIBEXECDIR, name);
    }
    if (path == NULL && folder == NULL) {
        path = try_beside(name);
    }
    if (path == NULL) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                    "%s is not in %s; name its folder with --programs DIR", name,
                    folder != NULL ? folder
                    : tree != NULL ? tree
                                   : PKGLIBEXECDIR);
    }
    return path;
}
