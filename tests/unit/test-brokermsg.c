/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/apirequest.h"
#include "broker/desired.h"
#include "broker/hostmsg.h"
#include "broker/name.h"

#include <string.h>

#include "broker-fixture.h"

#define TOKEN "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define HELLO                                                                                      \
    "{\"type\":\"hello\",\"version\":%s,\"host\":\"a\",\"boot_id\":\"b\",\"cpus\":4,"              \
    "\"memory_mb\":8192,\"accel\":{\"kind\":\"%s\",\"mips\":1.4,\"text\":\"slow\"}}"
#define OBSERVED                                                                                   \
    "{\"type\":\"observed\",\"seq\":1,\"memory_free_mb\":4000,\"desktops\":[%s],\"images\":["      \
    "{\"name\":\"tiny\",\"revision\":3,\"digest\":\"sha256:0\"}]}"
#define DESKTOP                                                                                    \
    "{\"id\":\"%s\",\"epoch\":%d,\"state\":\"%s\",\"text\":\"\",\"since_ms\":5,\"stream\":null}"

static bool
parse_host(const char *text, struct broker_hostmsg *ret)
{
    json_t *json = json_loads(text, 0, NULL);
    const char *why = NULL;
    bool ok;

    g_assert_nonnull(json);
    ok = broker_hostmsg_parse(json, ret, &why);
    g_assert_true(ok || why != NULL);
    json_decref(json);
    return ok;
}

static void
expect_host(const char *text, bool wanted)
{
    struct broker_hostmsg *message = g_new0(struct broker_hostmsg, 1);

    g_assert_cmpint(parse_host(text, message), ==, wanted);
    if (wanted) {
        broker_hostmsg_clear(message);
    }
    g_free(message);
}

static void
test_hello(void)
{
    char text[1024];
    struct broker_hostmsg *message = g_new0(struct broker_hostmsg, 1);

    g_snprintf(text, sizeof(text), HELLO, "1", "tcg");
    g_assert_true(parse_host(text, message));
    g_assert_cmpint(message->type, ==, BROKER_HOSTMSG_HELLO);
    g_assert_cmpstr(message->hello.host, ==, "a");
    g_assert_false(message->hello.kvm);
    g_assert_cmpuint(message->hello.mips, ==, 1);
    g_assert_cmpuint(message->hello.memory_mb, ==, 8192);
    broker_hostmsg_clear(message);
    g_free(message);
    g_snprintf(text, sizeof(text), HELLO, "2", "tcg");
    expect_host(text, false);
    g_snprintf(text, sizeof(text), HELLO, "1", "xen");
    expect_host(text, false);
    expect_host("{\"type\":\"hello\"}", false);
    expect_host("{\"kind\":\"hello\"}", false);
    expect_host("{\"type\":\"weather\"}", true);
    expect_host("{\"type\":\"join\",\"token\":\"short\",\"name\":\"a\",\"csr\":\"x\"}", false);
    expect_host("{\"type\":\"join\",\"token\":\"" TOKEN "\",\"name\":\"a\",\"csr\":\"x\"}", true);
    expect_host("{\"type\":\"join\",\"token\":\"" TOKEN "\",\"name\":\"a/b\",\"csr\":\"x\"}",
                false);
}

static void
test_report_goes_into_the_model(void)
{
    struct broker_model *model = broker_model_new();
    struct broker_pools *pools = broker_pools_new();
    struct broker_pool *pool = fixture_pool(pools, "lab", 4, 0);
    struct broker_host *host = fixture_host(model, "a", 8192, 1);
    struct broker_desktop *seen;
    struct broker_desktop *stale;
    struct broker_desktop *absent;
    struct broker_desktop *elsewhere;
    struct broker_hostmsg *message = g_new0(struct broker_hostmsg, 1);
    char desktops[1024];
    char text[2048];

    fixture_host(model, "b", 8192, 1);
    seen = fixture_desktop(model, pool, "a", "d-00000001", 1, BROKER_UNSEEN);
    stale = fixture_desktop(model, pool, "a", "d-00000002", 1, BROKER_READY);
    stale->row.epoch = 2;
    absent = fixture_desktop(model, pool, "a", "d-00000003", 1, BROKER_READY);
    elsewhere = fixture_desktop(model, pool, "b", "d-00000004", 1, BROKER_STARTING);
    g_snprintf(desktops, sizeof(desktops), DESKTOP "," DESKTOP "," DESKTOP "," DESKTOP,
               "d-00000001", 1, "ready", "d-00000002", 1, "gone", "d-00000004", 1, "gone",
               "d-0000000f", 1, "ready");
    g_snprintf(text, sizeof(text), OBSERVED, desktops);
    g_assert_true(parse_host(text, message));
    host->connected = false;
    g_assert_cmpuint(broker_observe(model, host, message, NOW), ==, 1);
    g_assert_true(host->connected);
    g_assert_cmpuint(host->memory_free_mb, ==, 4000);
    g_assert_cmpuint(broker_model_latest(model, "tiny", NULL), ==, 3);
    g_assert_cmpint(seen->state, ==, BROKER_READY);
    g_assert_cmpint(stale->state, ==, BROKER_UNSEEN); /* another epoch is another desktop */
    g_assert_cmpint(absent->state, ==, BROKER_UNSEEN);
    g_assert_cmpint(absent->absent_ms, ==, NOW);
    g_assert_cmpint(elsewhere->state, ==, BROKER_STARTING); /* not this host's to report */
    broker_hostmsg_clear(message);
    g_free(message);
    broker_pools_free(pools);
    broker_model_free(model);
}

#define LOADED(load)                                                                               \
    "{\"type\":\"observed\",\"memory_free_mb\":1,\"desktops\":[],\"images\":[],\"load\":" load "}"

static void
test_load_of_a_host(void)
{
    struct broker_model *model = broker_model_new();
    struct broker_host *host = fixture_host(model, "a", 8192, 1);
    struct broker_hostmsg *message = g_new0(struct broker_hostmsg, 1);

    g_assert_true(parse_host(LOADED("{\"overhead\":173,\"steal\":null,\"cpu_some10\":1000,"
                                    "\"other_ms\":0,\"tomorrow\":\"rain\"}"),
                             message));
    broker_observe(model, host, message, NOW);
    g_assert_true(host->load.known[BROKER_LOAD_OVERHEAD]);
    g_assert_cmpuint(host->load.value[BROKER_LOAD_OVERHEAD], ==, 173);
    g_assert_cmpuint(host->load.value[BROKER_LOAD_CPU_SOME10], ==, 1000);
    g_assert_true(host->load.known[BROKER_LOAD_OTHER_MS]);
    g_assert_false(host->load.known[BROKER_LOAD_STEAL]);
    g_assert_false(host->load.known[BROKER_LOAD_BUSY]);
    broker_hostmsg_clear(message);
    /* An older host says nothing of it, and what was known before is not known any more. */
    g_assert_true(parse_host("{\"type\":\"observed\",\"memory_free_mb\":1,\"desktops\":[],"
                             "\"images\":[]}",
                             message));
    broker_observe(model, host, message, NOW);
    g_assert_false(host->load.known[BROKER_LOAD_OVERHEAD]);
    broker_hostmsg_clear(message);
    g_free(message);
    broker_model_free(model);
    expect_host(LOADED("{}"), true);
    expect_host(LOADED("null"), false);
    expect_host(LOADED("[]"), false);
    expect_host(LOADED("17"), false);
    expect_host(LOADED("{\"overhead\":1000000}"), true);
    expect_host(LOADED("{\"overhead\":1000001}"), false);
    expect_host(LOADED("{\"overhead\":-1}"), false);
    expect_host(LOADED("{\"overhead\":\"17.3\"}"), false);
    expect_host(LOADED("{\"steal\":1001}"), false);
    expect_host(LOADED("{\"cpu_some10\":1001}"), false);
    expect_host(LOADED("{\"guest_ms\":3932160000}"), true);
    expect_host(LOADED("{\"guest_ms\":3932160001}"), false);
    expect_host(LOADED("{\"other_ms\":99999999999999}"), false);
    expect_host(LOADED("{\"io_some60\":{}}"), false);
}

#define STREAMED(figures)                                                                          \
    "{\"id\":\"d-00000001\",\"epoch\":1,\"state\":\"ready\",\"text\":\"\",\"stream\":{\"id\":\"x-" \
    "1\",\"figures\":" figures "}}"

static void
test_figures_of_a_stream(void)
{
    struct broker_hostmsg *message = g_new0(struct broker_hostmsg, 1);
    const struct broker_seen_desktop *seen;
    char text[1024];

    g_snprintf(text, sizeof(text), OBSERVED,
               STREAMED("{\"fps\":30,\"exact\":97,\"new\":\"some day\"}"));
    g_assert_true(parse_host(text, message));
    seen = &g_array_index(message->observed.desktops, struct broker_seen_desktop, 0);
    g_assert_cmpstr(seen->stream, ==, "x-1");
    g_assert_true(seen->figures.known);
    g_assert_cmpuint(seen->figures.value[BROKER_FIGURE_FPS], ==, 30);
    g_assert_cmpuint(seen->figures.value[BROKER_FIGURE_EXACT], ==, 97);
    g_assert_cmpuint(seen->figures.value[BROKER_FIGURE_RTT_US], ==, 0);
    broker_hostmsg_clear(message);
    g_free(message);
}

static void
test_bad_reports(void)
{
    static const char *const desktops[] = {
        "1",
        "{}",
        "{\"id\":\"../etc\",\"epoch\":1,\"state\":\"ready\"}",
        "{\"id\":\"d-00000001\",\"epoch\":1,\"state\":\"flying\"}",
        "{\"id\":\"d-00000001\",\"epoch\":\"1\",\"state\":\"ready\"}",
        "{\"id\":\"d-00000001\",\"epoch\":1,\"state\":\"ready\",\"stream\":7}",
        STREAMED("7"),
        STREAMED("{\"fps\":-1}"),
        STREAMED("{\"fps\":\"many\"}"),
        STREAMED("{\"kbit_s\":4294967296}"),
    };
    char text[1024];
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(desktops); i++) {
        g_snprintf(text, sizeof(text), OBSERVED, desktops[i]);
        expect_host(text, false);
    }
}

static json_t *
notice_of(const struct broker_model *model, const struct broker_pools *pools, int64_t now_ms,
          json_t **ret_list)
{
    *ret_list = broker_desired(model, pools, "a", "CA", now_ms);
    return json_object_get(json_object_get(json_array_get(*ret_list, 0), "stream"), "notice");
}

static void
test_notices(void)
{
    struct broker_model *model = broker_model_new();
    struct broker_pools *pools = broker_pools_new();
    struct broker_pool *pool = fixture_pool(pools, "lab", 4, 0);
    struct store_stream row = {.id = "x-1", .session = "s-1", .url = "wss://gw/uplink"};
    struct broker_session *session;
    json_t *list;

    fixture_host(model, "a", 8192, 1);
    fixture_desktop(model, pool, "a", "d-00000001", 1, BROKER_READY);
    session = fixture_session(model, "s-1", "kim", "lab", "d-00000001");
    session->row.created_ms = NOW;
    memcpy(broker_model_add_stream(model, &row)->token, TOKEN, sizeof(TOKEN));
    g_assert_null(notice_of(model, pools, NOW + 1000000000, &list));
    json_decref(list);
    g_strlcpy(session->notice, "Please save.", sizeof(session->notice));
    session->notice_ms = NOW + 1000;
    g_assert_cmpstr(
        json_string_value(json_object_get(notice_of(model, pools, NOW + 2000, &list), "text")), ==,
        "Please save.");
    json_decref(list);
    /* The end comes near, and is told 15 minutes before. */
    pool->absolute_ms = 2 * 3600000;
    g_assert_nonnull(
        json_object_get(notice_of(model, pools, NOW + 105 * 60000 - 1, &list), "text"));
    json_decref(list);
    g_assert_cmpint(json_integer_value(json_object_get(
                        notice_of(model, pools, NOW + 105 * 60000, &list), "ends_ms")),
                    ==, NOW + 2 * 3600000);
    json_decref(list);
    /* What an administrator says after that is newer. */
    session->notice_ms = NOW + 110 * 60000;
    g_assert_nonnull(json_object_get(notice_of(model, pools, NOW + 111 * 60000, &list), "text"));
    json_decref(list);
    broker_pools_free(pools);
    broker_model_free(model);
}

/* A newer revision: asked to leave after one time, told of the end before the other. */
static void
test_notices_of_a_newer_revision(void)
{
    struct broker_model *model = broker_model_new();
    struct broker_pools *pools = broker_pools_new();
    struct broker_pool *pool = fixture_pool(pools, "lab", 4, 0);
    struct store_stream row = {.id = "x-1", .session = "s-1", .url = "wss://gw/uplink"};
    struct broker_desktop *desktop;
    const json_t *newer;
    json_t *list;

    fixture_host(model, "a", 8192, 1);
    desktop = fixture_desktop(model, pool, "a", "d-00000001", 1, BROKER_READY);
    fixture_session(model, "s-1", "kim", "lab", "d-00000001");
    memcpy(broker_model_add_stream(model, &row)->token, TOKEN, sizeof(TOKEN));
    pool->soft_ms = 3600000;
    pool->hard_ms = 4 * 3600000;
    g_assert_null(notice_of(model, pools, NOW + 5 * 3600000, &list)); /* it is of the newest */
    json_decref(list);
    desktop->row.old_ms = NOW;
    g_assert_null(notice_of(model, pools, NOW + 3600000 - 1, &list));
    json_decref(list);
    newer = json_object_get(notice_of(model, pools, NOW + 3600000, &list), "newer");
    g_assert_true(json_is_true(newer)); /* a macro that looks twice */
    json_decref(list);
    g_assert_cmpint(json_integer_value(json_object_get(
                        notice_of(model, pools, NOW + 225 * 60000, &list), "ends_ms")),
                    ==, NOW + 4 * 3600000);
    json_decref(list);
    broker_pools_free(pools);
    broker_model_free(model);
}

static void
test_desired(void)
{
    struct broker_model *model = broker_model_new();
    struct broker_pools *pools = broker_pools_new();
    struct broker_pool *pool = fixture_pool(pools, "lab", 4, 0);
    struct store_stream row = {.id = "x-1", .session = "s-1", .url = "wss://gw/uplink"};
    struct broker_desktop *desktop;
    json_t *list;
    json_t *json;

    fixture_host(model, "a", 8192, 1);
    fixture_host(model, "b", 8192, 1);
    fixture_desktop(model, pool, "a", "d-00000001", 1, BROKER_READY);
    desktop = fixture_desktop(model, pool, "b", "d-00000002", 1, BROKER_READY);
    desktop->row.gone = desktop->row.polite = true;
    fixture_session(model, "s-1", "kim", "lab", "d-00000001");
    memcpy(broker_model_add_stream(model, &row)->token, TOKEN, sizeof(TOKEN));
    list = broker_desired(model, pools, "a", "CA", NOW);
    g_assert_cmpuint(json_array_size(list), ==, 1);
    json = json_array_get(list, 0);
    g_assert_cmpstr(json_string_value(json_object_get(json, "state")), ==, "running");
    g_assert_cmpstr(json_string_value(json_object_get(json, "accel")), ==, "any");
    g_assert_true(json_is_false(json_object_get(json, "polite")));
    json = json_object_get(json, "stream");
    g_assert_cmpstr(json_string_value(json_object_get(json, "token")), ==, TOKEN);
    g_assert_cmpstr(json_string_value(json_object_get(json, "ca")), ==, "CA");
    json_decref(list);
    list = broker_desired(model, pools, "b", "CA", NOW);
    json = json_array_get(list, 0);
    g_assert_cmpstr(json_string_value(json_object_get(json, "state")), ==, "gone");
    g_assert_true(json_is_true(json_object_get(json, "polite")));
    g_assert_true(json_is_null(json_object_get(json, "stream")));
    json_decref(list);
    broker_pools_free(pools);
    broker_model_free(model);
}

static enum broker_api_problem
parse_api(const char *text, struct broker_api_request *request)
{
    json_t *json = json_loads(text, 0, NULL);
    enum broker_api_problem problem;

    g_assert_nonnull(json);
    problem = broker_api_parse(json, request);
    json_decref(json);
    return problem;
}

#define API(method, path, body)                                                                    \
    "{\"method\":\"" method "\",\"path\":\"" path "\",\"source\":\"192.0.2.1\",\"native\":true,"   \
    "\"bearer\":\"" TOKEN "\",\"body\":" body "}"

static void
test_api_requests(void)
{
    struct broker_api_request *r = g_new0(struct broker_api_request, 1);

    g_assert_cmpint(parse_api(API("POST", "/api/login", "\"{\\\"user\\\":\\\"kim\\\"}\""), r), ==,
                    BROKER_API_FINE);
    g_assert_cmpstr(r->user, ==, "kim");
    g_assert_cmpstr(r->token, ==, TOKEN);
    g_assert_true(r->native);
    g_assert_cmpint(parse_api(API("POST", "/api/login", "{\"user\":\"a b\"}"), r), ==,
                    BROKER_API_FINE);
    g_assert_cmpstr(r->user, ==, "");
    g_assert_cmpint(parse_api(API("POST", "/api/login", "\"\""), r), ==, BROKER_API_BAD);
    g_assert_cmpint(parse_api(API("POST", "/api/login", "\"[1]\""), r), ==, BROKER_API_BAD);
    g_assert_cmpint(parse_api(API("POST", "/api/login", "\"{\""), r), ==, BROKER_API_BAD);
    g_assert_cmpint(parse_api(API("GET", "/api/login", "null"), r), ==, BROKER_API_METHOD);
    g_assert_cmpint(parse_api(API("GET", "/api/logins", "null"), r), ==, BROKER_API_NOT_FOUND);
    g_assert_cmpint(parse_api(API("GET", "/api/pools", "null"), r), ==, BROKER_API_FINE);
    g_assert_cmpint(parse_api(API("POST", "/api/login/answer",
                                  "{\"login\":\"" TOKEN "\",\"answers\":[\"a\",\"\"]}"),
                              r),
                    ==, BROKER_API_FINE);
    g_assert_cmpuint(r->answer_count, ==, 2);
    g_assert_cmpstr(r->answers[0], ==, "a");
    g_assert_cmpint(
        parse_api(API("POST", "/api/login/answer", "{\"login\":\"" TOKEN "\",\"answers\":[1]}"), r),
        ==, BROKER_API_BAD);
    g_assert_cmpint(parse_api(API("POST", "/api/connect", "{\"pool\":\"lab\",\"new\":true}"), r),
                    ==, BROKER_API_FINE);
    g_assert_true(r->another);
    g_assert_cmpint(parse_api(API("POST", "/api/connect", "{\"pool\":\"lab\",\"new\":1}"), r), ==,
                    BROKER_API_BAD);
    g_assert_cmpint(parse_api("{\"method\":\"GET\",\"path\":\"/api/me\"}", r), ==, BROKER_API_BAD);
    broker_api_request_wipe(r);
    g_assert_cmpstr(r->token, ==, "");
    g_free(r);
}

static void
test_api_cookies(void)
{
    static const struct {
        const char *cookie;
        bool found;
    } cases[] = {
        {"__Host-vedette=" TOKEN, true},
        {"a=b; __Host-vedette=" TOKEN "; c=d", true},
        {TOKEN, true},
        {"x__Host-vedette=" TOKEN, false},
        {"__Host-vedette=" TOKEN "A", false},
        {"__Host-vedette=", false},
        {"; ;", false},
        {"", false},
    };
    struct broker_api_request *r = g_new0(struct broker_api_request, 1);
    size_t i;

    for (i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *json = json_pack("{ssssssss}", "method", "GET", "path", "/api/me", "source",
                                 "192.0.2.1", "cookie", cases[i].cookie);

        g_assert_cmpint(broker_api_parse(json, r), ==, BROKER_API_FINE);
        g_assert_cmpstr(r->token, ==, cases[i].found ? TOKEN : "");
        json_decref(json);
    }
    g_free(r);
}

static void
test_names(void)
{
    char long_name[80];

    memset(long_name, 'a', sizeof(long_name));
    long_name[65] = '\0';
    g_assert_false(broker_user_is_valid(long_name));
    long_name[64] = '\0';
    g_assert_true(broker_user_is_valid(long_name));
    g_assert_true(broker_user_is_valid("kim.min-su_1@example.org"));
    g_assert_false(broker_user_is_valid(""));
    g_assert_false(broker_user_is_valid("-kim"));
    g_assert_false(broker_user_is_valid("@staff"));
    g_assert_false(broker_user_is_valid("x' OR 1=1"));
    g_assert_false(broker_user_is_valid("kim\n"));
    g_assert_true(broker_name_is_valid("lab-1"));
    g_assert_false(broker_name_is_valid("../lab"));
    g_assert_false(broker_name_is_valid(".lab"));
    g_assert_true(broker_id_is_valid("d-0123abcd", 'd'));
    g_assert_false(broker_id_is_valid("d-0123abcg", 'd'));
    g_assert_false(broker_id_is_valid("s-0123abcd", 'd'));
    g_assert_false(broker_id_is_valid("d", 'd'));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hostmsg/hello-and-join", test_hello);
    g_test_add_func("/hostmsg/report-goes-into-the-model", test_report_goes_into_the_model);
    g_test_add_func("/hostmsg/bad-reports-are-refused-whole", test_bad_reports);
    g_test_add_func("/hostmsg/figures-of-a-stream", test_figures_of_a_stream);
    g_test_add_func("/hostmsg/load-of-a-host", test_load_of_a_host);
    g_test_add_func("/desired/whole-state-of-one-host", test_desired);
    g_test_add_func("/desired/notices", test_notices);
    g_test_add_func("/desired/notices-of-a-newer-revision", test_notices_of_a_newer_revision);
    g_test_add_func("/apirequest/calls-and-bodies", test_api_requests);
    g_test_add_func("/apirequest/cookies", test_api_cookies);
    g_test_add_func("/name/spellings", test_names);
    return g_test_run();
}
