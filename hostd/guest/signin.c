/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/guest/signin.h"

#include <stdio.h>
#include <string.h>

#define NAME_CHARS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define TEXT_MAX   200

static bool
take_name(const char *line, size_t size, const char *key, char name[SIGNIN_NAME_MAX])
{
    return guest_port_parse_member(line, size, key, name, SIGNIN_NAME_MAX) &&
           name[strspn(name, NAME_CHARS)] == '\0' && name[0] != '-' && name[0] != '.';
}

static bool
take_id(const char *line, size_t size, const char *key, char id[SIGNIN_ID_MAX])
{
    return guest_port_parse_member(line, size, key, id, SIGNIN_ID_MAX) &&
           id[strspn(id, "0123456789")] == '\0' && id[0] != '0';
}

bool
signin_parse(const char *line, size_t size, struct signin *ret_signin)
{
    char disk[4];

    memset(ret_signin, 0, sizeof(*ret_signin));
    if (!take_name(line, size, "name", ret_signin->name) ||
        !take_name(line, size, "group", ret_signin->group) ||
        !take_id(line, size, "uid", ret_signin->uid) ||
        !take_id(line, size, "gid", ret_signin->gid) ||
        !guest_port_parse_member(line, size, "disk", disk, sizeof(disk))) {
        return false;
    }
    ret_signin->disk = strcmp(disk, "yes") == 0;
    if (!guest_port_parse_member(line, size, "groups", ret_signin->groups, SIGNIN_GROUPS_MAX)) {
        ret_signin->groups[0] = '\0';
    }
    if (!guest_port_parse_text(line, size, ret_signin->full_name)) {
        ret_signin->full_name[0] = '\0';
    }
    return ret_signin->groups[strspn(ret_signin->groups, NAME_CHARS ":,")] == '\0';
}

void
signin_answer(const char *name, const char *text, char answer[GUEST_PORT_LINE_MAX])
{
    char clean[TEXT_MAX];
    size_t used = 0;

    /* What a program said is made fit for a JSON string. */
    for (; text != NULL && *text != '\0' && used + 1 < sizeof(clean); text++) {
        clean[used++] = *text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? ' ' : *text;
    }
    clean[used] = '\0';
    snprintf(answer, GUEST_PORT_LINE_MAX,
             "{\"type\":\"account\",\"name\":\"%s\",\"state\":\"%s\",\"text\":\"%s\"}\n", name,
             text == NULL ? "ready" : "failed", clean);
}
