/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's reader of messages: what type a line has, and that nonsense has none. */
#include "hostd/guest/outputs.h"
#include "hostd/guest/places.h"
#include "hostd/guest/port.h"
#include "hostd/guest/run.h"

#include <glib.h>
#include <string.h>

static void
expect(const char *line, const char *wanted)
{
    char type[GUEST_PORT_TYPE_MAX] = "untouched";
    bool found = guest_port_parse_type(line, strlen(line), type);

    g_assert_cmpint(found, ==, wanted != NULL);
    g_assert_cmpstr(type, ==, wanted == NULL ? "untouched" : wanted);
}

static void
test_types(void)
{
    expect("{\"type\":\"ping\"}", "ping");
    expect(" { \"type\" : \"ping\" } ", "ping");
    expect("{\"seq\":7,\"type\":\"ping\"}", "ping");
    expect("{\"text\":\"say \\\"type\\\":\\\"no\\\"\",\"type\":\"ping\"}", "ping");
    expect("{\"on\":true,\"n\":null,\"type\":\"poweroff\",\"x\":1}", "poweroff");
}

static void
test_nonsense(void)
{
    expect("", NULL);
    expect("{", NULL);
    expect("{}", NULL);
    expect("[\"type\",\"ping\"]", NULL);
    expect("{\"type\":7}", NULL);
    expect("{\"type\":\"pi\\u006eg\"}", NULL);
    expect("{\"type\":\"ping", NULL);
    expect("{\"type", NULL);
    expect("{\"type\"", NULL);
    expect("{\"type\":", NULL);
    expect("{\"a\":1,", NULL);
    expect("{\"a\\", NULL);
    expect("{\"type\":\"a-type-that-is-much-longer-than-any-type-is\"}", NULL);
}

static void
expect_text(const char *line, const char *wanted)
{
    char text[GUEST_PORT_TEXT_MAX] = "untouched";
    bool found = guest_port_parse_text(line, strlen(line), text);

    g_assert_cmpint(found, ==, wanted != NULL);
    if (wanted != NULL) {
        g_assert_cmpstr(text, ==, wanted);
    }
}

static void
test_members(void)
{
    static const char line[] = "{\"type\":\"identity\",\"host\":\"d-1\",\"n\":7,\"uuid\":\"ab\"}";
    char value[4] = "";

    g_assert_true(guest_port_parse_member(line, strlen(line), "host", value, sizeof(value)));
    g_assert_cmpstr(value, ==, "d-1");
    g_assert_true(guest_port_parse_member(line, strlen(line), "uuid", value, sizeof(value)));
    g_assert_cmpstr(value, ==, "ab");
    g_assert_false(guest_port_parse_member(line, strlen(line), "n", value, sizeof(value)));
    g_assert_false(guest_port_parse_member(line, strlen(line), "none", value, sizeof(value)));
    g_assert_false(guest_port_parse_member(line, strlen(line), "host", value, 3)); /* no room */
}

static void
test_hexadecimal(void)
{
    unsigned char bytes[3];

    g_assert_cmpint(guest_port_parse_hex("00ff1a", bytes, sizeof(bytes)), ==, 3);
    g_assert_cmpint(bytes[1], ==, 0xff);
    g_assert_cmpint(guest_port_parse_hex("", bytes, sizeof(bytes)), ==, 0);
    g_assert_cmpint(guest_port_parse_hex("0", bytes, sizeof(bytes)), ==, -1);
    g_assert_cmpint(guest_port_parse_hex("0x", bytes, sizeof(bytes)), ==, -1);
    g_assert_cmpint(guest_port_parse_hex("00112233", bytes, sizeof(bytes)), ==, -1);
}

static void
test_text(void)
{
    g_autofree char *fits = g_strnfill(2 * (GUEST_PORT_TEXT_MAX - 1), '3');
    g_autofree char *line = g_strdup_printf("{\"type\":\"text\",\"utf8\":\"%s\"}", fits);
    g_autofree char *threes = g_strnfill(GUEST_PORT_TEXT_MAX - 1, '3');
    g_autofree char *long_line = g_strdup_printf("{\"type\":\"text\",\"utf8\":\"%s33\"}", fits);

    expect_text("{\"type\":\"text\",\"utf8\":\"ed959c67\"}", "\xed\x95\x9cg");
    expect_text("{\"utf8\":\"61\",\"type\":\"text\"}", "a");
    expect_text(line, threes);
    expect_text(long_line, NULL);
    expect_text("{\"type\":\"text\"}", NULL);
    expect_text("{\"utf8\":\"\"}", NULL);
    expect_text("{\"utf8\":\"6\"}", NULL);
    expect_text("{\"utf8\":\"6G\"}", NULL);
    expect_text("{\"utf8\":\"6100\"}", NULL);
    expect_text("{\"utf8\":\"61", NULL);
}

static void
test_scripts_only_where_asked_for(void)
{
    g_assert_true(run_is_allowed_by("root=/dev/vda quiet vedette.patch\n"));
    g_assert_true(run_is_allowed_by("vedette.patch quiet"));
    g_assert_false(run_is_allowed_by("root=/dev/vda quiet\n"));
    g_assert_false(run_is_allowed_by("vedette.patchy"));
    g_assert_false(run_is_allowed_by("init=/x/vedette.patch"));
    g_assert_false(run_is_allowed_by(""));
    g_assert_false(run_is_allowed());
}

static void
expect_places(const char *text, int count, int last_x, int last_y)
{
    char line[128];
    struct places places = {.count = -1};
    int size = g_snprintf(line, sizeof(line), "{\"type\":\"monitors\",\"at\":\"%s\"}", text);
    bool good = places_parse(line, (size_t)size, &places);

    g_assert_cmpint(places.count, ==, count);
    g_assert_cmpint(good, ==, count > 0);
    if (good) {
        g_assert_cmpint(places.x[count - 1], ==, last_x);
        g_assert_cmpint(places.y[count - 1], ==, last_y);
    }
}

static void
test_places(void)
{
    static const char *const bad[] = {"",         "1",     "1,",
                                      ",1",       "1,2 ",  " 1,2",
                                      "1,2  3,4", "1;2",   "-1,2",
                                      "1,16385",  "1,2,3", "99999999999,1",
                                      "1,2 3,",   "0x1,2", "1,2 3,4 5,6 7,8 9,10"};
    unsigned i;

    expect_places("0,0", 1, 0, 0);
    expect_places("0,0 1920,40", 2, 1920, 40);
    expect_places("1,2 3,4 5,6 16384,16384", 4, 16384, 16384);
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_test_message("%s", bad[i]);
        expect_places(bad[i], -1, 0, 0);
    }
}

/* The lines of one `xrandr --query`, and what it is told with these places. */
static void
expect_command(const char *const *lines, const char *at, const char *wanted)
{
    struct output outputs[PLACES_MAX];
    struct places places = {0};
    struct outputs_command command;
    int count = 0;
    char *text;

    for (; *lines != NULL; lines++) {
        count += outputs_parse(*lines, &outputs[count]) ? 1 : 0;
    }
    if (at != NULL) {
        g_assert_true(places_read(at, &places));
    }
    g_assert_cmpint(outputs_command(outputs, count, &places, &command), ==, wanted != NULL);
    if (wanted != NULL) {
        text = g_strjoinv(" ", command.argv);
        g_assert_cmpstr(text, ==, wanted);
        g_free(text);
    }
}

static void
test_outputs(void)
{
    static const char *const one[] = {
        "Screen 0: minimum 320 x 200, current 1280 x 800, maximum 8192 x 8192\n",
        "Virtual-1 connected primary 1280x800+0+0 (normal left inverted) 0mm x 0mm\n",
        "   1280x800      74.99*+\n", "Virtual-2 disconnected (normal left inverted)\n", NULL};
    static const char *const two[] = {"Virtual-1 connected 1280x800+0+0 (normal) 0mm x 0mm\n",
                                      "   1280x800      74.99*+\n",
                                      "Virtual-2 connected (normal)\n",
                                      "Virtual-3 disconnected 640x480+5+6 (normal)\n",
                                      "Virtual-4 disconnected (normal)\n",
                                      NULL};
    static const char *const none[] = {"Screen 0: x\n", "Virtual-1 disconnected (normal)\n", NULL};
    struct output output;
    char *name = g_strnfill(OUTPUTS_NAME_MAX, 'n');
    char *line = g_strconcat(name, " connected", NULL);

    expect_command(one, NULL, "xrandr --output Virtual-1 --preferred --pos 0x0");
    expect_command(one, "9,9 7,7", "xrandr --output Virtual-1 --preferred --pos 0x0");
    expect_command(two, NULL,
                   "xrandr --output Virtual-1 --preferred --pos 0x0 --primary --output Virtual-2 "
                   "--preferred --right-of Virtual-1 --output Virtual-3 --off");
    expect_command(two, "800,0 0,20",
                   "xrandr --output Virtual-1 --preferred --pos 800x0 --primary --output Virtual-2 "
                   "--preferred --pos 0x20 --output Virtual-3 --off");
    expect_command(none, NULL, NULL);
    g_assert_false(outputs_parse(line, &output));
    g_assert_true(outputs_parse(line + 1, &output));
    g_assert_false(outputs_parse(" connected", &output));
    g_assert_false(outputs_parse("", &output));
    g_free(line);
    g_free(name);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/port/members", test_members);
    g_test_add_func("/port/hexadecimal", test_hexadecimal);
    g_test_add_func("/port/finds-the-type", test_types);
    g_test_add_func("/port/nonsense-has-no-type", test_nonsense);
    g_test_add_func("/port/takes-text-out", test_text);
    g_test_add_func("/guest-port/places", test_places);
    g_test_add_func("/guest-port/outputs", test_outputs);
    g_test_add_func("/guest-port/scripts-only-where-asked-for", test_scripts_only_where_asked_for);
    return g_test_run();
}
