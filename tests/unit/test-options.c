/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/base/options.h"

#include <glib.h>
#include <string.h>

struct config {
    bool verbose;
    const char *state;
    struct vd_strings names;
    int64_t port;
};

static const struct vd_option options[] = {
    {.name = "verbose",
     .type = VD_OPTION_FLAG,
     .offset = offsetof(struct config, verbose),
     .text = "Says more."},
    {.name = "state",
     .type = VD_OPTION_STRING,
     .offset = offsetof(struct config, state),
     .fallback = "/var/lib/x",
     .argument = "DIR",
     .text = "Where state is kept."},
    {.name = "public-name",
     .type = VD_OPTION_STRINGS,
     .offset = offsetof(struct config, names),
     .fallback = "localhost",
     .argument = "NAME",
     .text = "Allowed name."},
    {.name = "port",
     .type = VD_OPTION_INT,
     .offset = offsetof(struct config, port),
     .fallback = "8443",
     .min = 1,
     .max = 65535,
     .text = "TCP port."},
};

static const struct vd_program program = {
    .name = "test-program",
    .summary = "Tests options.",
    .usage = "[OPTION...]",
    .options = options,
    .option_count = G_N_ELEMENTS(options),
};

static int
parse(struct config *config, bool stop_at_word, char **argv)
{
    return vd_options_parse(&program, config, (int)g_strv_length(argv), argv, stop_at_word);
}

#define ARGS(...) ((char *[]){(char *)"test-program", __VA_ARGS__, NULL})

static void
test_defaults_hold_without_arguments(void)
{
    struct config config;
    char *argv[] = {(char *)"test-program", NULL};

    g_assert_cmpint(parse(&config, false, argv), ==, 1);
    g_assert_false(config.verbose);
    g_assert_cmpstr(config.state, ==, "/var/lib/x");
    g_assert_cmpuint(config.names.count, ==, 1);
    g_assert_cmpstr(config.names.items[0], ==, "localhost");
    g_assert_cmpint(config.port, ==, 8443);
}

static void
test_both_forms_of_values_are_taken(void)
{
    struct config config;
    char *argv[] = {(char *)"p", (char *)"--state=/s",      (char *)"--port",
                    (char *)"1", (char *)"--verbose",       (char *)"--public-name",
                    (char *)"a", (char *)"--public-name=b", NULL};

    g_assert_cmpint(parse(&config, false, argv), ==, 8);
    g_assert_true(config.verbose);
    g_assert_cmpstr(config.state, ==, "/s");
    g_assert_cmpint(config.port, ==, 1);
    g_assert_cmpuint(config.names.count, ==, 2);
    g_assert_cmpstr(config.names.items[0], ==, "a");
    g_assert_cmpstr(config.names.items[1], ==, "b");
    g_assert_null(config.names.items[2]);
}

static void
test_words_are_left_in_their_order(void)
{
    struct config config;
    char *argv[] = {(char *)"p",  (char *)"one",     (char *)"--port",
                    (char *)"7",  (char *)"two",     (char *)"--verbose",
                    (char *)"--", (char *)"--state", NULL};
    int left = parse(&config, false, argv);

    g_assert_cmpint(left, ==, 5);
    g_assert_cmpstr(argv[5], ==, "one");
    g_assert_cmpstr(argv[6], ==, "two");
    g_assert_cmpstr(argv[7], ==, "--state");
    g_assert_cmpint(config.port, ==, 7);
    g_assert_true(config.verbose);
    g_assert_cmpstr(config.state, ==, "/var/lib/x");
}

static void
test_a_verb_can_end_the_options(void)
{
    struct config config;
    char *argv[] = {(char *)"p", (char *)"--verbose", (char *)"host", (char *)"--bogus", NULL};

    g_assert_cmpint(parse(&config, true, argv), ==, 2);
    g_assert_cmpstr(argv[2], ==, "host");
}

/* Runs in a child of its own, since the message goes to standard error. */
static void
expect_refusal(const char *const *arguments, const char *pattern)
{
    if (g_test_subprocess()) {
        return;
    }
    g_test_trap_subprocess(arguments[0], 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_stderr(pattern);
    g_test_trap_assert_passed();
}

static void
refuse(char **argv)
{
    struct config config;

    g_assert_cmpint(parse(&config, false, argv), ==, -1);
}

static void
refuse_unknown(void)
{
    refuse(ARGS((char *)"--stat", (char *)"x"));
}

static void
refuse_range(void)
{
    refuse(ARGS((char *)"--port", (char *)"65536"));
}

static void
refuse_text(void)
{
    refuse(ARGS((char *)"--port=12x"));
}

static void
refuse_missing(void)
{
    refuse(ARGS((char *)"--state"));
}

static void
refuse_flag_value(void)
{
    refuse(ARGS((char *)"--verbose=yes"));
}

static void
refuse_short(void)
{
    refuse(ARGS((char *)"-v"));
}

static void
print_help(void)
{
    struct config config;

    (void)parse(&config, false, ARGS((char *)"--help"));
    g_assert_not_reached();
}

static void
print_man(void)
{
    struct config config;

    (void)parse(&config, false, ARGS((char *)"--print-options"));
    g_assert_not_reached();
}

static void
test_refusals_name_option_and_nearest(void)
{
    static const char *const cases[][2] = {
        {"/options/subprocess/unknown", "*--stat*--state*"},
        {"/options/subprocess/range", "*--port*65536*1 to 65535*"},
        {"/options/subprocess/text", "*--port*12x*"},
        {"/options/subprocess/missing", "*--state*needs a value*DIR*"},
        {"/options/subprocess/flag-value", "*--verbose takes no value*"},
        {"/options/subprocess/short", "*'-v'*"},
    };
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        expect_refusal((const char *const[]){cases[i][0], NULL}, cases[i][1]);
    }
}

static void
test_help_lists_every_option(void)
{
    size_t i;

    g_test_trap_subprocess("/options/subprocess/help", 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    for (i = 0; i < G_N_ELEMENTS(options); i++) {
        char *pattern = g_strdup_printf("*--%s *%s*", options[i].name, options[i].text);

        g_test_trap_assert_stdout(pattern);
        g_free(pattern);
    }
}

static void
test_the_man_page_lists_every_option(void)
{
    g_test_trap_subprocess("/options/subprocess/man", 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("*.TP\n\\fB\\-\\-public\\-name\\fR \\fINAME\\fR\n*");
    g_test_trap_assert_stdout("*Between 1 and 65535. Default: 8443.\n*");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/defaults-hold-without-arguments",
                    test_defaults_hold_without_arguments);
    g_test_add_func("/options/both-forms-of-values-are-taken", test_both_forms_of_values_are_taken);
    g_test_add_func("/options/words-are-left-in-their-order", test_words_are_left_in_their_order);
    g_test_add_func("/options/a-verb-can-end-the-options", test_a_verb_can_end_the_options);
    g_test_add_func("/options/refusals-name-option-and-nearest",
                    test_refusals_name_option_and_nearest);
    g_test_add_func("/options/help-lists-every-option", test_help_lists_every_option);
    g_test_add_func("/options/the-man-page-lists-every-option",
                    test_the_man_page_lists_every_option);
    g_test_add_func("/options/subprocess/man", print_man);
    g_test_add_func("/options/subprocess/unknown", refuse_unknown);
    g_test_add_func("/options/subprocess/range", refuse_range);
    g_test_add_func("/options/subprocess/text", refuse_text);
    g_test_add_func("/options/subprocess/missing", refuse_missing);
    g_test_add_func("/options/subprocess/flag-value", refuse_flag_value);
    g_test_add_func("/options/subprocess/short", refuse_short);
    g_test_add_func("/options/subprocess/help", print_help);
    return g_test_run();
}
