/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/link-fixture.h"

#include <string.h>

gboolean
link_on_deadline(gpointer user_data)
{
    g_error("not true in time: %s", (const char *)user_data);
    return G_SOURCE_REMOVE;
}

void
end_drop(struct end *end)
{
    vdp_link_free(end->link);
    end->link = NULL;
}

static void
on_opened(struct vdp_link *link, void *user_data)
{
    struct end *end = user_data;

    (void)link;
    g_assert_false(end->opened);
    end->opened = true;
    if (end->free_on_open) {
        end_drop(end);
    }
}

static void
on_data(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data)
{
    struct end *end = user_data;

    (void)link;
    g_assert_false(end->closed);
    g_assert_nonnull(end->link);
    g_assert_cmpuint(size, <=, VDP_LINK_MAX_MESSAGE);
    end->total += size;
    if (end->keep) {
        g_byte_array_append(end->received, data, (guint)size);
    }
    if (end->free_on_data) {
        end_drop(end);
    }
}

static void
on_drained(struct vdp_link *link, void *user_data)
{
    struct end *end = user_data;

    (void)link;
    end->drained = true;
}

static void
on_closed(struct vdp_link *link, enum vdp_link_close reason, const char *text, void *user_data)
{
    struct end *end = user_data;

    (void)link;
    g_assert_false(end->closed);
    g_assert_nonnull(text);
    end->closed = true;
    end->reason = reason;
    end->text = g_strdup(text);
    if (end->free_on_closed) {
        end_drop(end);
    }
}

const struct vdp_link_events link_events = {
    .opened = on_opened, .data = on_data, .drained = on_drained, .closed = on_closed};

struct end *
end_new(void)
{
    struct end *end = g_new0(struct end, 1);

    end->received = g_byte_array_new();
    end->keep = true;
    return end;
}

void
end_free(gpointer data)
{
    struct end *end = data;

    vdp_link_free(end->link);
    g_byte_array_unref(end->received);
    g_free(end->text);
    g_free(end);
}

static void
on_accepted(struct vdp_link *link, void *user_data)
{
    struct fixture *fixture = user_data;
    struct end *end;

    if (fixture->refuse) {
        vdp_link_free(link);
        return;
    }
    end = end_new();
    end->link = link;
    end->free_on_data = fixture->free_on_data;
    vdp_link_accept(link, &link_events, end);
    g_ptr_array_add(fixture->ends, end);
}

void
fixture_start(struct fixture *fixture, unsigned max_links)
{
    g_autoptr(GError) error = NULL;
    struct vdp_link_server_options options = {.bind = "127.0.0.1",
                                              .ca_pem = fixture->ca.cert_pem,
                                              .cert_pem = fixture->server_pair.cert_pem,
                                              .key_pem = fixture->server_pair.key_pem,
                                              .max_links = max_links};

    fixture->server = vdp_link_server_new(&options, NULL, on_accepted, fixture, &error);
    g_assert_no_error(error);
    g_free(fixture->url);
    fixture->url =
        g_strdup_printf("wss://127.0.0.1:%u/host", vdp_link_server_port(fixture->server));
}

void
fixture_init(struct fixture *fixture)
{
    static const char *const names[] = {"127.0.0.1", NULL};
    g_autoptr(GError) error = NULL;

    memset(fixture, 0, sizeof(*fixture));
    fixture->ends = g_ptr_array_new_with_free_func(end_free);
    g_assert_true(vdp_pki_make_ca("test", &fixture->ca, &error));
    g_assert_true(vdp_pki_make_ca("other", &fixture->other_ca, &error));
    g_assert_true(vdp_pki_make_server(&fixture->ca, names, 30, &fixture->server_pair, &error));
    fixture_start(fixture, 100);
}

void
fixture_clear(struct fixture *fixture)
{
    g_ptr_array_unref(fixture->ends);
    vdp_link_server_free(fixture->server);
    vdp_pair_clear(&fixture->ca);
    vdp_pair_clear(&fixture->other_ca);
    vdp_pair_clear(&fixture->server_pair);
    g_free(fixture->url);
}

struct end *
dial(struct fixture *fixture, const char *ca_pem)
{
    struct vdp_link_options options = {.url = fixture->url, .ca_pem = ca_pem};
    struct end *end = end_new();

    end->link = vdp_link_connect(&options, NULL, &link_events, end);
    return end;
}

struct end *
server_end(struct fixture *fixture, guint index)
{
    WAIT_FOR(fixture->ends->len > index);
    return g_ptr_array_index(fixture->ends, index);
}

void
send_text(struct vdp_link *link, const char *text, uint8_t channel)
{
    g_autoptr(GBytes) bytes = g_bytes_new(text, strlen(text));

    vdp_link_send(link, bytes, channel);
}

bool
has(struct end *end, const char *text)
{
    return end->received->len == strlen(text) &&
           memcmp(end->received->data, text, strlen(text)) == 0;
}
