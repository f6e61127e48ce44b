/* SPDX-License-Identifier: Apache-2.0 */
/* desktops: what there is, what was deleted, and how to have it back. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/table.h"

#define BYTES_MIB INT64_C(1048576)

/* Lets go of a reply; the exit status of a verb that got one. */
static int
done(json_t *reply)
{
    json_decref(reply);
    return CTL_DONE;
}

static int
desktop_list(const struct ctl *ctl)
{
    static const char *const headings[] = {"DESKTOP", "POOL",  "IMAGE", "HOST", "WANTED",
                                           "STATE",   "OWNER", "TEXT",  NULL};
    static const char *const keys[] = {"host", "wanted", "state", "owner", "text"};
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "desktop-list"));
    struct ctl_table *table;
    json_t *desktop;
    size_t i, j;

    if (reply == NULL || ctl->json) {
        return reply != NULL ? done(reply) : CTL_FAILED;
    }
    table = ctl_table_new(headings);
    json_array_foreach(json_object_get(reply, "desktops"), i, desktop)
    {
        g_autofree char *image = g_strdup_printf("%s:%d", ctl_text(desktop, "image"),
                                                 (int)ctl_number(desktop, "revision"));

        ctl_table_add(table, ctl_text(desktop, "id"));
        ctl_table_add(table, ctl_text(desktop, "pool"));
        ctl_table_add(table, image);
        for (j = 0; j < G_N_ELEMENTS(keys); j++) {
            ctl_table_add(table, ctl_text(desktop, keys[j]));
        }
    }
    ctl_table_print(table);
    if (ctl_table_rows(table) == 0) {
        puts("There are no desktops.");
    }
    ctl_table_free(table);
    return done(reply);
}

int
ctl_verb_desktop(const struct ctl *ctl, char **words)
{
    const char *verb = words[1] != NULL ? words[1] : "";
    json_t *reply;

    if (strcmp(verb, "list") == 0 && words[2] == NULL) {
        return desktop_list(ctl);
    }
    if (strcmp(verb, "export") == 0 || strcmp(verb, "import") == 0) {
        return ctl_desktop_move(ctl, words);
    }
    if (strcmp(verb, "delete") != 0 || words[2] == NULL || words[3] != NULL) {
        return ctl_usage(
            "desktop list, desktop delete ID, desktop export ID FILE or desktop import FILE");
    }
    reply = ctl_call(ctl, json_pack("{s:s,s:s}", "type", "desktop-delete", "desktop", words[2]));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("Desktop %s is deleted; 'vedettectl trash list' shows whether it can be had back.\n",
               words[2]);
    }
    return done(reply);
}

static int
trash_list(const struct ctl *ctl)
{
    static const char *const headings[] = {"ID",   "USER", "POOL",    "IMAGE", "HOST",
                                           "SIZE", "AGO",  "ENDS IN", NULL};
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "trash-list"));
    int64_t now_ms = g_get_real_time() / 1000;
    struct ctl_table *table;
    json_t *entry;
    size_t i;

    if (reply == NULL || ctl->json) {
        return reply != NULL ? done(reply) : CTL_FAILED;
    }
    table = ctl_table_new(headings);
    json_array_foreach(json_object_get(reply, "trash"), i, entry)
    {
        g_autofree char *image =
            g_strdup_printf("%s:%d", ctl_text(entry, "image"), (int)ctl_number(entry, "revision"));
        g_autofree char *size =
            ctl_format_megabytes((ctl_number(entry, "bytes") + BYTES_MIB - 1) / BYTES_MIB);
        g_autofree char *ago = ctl_format_age(ctl_number(entry, "deleted_ms"));
        /* The time until then is as long as that since its mirror image. */
        g_autofree char *left = ctl_format_age(2 * now_ms - ctl_number(entry, "expires_ms"));

        ctl_table_add(table, ctl_text(entry, "id"));
        ctl_table_add(table, ctl_text(entry, "user"));
        ctl_table_add(table, ctl_text(entry, "pool"));
        ctl_table_add(table, image);
        ctl_table_add(table, ctl_text(entry, "host"));
        ctl_table_add(table, size);
        ctl_table_add(table, ago);
        ctl_table_add(table, left);
    }
    ctl_table_print(table);
    if (ctl_table_rows(table) == 0) {
        puts("The trash is empty.");
    }
    ctl_table_free(table);
    return done(reply);
}

static int
trash_restore(const struct ctl *ctl, const char *id)
{
    json_t *reply = ctl_call(ctl, json_pack("{s:s,s:s}", "type", "trash-restore", "id", id));

    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf(
            "It comes back as desktop %s, for '%s' alone: the next session in pool '%s' is on it, "
            "until 'vedettectl desktop delete %s'.\n",
            ctl_text(reply, "desktop"), ctl_text(reply, "user"), ctl_text(reply, "pool"),
            ctl_text(reply, "desktop"));
    }
    return done(reply);
}

static int
trash_empty(const struct ctl *ctl, char **ids)
{
    json_t *message = json_pack("{s:s}", "type", "trash-empty");
    json_t *reply;
    size_t i;

    if (ids[0] != NULL) {
        json_object_set_new(message, "ids", json_array());
    }
    for (i = 0; ids[i] != NULL; i++) {
        json_array_append_new(json_object_get(message, "ids"), json_string(ids[i]));
    }
    reply = ctl_call(ctl, message);
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("%d %s told.\n", (int)ctl_number(reply, "hosts"),
               ctl_number(reply, "hosts") == 1 ? "host was" : "hosts were");
    }
    return done(reply);
}

int
ctl_verb_trash(const struct ctl *ctl, char **words)
{
    const char *verb = words[1] != NULL ? words[1] : "";

    if (strcmp(verb, "list") == 0 && words[2] == NULL) {
        return trash_list(ctl);
    }
    if (strcmp(verb, "restore") == 0 && words[2] != NULL && words[3] == NULL) {
        return trash_restore(ctl, words[2]);
    }
    if (strcmp(verb, "empty") == 0) {
        return trash_empty(ctl, words + 2);
    }
    return ctl_usage("trash list, trash restore ID or trash empty [ID...]");
}
