/* SPDX-License-Identifier: Apache-2.0 */
#include "client/native/apireply.h"

#include <glib.h>
#include <string.h>

#define TICKET "0123456789012345678901234567890123456789abc"

static bool
login(const char *body, struct client_login_reply *reply)
{
    return client_reply_login(body, strlen(body), reply);
}

static bool
connect_to(const char *body, struct client_connect_reply *reply)
{
    return client_reply_connect(body, strlen(body), reply);
}

static void
test_prompts_come_in_order(void)
{
    struct client_login_reply reply;

    g_assert_true(
        login("{\"state\":\"prompt\",\"login\":\"l1\",\"prompts\":["
              "{\"style\":\"info\",\"text\":\"hi\"},{\"style\":\"secret\",\"text\":\"P:\"},"
              "{\"style\":\"echo\",\"text\":\"Code:\"}]}",
              &reply));
    g_assert_cmpint(reply.state, ==, CLIENT_LOGIN_PROMPT);
    g_assert_cmpstr(reply.login, ==, "l1");
    g_assert_cmpuint(reply.prompt_count, ==, 3);
    g_assert_false(client_prompt_wants_answer(&reply.prompts[0]));
    g_assert_true(client_prompt_wants_answer(&reply.prompts[1]));
    g_assert_cmpstr(reply.prompts[2].text, ==, "Code:");
    client_login_reply_clear(&reply);
}

static void
test_strange_logins_are_refused(void)
{
    static const char *const bodies[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"state\":\"maybe\"}",
        "{\"state\":\"ok\",\"user\":\"a\"}",
        "{\"state\":\"ok\",\"user\":\"a\",\"token\":\"\"}",
        "{\"state\":\"ok\",\"user\":7,\"token\":\"t\"}",
        "{\"state\":\"prompt\",\"login\":\"l\"}",
        "{\"state\":\"prompt\",\"login\":\"l\",\"prompts\":[1]}",
        "{\"state\":\"prompt\",\"login\":\"l\",\"prompts\":[{\"style\":\"loud\",\"text\":\"\"}]}",
        "{\"state\":\"prompt\",\"login\":\"l\",\"prompts\":[{\"style\":\"echo\",\"text\":5}]}",
        "{\"state\":\"refused\",\"message\":\"a\\u0000b\"}",
        "{\"state\":\"refused\",\"message\":\"x\"} x",
    };
    struct client_login_reply reply;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(bodies); i++) {
        g_assert_false(login(bodies[i], &reply));
        g_assert_null(reply.prompts);
        g_assert_null(reply.token);
    }
}

static void
test_too_many_prompts_and_too_long_texts_are_refused(void)
{
    GString *body = g_string_new("{\"state\":\"prompt\",\"login\":\"l\",\"prompts\":[");
    struct client_login_reply reply;
    unsigned i;

    for (i = 0; i <= CLIENT_MAX_PROMPTS; i++)
        g_string_append_printf(body, "%s{\"style\":\"echo\",\"text\":\"x\"}", i ? "," : "");
    g_string_append(body, "]}");
    g_assert_false(login(body->str, &reply));
    g_string_assign(body, "{\"state\":\"refused\",\"message\":\"");
    for (i = 0; i <= CLIENT_MAX_STRING; i++)
        g_string_append_c(body, 'x');
    g_string_append(body, "\"}");
    g_assert_false(login(body->str, &reply));
    g_string_free(body, TRUE);
}

static void
test_pools_are_read(void)
{
    const char *body =
        "{\"pools\":[{\"name\":\"a\",\"description\":\"A\",\"state\":\"ready\",\"text\":\"t\","
        "\"session\":null},{\"name\":\"b\",\"state\":\"running\",\"session\":\"s\"}]}";
    struct client_pools_reply reply;

    g_assert_true(client_reply_pools(body, strlen(body), &reply));
    g_assert_cmpuint(reply.count, ==, 2);
    g_assert_cmpstr(reply.pools[0].session, ==, "");
    g_assert_cmpint(reply.pools[1].state, ==, CLIENT_POOL_RUNNING);
    g_assert_cmpstr(reply.pools[1].session, ==, "s");
    g_assert_cmpint(reply.pools[1].picture, ==, 0);
    client_pools_reply_clear(&reply);
    body = "{\"pools\":[{\"name\":\"a\",\"state\":\"ready\"},{\"name\":\"\",\"state\":\"ready\"}]}";
    g_assert_false(client_reply_pools(body, strlen(body), &reply));
    g_assert_null(reply.pools);
}

#define PICTURED(rest) "{\"pools\":[{\"name\":\"a\",\"state\":\"running\"," rest "}]}"

static void
test_pictures_belong_to_a_session(void)
{
    static const char *const bad[] = {
        PICTURED("\"picture\":1"),
        PICTURED("\"session\":\"s-1\",\"picture\":0"),
        PICTURED("\"session\":\"s-1\",\"picture\":-1"),
        PICTURED("\"session\":\"s-1\",\"picture\":\"1\""),
        PICTURED("\"session\":\"../me\",\"picture\":1"),
        PICTURED("\"session\":\"s-1?\",\"picture\":1"),
    };
    const char *good = PICTURED("\"session\":\"s-1\",\"picture\":1800000000000");
    struct client_pools_reply reply;
    size_t i;

    g_assert_true(client_reply_pools(good, strlen(good), &reply));
    g_assert_cmpint(reply.pools[0].picture, ==, INT64_C(1800000000000));
    client_pools_reply_clear(&reply);
    for (i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_false(client_reply_pools(bad[i], strlen(bad[i]), &reply));
}

static void
test_connect_gives_a_ticket_or_a_place_in_line(void)
{
    struct client_connect_reply reply;

    g_assert_true(
        connect_to("{\"state\":\"ready\",\"session\":\"s\",\"desktop\":\"d\",\"ticket\":\"" TICKET
                   "\",\"stream_path\":\"/stream\"}",
                   &reply));
    g_assert_true(reply.ready);
    g_assert_cmpstr(reply.stream_path, ==, "/stream");
    client_connect_reply_clear(&reply);
    g_assert_true(
        connect_to("{\"state\":\"waiting\",\"session\":null,\"position\":2,\"text\":\"full\","
                   "\"retry_ms\":0}",
                   &reply));
    g_assert_false(reply.ready);
    g_assert_cmpuint(reply.position, ==, 2);
    g_assert_cmpuint(reply.retry_ms, ==, 100);
    client_connect_reply_clear(&reply);
}

static void
test_a_stream_path_cannot_name_another_place(void)
{
    static const char *const paths[] = {
        "stream", "//other.example/x", "/a/../b", "/x?y", "/@h", "/ x", ""};
    struct client_connect_reply reply;
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(paths); i++) {
        g_autofree char *body =
            g_strdup_printf("{\"state\":\"ready\",\"session\":\"s\",\"ticket\":\"" TICKET
                            "\",\"stream_path\":\"%s\"}",
                            paths[i]);

        g_assert_false(connect_to(body, &reply));
    }
    g_assert_false(connect_to("{\"state\":\"ready\",\"session\":\"s\",\"ticket\":\"short\","
                              "\"stream_path\":\"/stream\"}",
                              &reply));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/apireply/prompts-come-in-order", test_prompts_come_in_order);
    g_test_add_func("/apireply/strange-logins-are-refused", test_strange_logins_are_refused);
    g_test_add_func("/apireply/too-many-prompts-and-too-long-texts-are-refused",
                    test_too_many_prompts_and_too_long_texts_are_refused);
    g_test_add_func("/apireply/pools-are-read", test_pools_are_read);
    g_test_add_func("/apireply/pictures-belong-to-a-session", test_pictures_belong_to_a_session);
    g_test_add_func("/apireply/connect-gives-a-ticket-or-a-place-in-line",
                    test_connect_gives_a_ticket_or_a_place_in_line);
    g_test_add_func("/apireply/a-stream-path-cannot-name-another-place",
                    test_a_stream_path_cannot_name_another_place);
    return g_test_run();
}
