/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/ctl/ask.h"

#include <glib.h>
#include <string.h>
#include <unistd.h>

#include "protocol/link/channel.h"

struct ctl_ask {
    struct vdp_channel_conn *conn;
    ctl_ask_fn answered;
    void *user_data;
    guint timer;
    const char *text; /* for a failure that the timer reports */
};

static void
finish(struct ctl_ask *ask, json_t *reply, const char *text)
{
    ctl_ask_fn answered = ask->answered;

    ask->answered = NULL;
    if (answered != NULL) {
        answered(reply, text, ask->user_data);
    }
}

static void
on_message(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data)
{
    const char *type = json_string_value(json_object_get(message, "type"));
    const char *text = json_string_value(json_object_get(message, "text"));

    (void)conn;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (type != NULL && strcmp(type, "reply") == 0) {
        finish(user_data, message, "");
    } else {
        finish(user_data, NULL, text != NULL ? text : "the broker refused");
    }
}

static void
on_closed(struct vdp_channel_conn *conn, const char *text, void *user_data)
{
    (void)conn;
    finish(user_data, NULL, text);
}

static const struct vdp_channel_events events = {.message = on_message, .closed = on_closed};

static gboolean
on_timer(void *user_data)
{
    struct ctl_ask *ask = user_data;

    ask->timer = 0;
    finish(ask, NULL, ask->text);
    return G_SOURCE_REMOVE;
}

struct ctl_ask *
ctl_ask_new(const char *socket_path, json_t *request, unsigned timeout_ms, ctl_ask_fn answered,
            void *user_data)
{
    struct ctl_ask *ask = g_new0(struct ctl_ask, 1);
    int fd = vdp_channel_connect(socket_path);

    ask->answered = answered;
    ask->user_data = user_data;
    if (fd < 0) {
        ask->text = "the broker is not there";
        ask->timer = g_timeout_add(0, on_timer, ask);
        json_decref(request);
        return ask;
    }
    ask->text = "the broker did not answer in time";
    ask->timer = g_timeout_add(timeout_ms, on_timer, ask);
    ask->conn = vdp_channel_new(fd, NULL, &events, ask);
    vdp_channel_send(ask->conn, request, -1);
    return ask;
}

void
ctl_ask_free(struct ctl_ask *ask)
{
    if (ask != NULL) {
        if (ask->timer != 0) {
            g_source_remove(ask->timer);
        }
        vdp_channel_free(ask->conn);
        g_free(ask);
    }
}
