/* SPDX-License-Identifier: Apache-2.0 */
/* move: desktops of this machine's host as files; vedette-image does the work. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/table.h"

/* The desktop of a session, g_free(); NULL after telling that there is none. */
static char *
desktop_of(const struct ctl *ctl, const char *session)
{
    struct ctl quiet = *ctl;
    json_t *reply, *entry;
    char *found = NULL;
    size_t i;

    quiet.json = false; /* the answer is for us */
    reply = ctl_call(&quiet, json_pack("{s:s}", "type", "session-list"));
    if (reply == NULL) {
        return NULL;
    }
    json_array_foreach(json_object_get(reply, "sessions"), i, entry)
    {
        if (strcmp(ctl_text(entry, "id"), session) == 0 && found == NULL) {
            found = g_strdup(ctl_text(entry, "desktop"));
        }
    }
    json_decref(reply);
    if (found == NULL || found[0] == '\0') {
        fprintf(stderr, "vedettectl: there is no session %.64s with a desktop\n", session);
        g_clear_pointer(&found, g_free);
    }
    return found;
}

static void
add(GPtrArray *arguments, const char *option, const char *value)
{
    if (value != NULL) {
        g_ptr_array_add(arguments, (char *)option);
        g_ptr_array_add(arguments, (char *)value);
    }
}

int
ctl_desktop_move(const struct ctl *ctl, char **words)
{
    g_autoptr(GPtrArray) arguments = g_ptr_array_new();
    g_autofree char *host = g_build_filename(ctl->state, "hostd", NULL);
    g_autofree char *desktop = NULL;
    guint count = g_strv_length(words);

    g_ptr_array_add(arguments, (char *)"vedette-image");
    if (strcmp(words[1], "import") == 0 && count == 3) {
        add(arguments, "import-desktop", words[2]);
        add(arguments, "--user", ctl->user);
        add(arguments, "--pool", ctl->pool);
    } else if (strcmp(words[1], "export") == 0 && count == 4) {
        desktop = g_str_has_prefix(words[2], "s-") ? desktop_of(ctl, words[2]) : g_strdup(words[2]);
        if (desktop == NULL) {
            return CTL_FAILED;
        }
        add(arguments, "export-desktop", desktop);
        g_ptr_array_add(arguments, words[3]);
    } else {
        return ctl_usage("desktop export DESKTOP|SESSION FILE or "
                         "desktop import FILE [--user USER] [--pool POOL]");
    }
    add(arguments, "--in-use", host);
    return ctl_become_image(ctl, arguments);
}
