/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/keymap.h"

#include <glib.h>
#include <linux/input-event-codes.h>

static void
test_well_known_keys(void)
{
    static const struct {
        uint16_t code;
        uint8_t qnum;
    } rows[] = {
        {KEY_ESC, 0x01},      {KEY_A, 0x1e},         {KEY_SPACE, 0x39},      {KEY_F10, 0x44},
        {KEY_KPDOT, 0x53},    {KEY_102ND, 0x56},     {KEY_F11, 0x57},        {KEY_F12, 0x58},
        {KEY_RO, 0x73},       {KEY_HENKAN, 0x79},    {KEY_MUHENKAN, 0x7b},   {KEY_YEN, 0x7d},
        {KEY_KPENTER, 0x9c},  {KEY_RIGHTCTRL, 0x9d}, {KEY_KPSLASH, 0xb5},    {KEY_SYSRQ, 0x54},
        {KEY_RIGHTALT, 0xb8}, {KEY_HOME, 0xc7},      {KEY_UP, 0xc8},         {KEY_PAGEUP, 0xc9},
        {KEY_LEFT, 0xcb},     {KEY_RIGHT, 0xcd},     {KEY_END, 0xcf},        {KEY_DOWN, 0xd0},
        {KEY_PAGEDOWN, 0xd1}, {KEY_INSERT, 0xd2},    {KEY_DELETE, 0xd3},     {KEY_PAUSE, 0xc6},
        {KEY_LEFTMETA, 0xdb}, {KEY_RIGHTMETA, 0xdc}, {KEY_COMPOSE, 0xdd},    {KEY_HANGEUL, 0x72},
        {KEY_HANJA, 0x71},    {KEY_MUTE, 0xa0},      {KEY_VOLUMEDOWN, 0xae}, {KEY_VOLUMEUP, 0xb0},
        {KEY_CALC, 0xa1},     {KEY_F13, 0x5d},       {KEY_F24, 0x6f},        {KEY_MEDIA, 0xed},
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmphex(streamer_qnum(rows[i].code), ==, rows[i].qnum);
    }
}

/* No two keys of evdev may press the same key of the guest. */
static void
test_numbers_are_unique(void)
{
    uint16_t owner[256] = {0};
    uint16_t code;
    unsigned known = 0;

    for (code = 1; code <= KEY_MICMUTE; code++) {
        uint8_t qnum = streamer_qnum(code);

        if (qnum != 0) {
            if (owner[qnum] != 0) {
                g_test_message("keys %u and %u share 0x%02x", owner[qnum], code, qnum);
            }
            g_assert_cmpuint(owner[qnum], ==, 0);
            owner[qnum] = code;
            known++;
        }
    }
    g_assert_cmpuint(known, >, 220);
}

static void
test_unknown_keys_have_no_number(void)
{
    g_assert_cmpuint(streamer_qnum(KEY_RESERVED), ==, 0);
    g_assert_cmpuint(streamer_qnum(84), ==, 0);
    g_assert_cmpuint(streamer_qnum(KEY_MICMUTE), ==, 0);
    g_assert_cmpuint(streamer_qnum(BTN_LEFT), ==, 0);
    g_assert_cmpuint(streamer_qnum(UINT16_MAX), ==, 0);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keymap/well-known-keys", test_well_known_keys);
    g_test_add_func("/keymap/numbers-are-unique", test_numbers_are_unique);
    g_test_add_func("/keymap/unknown-keys-have-no-number", test_unknown_keys_have_no_number);
    return g_test_run();
}
