/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/gateway/request.h"

#include <glib.h>
#include <string.h>

#include "broker/gateway/page.h"
#include "broker/gateway/pipe.h"
#include "protocol/wire/messages.h"

#define TOKEN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

static const char *const items[] = {"desk.example", "127.0.0.1", "[::1]", "fe80::2"};
static const struct gateway_names names = {.items = items, .count = 4, .port = 8443};
static const struct gateway_names standard = {.items = items, .count = 4, .port = 443};

static void
test_hosts_are_compared_whole(void)
{
    static const char *const good[] = {"desk.example", "desk.example:8443", "DESK.example:1",
                                       "127.0.0.1",    "[::1]:8443",        "[::1]"};
    static const char *const bad[] = {"",
                                      ":8443",
                                      "desk.example.",
                                      "desk.example:",
                                      "desk.example:x",
                                      "desk.example:80:80",
                                      "xdesk.example",
                                      "desk.examplex",
                                      "desk.example/",
                                      "user@desk.example",
                                      "desk.example,evil.example",
                                      "desk.example evil",
                                      "[::1",
                                      "::1",
                                      "fe80::2",
                                      "[127.0.0.1]x",
                                      "[",
                                      "[]",
                                      "[::1]x",
                                      "127.0.0.1.evil.example"};
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(good); i++) {
        g_assert_true(gateway_host_allowed(&names, good[i]));
    }
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(gateway_host_allowed(&names, bad[i]));
    }
}

static void
test_origins_are_exact(void)
{
    static const char *const bad[] = {"",
                                      "null",
                                      "https://",
                                      "https://desk.example",
                                      "https://desk.example:443",
                                      "https://desk.example:08443",
                                      "https://desk.example:84430",
                                      "https://desk.example:8443/",
                                      "https://desk.example:8443 ",
                                      " https://desk.example:8443",
                                      "http://desk.example:8443",
                                      "HTTPS://desk.example:8443",
                                      "https://Desk.example:8443",
                                      "https://desk.example.:8443",
                                      "https://evil.example:8443",
                                      "https://desk.example.evil.example:8443",
                                      "https://a@desk.example:8443",
                                      "https://desk.example:8443@evil.example",
                                      "https://desk.example:8443,https://evil.example",
                                      "https://[::1:8443",
                                      "wss://desk.example:8443"};
    size_t i;

    g_assert_true(gateway_origin_allowed(&names, "https://desk.example:8443"));
    g_assert_true(gateway_origin_allowed(&names, "https://[::1]:8443"));
    for (i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(gateway_origin_allowed(&names, bad[i]));
    }
    g_assert_true(gateway_origin_allowed(&standard, "https://desk.example"));
    g_assert_false(gateway_origin_allowed(&standard, "https://desk.example:443"));
    g_assert_false(gateway_origin_allowed(&standard, "https://desk.example:8443"));
}

static void
test_cookies_and_bearers_yield_well_formed_tokens_only(void)
{
    char token[VD_TOKEN_CHARS + 1] = "";

    g_assert_true(gateway_cookie_token("a=b; __Host-vedette=" TOKEN "; c=d", token));
    g_assert_cmpstr(token, ==, TOKEN);
    g_assert_true(gateway_cookie_token("__Host-vedette=" TOKEN, token));
    g_assert_false(gateway_cookie_token("", token));
    g_assert_false(gateway_cookie_token(";;; ;", token));
    g_assert_false(gateway_cookie_token("x__Host-vedette=" TOKEN, token));
    g_assert_false(gateway_cookie_token("__Host-vedette=" TOKEN "x", token));
    g_assert_false(gateway_cookie_token("__Host-vedette=", token));
    g_assert_false(gateway_cookie_token("__Host-vedette=short", token));
    g_assert_false(gateway_cookie_token("__Host-vedette=" TOKEN "; __Host-vedette=" TOKEN, token));
    memset(token, 0, sizeof(token));
    g_assert_true(gateway_bearer_token("Bearer " TOKEN, token));
    g_assert_cmpstr(token, ==, TOKEN);
    g_assert_false(gateway_bearer_token("Bearer  " TOKEN, token));
    g_assert_false(gateway_bearer_token("Bearer", token));
    g_assert_false(gateway_bearer_token("Basic " TOKEN, token));
    g_assert_false(gateway_bearer_token("Bearer " TOKEN " ", token));
}

static void
test_only_listed_calls_are_routed(void)
{
    g_assert_cmpint(gateway_api_route(true, "/api/login"), ==, GATEWAY_ROUTE_OK);
    g_assert_cmpint(gateway_api_route(false, "/api/pools"), ==, GATEWAY_ROUTE_OK);
    g_assert_cmpint(gateway_api_route(false, "/api/login"), ==, GATEWAY_ROUTE_METHOD);
    g_assert_cmpint(gateway_api_route(true, "/api/login/"), ==, GATEWAY_ROUTE_UNKNOWN);
    g_assert_cmpint(gateway_api_route(true, "/api/../login"), ==, GATEWAY_ROUTE_UNKNOWN);
    g_assert_cmpint(gateway_api_route(true, "/api/"), ==, GATEWAY_ROUTE_UNKNOWN);
    g_assert_cmpint(gateway_api_route(false, "/api/picture/s-0123abcd"), ==, GATEWAY_ROUTE_OK);
    g_assert_cmpint(gateway_api_route(true, "/api/picture/s-0123abcd"), ==, GATEWAY_ROUTE_METHOD);
    g_assert_cmpint(gateway_api_route(false, "/api/picture/"), ==, GATEWAY_ROUTE_UNKNOWN);
    g_assert_cmpint(gateway_api_route(false, "/api/picture/a/b"), ==, GATEWAY_ROUTE_UNKNOWN);
    g_assert_cmpint(gateway_api_route(false, "/api/picture/.."), ==, GATEWAY_ROUTE_UNKNOWN);
    g_assert_cmpint(gateway_api_route(false, "/api/picture/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                                             "aaaaaaaaaaaaaaaaaaaaaaaaa"),
                    ==, GATEWAY_ROUTE_UNKNOWN);
}

static void
test_lengths_are_digits_within_the_limit(void)
{
    size_t size = 7;

    g_assert_true(gateway_content_length("16384", 16384, &size));
    g_assert_cmpuint(size, ==, 16384);
    g_assert_false(gateway_content_length("16385", 16384, &size));
    g_assert_false(gateway_content_length("-1", 16384, &size));
    g_assert_false(gateway_content_length("1 ", 16384, &size));
    g_assert_false(gateway_content_length("", 16384, &size));
    g_assert_false(gateway_content_length("99999999999999999999999999", 16384, &size));
    g_assert_cmpuint(size, ==, 16384);
}

static void
test_gzip_is_sent_to_who_takes_it(void)
{
    g_assert_true(gateway_accepts_gzip("gzip, deflate, br"));
    g_assert_true(gateway_accepts_gzip("br,GZIP"));
    g_assert_true(gateway_accepts_gzip("br;q=1.0, gzip;q=0.8"));
    g_assert_false(gateway_accepts_gzip("gzip;q=0"));
    g_assert_false(gateway_accepts_gzip("gzip; q=0.00, br"));
    g_assert_false(gateway_accepts_gzip("br, gzipped"));
    g_assert_false(gateway_accepts_gzip("identity"));
    g_assert_false(gateway_accepts_gzip(""));
    g_assert_false(gateway_accepts_gzip(",,, ,"));
}

static void
test_the_policy_lists_our_names_and_no_more_than_fit(void)
{
    static const char *const few[] = {"desk.example", "[::1]"};
    const char *many[100];
    struct gateway_names listed = {few, 2, 8443};
    char policy[512];
    size_t i;

    gateway_policy(&listed, policy, sizeof(policy));
    g_assert_true(g_str_has_prefix(policy, "default-src 'none'; "));
    g_assert_true(g_str_has_suffix(policy, "connect-src 'self' wss://desk.example:8443"));
    for (i = 0; i < 100; i++) {
        many[i] = "desk.example";
    }
    listed = (struct gateway_names){many, 100, 8443};
    gateway_policy(&listed, policy, sizeof(policy));
    g_assert_true(g_str_has_suffix(policy, " wss://desk.example:8443"));
}

static void
test_the_page_table_has_no_paths_but_its_own(void)
{
    const struct gateway_page *page = gateway_page_find("/");
    g_autofree char *html = NULL;

    g_assert_nonnull(page);
    g_assert_cmpstr(page->type, ==, "text/html; charset=utf-8");
    html = g_strndup((const char *)page->plain, page->plain_size);
    g_assert_nonnull(strstr(html, "lang=\"ko\""));
    g_assert_null(strstr(html, "<script>"));
    g_assert_null(strstr(html, "style="));  /* the policy would refuse it */
    g_assert_null(strstr(html, "=\"http")); /* nothing of a third party */
    g_assert_cmpuint(page->packed_size, <, page->plain_size);
    g_assert_cmpint(page->tag[0], ==, '"');
    g_assert_null(gateway_page_find(""));
    g_assert_null(gateway_page_find("/vedette.css/"));
    g_assert_null(gateway_page_find("/../etc/passwd"));
}

static void
put_record(struct vdp_buffer *buffer, size_t size)
{
    uint8_t header[VDP_RECORD_HEADER_SIZE];
    g_autofree char *body = g_strnfill(size, 'b');

    vdp_record_header(header, VDP_FRAME, VDP_CHANNEL_DISPLAY, 0, (uint32_t)size);
    vdp_buffer_put(buffer, header, sizeof(header));
    vdp_buffer_put(buffer, body, size);
}

/* Puts two records and a half in steps of step bytes, takes taken, and ends with "end". */
static bool
end_after(size_t step, size_t taken, size_t *ret_left)
{
    struct vdp_buffer bytes = {0};
    struct gateway_pipe pipe = {0};
    size_t at;
    bool ended;

    put_record(&bytes, 100);
    put_record(&bytes, 0);
    put_record(&bytes, 50);
    bytes.size -= 20; /* the third is incomplete: 108 + 8 + 38 bytes */
    for (at = 0; at < bytes.size; at += step) {
        g_assert_true(gateway_pipe_put(&pipe, bytes.data + at, MIN(step, bytes.size - at)));
    }
    g_assert_cmpuint(gateway_pipe_size(&pipe), ==, 154);
    g_assert_cmpmem(gateway_pipe_data(&pipe), 154, bytes.data, 154);
    gateway_pipe_take(&pipe, taken);
    ended = gateway_pipe_end(&pipe, (const uint8_t *)"end", 3);
    *ret_left = gateway_pipe_size(&pipe);
    if (ended) {
        g_assert_cmpmem(gateway_pipe_data(&pipe) + *ret_left - 3, 3, "end", 3);
    }
    gateway_pipe_clear(&pipe);
    vdp_buffer_clear(&bytes);
    return ended;
}

static void
test_a_last_record_follows_a_whole_one(void)
{
    size_t left = 0;
    size_t step;

    for (step = 1; step < 160; step += 7) {
        g_assert_true(end_after(step, 0, &left));
        g_assert_cmpuint(left, ==, 116 + 3);
        g_assert_true(end_after(step, 50, &left));
        g_assert_cmpuint(left, ==, 66 + 3);
        g_assert_true(end_after(step, 116, &left)); /* exactly at a boundary */
        g_assert_cmpuint(left, ==, 3);
        g_assert_false(end_after(step, 117, &left)); /* inside a record that began to go */
        g_assert_cmpuint(left, ==, 154 - 117);
    }
}

static void
test_a_pipe_takes_no_more_than_its_limit(void)
{
    g_autofree uint8_t *bytes = g_malloc0(GATEWAY_PIPE_MAX + 1);
    struct gateway_pipe pipe = {0};

    g_assert_false(gateway_pipe_put(&pipe, bytes, GATEWAY_PIPE_MAX + 1));
    g_assert_true(gateway_pipe_put(&pipe, bytes, GATEWAY_PIPE_MAX));
    g_assert_false(gateway_pipe_put(&pipe, bytes, 1));
    gateway_pipe_take(&pipe, 10);
    g_assert_true(gateway_pipe_put(&pipe, bytes, 10));
    g_assert_false(gateway_pipe_put(&pipe, bytes, 1));
    gateway_pipe_clear(&pipe);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gateway/hosts-are-compared-whole", test_hosts_are_compared_whole);
    g_test_add_func("/gateway/origins-are-exact", test_origins_are_exact);
    g_test_add_func("/gateway/cookies-and-bearers-yield-well-formed-tokens-only",
                    test_cookies_and_bearers_yield_well_formed_tokens_only);
    g_test_add_func("/gateway/only-listed-calls-are-routed", test_only_listed_calls_are_routed);
    g_test_add_func("/gateway/lengths-are-digits-within-the-limit",
                    test_lengths_are_digits_within_the_limit);
    g_test_add_func("/gateway/the-page-table-has-no-paths-but-its-own",
                    test_the_page_table_has_no_paths_but_its_own);
    g_test_add_func("/gateway/gzip-is-sent-to-who-takes-it", test_gzip_is_sent_to_who_takes_it);
    g_test_add_func("/gateway/the-policy-lists-our-names-and-no-more-than-fit",
                    test_the_policy_lists_our_names_and_no_more_than_fit);
    g_test_add_func("/gateway/a-last-record-follows-a-whole-one",
                    test_a_last_record_follows_a_whole_one);
    g_test_add_func("/gateway/a-pipe-takes-no-more-than-its-limit",
                    test_a_pipe_takes_no_more_than_its_limit);
    return g_test_run();
}
