/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/hosts.h"

#include <stdlib.h>
#include <string.h>

#include "broker/change.h"
#include "broker/desired.h"
#include "broker/hostmsg.h"
#include "broker/lastscreen.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/base/secret.h"
#include "protocol/link/link.h"
#include "protocol/wire/messages.h"

#define MODULE    "hosts"
#define MAX_BODY  (1024u * 1024u)
#define SILENT_US (INT64_C(20) * 1000 * 1000) /* a host reports every 5 s */
#define REPEAT_US (INT64_C(5) * 1000 * 1000)
#define QUEUE_MAX (8u * 1024u * 1024u) /* a host that reads nothing is closed */

struct peer {
    struct broker_hosts *hosts; /* borrowed */
    struct vdp_link *link;
    struct vdp_framer *framer;
    char name[STORE_NAME_MAX + 1]; /* from its certificate; "" on /join */
    bool joining;
    bool said_hello;
    unsigned unknown; /* desktops in its report that are not ours */
    int64_t heard_us;
    int64_t sent_us;
    guint64 seq;
    char *sent_digest; /* of the last desired list; the list itself holds tokens */
};

struct broker_hosts {
    struct broker *broker; /* borrowed */
    struct vdp_link_server *server;
    GPtrArray *peers; /* struct peer * */
};

static void
free_peer(gpointer data)
{
    struct peer *peer = data;

    vdp_link_free(peer->link);
    vdp_framer_free(peer->framer);
    g_free(peer->sent_digest);
    g_free(peer);
}

static bool
has_peer(struct broker_hosts *hosts, const char *name)
{
    guint i;

    for (i = 0; i < hosts->peers->len; i++) {
        const struct peer *peer = g_ptr_array_index(hosts->peers, i);

        if (peer->said_hello && strcmp(peer->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Its desktops live on; what is known of them is what it said last. */
static void
mark_away(struct broker_hosts *hosts, const char *name)
{
    struct broker_model *model = hosts->broker->model;
    struct broker_host *host = broker_model_host(model, name);
    guint i;

    if (host == NULL || has_peer(hosts, name)) {
        return;
    }
    host->connected = false;
    host->away_ms = vd_wall_ms();
    for (i = 0; i < model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        if (strcmp(desktop->row.host, name) == 0) {
            desktop->absent_ms = 0;
        }
    }
}

static void
drop_peer(struct peer *peer, const char *text)
{
    struct broker_hosts *hosts = peer->hosts;
    char name[STORE_NAME_MAX + 1];

    g_strlcpy(name, peer->name, sizeof(name));
    if (!peer->joining) {
        vd_notice(MODULE, "host '%s' is away: %s", name, text);
    }
    g_ptr_array_remove(hosts->peers, peer);
    mark_away(hosts, name);
    broker_settle_soon(hosts->broker);
}

static void
send_json(struct peer *peer, const json_t *message)
{
    struct vdp_buffer buffer = {0};
    char *text = json_dumps(message, JSON_COMPACT);

    if (text != NULL && vdp_put_json(&buffer, text, strlen(text)) == 0) {
        GBytes *bytes =
            g_bytes_new_with_free_func(buffer.data, buffer.size, vd_secret_release, buffer.data);

        vdp_link_send(peer->link, bytes, VDP_CHANNEL_CONTROL);
        g_bytes_unref(bytes);
        buffer.data = NULL; /* the bytes own it now; an order holds tokens */
        peer->sent_us = vd_monotonic_us();
    }
    vd_secret_free(text);
    vd_secret_release(buffer.data);
}

static void
send_desired(struct peer *peer, bool repeat)
{
    struct broker *broker = peer->hosts->broker;
    json_t *list =
        broker_desired(broker->model, broker->pools, peer->name, broker->ca.cert_pem, vd_wall_ms());
    json_t *message = json_object();
    char *digest;
    char *text;

    json_object_set_new(message, "type", json_string("desired"));
    json_object_set_new(message, "desktops", list);
    json_object_set_new(message, "no_disks", broker_desired_no_disks(broker->model, peer->name));
    text = json_dumps(message, JSON_COMPACT | JSON_SORT_KEYS);
    digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

    if (repeat || peer->sent_digest == NULL || strcmp(peer->sent_digest, digest) != 0) {
        json_object_set_new(message, "seq", json_integer((json_int_t)++peer->seq));
        send_json(peer, message);
        g_free(peer->sent_digest);
        peer->sent_digest = digest;
        digest = NULL;
    }
    g_free(digest);
    vd_secret_free(text);
    json_decref(message);
}

static void
send_text(struct peer *peer, const char *type, const char *key, const char *value)
{
    json_t *message = json_object();

    json_object_set_new(message, "type", json_string(type));
    json_object_set_new(message, key, json_string(value));
    send_json(peer, message);
    json_decref(message);
}

/* The token is spent, the host known and its certificate made, all or nothing. */
static char *
enrol(struct broker *broker, const struct broker_hostmsg *message, GError **error)
{
    struct store_host row = {.joined_ms = vd_wall_ms()};
    char *cert = NULL;
    bool ok;

    g_strlcpy(row.name, message->join.name, sizeof(row.name));
    if (!store_begin(broker->store, error)) {
        return NULL;
    }
    ok = store_join_token_redeem(broker->store, message->join.token, row.name, row.joined_ms,
                                 error) == STORE_OK;
    if (ok) {
        cert = vdp_pki_sign_request(&broker->ca, message->csr, row.name, BROKER_CERT_DAYS, error);
        ok = cert != NULL && store_host_put(broker->store, &row, error);
    }
    if (!store_end(broker->store, ok, ok ? error : NULL)) {
        g_clear_pointer(&cert, g_free);
        return NULL;
    }
    if (broker_model_host(broker->model, row.name) == NULL) {
        broker_model_add_host(broker->model, &row)->away_ms = row.joined_ms;
    } else {
        broker_model_host(broker->model, row.name)->row = row;
    }
    return cert;
}

static void
take_join(struct peer *peer, const struct broker_hostmsg *message)
{
    struct broker *broker = peer->hosts->broker;
    GError *error = NULL;
    char *cert = enrol(broker, message, &error);

    if (cert == NULL) {
        vd_warning(MODULE, "a host at %s may not join as '%s': %s",
                   vdp_link_peer_address(peer->link), message->join.name,
                   error != NULL ? error->message : "the token is not valid for it");
        broker_audit(broker, "join-refused", NULL, vdp_link_peer_address(peer->link),
                     message->join.name, NULL);
        send_text(peer, "refused", "text",
                  "the join token is not valid: wrong host name, used already or older than 15 "
                  "minutes; get a new one with 'vedettectl host token NAME'");
        g_clear_error(&error);
        return;
    }
    vd_notice(MODULE, "host '%s' joined from %s", message->join.name,
              vdp_link_peer_address(peer->link));
    broker_audit(broker, "join", NULL, vdp_link_peer_address(peer->link), message->join.name, NULL);
    send_text(peer, "joined", "cert", cert);
    g_free(cert);
}

static void
take_renew(struct peer *peer, const struct broker_hostmsg *message)
{
    GError *error = NULL;
    char *cert = vdp_pki_sign_request(&peer->hosts->broker->ca, message->csr, peer->name,
                                      BROKER_CERT_DAYS, &error);

    if (cert == NULL) {
        send_text(peer, "refused", "text", "the request is not a valid one");
        vd_warning(MODULE, "host '%s' asked for a certificate: %s", peer->name, error->message);
        g_clear_error(&error);
        return;
    }
    send_text(peer, "renewed", "cert", cert);
    vd_info(MODULE, "host '%s' has a new certificate", peer->name);
    g_free(cert);
}

/* A host that comes back before its old link was seen to be dead takes its place. */
static void
drop_older(struct peer *peer)
{
    struct broker_hosts *hosts = peer->hosts;
    guint i;

    for (i = hosts->peers->len; i > 0; i--) {
        struct peer *other = g_ptr_array_index(hosts->peers, i - 1);

        if (other != peer && other->said_hello && strcmp(other->name, peer->name) == 0) {
            drop_peer(other, "it dialled anew");
        }
    }
}

static bool
take_hello(struct peer *peer, const struct broker_hostmsg *message)
{
    struct broker_host *host = broker_model_host(peer->hosts->broker->model, peer->name);

    if (host == NULL || strcmp(message->hello.host, peer->name) != 0) {
        return false;
    }
    peer->said_hello = true;
    drop_older(peer);
    g_strlcpy(host->boot_id, message->hello.boot_id, sizeof(host->boot_id));
    host->cpus = message->hello.cpus;
    host->memory_mb = message->hello.memory_mb;
    host->kvm = message->hello.kvm;
    host->mips = message->hello.mips;
    g_strlcpy(host->accel_text, message->hello.accel_text, sizeof(host->accel_text));
    vd_notice(MODULE, "host '%s' is here: %u CPUs, %u MB, %s, %u million instructions/s",
              peer->name, host->cpus, host->memory_mb, host->kvm ? "KVM" : "TCG", host->mips);
    send_desired(peer, true);
    return true;
}

static bool
take_observed(struct peer *peer, const struct broker_hostmsg *message)
{
    struct broker *broker = peer->hosts->broker;
    struct broker_host *host = broker_model_host(broker->model, peer->name);
    unsigned unknown;

    if (host == NULL || !peer->said_hello) {
        return false;
    }
    unknown = broker_observe(broker->model, host, message, vd_wall_ms());
    if (unknown != peer->unknown) {
        vd_warning(MODULE,
                   "host '%s' runs %u desktops that are not known here; they are left alone",
                   peer->name, unknown);
        peer->unknown = unknown;
    }
    broker_settle_soon(broker);
    return true;
}

static bool
take_message(struct peer *peer, const struct broker_hostmsg *message)
{
    struct broker *broker = peer->hosts->broker;

    switch (message->type) {
    case BROKER_HOSTMSG_JOIN:
        if (peer->joining) {
            take_join(peer, message);
        }
        return peer->joining;
    case BROKER_HOSTMSG_HELLO:
        return !peer->joining && take_hello(peer, message);
    case BROKER_HOSTMSG_OBSERVED:
        return !peer->joining && take_observed(peer, message);
    case BROKER_HOSTMSG_RENEW:
        if (peer->said_hello) {
            take_renew(peer, message);
        }
        return peer->said_hello;
    case BROKER_HOSTMSG_DISK_GONE:
        if (peer->said_hello) {
            broker_change_disk_gone(broker, peer->name, message->disk.user, message->disk.pool);
        }
        return peer->said_hello;
    case BROKER_HOSTMSG_PICTURE:
        if (peer->said_hello && !broker_lastscreen_take(broker->model, broker->pools, peer->name,
                                                        message, vd_wall_ms())) {
            vd_debug(MODULE, "host '%s' sent a picture that is not wanted", peer->name);
        }
        return peer->said_hello;
    case BROKER_HOSTMSG_OTHER:
        break;
    }
    return true;
}

/* False: the peer is to be closed, *why says for what. */
static bool
take_record(struct peer *peer, const struct vdp_record *record, const char **why)
{
    struct broker_hostmsg *message;
    json_t *json;
    bool ok;

    *why = "a record that is not JSON";
    if (record->type != VDP_JSON) {
        return (record->flags & VDP_RECORD_CRITICAL) == 0;
    }
    json = json_loadb((const char *)record->body, record->size, JSON_REJECT_DUPLICATES, NULL);
    message = g_new0(struct broker_hostmsg, 1);
    ok = broker_hostmsg_parse(json, message, why);
    json_decref(json);
    if (ok) {
        *why = "a message out of place";
        ok = take_message(peer, message);
        broker_hostmsg_clear(message);
    }
    g_free(message);
    return ok;
}

static void
on_data(struct vdp_link *link, const uint8_t *data, size_t size, void *user_data)
{
    struct peer *peer = user_data;
    const char *why = "a malformed record";
    struct vdp_record record;
    size_t taken;
    int result = 0;

    (void)link;
    if (!peer->joining) {
        peer->heard_us = vd_monotonic_us();
    }
    while (size > 0 && result == 0) {
        result = vdp_framer_push(peer->framer, data, size, &taken);
        if (result < 0) {
            break;
        }
        data += taken;
        size -= taken;
        while ((result = vdp_framer_next(peer->framer, &record)) == 1) {
            if (!take_record(peer, &record, &why)) {
                drop_peer(peer, why);
                return;
            }
        }
    }
    if (result < 0) {
        drop_peer(peer, vdp_strerror(result));
    }
}

static void
on_closed(struct vdp_link *link, enum vdp_link_close reason, const char *text, void *user_data)
{
    (void)link;
    (void)reason;
    drop_peer(user_data, text);
}

static const struct vdp_link_events events = {.data = on_data, .closed = on_closed};

static void
on_accepted(struct vdp_link *link, void *user_data)
{
    struct broker_hosts *hosts = user_data;
    const char *path = vdp_link_path(link);
    const char *name = vdp_link_peer_name(link);
    const struct broker_host *host = broker_model_host(hosts->broker->model, name);
    bool joining = strcmp(path, "/join") == 0;
    struct peer *peer;

    if (!joining && (strcmp(path, "/host") != 0 || host == NULL || host->row.revoked)) {
        char quoted[4 * VD_LOG_QUOTE_MAX + 4];

        vd_warning(MODULE, "refused a link from %s: host '%s' is %s", vdp_link_peer_address(link),
                   vd_log_quote(quoted, sizeof(quoted), name, strlen(name)),
                   host == NULL ? "not known" : "revoked");
        vdp_link_free(link);
        return;
    }
    peer = g_new0(struct peer, 1);
    peer->hosts = hosts;
    peer->link = link;
    peer->framer = vdp_framer_new(MAX_BODY);
    peer->joining = joining;
    peer->heard_us = vd_monotonic_us();
    if (!joining) {
        g_strlcpy(peer->name, name, sizeof(peer->name));
    }
    g_ptr_array_add(hosts->peers, peer);
    vdp_link_accept(link, &events, peer);
    if (peer->framer == NULL) {
        drop_peer(peer, "memory is short");
    }
}

struct broker_hosts *
broker_hosts_new(struct broker *broker, const char *cert_pem, const char *key_pem, GError **error)
{
    struct vdp_link_server_options options = {.bind = broker->config.host_bind,
                                              .port = (uint16_t)broker->config.host_port,
                                              .ca_pem = broker->ca.cert_pem,
                                              .cert_pem = cert_pem,
                                              .key_pem = key_pem,
                                              .max_links = BROKER_MAX_LINKS};
    struct broker_hosts *hosts = g_new0(struct broker_hosts, 1);

    hosts->broker = broker;
    hosts->peers = g_ptr_array_new_with_free_func(free_peer);
    hosts->server = vdp_link_server_new(&options, NULL, on_accepted, hosts, error);
    if (hosts->server == NULL) {
        broker_hosts_free(hosts);
        return NULL;
    }
    return hosts;
}

void
broker_hosts_free(struct broker_hosts *hosts)
{
    if (hosts == NULL) {
        return;
    }
    g_ptr_array_unref(hosts->peers);
    vdp_link_server_free(hosts->server);
    g_free(hosts);
}

uint16_t
broker_hosts_port(struct broker_hosts *hosts)
{
    return vdp_link_server_port(hosts->server);
}

unsigned
broker_hosts_send_all(struct broker_hosts *hosts, const json_t *message)
{
    unsigned count = 0;
    guint i;

    for (i = 0; i < hosts->peers->len; i++) {
        struct peer *peer = g_ptr_array_index(hosts->peers, i);

        if (peer->said_hello) {
            send_json(peer, message);
            count++;
        }
    }
    return count;
}

void
broker_hosts_update(struct broker_hosts *hosts)
{
    guint i;

    for (i = 0; hosts != NULL && i < hosts->peers->len; i++) {
        struct peer *peer = g_ptr_array_index(hosts->peers, i);

        if (peer->said_hello) {
            send_desired(peer, false);
        }
    }
}

void
broker_hosts_tick(struct broker_hosts *hosts)
{
    int64_t now_us = vd_monotonic_us();
    guint i;

    for (i = hosts->peers->len; i > 0; i--) {
        struct peer *peer = g_ptr_array_index(hosts->peers, i - 1);

        if (now_us - peer->heard_us > SILENT_US) {
            drop_peer(peer, "it said nothing for 20 s");
        } else if (vdp_link_unsent(peer->link) > QUEUE_MAX) {
            drop_peer(peer, "it reads nothing");
        } else if (peer->said_hello && now_us - peer->sent_us >= REPEAT_US) {
            send_desired(peer, true);
        }
    }
}

void
broker_hosts_disconnect(struct broker_hosts *hosts, const char *name, const char *text)
{
    guint i;

    for (i = hosts->peers->len; i > 0; i--) {
        struct peer *peer = g_ptr_array_index(hosts->peers, i - 1);

        if (!peer->joining && strcmp(peer->name, name) == 0) {
            drop_peer(peer, text);
        }
    }
}
