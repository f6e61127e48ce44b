/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/keys.h"

#include <glib.h>
#include <linux/input-event-codes.h>

static void
test_hardware_codes_are_evdev_plus_eight(void)
{
    g_assert_cmpuint(client_key_from_hardware(38), ==, KEY_A);
    g_assert_cmpuint(client_key_from_hardware(130), ==, KEY_HANGEUL);
    g_assert_cmpuint(client_key_from_hardware(0), ==, 0);
    g_assert_cmpuint(client_key_from_hardware(8), ==, 0);
    g_assert_cmpuint(client_key_from_hardware(CLIENT_MAX_KEY + 8), ==, CLIENT_MAX_KEY);
    g_assert_cmpuint(client_key_from_hardware(CLIENT_MAX_KEY + 9), ==, 0);
}

static void
test_names_and_numbers_are_keys(void)
{
    g_assert_cmpuint(client_key_from_name("30"), ==, KEY_A);
    g_assert_cmpuint(client_key_from_name("1"), ==, KEY_ESC);
    g_assert_cmpuint(client_key_from_name("KEY_1"), ==, KEY_1);
    g_assert_cmpuint(client_key_from_name("KEY_A"), ==, KEY_A);
    g_assert_cmpuint(client_key_from_name("z"), ==, KEY_Z);
    g_assert_cmpuint(client_key_from_name("Enter"), ==, KEY_ENTER);
    g_assert_cmpuint(client_key_from_name("KEY_F11"), ==, KEY_F11);
    g_assert_cmpuint(client_key_from_name(""), ==, 0);
    g_assert_cmpuint(client_key_from_name("0"), ==, 0);
    g_assert_cmpuint(client_key_from_name("99999"), ==, 0);
    g_assert_cmpuint(client_key_from_name("nosuchkey"), ==, 0);
}

static void
check_char(char c, uint16_t code, bool shift)
{
    uint16_t got = 0;
    bool shifted = !shift;

    g_assert_true(client_key_from_char(c, &got, &shifted));
    g_assert_cmpuint(got, ==, code);
    g_assert_cmpint(shifted, ==, shift);
}

static void
test_every_printable_character_has_a_key(void)
{
    uint16_t code;
    bool shift;
    char c;

    check_char('a', KEY_A, false);
    check_char('A', KEY_A, true);
    check_char('1', KEY_1, false);
    check_char('!', KEY_1, true);
    check_char('=', KEY_EQUAL, false);
    check_char('}', KEY_RIGHTBRACE, true);
    check_char('`', KEY_GRAVE, false);
    check_char('"', KEY_APOSTROPHE, true);
    check_char('\\', KEY_BACKSLASH, false);
    check_char('?', KEY_SLASH, true);
    check_char(' ', KEY_SPACE, false);
    for (c = ' '; c < 127; c++)
        g_assert_true(client_key_from_char(c, &code, &shift));
    g_assert_false(client_key_from_char('\0', &code, &shift));
    g_assert_false(client_key_from_char('\x7f', &code, &shift));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/keys/hardware-codes-are-evdev-plus-eight",
                    test_hardware_codes_are_evdev_plus_eight);
    g_test_add_func("/keys/names-and-numbers-are-keys", test_names_and_numbers_are_keys);
    g_test_add_func("/keys/every-printable-character-has-a-key",
                    test_every_printable_character_has_a_key);
    return g_test_run();
}
