/* SPDX-License-Identifier: Apache-2.0 */
/* The .mf of an appliance: ALGORITHM(NAME)= DIGITS, one file a line. */
#include "hostd/image/ovf.h"

#include <string.h>

#include "hostd/image/manifest.h"

static const struct {
    const char *name, *prefix;
    gsize digits;
} algorithms[] = {{"SHA1", "sha1:", 40}, {"SHA256", "sha256:", 64}};

static bool
invalid(GError **error, guint line, const char *what)
{
    g_set_error(error, IMAGE_ERROR, IMAGE_ERROR_INVALID, "line %u of the digests: %s", line, what);
    return false;
}

/* "sha256:..." or NULL. */
static char *
make_digest(const char *algorithm, const char *digits)
{
    for (guint i = 0; i < G_N_ELEMENTS(algorithms); i++) {
        if (g_ascii_strcasecmp(algorithm, algorithms[i].name) == 0 &&
            strlen(digits) == algorithms[i].digits &&
            strspn(digits, "0123456789abcdefABCDEF") == algorithms[i].digits) {
            g_autofree char *small = g_ascii_strdown(digits, -1);

            return g_strconcat(algorithms[i].prefix, small, NULL);
        }
    }
    return NULL;
}

static bool
take_line(GHashTable *digests, char *line, guint number, GError **error)
{
    char *open = strchr(line, '('), *close = strrchr(line, ')');
    char *equals = close == NULL ? NULL : close + 1 + strspn(close + 1, " \t");
    g_autofree char *digest = NULL, *name = NULL;

    if (open == NULL || close == NULL || close < open || *equals != '=') {
        return invalid(error, number, "it is not ALGORITHM(FILE)= DIGEST");
    }
    name = g_strndup(open + 1, (gsize)(close - open - 1));
    *open = '\0';
    digest = make_digest(g_strstrip(line), g_strstrip(equals + 1));
    if (digest == NULL) {
        return invalid(error, number, "it is no SHA1 or SHA256");
    }
    if (!tar_name_is_plain(name) || g_hash_table_contains(digests, name)) {
        return invalid(error, number, "its name is a path, or was there before");
    }
    g_hash_table_insert(digests, g_steal_pointer(&name), g_steal_pointer(&digest));
    return true;
}

GHashTable *
ovf_digests_parse(const char *text, gsize size, GError **error)
{
    g_autoptr(GHashTable) digests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autofree char *copy = g_strndup(text, size);
    g_auto(GStrv) lines = NULL;

    if (size > OVF_DIGESTS_MAX || strlen(copy) != size) {
        (void)invalid(error, 1, "it is too long, or no text");
        return NULL;
    }
    lines = g_strsplit(copy, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++) {
        if (*g_strstrip(lines[i]) != '\0' && !take_line(digests, lines[i], i + 1, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&digests);
}
