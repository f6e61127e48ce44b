/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/ini.h"

#include <glib.h>
#include <string.h>

#include "protocol/base/nearest.h"

static void
on_section(void *user_data, const char *section, unsigned line)
{
    g_string_append_printf(user_data, "%u[%s]|", line, section);
}

static void
on_entry(void *user_data, const char *section, const char *key, const char *value, unsigned line)
{
    g_string_append_printf(user_data, "%u %s.%s=%s|", line, section, key, value);
}

static void
on_error(void *user_data, unsigned line, const char *text)
{
    g_assert_cmpuint(strlen(text), >, 0);
    g_string_append_printf(user_data, "%u!|", line);
}

static const struct vd_ini_handler handler = {on_section, on_entry, on_error};

static void
expect(const char *text, size_t size, unsigned errors, const char *events)
{
    GString *seen = g_string_new(NULL);

    g_assert_cmpuint(vd_ini_parse(text, size, &handler, seen), ==, errors);
    g_assert_cmpstr(seen->str, ==, events);
    g_string_free(seen, TRUE);
}

static void
test_entries_come_with_section_and_line(void)
{
    const char *text = "# comment\n; another\n\n[Pool]\nMax=3\r\n  Allow = @a  b \nAllow=\n"
                       "[ Schedule weekday ]\nFrom=x=y # not a comment";

    expect(text, strlen(text), 0,
           "4[Pool]|5 Pool.Max=3|6 Pool.Allow=@a  b|7 Pool.Allow=|"
           "8[Schedule weekday]|9 Schedule weekday.From=x=y # not a comment|");
    expect("", 0, 0, "");
}

static void
test_every_mistake_is_reported(void)
{
    const char *text =
        "Max=1\n[Pool\nSkipped=1\n[A]\nnothing here\n=x\nbad key=1\nGood=1\n[]\n[a]b]\n";

    expect(text, strlen(text), 7, "1!|2!|4[A]|5!|6!|7!|8 A.Good=1|9!|10!|");
}

static void
test_control_characters_are_refused(void)
{
    expect("[A]\nk=a\0b\nk=\x1b[31m\nk=ok\n", 23, 2, "1[A]|2!|3!|4 A.k=ok|");
}

static void
test_long_lines_and_files_are_refused(void)
{
    GString *text = g_string_new("[A]\nk=");
    char *big = g_malloc0(VD_INI_MAX_FILE + 1);

    while (text->len < 4 + VD_INI_MAX_LINE) {
        g_string_append_c(text, 'x');
    }
    {
        GString *seen = g_string_new(NULL);

        g_assert_cmpuint(vd_ini_parse(text->str, text->len, &handler, seen), ==, 0);
        g_string_free(seen, TRUE);
    }
    g_string_append(text, "x\nk=1");
    expect(text->str, text->len, 1, "1[A]|2!|3 A.k=1|");
    expect(big, VD_INI_MAX_FILE + 1, 1, "0!|");
    g_string_free(text, TRUE);
    g_free(big);
}

static void
test_nearest_finds_slips_only(void)
{
    static const char *const keys[] = {"Memory", "Running", "Allow", "Deny", NULL};

    g_assert_cmpstr(vd_nearest("Memroy", keys), ==, "Memory");
    g_assert_cmpstr(vd_nearest("memory", keys), ==, "Memory");
    g_assert_cmpstr(vd_nearest("Runing", keys), ==, "Running");
    g_assert_cmpstr(vd_nearest("Alow", keys), ==, "Allow");
    g_assert_null(vd_nearest("Frobnicate", keys));
    g_assert_null(vd_nearest("", keys));
    g_assert_null(vd_nearest("x", keys));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ini/entries-come-with-section-and-line",
                    test_entries_come_with_section_and_line);
    g_test_add_func("/ini/every-mistake-is-reported", test_every_mistake_is_reported);
    g_test_add_func("/ini/control-characters-are-refused", test_control_characters_are_refused);
    g_test_add_func("/ini/long-lines-and-files-are-refused", test_long_lines_and_files_are_refused);
    g_test_add_func("/nearest/finds-slips-only", test_nearest_finds_slips_only);
    return g_test_run();
}
