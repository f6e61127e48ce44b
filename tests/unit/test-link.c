/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/link.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/link-fixture.h"

static void
test_bytes_go_both_ways_and_the_end_is_told(void)
{
    g_autoptr(End) client = NULL;
    struct fixture fixture;
    struct end *server;

    fixture_init(&fixture);
    client = dial(&fixture, fixture.ca.cert_pem);
    send_text(client->link, "early ", 0); /* before it is open */
    g_assert_cmpuint(vdp_link_unsent(client->link), >, 0);
    WAIT_FOR(client->opened);
    server = server_end(&fixture, 0);
    send_text(client->link, "hello", 0);
    WAIT_FOR(has(server, "early hello"));
    g_assert_cmpstr(vdp_link_path(server->link), ==, "/host");
    g_assert_cmpstr(vdp_link_peer_name(server->link), ==, "");
    g_assert_cmpstr(vdp_link_peer_address(server->link), ==, "127.0.0.1");
    send_text(server->link, "welcome", 0);
    WAIT_FOR(has(client, "welcome"));
    WAIT_FOR(client->drained);
    WAIT_FOR(vdp_link_unsent(client->link) == 0);
    send_text(server->link, "last words", 0);
    end_drop(server); /* what was queued still goes out */
    WAIT_FOR(client->closed);
    g_assert_cmpint(client->reason, ==, VDP_LINK_CLOSED);
    g_assert_true(has(client, "welcomelast words"));
    send_text(client->link, "too late", 0);
    fixture_clear(&fixture);
}

static void
test_a_client_certificate_names_the_peer(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *csr = NULL;
    g_autofree char *key = NULL;
    g_autofree char *cert = NULL;
    g_autofree char *wrong = NULL;
    g_autoptr(End) client = end_new();
    g_autoptr(End) stranger = end_new();
    struct vdp_link_options options = {0};
    struct fixture fixture;

    fixture_init(&fixture);
    g_assert_true(vdp_pki_make_request("x", &key, &csr, &error));
    cert = vdp_pki_sign_request(&fixture.ca, csr, "host-7", 30, &error);
    wrong = vdp_pki_sign_request(&fixture.other_ca, csr, "host-7", 30, &error);
    g_assert_no_error(error);
    options.url = fixture.url;
    options.ca_pem = fixture.ca.cert_pem;
    options.cert_pem = cert;
    options.key_pem = key;
    client->link = vdp_link_connect(&options, NULL, &link_events, client);
    g_assert_cmpstr(vdp_link_peer_name(server_end(&fixture, 0)->link), ==, "host-7");
    WAIT_FOR(client->opened);
    g_assert_cmpstr(vdp_link_peer_name(client->link), ==, "vedette server");
    options.cert_pem = wrong; /* signed by someone else: no link at all */
    stranger->link = vdp_link_connect(&options, NULL, &link_events, stranger);
    WAIT_FOR(stranger->closed);
    g_assert_false(stranger->opened);
    g_assert_cmpuint(fixture.ends->len, ==, 1);
    fixture_clear(&fixture);
}

static void
test_a_foreign_authority_is_a_hard_stop(void)
{
    g_autoptr(End) client = NULL;
    g_autoptr(End) misnamed = NULL;
    struct fixture fixture;

    fixture_init(&fixture);
    client = dial(&fixture, fixture.other_ca.cert_pem);
    send_text(client->link, "secret", 0);
    WAIT_FOR(client->closed);
    g_assert_cmpint(client->reason, ==, VDP_LINK_UNTRUSTED);
    g_assert_false(client->opened);
    /* The right authority, but the certificate is not for this name. */
    g_free(fixture.url);
    fixture.url = g_strdup_printf("wss://localhost:%u/host", vdp_link_server_port(fixture.server));
    misnamed = dial(&fixture, fixture.ca.cert_pem);
    WAIT_FOR(misnamed->closed);
    g_assert_cmpint(misnamed->reason, ==, VDP_LINK_UNTRUSTED);
    g_assert_cmpuint(fixture.ends->len, ==, 0);
    fixture_clear(&fixture);
}

static int
bound_socket(bool listening, uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, size), ==, 0);
    g_assert_cmpint(getsockname(fd, (struct sockaddr *)&address, &size), ==, 0);
    if (listening) {
        g_assert_cmpint(listen(fd, 4), ==, 0);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static void
test_nobody_there_is_unreachable(void)
{
    struct vdp_link_options options = {.connect_timeout_ms = 300};
    g_autoptr(End) refused = end_new();
    g_autoptr(End) silent = end_new();
    g_autoptr(End) nonsense = end_new();
    g_autofree char *url = NULL;
    struct fixture fixture;
    uint16_t port;
    int fd;

    fixture_init(&fixture);
    options.ca_pem = fixture.ca.cert_pem;
    fd = bound_socket(false, &port);
    url = g_strdup_printf("wss://127.0.0.1:%u/host", port);
    options.url = url;
    refused->link = vdp_link_connect(&options, NULL, &link_events, refused);
    WAIT_FOR(refused->closed);
    g_assert_cmpint(refused->reason, ==, VDP_LINK_UNREACHABLE);
    close(fd);

    fd = bound_socket(true, &port); /* accepts in the kernel and never says a word */
    g_free(url);
    url = g_strdup_printf("wss://127.0.0.1:%u/host", port);
    options.url = url;
    silent->link = vdp_link_connect(&options, NULL, &link_events, silent);
    WAIT_FOR(silent->closed);
    g_assert_cmpint(silent->reason, ==, VDP_LINK_UNREACHABLE);
    close(fd);

    options.url = "https://127.0.0.1/";
    nonsense->link = vdp_link_connect(&options, NULL, &link_events, nonsense);
    WAIT_FOR(nonsense->closed);
    g_assert_cmpint(nonsense->reason, ==, VDP_LINK_UNREACHABLE);
    fixture_clear(&fixture);
}

#define BIG (24u * 1024u * 1024u)

static GBytes *
pattern(size_t size, uint32_t seed)
{
    uint8_t *data = g_malloc(size);
    size_t i;

    for (i = 0; i < size; i++) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = (uint8_t)(seed >> 24);
    }
    return g_bytes_new_take(data, size);
}

static void
test_large_transfers_keep_their_order_both_ways(void)
{
    g_autoptr(GBytes) up = pattern(BIG, 1);
    g_autoptr(GBytes) down = pattern(BIG, 2);
    g_autoptr(End) client = NULL;
    struct fixture fixture;
    struct end *server;
    size_t at;

    fixture_init(&fixture);
    client = dial(&fixture, fixture.ca.cert_pem);
    server = server_end(&fixture, 0);
    for (at = 0; at < BIG; at += 100000) {
        size_t size = MIN(BIG - at, 100000u);
        g_autoptr(GBytes) a = g_bytes_new_from_bytes(up, at, size);
        g_autoptr(GBytes) b = g_bytes_new_from_bytes(down, at, size);

        vdp_link_send(client->link, a, 4);
        vdp_link_send(server->link, b, 4);
    }
    g_assert_cmpuint(vdp_link_unsent(client->link), >, 0);
    g_assert_cmpuint(vdp_link_unsent(server->link), >, 0);
    WAIT_FOR(client->received->len == BIG && server->received->len == BIG);
    g_assert_cmpmem(client->received->data, BIG, g_bytes_get_data(down, NULL), BIG);
    g_assert_cmpmem(server->received->data, BIG, g_bytes_get_data(up, NULL), BIG);
    WAIT_FOR(client->drained && server->drained);
    g_assert_cmpuint(vdp_link_unsent(client->link), ==, 0);
    fixture_clear(&fixture);
}

static void
test_a_low_channel_overtakes_a_high_one_between_units(void)
{
    g_autofree char *bulk = g_strnfill(2000000, 'b');
    g_autofree char *urgent = g_strnfill(1000, 'u');
    g_autoptr(End) client = NULL;
    struct fixture fixture;
    struct end *server;
    guint first;
    guint i;
    int n;

    fixture_init(&fixture);
    client = dial(&fixture, fixture.ca.cert_pem);
    server = server_end(&fixture, 0);
    WAIT_FOR(client->opened);
    for (n = 0; n < 20; n++) {
        send_text(client->link, bulk, 6);
    }
    send_text(client->link, urgent, 1);
    WAIT_FOR(server->received->len == 20 * 2000000 + 1000);
    for (first = 0; server->received->data[first] == 'b'; first++) {
    }
    g_assert_cmpuint(first, <, 20 * 2000000); /* it overtook */
    g_assert_cmpuint(first % 2000000, ==, 0); /* but did not cut a unit */
    for (i = first; i < first + 1000; i++) {
        g_assert_cmpint(server->received->data[i], ==, 'u');
    }
    fixture_clear(&fixture);
}

static void
test_an_owner_that_lags_stops_the_sender(void)
{
    g_autofree char *bulk = g_strnfill(1000000, 'b');
    g_autoptr(GMainContext) lagging = g_main_context_new();
    struct vdp_link_options options = {0};
    g_autoptr(End) client = end_new();
    struct fixture fixture;
    struct end *server;
    size_t before;
    int n;

    fixture_init(&fixture);
    options.url = fixture.url;
    options.ca_pem = fixture.ca.cert_pem;
    client->keep = false;
    client->link = vdp_link_connect(&options, lagging, &link_events, client);
    server = server_end(&fixture, 0);
    for (n = 0; n < 64; n++) {
        send_text(server->link, bulk, 4);
    }
    /* The context of the client does not turn: the sender must come to a stand well before the
     * end. Two equal readings after progress are enough to see that bytes stay. */
    before = 0;
    WAIT_FOR(({
        size_t now = vdp_link_unsent(server->link);
        bool still = now == before && now < 64000000u;

        before = now;
        if (!still) {
            g_usleep(20000);
        }
        g_main_context_wakeup(NULL);
        still;
    }));
    g_assert_cmpuint(vdp_link_unsent(server->link), >, 20000000u);
    while (client->total < 64000000u) {
        g_main_context_iteration(lagging, TRUE);
        g_main_context_iteration(NULL, FALSE);
    }
    g_assert_cmpuint(client->total, ==, 64000000u);
    fixture_clear(&fixture);
}

static void
test_links_may_be_freed_in_every_callback(void)
{
    g_autoptr(End) a = NULL;
    g_autoptr(End) b = NULL;
    g_autoptr(End) c = NULL;
    struct fixture fixture;
    struct end *server;

    fixture_init(&fixture);
    a = dial(&fixture, fixture.ca.cert_pem);
    a->free_on_open = true;
    WAIT_FOR(a->opened);
    server = server_end(&fixture, 0);
    WAIT_FOR(server->closed);

    fixture.free_on_data = true;
    b = dial(&fixture, fixture.ca.cert_pem);
    b->free_on_closed = true;
    send_text(b->link, "x", 0);
    server = server_end(&fixture, 1);
    WAIT_FOR(b->link == NULL);
    g_assert_true(b->closed);
    g_assert_null(server->link);

    fixture.refuse = true;
    c = dial(&fixture, fixture.ca.cert_pem);
    WAIT_FOR(c->closed);
    fixture_clear(&fixture);
}

static void
test_a_link_freed_while_it_connects_reports_nothing(void)
{
    struct fixture fixture;
    int i;

    fixture_init(&fixture);
    for (i = 0; i < 20; i++) {
        struct end *end = dial(&fixture, fixture.ca.cert_pem);
        int turns;

        for (turns = 0; turns < i; turns++) {
            g_main_context_iteration(NULL, FALSE);
        }
        end_free(end); /* a callback after this would touch freed memory */
    }
    fixture_clear(&fixture);
}

static void
test_more_links_than_allowed_are_refused(void)
{
    g_autoptr(End) first = NULL;
    g_autoptr(End) second = NULL;
    g_autoptr(End) third = NULL;
    struct fixture fixture;

    fixture_init(&fixture);
    vdp_link_server_free(fixture.server);
    fixture_start(&fixture, 1);
    first = dial(&fixture, fixture.ca.cert_pem);
    WAIT_FOR(first->opened && fixture.ends->len == 1);
    second = dial(&fixture, fixture.ca.cert_pem);
    WAIT_FOR(second->closed);
    g_assert_false(second->opened);
    end_drop(first);
    WAIT_FOR(((struct end *)g_ptr_array_index(fixture.ends, 0))->closed);
    do {
        g_clear_pointer(&third, end_free);
        third = dial(&fixture, fixture.ca.cert_pem);
        WAIT_FOR(third->opened || third->closed);
    } while (third->closed);
    fixture_clear(&fixture);
}

static void
test_the_end_of_a_server_closes_its_links_and_its_port(void)
{
    g_autoptr(End) client = NULL;
    g_autoptr(End) late = NULL;
    struct fixture fixture;
    struct end *server;

    fixture_init(&fixture);
    client = dial(&fixture, fixture.ca.cert_pem);
    server = server_end(&fixture, 0);
    WAIT_FOR(client->opened);
    vdp_link_server_free(fixture.server);
    fixture.server = NULL;
    WAIT_FOR(server->closed && client->closed);
    late = dial(&fixture, fixture.ca.cert_pem);
    WAIT_FOR(late->closed);
    g_assert_cmpint(late->reason, ==, VDP_LINK_UNREACHABLE);
    fixture_clear(&fixture);
}

struct fetch {
    unsigned port;
    char *pem;
    int done;
};

static gpointer
fetch_ca(gpointer data)
{
    struct fetch *fetch = data;
    char *pem = vdp_pki_fetch_ca("127.0.0.1", fetch->port, 10000, NULL);

    fetch->pem = pem;
    g_atomic_int_set(&fetch->done, 1);
    g_main_context_wakeup(NULL);
    return NULL;
}

static void
test_the_authority_of_a_server_can_be_fetched(void)
{
    struct fetch fetch = {0};
    struct fixture fixture;
    GThread *thread;

    fixture_init(&fixture);
    fetch.port = vdp_link_server_port(fixture.server);
    thread = g_thread_new("fetch", fetch_ca, &fetch);
    WAIT_FOR(g_atomic_int_get(&fetch.done));
    g_thread_join(thread);
    g_assert_cmpstr(fetch.pem, ==, fixture.ca.cert_pem);
    g_free(fetch.pem);
    fixture_clear(&fixture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/link/bytes-go-both-ways-and-the-end-is-told",
                    test_bytes_go_both_ways_and_the_end_is_told);
    g_test_add_func("/link/a-client-certificate-names-the-peer",
                    test_a_client_certificate_names_the_peer);
    g_test_add_func("/link/a-foreign-authority-is-a-hard-stop",
                    test_a_foreign_authority_is_a_hard_stop);
    g_test_add_func("/link/nobody-there-is-unreachable", test_nobody_there_is_unreachable);
    g_test_add_func("/link/large-transfers-keep-their-order-both-ways",
                    test_large_transfers_keep_their_order_both_ways);
    g_test_add_func("/link/a-low-channel-overtakes-a-high-one-between-units",
                    test_a_low_channel_overtakes_a_high_one_between_units);
    g_test_add_func("/link/an-owner-that-lags-stops-the-sender",
                    test_an_owner_that_lags_stops_the_sender);
    g_test_add_func("/link/links-may-be-freed-in-every-callback",
                    test_links_may_be_freed_in_every_callback);
    g_test_add_func("/link/a-link-freed-while-it-connects-reports-nothing",
                    test_a_link_freed_while_it_connects_reports_nothing);
    g_test_add_func("/link/more-links-than-allowed-are-refused",
                    test_more_links_than_allowed_are_refused);
    g_test_add_func("/link/the-end-of-a-server-closes-its-links-and-its-port",
                    test_the_end_of_a_server_closes_its_links_and_its_port);
    g_test_add_func("/link/the-authority-of-a-server-can-be-fetched",
                    test_the_authority_of_a_server_can_be_fetched);
    return g_test_run();
}
