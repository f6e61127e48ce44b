/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/streamer/control.h"

#include <errno.h>
#include <gio/gio.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hostd/streamer/capture-dbus.h"
#include "hostd/streamer/capture-spice.h"
#include "hostd/streamer/streamer.h"
#include "protocol/base/log.h"
#include "protocol/link/channel.h"

#define ALONE_LOOKS   6
#define STATS_SECONDS 5 /* status without a change, while somebody looks */

struct streamer_control {
    struct streamer *streamer;
    GSource *accept;
    struct vdp_channel_conn *conn; /* the newest controller, or NULL */
    json_t *places;                /* where monitors are wanted, for a controller that comes */
    GSource *timer;
    unsigned alone; /* looks of the timer at which neither display nor controller was there */
};

static const char *
get_text(json_t *message, const char *key)
{
    return json_string_value(json_object_get(message, key));
}

static json_t *
describe_stats(const struct streamer_stats *stats)
{
    const struct vdp_mix *mix = &stats->mix;

    return json_pack(
        "{s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:I}",
        "frames", (json_int_t)stats->frames, "bytes", (json_int_t)stats->bytes, "tiles_sent",
        (json_int_t)stats->tiles_sent, "tiles_compared", (json_int_t)stats->tiles_compared,
        "encode_p50_us", (int)stats->encode_p50_us, "rtt_us", (int)stats->rtt_us, "unacked",
        (int)stats->unacked, "rate", (json_int_t)stats->rate, "host_us", (json_int_t)stats->host_us,
        "decode_us", (json_int_t)stats->decode_us, "present_us", (json_int_t)stats->present_us,
        "exact", (int)vdp_mix_share(mix, mix->exact), "reused",
        (int)vdp_mix_share(mix, mix->reused), "photo", (int)vdp_mix_share(mix, mix->photo), "film",
        (int)vdp_mix_share(mix, mix->film), "idle_s", (json_int_t)stats->idle_s);
}

static void
send_status(struct streamer_control *control)
{
    struct streamer_status status;

    if (control->conn == NULL) {
        return;
    }
    streamer_status(control->streamer, &status);
    vdp_channel_send(control->conn,
                     json_pack("{s:s, s:b, s:i, s:i, s:s?, s:s, s:s?, s:s, s:o}", "type", "status",
                               "display", (int)status.display, "width", (int)status.width, "height",
                               (int)status.height, "stream", status.stream, "state", status.state,
                               "next", status.next, "text", status.text, "stats",
                               describe_stats(&status.stats)),
                     -1);
}

static void
streamer_changed(void *user_data)
{
    send_status(user_data);
}

static void
text_typed(const char *text, size_t size, void *user_data)
{
    struct streamer_control *control = user_data;

    if (control->conn != NULL) {
        vdp_channel_send(control->conn,
                         json_pack("{s:s, s:s%}", "type", "text", "text", text, size), -1);
    }
}

static bool
mouse_moved(int dx, int dy, void *user_data)
{
    struct streamer_control *control = user_data;

    if (control->conn != NULL) {
        vdp_channel_send(control->conn,
                         json_pack("{s:s, s:i, s:i}", "type", "motion", "dx", dx, "dy", dy), -1);
    }
    return control->conn != NULL;
}

static bool
pointer_placed(uint16_t x, uint16_t y, void *user_data)
{
    struct streamer_control *control = user_data;

    if (control->conn != NULL) {
        vdp_channel_send(control->conn,
                         json_pack("{s:s, s:i, s:i}", "type", "point", "x", (int)x, "y", (int)y),
                         -1);
    }
    return control->conn != NULL;
}

static void
monitors_placed(const struct vdp_area *areas, unsigned count, void *user_data)
{
    struct streamer_control *control = user_data;
    json_t *list = json_array();
    unsigned i;

    for (i = 0; i < count; i++) {
        json_array_append_new(list, json_pack("[i, i]", (int)areas[i].x, (int)areas[i].y));
    }
    json_decref(control->places);
    control->places = json_pack("{s:s, s:o}", "type", "monitors", "at", list);
    if (control->conn != NULL) {
        vdp_channel_send(control->conn, json_incref(control->places), -1);
    }
}

static void
client_left(json_t *message, void *user_data)
{
    struct streamer_control *control = user_data;

    if (control->conn != NULL) {
        vdp_channel_send(control->conn, message, -1);
    } else {
        json_decref(message);
    }
}

static const struct streamer_events streamer_events = {
    .changed = streamer_changed,
    .typed = text_typed,
    .moved = mouse_moved,
    .pointed = pointer_placed,
    .placed = monitors_placed,
    .left = client_left,
};

static gboolean
report_stats(gpointer data)
{
    struct streamer_control *control = data;
    struct streamer_status status;

    streamer_status(control->streamer, &status);
    if (strcmp(status.state, "streaming") == 0) {
        send_status(control);
    }
    /* Whoever started it was killed before it could write that down, and its machine has ended. */
    control->alone = control->conn == NULL && !status.display ? control->alone + 1 : 0;
    if (control->alone > ALONE_LOOKS) {
        vd_notice("control", "neither a display nor hostd, ending");
        exit(0);
    }
    return G_SOURCE_CONTINUE;
}

/*
 * Makes a socket pair and hands the far end back, which the machine gets. The pair is made here
 * because the machine's D-Bus admits only its own uid, and the kernel remembers who made a pair.
 * Returns our end, or -1.
 */
static int
make_pair(void *user_data)
{
    struct streamer_control *control = user_data;
    int ends[2];

    if (control->conn == NULL) {
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        vd_warning("control", "no socket for a display: %s", strerror(errno));
        return -1;
    }
    vdp_channel_send(control->conn, json_pack("{s:s}", "type", "display"), ends[1]);
    close(ends[1]);
    return ends[0];
}

static void
make_display(struct streamer_control *control, const char *kind)
{
    const struct capture_events *events = streamer_capture_events();
    int fd;

    if (kind != NULL && strcmp(kind, "spice") == 0) {
        streamer_set_capture(control->streamer,
                             capture_spice_new(make_pair, control, events, control->streamer));
        return;
    }
    fd = make_pair(control);
    if (fd >= 0) {
        streamer_set_capture(control->streamer, capture_dbus_new(fd, events, control->streamer));
    }
}

static void
take_dial(struct streamer_control *control, json_t *message)
{
    struct streamer_dial dial = {.stream = get_text(message, "stream"),
                                 .url = get_text(message, "url"),
                                 .token = get_text(message, "token"),
                                 .ca = get_text(message, "ca")};
    const char *problem = streamer_dial_check(&dial);

    if (problem != NULL) {
        vd_warning("control", "dial refused: %s", problem);
        return;
    }
    streamer_dial(control->streamer, &dial);
}

static void
take_hangup(struct streamer_control *control, json_t *message)
{
    const char *stream = get_text(message, "stream");
    const char *text = get_text(message, "text");
    json_int_t reason = json_integer_value(json_object_get(message, "reason"));

    if (stream == NULL || reason < VDP_GOAWAY_ENDED || reason > VDP_GOAWAY_TIMEOUT) {
        vd_warning("control", "hangup without a stream or with an unknown reason");
        return;
    }
    streamer_hangup(control->streamer, stream, (enum vdp_goaway_reason)reason,
                    text != NULL ? text : "");
}

static void
take_notice(struct streamer_control *control, json_t *message)
{
    const char *stream = get_text(message, "stream");
    const char *text = get_text(message, "text");
    const json_t *held = json_object_get(message, "held");
    bool newer = json_is_true(json_object_get(message, "newer"));
    json_int_t seconds = json_integer_value(json_object_get(message, "seconds"));
    struct vdp_notice notice = {.kind = VDP_NOTICE_END, .seconds = (uint32_t)MAX(seconds, 0)};

    if (text != NULL) {
        notice = (struct vdp_notice){VDP_NOTICE_TEXT, 0, text, strlen(text)};
    } else if (newer) {
        notice = (struct vdp_notice){.kind = VDP_NOTICE_NEWER};
    } else if (json_is_boolean(held)) {
        notice =
            (struct vdp_notice){.kind = json_is_true(held) ? VDP_NOTICE_HELD : VDP_NOTICE_FREED};
    }
    if (stream == NULL) {
        vd_warning("control", "a notice for no stream");
        return;
    }
    streamer_notice(control->streamer, stream, &notice);
}

static void
take_message(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data)
{
    struct streamer_control *control = user_data;
    const char *type = get_text(message, "type");
    char quoted[4 * VD_LOG_QUOTE_MAX + 4];

    (void)conn;
    if (fd >= 0) {
        close(fd); /* none is expected */
    }
    if (type != NULL && strcmp(type, "display") == 0) {
        make_display(control, get_text(message, "kind"));
    } else if (type != NULL && strcmp(type, "dial") == 0) {
        take_dial(control, message);
    } else if (type != NULL && strcmp(type, "hangup") == 0) {
        take_hangup(control, message);
    } else if (type != NULL && strcmp(type, "notice") == 0) {
        take_notice(control, message);
    } else if (type != NULL && strcmp(type, "moved") == 0) {
        streamer_moved(control->streamer);
    } else if (type != NULL && strcmp(type, "policy") == 0) {
        streamer_keep_picture(control->streamer, json_is_true(json_object_get(message, "picture")));
        streamer_allow_monitors(
            control->streamer,
            (unsigned)CLAMP(json_integer_value(json_object_get(message, "monitors")), 1,
                            (json_int_t)VDP_MAX_MONITORS));
    } else if (type != NULL) {
        vd_warning("control", "unknown message %s",
                   vd_log_quote(quoted, sizeof(quoted), type, strlen(type)));
    }
}

static void
controller_left(struct vdp_channel_conn *conn, const char *text, void *user_data)
{
    struct streamer_control *control = user_data;

    vd_info("control", "the controller left: %s", text);
    vdp_channel_free(conn);
    control->conn = NULL;
    streamer_moved(control->streamer); /* nobody will answer */
}

static const struct vdp_channel_events channel_events = {
    .message = take_message,
    .closed = controller_left,
};

static void
take_controller(int fd, void *user_data)
{
    struct streamer_control *control = user_data;

    vdp_channel_free(control->conn);
    control->conn =
        vdp_channel_new(fd, g_main_context_get_thread_default(), &channel_events, control);
    streamer_moved(control->streamer); /* the former one will not answer */
    send_status(control);
    if (control->places != NULL) {
        vdp_channel_send(control->conn, json_incref(control->places), -1);
    }
}

struct streamer_control *
streamer_control_new(int listen_fd)
{
    struct streamer_control *control = g_new0(struct streamer_control, 1);

    control->streamer = streamer_new(&streamer_events, control);
    if (control->streamer == NULL) {
        close(listen_fd);
        g_free(control);
        return NULL;
    }
    control->accept = vdp_channel_accept_source(listen_fd, g_main_context_get_thread_default(),
                                                take_controller, control);
    control->timer = g_timeout_source_new_seconds(STATS_SECONDS);
    g_source_set_callback(control->timer, report_stats, control, NULL);
    g_source_attach(control->timer, g_main_context_get_thread_default());
    return control;
}

void
streamer_control_free(struct streamer_control *control)
{
    if (control == NULL) {
        return;
    }
    g_source_destroy(control->timer);
    g_source_unref(control->timer);
    g_source_destroy(control->accept);
    g_source_unref(control->accept);
    vdp_channel_free(control->conn);
    streamer_free(control->streamer);
    json_decref(control->places);
    g_free(control);
}

struct streamer *
streamer_control_streamer(struct streamer_control *control)
{
    return control->streamer;
}
