/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/link/link-private.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "protocol/base/log.h"

/*
 * line: the loop's side of a link. Everything here runs on the libwebsockets thread; what the owner
 * should know is put into the inbox, and the owner's source is made ready.
 */

static void
post_event(struct vdp_link *link, struct vdp_line_event *event)
{
    g_mutex_lock(&link->lock);
    g_queue_push_tail(&link->inbox, event);
    g_mutex_unlock(&link->lock);
    g_source_set_ready_time(link->source, 0);
}

static void
post_kind(struct vdp_link *link, enum vdp_line_event_kind kind)
{
    struct vdp_line_event *event = g_new0(struct vdp_line_event, 1);

    event->kind = kind;
    post_event(link, event);
}

void
vdp_line_finish(struct vdp_link *link, enum vdp_link_close reason, const char *text)
{
    struct vdp_line_event *event;
    unsigned i;

    lws_sul_cancel(&link->timer);
    vdp_verify_watch(link, false);
    link->open = false;
    g_mutex_lock(&link->lock);
    link->ended = true;
    link->sockfd = -1;
    link->queued = 0;
    for (i = 0; i < VDP_LINK_CHANNELS; i++) {
        g_queue_clear_full(&link->outgoing[i], (GDestroyNotify)g_bytes_unref);
    }
    g_mutex_unlock(&link->lock);
    g_clear_pointer(&link->unit, g_bytes_unref);
    if (link->reported) {
        return;
    }
    link->reported = true;
    event = g_new0(struct vdp_line_event, 1);
    event->kind = LINE_CLOSED;
    event->reason = reason;
    event->text = g_strdup(text);
    post_event(link, event);
}

static void
wait_writeable(struct vdp_link *link)
{
    link->waiting = true;
    lws_callback_on_writable(link->wsi);
}

/* Reports the end and lets libwebsockets close the socket; the link may be freed afterwards. */
static void
drop(struct vdp_link *link, enum vdp_link_close reason, const char *text)
{
    struct lws *wsi = link->wsi;

    vdp_line_finish(link, reason, text);
    if (wsi != NULL) {
        lws_set_timeout(wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_ASYNC);
    }
}

static void
on_connect_deadline(lws_sorted_usec_list_t *timer)
{
    struct vdp_link *link = lws_container_of(timer, struct vdp_link, timer);

    drop(link, VDP_LINK_UNREACHABLE, "no answer in time");
}

static void
on_linger_deadline(lws_sorted_usec_list_t *timer)
{
    struct vdp_link *link = lws_container_of(timer, struct vdp_link, timer);

    drop(link, VDP_LINK_CLOSED, "closed by us");
}

void
vdp_line_connect(void *data)
{
    struct vdp_link *link = data;
    struct lws_client_connect_info info = {0};

    if (link->closing || link->reported) {
        vdp_line_finish(link, VDP_LINK_CLOSED, "closed by us");
        vdp_line_unref(link);
        return;
    }
    vdp_verify_watch(link, true);
    info.context = vdp_loop_context();
    info.vhost = vdp_loop_client_vhost();
    info.address = link->address;
    info.host = link->host;
    info.port = link->port;
    info.path = link->path;
    info.origin = link->origin;
    info.protocol = VDP_LINK_SUB_PROTOCOL;
    info.local_protocol_name = VDP_LINK_SUB_PROTOCOL;
    info.alpn = "http/1.1";
    info.pwsi = &link->wsi;
    info.opaque_user_data = link;
    /* The name is checked in verify.c, which also knows addresses. */
    info.ssl_connection =
        LCCSCF_USE_SSL | LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK | LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
    lws_sul_schedule(info.context, 0, &link->timer, on_connect_deadline,
                     (lws_usec_t)link->connect_timeout_ms * 1000);
    vdp_line_ref(link);
    if (lws_client_connect_via_info(&info) == NULL && !link->reported) {
        /* It failed before there was anything that a callback could tell the end of. */
        link->wsi = NULL;
        vdp_line_finish(link, VDP_LINK_UNREACHABLE, "cannot connect");
        vdp_line_unref(link);
    }
    vdp_line_unref(link);
}

void
vdp_line_opened(struct vdp_link *link, struct lws *wsi)
{
    char address[64] = "";
    int unsent = VDP_LINK_UNSENT;
    int on = 1;

    lws_sul_cancel(&link->timer);
    vdp_verify_watch(link, false);
    lws_get_peer_simple(wsi, address, sizeof(address));
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    /* What waits in the kernel cannot be overtaken by anything urgent. */
    (void)setsockopt(lws_get_socket_fd(wsi), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent,
                     sizeof(unsent));
    g_mutex_lock(&link->lock);
    link->peer_name = vdp_verify_peer_name(wsi);
    link->peer_address = g_strdup(address);
    link->sockfd = lws_get_socket_fd(wsi);
    g_mutex_unlock(&link->lock);
    link->open = true;
    if (link->is_client) {
        post_kind(link, LINE_OPENED);
    }
    wait_writeable(link);
}

int
vdp_line_received(struct vdp_link *link, const void *data, size_t size)
{
    struct vdp_line_event *last;
    bool pause;

    if (link->reported || link->closing || size == 0) {
        return 0;
    }
    lws_validity_confirmed(link->wsi);
    g_mutex_lock(&link->lock);
    last = g_queue_peek_tail(&link->inbox);
    if (last == NULL || last->kind != LINE_DATA || last->data->len + size > VDP_LINK_MAX_MESSAGE) {
        last = g_new0(struct vdp_line_event, 1);
        last->kind = LINE_DATA;
        last->data = g_byte_array_new();
        g_queue_push_tail(&link->inbox, last);
    }
    g_byte_array_append(last->data, data, (guint)size);
    link->inbox_bytes += size;
    pause = link->inbox_bytes > VDP_LINK_RX_HIGH && !link->rx_paused;
    link->rx_paused = link->rx_paused || pause;
    g_mutex_unlock(&link->lock);
    g_source_set_ready_time(link->source, 0);
    if (pause) {
        lws_rx_flow_control(link->wsi, 0);
        lws_set_timer_usecs(link->wsi, VDP_LINK_PING_SECS * LWS_USEC_PER_SEC);
    }
    return 0;
}

void
vdp_line_resume(void *data)
{
    struct vdp_link *link = data;

    if (link->wsi != NULL && link->open) {
        lws_rx_flow_control(link->wsi, 1);
    }
    vdp_line_unref(link);
}

/* While we do not read we cannot see the peer's pongs: that is our fault, not its. */
void
vdp_line_paused_timer(struct vdp_link *link)
{
    bool paused;

    g_mutex_lock(&link->lock);
    paused = link->rx_paused;
    g_mutex_unlock(&link->lock);
    if (paused) {
        lws_validity_confirmed(link->wsi);
        lws_set_timer_usecs(link->wsi, VDP_LINK_PING_SECS * LWS_USEC_PER_SEC);
    }
}

/* The next unit to write; units of the lowest channel number first. */
static GBytes *
next_unit(struct vdp_link *link)
{
    GBytes *unit = NULL;
    unsigned i;

    g_mutex_lock(&link->lock);
    link->wake_posted = false;
    for (i = 0; i < VDP_LINK_CHANNELS && unit == NULL; i++) {
        unit = g_queue_pop_head(&link->outgoing[i]);
    }
    g_mutex_unlock(&link->lock);
    return unit;
}

/* Fills chunk with the rest of a unit, or with some small ones. */
static size_t
fill_chunk(struct vdp_link *link, uint8_t *chunk)
{
    size_t filled = 0;

    do {
        const uint8_t *bytes;
        gsize size = 0;
        size_t part;

        if (link->unit == NULL) {
            link->unit = next_unit(link);
            link->unit_at = 0;
        }
        if (link->unit == NULL) {
            break;
        }
        bytes = g_bytes_get_data(link->unit, &size);
        part = MIN(size - link->unit_at, VDP_LINK_CHUNK);
        if (filled > 0 && filled + part > VDP_LINK_TOGETHER) {
            break;
        }
        memcpy(chunk + filled, bytes + link->unit_at, part);
        filled += part;
        link->unit_at += part;
        if (link->unit_at == size) {
            g_clear_pointer(&link->unit, g_bytes_unref);
        }
    } while (filled < VDP_LINK_TOGETHER);
    return filled;
}

/* Everything was handed to the kernel. */
static int
written_all(struct vdp_link *link)
{
    bool drained;

    g_mutex_lock(&link->lock);
    drained = link->tell_drained && link->queued == 0;
    link->tell_drained = link->tell_drained && !drained;
    g_mutex_unlock(&link->lock);
    if (link->closing) {
        lws_close_reason(link->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
        return -1;
    }
    if (drained) {
        post_kind(link, LINE_DRAINED);
    }
    return 0;
}

int
vdp_line_writeable(struct vdp_link *link)
{
    static uint8_t chunk[LWS_PRE + VDP_LINK_CHUNK]; /* the one loop thread's */
    size_t size;
    bool more;

    link->waiting = false;
    if (!link->open) {
        return -1;
    }
    size = fill_chunk(link, chunk + LWS_PRE);
    if (size == 0) {
        return written_all(link);
    }
    if (lws_write(link->wsi, chunk + LWS_PRE, size, LWS_WRITE_BINARY) < (int)size) {
        return -1;
    }
    g_mutex_lock(&link->lock);
    link->queued -= size;
    more = link->queued > 0;
    g_mutex_unlock(&link->lock);
    /* What libwebsockets kept goes out before it calls back. */
    if (more || link->closing || lws_partial_buffered(link->wsi)) {
        wait_writeable(link);
        return 0;
    }
    return written_all(link);
}

/* A little behind nothing is written now: a round of the loop costs more than the write. */
static bool
may_write_at_once(struct vdp_link *link)
{
    int kernel = 0;
    size_t queued;

    g_mutex_lock(&link->lock);
    queued = link->queued;
    g_mutex_unlock(&link->lock);
    return !link->waiting && !link->closing && queued <= VDP_LINK_TOGETHER &&
           !lws_partial_buffered(link->wsi) &&
           ioctl(lws_get_socket_fd(link->wsi), SIOCOUTQNSD, &kernel) == 0 &&
           kernel <= VDP_LINK_AT_ONCE;
}

void
vdp_line_write(void *data)
{
    struct vdp_link *link = data;

    if (link->wsi == NULL || !link->open) {
        /* It is written when the line is open. */
    } else if (!may_write_at_once(link)) {
        wait_writeable(link);
    } else if (vdp_line_writeable(link) < 0) {
        drop(link, VDP_LINK_CLOSED, "cannot write");
    }
    vdp_line_unref(link);
}

void
vdp_line_close(void *data)
{
    struct vdp_link *link = data;

    link->closing = true;
    if (link->wsi != NULL && link->open) {
        /* A last message, GOAWAY for one, still goes out. */
        lws_sul_schedule(vdp_loop_context(), 0, &link->timer, on_linger_deadline,
                         VDP_LINK_LINGER_US);
        lws_rx_flow_control(link->wsi, 1);
        wait_writeable(link);
    } else if (link->wsi != NULL) {
        drop(link, VDP_LINK_CLOSED, "closed by us");
    }
    vdp_line_unref(link);
}

static void
on_client_error(struct lws *wsi, struct vdp_link *link, const char *text)
{
    unsigned status = lws_http_client_http_response(wsi);
    g_autofree char *message = NULL;

    if (link->untrusted != NULL) {
        vdp_line_finish(link, VDP_LINK_UNTRUSTED, link->untrusted);
    } else if (link->verified && status >= 200 && status <= 599) {
        message = g_strdup_printf("the server answered with status %u", status);
        vdp_line_finish(link, VDP_LINK_REJECTED, message);
    } else {
        message = g_strdup_printf("cannot connect to %s: %s", link->host, text);
        vdp_line_finish(link, VDP_LINK_UNREACHABLE, message);
    }
}

int
vdp_line_client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t size)
{
    struct vdp_link *link;

    (void)user;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
    case LWS_CALLBACK_CLIENT_RECEIVE:
    case LWS_CALLBACK_CLIENT_WRITEABLE:
    case LWS_CALLBACK_CLIENT_CLOSED:
    case LWS_CALLBACK_TIMER:
    case LWS_CALLBACK_WSI_DESTROY:
        break;
    default:
        return 0;
    }
    link = lws_get_opaque_user_data(wsi);
    if (link == NULL) {
        return 0;
    }
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        if (link->reported) {
            return -1;
        }
        vdp_line_opened(link, wsi);
        return 0;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        on_client_error(wsi, link, in != NULL ? in : "unknown reason");
        return 0;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        return vdp_line_received(link, in, size);
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        return vdp_line_writeable(link);
    case LWS_CALLBACK_TIMER:
        vdp_line_paused_timer(link);
        return 0;
    case LWS_CALLBACK_CLIENT_CLOSED:
        vdp_line_finish(link, VDP_LINK_CLOSED, "the connection ended");
        return 0;
    default: /* LWS_CALLBACK_WSI_DESTROY */
        vdp_line_finish(link, VDP_LINK_UNREACHABLE, "cannot connect");
        lws_set_opaque_user_data(wsi, NULL);
        link->wsi = NULL;
        vdp_line_unref(link);
        return 0;
    }
}
