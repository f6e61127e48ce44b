/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/poolfolder.h"

#include <stdlib.h>
#include <string.h>

#include "broker/poolfile.h"
#include "protocol/base/fd.h"
#include "protocol/base/ini.h"

static void
load_one(struct broker_pools *pools, const char *dir, const char *file, GPtrArray *errors)
{
    char *path = g_build_filename(dir, file, NULL);
    char *name = g_strndup(file, strlen(file) - strlen(".pool"));
    char *text = NULL;
    size_t size = 0;
    int result = vd_file_read(path, VD_INI_MAX_FILE, &text, &size);

    if (result < 0) {
        g_ptr_array_add(errors, g_strdup_printf("%s:1: reading it: %s", path, g_strerror(-result)));
    } else {
        struct broker_pool *pool = broker_pool_parse(name, path, text, size, errors);

        if (pool != NULL) {
            g_ptr_array_add(pools->items, pool);
        }
    }
    free(text);
    g_free(name);
    g_free(path);
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names of the pool files in dir, sorted; hidden files and other endings are not ours. */
static GPtrArray *
list_files(const char *dir, GPtrArray *errors)
{
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    GDir *folder = g_dir_open(dir, 0, &error);
    const char *file;

    if (folder == NULL) {
        g_ptr_array_add(errors, g_strdup_printf("%s:1: %s", dir, error->message));
        g_clear_error(&error);
        return files;
    }
    while ((file = g_dir_read_name(folder)) != NULL) {
        if (file[0] == '.' || !g_str_has_suffix(file, ".pool")) {
            continue;
        }
        if (files->len == BROKER_MAX_POOLS) {
            g_ptr_array_add(
                errors, g_strdup_printf("%s:1: more than %u pool files", dir, BROKER_MAX_POOLS));
            break;
        }
        g_ptr_array_add(files, g_strdup(file));
    }
    g_dir_close(folder);
    g_ptr_array_sort(files, compare_names);
    return files;
}

/* Names that differ only in case would be taken for one another by people. */
static void
check_names(const struct broker_pools *pools, GPtrArray *errors)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    guint i;

    for (i = 0; i < pools->items->len; i++) {
        struct broker_pool *pool = g_ptr_array_index(pools->items, i);
        char *folded = g_ascii_strdown(pool->name, -1);
        const struct broker_pool *other = g_hash_table_lookup(seen, folded);

        if (other != NULL) {
            g_ptr_array_add(errors, g_strdup_printf("%s:1: the pool '%s' exists already as '%s'",
                                                    pool->path, pool->name, other->path));
        }
        g_hash_table_insert(seen, folded, pool);
    }
    g_hash_table_unref(seen);
}

struct broker_pools *
broker_pools_load(const char *dir, GPtrArray **ret_errors)
{
    GPtrArray *errors = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *files = list_files(dir, errors);
    struct broker_pools *pools = broker_pools_new();
    guint i;

    for (i = 0; i < files->len; i++) {
        load_one(pools, dir, g_ptr_array_index(files, i), errors);
    }
    check_names(pools, errors);
    g_ptr_array_unref(files);
    if (errors->len > 0) {
        *ret_errors = errors;
        broker_pools_free(pools);
        return NULL;
    }
    g_ptr_array_unref(errors);
    return pools;
}
