/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/keys.h"

#include <glib.h>
#include <linux/input-event-codes.h>
#include <string.h>

#define HARDWARE_OFFSET 8u

static const struct key_name {
    const char *name;
    uint16_t code;
} key_names[] = {
    {"esc", KEY_ESC},
    {"tab", KEY_TAB},
    {"enter", KEY_ENTER},
    {"space", KEY_SPACE},
    {"backspace", KEY_BACKSPACE},
    {"leftctrl", KEY_LEFTCTRL},
    {"leftshift", KEY_LEFTSHIFT},
    {"leftalt", KEY_LEFTALT},
    {"leftmeta", KEY_LEFTMETA},
    {"rightctrl", KEY_RIGHTCTRL},
    {"rightshift", KEY_RIGHTSHIFT},
    {"rightalt", KEY_RIGHTALT},
    {"rightmeta", KEY_RIGHTMETA},
    {"capslock", KEY_CAPSLOCK},
    {"numlock", KEY_NUMLOCK},
    {"up", KEY_UP},
    {"down", KEY_DOWN},
    {"left", KEY_LEFT},
    {"right", KEY_RIGHT},
    {"home", KEY_HOME},
    {"end", KEY_END},
    {"pageup", KEY_PAGEUP},
    {"pagedown", KEY_PAGEDOWN},
    {"insert", KEY_INSERT},
    {"delete", KEY_DELETE},
    {"menu", KEY_COMPOSE},
    {"hangul", KEY_HANGEUL},
    {"hanja", KEY_HANJA},
    {"f1", KEY_F1},
    {"f2", KEY_F2},
    {"f3", KEY_F3},
    {"f4", KEY_F4},
    {"f5", KEY_F5},
    {"f6", KEY_F6},
    {"f7", KEY_F7},
    {"f8", KEY_F8},
    {"f9", KEY_F9},
    {"f10", KEY_F10},
    {"f11", KEY_F11},
    {"f12", KEY_F12},
};

/* Rows of a US keyboard: plain and shifted characters of consecutive codes. */
static const struct key_row {
    uint16_t first;
    const char *plain;
    const char *shifted;
} key_rows[] = {
    {KEY_1, "1234567890-=", "!@#$%^&*()_+"},
    {KEY_Q, "qwertyuiop[]", "QWERTYUIOP{}"},
    {KEY_A, "asdfghjkl;'`", "ASDFGHJKL:\"~"},
    {KEY_BACKSLASH, "\\zxcvbnm,./", "|ZXCVBNM<>?"},
    {KEY_SPACE, " ", ""},
    {KEY_TAB, "\t", ""},
    {KEY_ENTER, "\n", ""},
};

uint16_t
client_key_from_hardware(unsigned keycode)
{
    if (keycode <= HARDWARE_OFFSET || keycode - HARDWARE_OFFSET > CLIENT_MAX_KEY)
        return 0;
    return (uint16_t)(keycode - HARDWARE_OFFSET);
}

uint16_t
client_key_from_name(const char *name)
{
    guint64 number;
    uint16_t code;
    bool shift;
    size_t i;

    if (g_ascii_strncasecmp(name, "KEY_", 4) == 0)
        name += 4;
    else if (g_ascii_isdigit(name[0]))
        return g_ascii_string_to_unsigned(name, 10, 1, CLIENT_MAX_KEY, &number, NULL)
                   ? (uint16_t)number
                   : 0;
    for (i = 0; i < G_N_ELEMENTS(key_names); i++)
        if (g_ascii_strcasecmp(name, key_names[i].name) == 0)
            return key_names[i].code;
    if (strlen(name) == 1 && client_key_from_char(g_ascii_tolower(name[0]), &code, &shift))
        return code;
    return 0;
}

bool
client_key_from_char(char c, uint16_t *ret_code, bool *ret_shift)
{
    size_t i;

    if (!c)
        return false;
    for (i = 0; i < G_N_ELEMENTS(key_rows); i++) {
        const char *plain = strchr(key_rows[i].plain, c);
        const char *shifted = strchr(key_rows[i].shifted, c);

        if (plain)
            *ret_code = (uint16_t)(key_rows[i].first + (plain - key_rows[i].plain));
        else if (shifted)
            *ret_code = (uint16_t)(key_rows[i].first + (shifted - key_rows[i].shifted));
        else
            continue;
        *ret_shift = !plain;
        return true;
    }
    return false;
}
