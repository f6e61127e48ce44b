/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/desired.h"

#include <string.h>

#include "broker/canary.h"
#include "broker/deadlines.h"
#include "broker/jsonget.h"
#include "broker/lastscreen.h"
#include "broker/pool.h"

#define IDLE_SLACK_MS 8000 /* figures come every five seconds */

/* The soonest of the clocks that run on: when it ends, and when to say so. 0: neither. */
static int64_t
next_end(const struct broker_model *model, const struct broker_session *session,
         const struct broker_pool *pool, int64_t *ret_warn_ms)
{
    int64_t idle_since_ms = broker_model_idle_since(model, session);
    struct broker_deadlines update = broker_deadlines_of(model, session, pool);
    int64_t absolute_ms = pool->absolute_ms > 0 ? session->row.created_ms + pool->absolute_ms : 0;
    int64_t idle_ms =
        pool->input_idle_ms > 0 && idle_since_ms != 0 ? idle_since_ms + pool->input_idle_ms : 0;

    if (update.end_ms != 0 && (absolute_ms == 0 || update.end_ms < absolute_ms) &&
        (idle_ms == 0 || update.end_ms < idle_ms)) {
        *ret_warn_ms = update.warn_ms;
        return update.end_ms;
    }
    if (idle_ms != 0 && (absolute_ms == 0 || idle_ms < absolute_ms)) {
        *ret_warn_ms = idle_ms - MIN(BROKER_IDLE_WARN_MS, pool->input_idle_ms / 4);
        return idle_ms;
    }
    *ret_warn_ms = absolute_ms - MIN(BROKER_WARN_MS, pool->absolute_ms / 4);
    return absolute_ms;
}

/*
 * What the user is to read: the newest of an administrator's words and, towards its end, when the
 * session ends. Whoever shows it does so once for each number.
 */
static void
add_notice(json_t *stream, const struct broker_model *model, const struct broker_session *session,
           const struct broker_pool *pool, int64_t now_ms)
{
    int64_t warn_ms = 0;
    int64_t ends_ms = pool != NULL ? next_end(model, session, pool, &warn_ms) : 0;
    int64_t soft_ms = pool != NULL ? broker_deadlines_of(model, session, pool).ask_ms : 0;
    json_t *notice;

    if (ends_ms != 0 && now_ms >= warn_ms && session->notice_ms < warn_ms) {
        notice = json_object();
        json_object_set_new(notice, "n", json_integer(warn_ms));
        json_object_set_new(notice, "ends_ms", json_integer(ends_ms));
        json_object_set_new(stream, "notice", notice);
    } else if (soft_ms != 0 && now_ms >= soft_ms && session->notice_ms < soft_ms) {
        notice = json_object();
        json_object_set_new(notice, "n", json_integer(soft_ms));
        json_object_set_new(notice, "newer", json_true());
        json_object_set_new(stream, "notice", notice);
    } else if (session->notice[0] != '\0') {
        notice = json_object();
        json_object_set_new(notice, "n", json_integer(session->notice_ms));
        json_object_set_new(notice, "text", broker_json_string(session->notice));
        json_object_set_new(stream, "notice", notice);
    }
}

static json_t *
stream_json(const struct broker_model *model, const struct broker_pools *pools,
            const struct broker_desktop *desktop, const char *ca_pem, int64_t now_ms)
{
    const struct broker_session *session = broker_model_session_on(model, desktop->row.id);
    const struct broker_stream *stream =
        session != NULL ? broker_model_stream_of(model, session->row.id) : NULL;
    json_t *json;

    if (stream == NULL || desktop->row.gone || desktop->row.parked) {
        return json_null();
    }
    json = json_object();
    json_object_set_new(json, "id", json_string(stream->row.id));
    json_object_set_new(json, "url", json_string(stream->row.url));
    json_object_set_new(json, "token", json_string(stream->token));
    json_object_set_new(json, "ca", json_string(ca_pem));
    if (session != NULL) {
        add_notice(json, model, session, broker_pools_find(pools, session->row.pool), now_ms);
    }
    return json;
}

/* Of interest only when it starts, so that what the file says now is what counts. */
static const char *
clone_of(const struct broker_pools *pools, const struct store_desktop *row)
{
    const struct broker_pool *pool = broker_pools_find(pools, row->pool);

    return pool != NULL && broker_pool_forks(pool) ? "fork" : "disk";
}

/* As above. */
static void
add_network(json_t *json, const struct broker_pools *pools, const struct store_desktop *row)
{
    const struct broker_pool *pool = broker_pools_find(pools, row->pool);
    g_autofree char *text =
        pool != NULL && pool->bridge != NULL ? g_strconcat("bridge:", pool->bridge, NULL) : NULL;

    json_object_set_new(json, "network", text != NULL ? json_string(text) : json_null());
}

/* Whose it is, and what becomes of its disk. */
static void
add_keeping(json_t *json, const struct broker_model *model, const struct broker_pools *pools,
            const struct store_desktop *row)
{
    const struct broker_session *session = broker_model_session_on(model, row->id);
    const struct broker_pool *pool = broker_pools_find(pools, row->pool);
    const char *user = session != NULL ? session->row.user : row->owner;

    json_object_set_new(json, "user", user[0] != '\0' ? json_string(user) : json_null());
    json_object_set_new(json, "kept",
                        json_boolean(row->owner[0] != '\0' || (pool != NULL && pool->dedicated)));
    json_object_set_new(json, "keep_ms",
                        json_integer(broker_canary_is(row->owner) ? 0
                                     : pool != NULL               ? pool->trash_ms
                                                                  : BROKER_TRASH_MS));
    json_object_set_new(json, "origin",
                        row->origin[0] != '\0' ? json_string(row->origin) : json_null());
    /* Beside the stream, not in it: the picture is made when there is no stream any more. */
    json_object_set_new(
        json, "picture",
        json_boolean(session != NULL && broker_lastscreen_is_allowed(pools, session)));
    json_object_set_new(json, "monitors", json_integer(pool != NULL ? pool->monitors : 1));
}

/* Whom it signs in, and how large the disk is that she brings. */
static void
add_account(json_t *json, const struct broker_model *model, const struct broker_pools *pools,
            const struct store_desktop *row)
{
    const struct broker_session *session = broker_model_session_on(model, row->id);
    const struct broker_pool *pool = broker_pools_find(pools, row->pool);
    json_t *account = session != NULL && session->row.account[0] != '\0'
                          ? json_loads(session->row.account, 0, NULL)
                          : NULL;

    if (account != NULL && pool != NULL) {
        json_object_set_new(account, "disk_mb", json_integer(pool->userdisk_mb));
    }
    json_object_set_new(json, "account", account != NULL ? account : json_null());
}

json_t *
broker_desired(const struct broker_model *model, const struct broker_pools *pools, const char *host,
               const char *ca_pem, int64_t now_ms)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);
        const struct store_desktop *row = &desktop->row;
        json_t *json;

        if (strcmp(row->host, host) != 0) {
            continue;
        }
        json = json_object();
        json_object_set_new(json, "id", json_string(row->id));
        json_object_set_new(json, "slot", json_integer(row->slot));
        json_object_set_new(json, "pool", json_string(row->pool));
        json_object_set_new(json, "image", json_string(row->image));
        json_object_set_new(json, "revision", json_integer(row->revision));
        json_object_set_new(json, "epoch", json_integer(row->epoch));
        json_object_set_new(json, "cpu", json_integer(row->cpu));
        json_object_set_new(json, "memory_mb", json_integer(row->memory_mb));
        json_object_set_new(json, "accel", json_string(row->accel_any ? "any" : "kvm"));
        json_object_set_new(json, "display", json_string(broker_display_name(row->display)));
        json_object_set_new(json, "clone", json_string(clone_of(pools, row)));
        json_object_set_new(json, "state",
                            json_string(row->gone      ? "gone"
                                        : row->stopped ? "stopped"
                                        : row->parked  ? "parked"
                                                       : "running"));
        add_network(json, pools, row);
        json_object_set_new(json, "polite", json_boolean(row->polite));
        add_keeping(json, model, pools, row);
        add_account(json, model, pools, row);
        json_object_set_new(json, "stream", stream_json(model, pools, desktop, ca_pem, now_ms));
        json_array_append_new(list, json);
    }
    return list;
}

json_t *
broker_desired_no_disks(const struct broker_model *model, const char *host)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < model->userdisks->len; i++) {
        const struct store_userdisk *disk =
            &g_array_index(model->userdisks, struct store_userdisk, i);

        if (disk->gone && strcmp(disk->host, host) == 0) {
            json_array_append_new(list,
                                  json_pack("{s:s, s:s}", "pool", disk->pool, "user", disk->user));
        }
    }
    return list;
}

static const struct broker_seen_desktop *
find_seen(const GArray *seen, const char *id)
{
    guint i;

    for (i = 0; i < seen->len; i++) {
        const struct broker_seen_desktop *item =
            &g_array_index(seen, struct broker_seen_desktop, i);

        if (strcmp(item->id, id) == 0) {
            return item;
        }
    }
    return NULL;
}

/* The same moment from one report to the next, although each rounds another way. */
static void
note_idle(struct broker_desktop *desktop, int64_t now_ms)
{
    int64_t since_ms = now_ms - (int64_t)desktop->figures.value[BROKER_FIGURE_IDLE_S] * 1000;

    if (!desktop->figures.known) {
        desktop->idle_since_ms = 0;
    } else if (ABS(since_ms - desktop->idle_since_ms) > IDLE_SLACK_MS) {
        desktop->idle_since_ms = since_ms;
    }
}

static void
observe_desktop(struct broker_desktop *desktop, const struct broker_seen_desktop *seen,
                int64_t now_ms)
{
    if (seen == NULL || seen->epoch != desktop->row.epoch) {
        desktop->state = BROKER_UNSEEN;
        desktop->stream[0] = '\0';
        desktop->figures.known = desktop->signed_in = false;
        if (desktop->absent_ms == 0) {
            desktop->absent_ms = now_ms;
        }
        return;
    }
    desktop->absent_ms = 0;
    desktop->state = seen->state;
    desktop->since_ms = seen->since_ms;
    desktop->promise_mb = seen->promise_mb;
    desktop->signed_in = seen->signed_in;
    g_strlcpy(desktop->text, seen->text, sizeof(desktop->text));
    g_strlcpy(desktop->stream, seen->stream, sizeof(desktop->stream));
    desktop->figures = seen->figures;
    note_idle(desktop, now_ms);
}

unsigned
broker_observe(struct broker_model *model, struct broker_host *host,
               const struct broker_hostmsg *message, int64_t now_ms)
{
    unsigned unknown = 0;
    guint i;

    host->connected = true;
    host->memory_free_mb = message->observed.memory_free_mb;
    host->tight = message->observed.tight;
    host->load = message->observed.load;
    g_strlcpy(host->text, message->observed.text, sizeof(host->text));
    g_array_set_size(host->images, 0);
    g_array_append_vals(host->images, message->observed.images->data,
                        message->observed.images->len);
    g_array_set_size(host->trash, 0);
    g_array_append_vals(host->trash, message->observed.trash->data, message->observed.trash->len);
    for (i = 0; i < model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        if (strcmp(desktop->row.host, host->row.name) == 0) {
            observe_desktop(desktop, find_seen(message->observed.desktops, desktop->row.id),
                            now_ms);
        }
    }
    for (i = 0; i < message->observed.desktops->len; i++) {
        const struct broker_seen_desktop *seen =
            &g_array_index(message->observed.desktops, struct broker_seen_desktop, i);
        const struct broker_desktop *known = broker_model_desktop(model, seen->id);

        if (seen->state != BROKER_GONE &&
            (known == NULL || strcmp(known->row.host, host->row.name) != 0)) {
            unknown++;
        }
    }
    return unknown;
}
