/* SPDX-License-Identifier: Apache-2.0 */
#include "hostd/uplink.h"

#include <glib.h>
#include <string.h>

#include "hostd/enrol.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"
#include "protocol/link/link.h"
#include "protocol/wire/buffer.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/record.h"

#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 2000u
#define SILENCE_MS     20000u /* the broker says something every 5 s */
#define RENEWAL_LOOK_S 3600
#define MAX_BODY       (1024u * 1024u)
#define MAX_PEM        (64u * 1024u)

struct hostd_uplink {
    const struct hostd_uplink_events *events;
    void *user_data;
    char *broker, *ca_path;
    struct hostd_enrol *enrol;
    struct vdp_link *link;
    struct vdp_framer *framer;
    bool open;
    bool complained; /* the reason of this outage is in the log */
    unsigned backoff_ms;
    guint retry, silence, renewal;
};

static gboolean on_retry(gpointer user_data);

static void
drop_source(guint *source)
{
    if (*source != 0) {
        g_source_remove(*source);
        *source = 0;
    }
}

static void
try_later(struct hostd_uplink *uplink, const char *text)
{
    if (!uplink->complained) {
        vd_warning("uplink", "no link to the broker, desktops run on: %s", text);
        uplink->complained = true;
    }
    uplink->open = false;
    drop_source(&uplink->silence);
    vdp_link_free(uplink->link);
    uplink->link = NULL;
    vdp_framer_free(uplink->framer);
    uplink->framer = NULL;
    if (uplink->retry == 0) {
        uplink->retry = g_timeout_add(uplink->backoff_ms, on_retry, uplink);
        uplink->backoff_ms = MIN(2 * uplink->backoff_ms, BACKOFF_MAX_MS);
    }
}

static gboolean
on_silence(gpointer user_data)
{
    struct hostd_uplink *uplink = user_data;

    uplink->silence = 0;
    try_later(uplink, "the broker has fallen silent");
    return G_SOURCE_REMOVE;
}

static void
hear(struct hostd_uplink *uplink)
{
    drop_source(&uplink->silence);
    uplink->silence = g_timeout_add(SILENCE_MS, on_silence, uplink);
}

void
hostd_uplink_send(struct hostd_uplink *uplink, json_t *message)
{
    char *text = message == NULL ? NULL : json_dumps(message, JSON_COMPACT);
    struct vdp_buffer buffer = {0};

    json_decref(message);
    if (uplink->link != NULL && text != NULL && vdp_put_json(&buffer, text, strlen(text)) == 0) {
        g_autoptr(GBytes) bytes =
            g_bytes_new_with_free_func(buffer.data, buffer.size, vd_secret_release, buffer.data);

        vdp_link_send(uplink->link, bytes, VDP_CHANNEL_CONTROL);
        buffer.data = NULL; /* the bytes own it now */
    } else if (uplink->link != NULL) {
        vd_error("uplink", "a message that cannot be sent");
    }
    vd_secret_release(buffer.data);
    vd_secret_free(text); /* a join holds a token */
}

/* Long before the certificate ends, so that a broker may be away for days. */
static gboolean
renew_when_due(gpointer user_data)
{
    struct hostd_uplink *uplink = user_data;

    if (uplink->open && hostd_enrol_is_due(uplink->enrol)) {
        hostd_uplink_send(uplink, hostd_enrol_request(uplink->enrol));
    }
    return G_SOURCE_CONTINUE;
}

static void
on_opened(struct vdp_link *link G_GNUC_UNUSED, void *user_data)
{
    struct hostd_uplink *uplink = user_data;

    hear(uplink);
    if (!hostd_enrol_is_done(uplink->enrol)) {
        hostd_uplink_send(uplink, hostd_enrol_request(uplink->enrol));
        return;
    }
    uplink->open = true;
    uplink->complained = false;
    uplink->backoff_ms = BACKOFF_MIN_MS;
    vd_notice("uplink", "linked to the broker as %s", hostd_enrol_name(uplink->enrol));
    uplink->events->opened(uplink, uplink->user_data);
    (void)renew_when_due(uplink);
}

/* False when the link is to be closed. */
static bool
handle(struct hostd_uplink *uplink, const struct vdp_record *record)
{
    json_t *message;

    if (record->type != VDP_JSON) {
        return (record->flags & VDP_RECORD_CRITICAL) == 0;
    }
    message = json_loadb((const char *)record->body, record->size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(message)) {
        json_decref(message);
        return false;
    }
    if (uplink->open && hostd_enrol_answer(uplink->enrol, message)) {
        vd_notice("uplink", "the certificate was renewed; the next link uses it");
    } else if (uplink->open) {
        uplink->events->message(uplink, message, uplink->user_data);
    } else if (hostd_enrol_answer(uplink->enrol, message)) {
        uplink->backoff_ms = BACKOFF_MIN_MS;
        uplink->complained = true; /* closing after joining is no outage */
        try_later(uplink, "joined");
    }
    json_decref(message);
    return true;
}

static void
on_data(struct vdp_link *link G_GNUC_UNUSED, const uint8_t *data, size_t size, void *user_data)
{
    struct hostd_uplink *uplink = user_data;
    struct vdp_record record;
    size_t taken;
    int result = 0;

    hear(uplink);
    while (uplink->framer != NULL && result >= 0 && size > 0) {
        result = vdp_framer_push(uplink->framer, data, size, &taken);
        data += taken;
        size -= taken;
        while (uplink->framer != NULL && result >= 0 &&
               (result = vdp_framer_next(uplink->framer, &record)) == 1) {
            if (!handle(uplink, &record)) {
                result = VDP_ERR_STATE;
            }
        }
    }
    if (result < 0) {
        try_later(uplink, "the broker sent something that is no message");
    }
}

static void
on_closed(struct vdp_link *link G_GNUC_UNUSED, enum vdp_link_close reason, const char *text,
          void *user_data)
{
    struct hostd_uplink *uplink = user_data;

    if (reason == VDP_LINK_UNTRUSTED) {
        vd_error("uplink", "the broker's certificate is not the one we trust: %s", text);
    }
    try_later(uplink, text);
}

static const struct vdp_link_events link_events = {
    .opened = on_opened, .data = on_data, .closed = on_closed};

static void
dial(struct hostd_uplink *uplink)
{
    bool joined = hostd_enrol_is_done(uplink->enrol);
    g_autofree char *url = g_strconcat(uplink->broker, joined ? "/host" : "/join", NULL);
    char *ca = NULL;
    size_t size;
    int result = vd_file_read(uplink->ca_path, MAX_PEM, &ca, &size);
    struct vdp_link_options options = {.url = url,
                                       .ca_pem = ca,
                                       .cert_pem = hostd_enrol_cert(uplink->enrol),
                                       .key_pem = joined ? hostd_enrol_key(uplink->enrol) : NULL};

    if (result < 0) {
        g_autofree char *text =
            g_strdup_printf("cannot read %s: %s", uplink->ca_path, strerror(-result));

        try_later(uplink, text);
        return;
    }
    if (!joined && !hostd_enrol_is_possible(uplink->enrol)) {
        free(ca);
        try_later(uplink, "this host has not joined; get a token with 'vedettectl host token' and "
                          "start it with --join-fd");
        return;
    }
    uplink->framer = vdp_framer_new(MAX_BODY);
    g_assert(uplink->framer != NULL);
    uplink->link = vdp_link_connect(&options, NULL, &link_events, uplink);
    free(ca);
}

static gboolean
on_retry(gpointer user_data)
{
    struct hostd_uplink *uplink = user_data;

    uplink->retry = 0;
    dial(uplink);
    return G_SOURCE_REMOVE;
}

struct hostd_uplink *
hostd_uplink_new(const struct hostd_uplink_options *options,
                 const struct hostd_uplink_events *events, void *user_data)
{
    struct hostd_uplink *uplink = g_new0(struct hostd_uplink, 1);

    uplink->events = events;
    uplink->user_data = user_data;
    uplink->broker = g_strdup(options->broker);
    uplink->ca_path = g_strdup(options->ca);
    uplink->enrol =
        hostd_enrol_new(options->state, options->name, options->join_fd, options->renew_s);
    uplink->backoff_ms = BACKOFF_MIN_MS;
    uplink->retry = g_timeout_add(0, on_retry, uplink);
    uplink->renewal = g_timeout_add_seconds(RENEWAL_LOOK_S, renew_when_due, uplink);
    return uplink;
}

void
hostd_uplink_free(struct hostd_uplink *uplink)
{
    if (uplink == NULL) {
        return;
    }
    drop_source(&uplink->retry);
    drop_source(&uplink->silence);
    drop_source(&uplink->renewal);
    vdp_link_free(uplink->link);
    vdp_framer_free(uplink->framer);
    hostd_enrol_free(uplink->enrol);
    g_free(uplink->broker);
    g_free(uplink->ca_path);
    g_free(uplink);
}

bool
hostd_uplink_is_open(const struct hostd_uplink *uplink)
{
    return uplink->open;
}

const char *
hostd_uplink_name(const struct hostd_uplink *uplink)
{
    return hostd_enrol_name(uplink->enrol);
}
