/* SPDX-License-Identifier: Apache-2.0 */
/* disks: the users' own, where they are and how to delete one. */
#include <glib.h>
#include <stdio.h>
#include <string.h>

#include "broker/ctl/ctl.h"
#include "broker/ctl/table.h"

static int
disk_list(const struct ctl *ctl)
{
    static const char *const headings[] = {"POOL", "USER", "HOST", "STATE", "DESKTOP", NULL};
    static const char *const keys[] = {"pool", "user", "host", "state", "desktop"};
    json_t *reply = ctl_call(ctl, json_pack("{s:s}", "type", "disk-list"));
    struct ctl_table *table;
    json_t *disk;
    size_t i, j;

    if (reply == NULL || ctl->json) {
        json_decref(reply);
        return reply != NULL ? CTL_DONE : CTL_FAILED;
    }
    table = ctl_table_new(headings);
    json_array_foreach(json_object_get(reply, "disks"), i, disk)
    {
        for (j = 0; j < G_N_ELEMENTS(keys); j++) {
            ctl_table_add(table, ctl_text(disk, keys[j]));
        }
    }
    ctl_table_print(table);
    if (ctl_table_rows(table) == 0) {
        puts("No user has a disk; pools with [UserDisk] make one at the first login.");
    }
    ctl_table_free(table);
    json_decref(reply);
    return CTL_DONE;
}

int
ctl_verb_disk(const struct ctl *ctl, char **words)
{
    const char *verb = words[1] != NULL ? words[1] : "";
    json_t *reply;

    if (strcmp(verb, "list") == 0 && words[2] == NULL) {
        return disk_list(ctl);
    }
    if (strcmp(verb, "delete") != 0 || words[2] == NULL || words[3] == NULL || words[4] != NULL) {
        return ctl_usage("disk list or disk delete POOL USER");
    }
    reply = ctl_call(
        ctl, json_pack("{s:s,s:s,s:s}", "type", "disk-delete", "pool", words[2], "user", words[3]));
    if (reply == NULL) {
        return CTL_FAILED;
    }
    if (!ctl->json) {
        printf("The files of %s in %s are deleted as soon as their host is there; they do not come "
               "back.\n",
               words[3], words[2]);
    }
    json_decref(reply);
    return CTL_DONE;
}
