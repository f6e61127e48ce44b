/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/link.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

#include "protocol/link/link-private.h"
#include "protocol/link/pki-private.h"

/* link: the owner's side. The loop's side is line.c. */

#define EVENTS_PER_TURN 32
#define DEFAULT_PORT    443

void
vdp_line_event_free(struct vdp_line_event *event)
{
    if (event->data != NULL) {
        g_byte_array_unref(event->data);
    }
    g_free(event->text);
    g_free(event);
}

struct vdp_link *
vdp_line_ref(struct vdp_link *link)
{
    g_atomic_ref_count_inc(&link->refs);
    return link;
}

void
vdp_line_unref(struct vdp_link *link)
{
    unsigned i;

    if (!g_atomic_ref_count_dec(&link->refs)) {
        return;
    }
    g_queue_clear_full(&link->inbox, (GDestroyNotify)vdp_line_event_free);
    for (i = 0; i < VDP_LINK_CHANNELS; i++) {
        g_queue_clear_full(&link->outgoing[i], (GDestroyNotify)g_bytes_unref);
    }
    g_clear_pointer(&link->unit, g_bytes_unref);
    g_source_unref(link->source);
    g_main_context_unref(link->context);
    g_free(link->peer_name);
    g_free(link->path);
    g_free(link->peer_address);
    g_free(link->host);
    g_free(link->address);
    g_free(link->origin);
    g_free(link->untrusted);
    X509_STORE_free(link->store);
    X509_free(link->cert);
    EVP_PKEY_free(link->key);
    g_mutex_clear(&link->lock);
    g_free(link);
}

static void
deliver(struct vdp_link *link, struct vdp_line_event *event)
{
    switch (event->kind) {
    case LINE_OPENED:
        if (link->events->opened != NULL) {
            link->events->opened(link, link->user_data);
        }
        break;
    case LINE_DATA:
        link->events->data(link, event->data->data, event->data->len, link->user_data);
        break;
    case LINE_DRAINED:
        if (link->events->drained != NULL) {
            link->events->drained(link, link->user_data);
        }
        break;
    case LINE_CLOSED:
        if (link->events->closed != NULL) {
            link->events->closed(link, event->reason, event->text, link->user_data);
        }
        break;
    }
}

/* Takes one event out; says whether the line should be read again. */
static struct vdp_line_event *
take_event(struct vdp_link *link, bool *ret_resume)
{
    struct vdp_line_event *event;

    g_mutex_lock(&link->lock);
    event = g_queue_pop_head(&link->inbox);
    if (event != NULL && event->data != NULL) {
        link->inbox_bytes -= event->data->len;
    }
    *ret_resume = link->rx_paused && link->inbox_bytes < VDP_LINK_RX_LOW;
    if (*ret_resume) {
        link->rx_paused = false;
    }
    g_mutex_unlock(&link->lock);
    return event;
}

static gboolean
on_inbox(gpointer user_data)
{
    struct vdp_link *link = vdp_line_ref(user_data);
    int turns;

    g_source_set_ready_time(link->source, -1);
    /* Without events nobody has accepted the link yet: all of it waits. */
    for (turns = 0; turns < EVENTS_PER_TURN && !link->freed && link->events != NULL; turns++) {
        struct vdp_line_event *event;
        bool resume;

        event = take_event(link, &resume);
        if (resume) {
            vdp_loop_post(vdp_line_resume, vdp_line_ref(link));
        }
        if (event == NULL) {
            break;
        }
        deliver(link, event);
        vdp_line_event_free(event);
    }
    if (turns == EVENTS_PER_TURN && !link->freed) {
        g_source_set_ready_time(link->source, 0); /* the rest after other sources */
    }
    vdp_line_unref(link);
    return G_SOURCE_CONTINUE;
}

static gboolean
source_dispatch(GSource *source, GSourceFunc callback, gpointer user_data)
{
    (void)source;
    return callback(user_data);
}

static GSourceFuncs source_funcs = {.dispatch = source_dispatch};

struct vdp_link *
vdp_line_new(GMainContext *context)
{
    struct vdp_link *link = g_new0(struct vdp_link, 1);
    unsigned i;

    g_atomic_ref_count_init(&link->refs);
    g_mutex_init(&link->lock);
    link->sockfd = -1;
    link->context = g_main_context_ref(context != NULL ? context : g_main_context_default());
    g_queue_init(&link->inbox);
    for (i = 0; i < VDP_LINK_CHANNELS; i++) {
        g_queue_init(&link->outgoing[i]);
    }
    link->source = g_source_new(&source_funcs, sizeof(GSource));
    g_source_set_callback(link->source, on_inbox, link, NULL);
    g_source_attach(link->source, link->context);
    return link;
}

static bool
parse_url(struct vdp_link *link, const char *url, GError **error)
{
    g_autoptr(GUri) uri = g_uri_parse(url, G_URI_FLAGS_NONE, error);

    if (uri == NULL) {
        return false;
    }
    if (g_strcmp0(g_uri_get_scheme(uri), "wss") != 0 || g_uri_get_host(uri) == NULL ||
        *g_uri_get_host(uri) == '\0') {
        g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                            "the address must look like wss://host:port/path");
        return false;
    }
    link->address = g_strdup(g_uri_get_host(uri));
    link->port = g_uri_get_port(uri) > 0 ? g_uri_get_port(uri) : DEFAULT_PORT;
    link->host = g_strdup_printf(strchr(link->address, ':') != NULL ? "[%s]:%d" : "%s:%d",
                                 link->address, link->port);
    link->path = g_strdup(*g_uri_get_path(uri) != '\0' ? g_uri_get_path(uri) : "/");
    return true;
}

static bool
take_options(struct vdp_link *link, const struct vdp_link_options *options, GError **error)
{
    if (!parse_url(link, options->url, error)) {
        return false;
    }
    link->store = vdp_pki_store_from_pem(options->ca_pem, error);
    if (link->store == NULL) {
        return false;
    }
    if (options->cert_pem != NULL) {
        link->cert = vdp_pki_cert_from_pem(options->cert_pem, error);
        link->key = link->cert != NULL ? vdp_pki_key_from_pem(options->key_pem, error) : NULL;
        if (link->key == NULL) {
            return false;
        }
    }
    link->origin = g_strdup(options->origin);
    link->connect_timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : VDP_LINK_CONNECT_MS;
    return true;
}

struct vdp_link *
vdp_link_connect(const struct vdp_link_options *options, GMainContext *context,
                 const struct vdp_link_events *events, void *user_data)
{
    struct vdp_link *link = vdp_line_new(context);
    g_autoptr(GError) error = NULL;

    link->is_client = true;
    link->events = events;
    link->user_data = user_data;
    if (!take_options(link, options, &error)) {
        struct vdp_line_event *event = g_new0(struct vdp_line_event, 1);

        event->kind = LINE_CLOSED;
        event->reason = VDP_LINK_UNREACHABLE;
        event->text = g_strdup(error->message);
        link->ended = true;
        g_queue_push_tail(&link->inbox, event);
        g_source_set_ready_time(link->source, 0);
        return link;
    }
    vdp_loop_post(vdp_line_connect, vdp_line_ref(link));
    return link;
}

void
vdp_link_accept(struct vdp_link *link, const struct vdp_link_events *events, void *user_data)
{
    link->events = events;
    link->user_data = user_data;
    g_source_set_ready_time(link->source, 0);
}

void
vdp_link_free(struct vdp_link *link)
{
    if (link == NULL || link->freed) {
        return;
    }
    link->freed = true;
    g_source_destroy(link->source);
    vdp_loop_post(vdp_line_close, vdp_line_ref(link));
    vdp_line_unref(link);
}

void
vdp_link_send(struct vdp_link *link, GBytes *bytes, uint8_t channel)
{
    size_t size = g_bytes_get_size(bytes);
    bool wake = false;

    g_return_if_fail(channel < VDP_LINK_CHANNELS);
    g_mutex_lock(&link->lock);
    if (!link->ended && size > 0) {
        g_queue_push_tail(&link->outgoing[channel], g_bytes_ref(bytes));
        link->queued += size;
        wake = !link->wake_posted;
        link->wake_posted = true;
    }
    g_mutex_unlock(&link->lock);
    if (wake) {
        vdp_loop_post(vdp_line_write, vdp_line_ref(link));
    }
}

size_t
vdp_link_unsent(struct vdp_link *link)
{
    size_t unsent;
    int kernel = 0;

    g_mutex_lock(&link->lock);
    unsent = link->queued;
    link->tell_drained = unsent > 0;
    /* Under the lock the descriptor cannot be closed and become another file's. */
    if (link->sockfd >= 0 && ioctl(link->sockfd, SIOCOUTQNSD, &kernel) == 0 && kernel > 0) {
        unsent += (size_t)kernel;
    }
    g_mutex_unlock(&link->lock);
    return unsent;
}

const char *
vdp_link_peer_name(struct vdp_link *link)
{
    const char *name;

    g_mutex_lock(&link->lock);
    name = link->peer_name != NULL ? link->peer_name : "";
    g_mutex_unlock(&link->lock);
    return name;
}

const char *
vdp_link_path(struct vdp_link *link)
{
    return link->path != NULL ? link->path : "";
}

const char *
vdp_link_peer_address(struct vdp_link *link)
{
    const char *address;

    g_mutex_lock(&link->lock);
    address = link->peer_address != NULL ? link->peer_address : "";
    g_mutex_unlock(&link->lock);
    return address;
}
