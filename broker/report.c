/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/report.h"

#include <string.h>

#include "broker/answer.h"
#include "broker/deadlines.h"
#include "broker/gateways.h"
#include "broker/groups.h"
#include "broker/jsonget.h"
#include "broker/nss.h"
#include "broker/placement.h"
#include "broker/pressure.h"
#include "broker/reconcile.h"
#include "broker/session.h"
#include "protocol/base/clock.h"

#define TEXT_SIZE 600u
#define AUDIT_MAX 500u /* lines; the reply is one record */

static void
set_unsigned(json_t *json, const char *key, unsigned value)
{
    json_object_set_new(json, key, json_integer(value));
}

static void
set_text(json_t *json, const char *key, const char *text)
{
    json_object_set_new(json, key, broker_json_string(text));
}

/* Names of the hosts that have passed the pool's OverheadMax. */
static json_t *
over_json(const struct broker_model *model, const struct broker_pool *pool)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < model->hosts->len; i++) {
        const struct broker_host *host = g_ptr_array_index(model->hosts, i);

        if (broker_host_is_over(host, pool)) {
            json_array_append_new(list, json_string(host->row.name));
        }
    }
    return list;
}

static json_t *
pool_json(struct broker *broker, const struct broker_pool *pool)
{
    struct broker_pool_count count = broker_pool_count(broker->model, pool, vd_wall_ms());
    const struct broker_restraint *restraint = broker_model_restraint(broker->model, pool->name);
    bool aside = broker_model_is_aside(broker->model, pool->name, vd_wall_ms());
    char text[TEXT_SIZE] = "";
    json_t *json = json_object();

    broker_session_outlook(broker, pool, NULL, text, sizeof(text));
    set_text(json, "name", pool->name);
    set_text(json, "description", pool->description);
    set_text(json, "image", pool->image);
    set_unsigned(json, "revision", broker_pool_revision(broker->model, pool));
    json_object_set_new(json, "latest", json_boolean(pool->revision == 0));
    set_unsigned(json, "max", pool->max);
    set_unsigned(json, "spares", broker_pool_spares(pool, vd_wall_ms()));
    set_unsigned(json, "total", count.total);
    set_unsigned(json, "assigned", count.assigned);
    set_unsigned(json, "ready", count.ready);
    set_unsigned(json, "starting", count.starting);
    set_unsigned(json, "parked", count.parked);
    set_unsigned(json, "outdated", count.outdated);
    set_unsigned(json, "stopping", count.stopping);
    set_unsigned(json, "lost", count.lost);
    set_unsigned(json, "waiting", count.waiting);
    set_unsigned(json, "kept", count.kept);
    json_object_set_new(json, "aside", json_boolean(aside));
    json_object_set_new(json, "aside_until_ms",
                        aside ? json_integer(restraint->until_ms) : json_null());
    set_text(json, "text", text);
    json_object_set_new(json, "overhead_max",
                        pool->overhead_max > 0 ? json_integer(pool->overhead_max) : json_null());
    json_object_set_new(json, "over", over_json(broker->model, pool));
    set_text(json, "failure", restraint != NULL ? restraint->text : "");
    return json;
}

static json_t *
images_json(const struct broker_host *host)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < host->images->len; i++) {
        const struct broker_image *image = &g_array_index(host->images, struct broker_image, i);
        json_t *json = json_object();

        set_text(json, "name", image->name);
        set_unsigned(json, "revision", image->revision);
        json_array_append_new(list, json);
    }
    return list;
}

/* What the host said of its load; null is not known, all of it while the host is away. */
static json_t *
load_json(const struct broker_host *host)
{
    json_t *json = json_object();
    size_t i;

    for (i = 0; i < BROKER_LOADS; i++) {
        json_object_set_new(json, broker_load_figures[i].name,
                            host->connected && host->load.known[i]
                                ? json_integer(host->load.value[i])
                                : json_null());
    }
    return json;
}

static json_t *
host_json(const struct broker_model *model, const struct broker_host *host)
{
    json_t *json = json_object();
    json_t *accel = json_object();
    unsigned desktops = 0;
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        desktops += strcmp(desktop->row.host, host->row.name) == 0 ? 1 : 0;
    }
    set_text(accel, "kind", host->kvm ? "kvm" : "tcg");
    set_unsigned(accel, "mips", host->mips);
    set_text(accel, "text", host->accel_text);
    set_text(json, "name", host->row.name);
    set_text(json, "text", host->connected ? host->text : "");
    json_object_set_new(json, "connected", json_boolean(host->connected));
    json_object_set_new(json, "drained", json_boolean(host->row.drained));
    json_object_set_new(json, "revoked", json_boolean(host->row.revoked));
    json_object_set_new(json, "accel", accel);
    set_unsigned(json, "cpus", host->cpus);
    set_unsigned(json, "memory_mb", host->memory_mb);
    set_unsigned(json, "memory_free_mb", host->memory_free_mb);
    set_unsigned(json, "desktops", desktops);
    json_object_set_new(json, "pressed", json_boolean(host->pressed != 0));
    json_object_set_new(json, "load", load_json(host));
    json_object_set_new(json, "images", images_json(host));
    return json;
}

static json_t *
hosts_json(struct broker *broker)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < broker->model->hosts->len; i++) {
        json_array_append_new(list,
                              host_json(broker->model, g_ptr_array_index(broker->model->hosts, i)));
    }
    return list;
}

static json_t *
desktop_json(const struct broker_model *model, const struct broker_desktop *desktop)
{
    const struct broker_session *session = broker_model_session_on(model, desktop->row.id);
    const struct broker_host *host = broker_model_host(model, desktop->row.host);
    json_t *json = json_object();

    set_text(json, "id", desktop->row.id);
    set_text(json, "pool", desktop->row.pool);
    set_text(json, "host", desktop->row.host);
    set_text(json, "image", desktop->row.image);
    set_unsigned(json, "revision", desktop->row.revision);
    set_text(json, "wanted",
             desktop->row.gone      ? "gone"
             : desktop->row.stopped ? "stopped"
             : desktop->row.parked  ? "parked"
                                    : "running");
    set_text(json, "owner", desktop->row.owner);
    /* What an away host said last is a memory, not a state. */
    set_text(json, "state",
             broker_state_name(host != NULL && host->connected ? desktop->state : BROKER_UNKNOWN));
    set_text(json, "text", desktop->text);
    set_text(json, "session", session != NULL ? session->row.id : "");
    return json;
}

json_t *
broker_report_desktops(struct broker *broker)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < broker->model->desktops->len; i++) {
        json_array_append_new(
            list, desktop_json(broker->model, g_ptr_array_index(broker->model->desktops, i)));
    }
    return list;
}

/* How the session's stream does, or null: nobody looks, or its host has not said yet. */
static json_t *
figures_json(const struct broker_desktop *desktop, const struct broker_stream *stream)
{
    json_t *json;
    size_t i;

    if (desktop == NULL || stream == NULL || !desktop->figures.known ||
        strcmp(desktop->stream, stream->row.id) != 0) {
        return json_null();
    }
    json = json_object();
    for (i = 0; i < BROKER_FIGURES; i++) {
        set_unsigned(json, broker_figure_names[i], desktop->figures.value[i]);
    }
    return json;
}

static json_t *
session_json(const struct broker_model *model, const struct broker_session *session)
{
    const struct broker_stream *stream = broker_model_stream_of(model, session->row.id);
    const struct broker_desktop *desktop = broker_model_desktop(model, session->row.desktop);
    json_t *json = json_object();
    const char *state = session->row.desktop[0] == '\0'          ? "waiting"
                        : desktop != NULL && desktop->row.parked ? "parked"
                        : session->row.disconnected_ms == 0      ? "connected"
                                                                 : "disconnected";

    set_text(json, "id", session->row.id);
    set_text(json, "user", session->row.user);
    set_text(json, "pool", session->row.pool);
    set_text(json, "desktop", session->row.desktop);
    set_text(json, "state", state);
    set_text(json, "stream", stream != NULL ? stream->row.id : "");
    json_object_set_new(json, "created_ms", json_integer(session->row.created_ms));
    json_object_set_new(json, "disconnected_ms", json_integer(session->row.disconnected_ms));
    return json;
}

static json_t *
sessions_json(struct broker *broker)
{
    json_t *list = json_array();
    guint i;

    for (i = 0; i < broker->model->sessions->len; i++) {
        json_array_append_new(
            list, session_json(broker->model, g_ptr_array_index(broker->model->sessions, i)));
    }
    return list;
}

json_t *
broker_report_hosts(struct broker *broker)
{
    json_t *json = broker_answer_new();

    json_object_set_new(json, "hosts", hosts_json(broker));
    return json;
}

/* When each clock of the pool ends the session if nothing happens; null for one that does not run.
 */
static void
add_clocks(const struct broker *broker, const struct broker_session *session, json_t *item)
{
    const struct broker_pool *pool = broker_pools_find(broker->pools, session->row.pool);
    int64_t idle_since_ms = broker_model_idle_since(broker->model, session);
    int64_t ends[] = {0, 0, 0, 0, 0};
    static const char *const names[] = {"idle_ends_ms", "disconnected_ends_ms", "absolute_ends_ms",
                                        "update_ends_ms", "update_asks_ms"};
    size_t i;

    if (pool != NULL && pool->input_idle_ms > 0 && idle_since_ms != 0) {
        ends[0] = idle_since_ms + pool->input_idle_ms;
    }
    if (session->row.disconnected_ms != 0 && session->row.desktop[0] != '\0') {
        ends[1] = session->row.disconnected_ms +
                  (pool != NULL ? pool->disconnected_ms : BROKER_LOST_POOL_MS);
    }
    if (pool != NULL && pool->absolute_ms > 0) {
        ends[2] = session->row.created_ms + pool->absolute_ms;
    }
    if (pool != NULL) {
        struct broker_deadlines update = broker_deadlines_of(broker->model, session, pool);

        ends[3] = update.end_ms;
        ends[4] = update.ask_ms;
    }
    for (i = 0; i < G_N_ELEMENTS(names); i++) {
        json_object_set_new(item, names[i], ends[i] != 0 ? json_integer(ends[i]) : json_null());
    }
    json_object_set_new(item, "idle_since_ms",
                        idle_since_ms != 0 ? json_integer(idle_since_ms) : json_null());
}

json_t *
broker_report_session(struct broker *broker, const struct broker_session *session)
{
    const struct broker_model *model = broker->model;
    json_t *json = broker_answer_new();
    json_t *item = session_json(model, session);

    json_object_set_new(item, "figures",
                        figures_json(broker_model_desktop(model, session->row.desktop),
                                     broker_model_stream_of(model, session->row.id)));
    add_clocks(broker, session, item);
    json_object_set_new(json, "session", item);
    return json;
}

json_t *
broker_report_sessions(struct broker *broker)
{
    json_t *json = broker_answer_new();

    json_object_set_new(json, "sessions", sessions_json(broker));
    return json;
}

json_t *
broker_report_status(struct broker *broker)
{
    json_t *json = broker_answer_new();
    json_t *pools = json_array();
    json_t *desktops = broker_report_desktops(broker);
    json_t *errors = json_array();
    guint i;

    for (i = 0; i < broker->pools->items->len; i++) {
        json_array_append_new(pools, pool_json(broker, g_ptr_array_index(broker->pools->items, i)));
    }
    for (i = 0; broker->errors != NULL && i < broker->errors->len; i++) {
        json_array_append_new(errors, broker_json_string(g_ptr_array_index(broker->errors, i)));
    }
    if (broker->store_failed) {
        json_array_append_new(errors, json_string("the database could not be written"));
    }
    json_object_set_new(json, "pools", pools);
    json_object_set_new(json, "hosts", hosts_json(broker));
    json_object_set_new(json, "gateways", broker_gateways_json(broker->gateways));
    json_object_set_new(json, "desktops", desktops);
    json_object_set_new(json, "sessions", sessions_json(broker));
    json_object_set_new(json, "errors", errors);
    return json;
}

static bool
is_refused(const struct broker_placement *placement, const struct broker_host *host, json_t *json)
{
    guint i;

    for (i = 0; i < placement->refusals->len; i++) {
        const struct broker_refusal *refusal =
            &g_array_index(placement->refusals, struct broker_refusal, i);

        if (refusal->host == host) {
            set_text(json, "rule", broker_rule_name(refusal->rule));
            set_text(json, "text", refusal->text);
            return true;
        }
    }
    return false;
}

static json_t *
placement_json(struct broker *broker, const struct broker_pool *pool, const char *user)
{
    struct broker_placement placement = broker_placement_find(
        broker->model, pool,
        pool->userdisk_mb > 0 ? broker_model_home(broker->model, user, pool->name) : NULL);
    json_t *list = json_array();
    guint i;

    for (i = 0; i < broker->model->hosts->len; i++) {
        const struct broker_host *host = g_ptr_array_index(broker->model->hosts, i);
        json_t *json = json_object();
        bool refused;

        set_text(json, "host", host->row.name);
        refused = is_refused(&placement, host, json);
        json_object_set_new(json, "ok", json_boolean(!refused));
        if (!refused) {
            set_text(json, "rule", "");
            set_text(json, "text",
                     host == placement.host ? "the next desktop would run here"
                     : broker_load_is_busy(&host->load) &&
                             !broker_load_is_busy(&placement.host->load)
                         ? "it could run here; the processors of another host are less busy"
                         : "it could run here; another host has more memory");
        }
        json_array_append_new(list, json);
    }
    broker_placement_clear(&placement);
    return list;
}

/* Until when the pool is set aside, and the failure that did it; or null. */
static json_t *
aside_json(const struct broker_model *model, const struct broker_pool *pool)
{
    const struct broker_restraint *restraint = broker_model_restraint(model, pool->name);
    json_t *json;

    if (!broker_model_is_aside(model, pool->name, vd_wall_ms())) {
        return json_null();
    }
    json = json_object();
    json_object_set_new(json, "until_ms", json_integer(restraint->until_ms));
    set_text(json, "text", restraint->text);
    return json;
}

static unsigned
count_own(const struct broker_model *model, const char *user, const char *pool)
{
    unsigned own = 0;
    guint i;

    for (i = 0; i < model->sessions->len; i++) {
        const struct broker_session *session = g_ptr_array_index(model->sessions, i);

        own += strcmp(session->row.user, user) == 0 && strcmp(session->row.pool, pool) == 0 ? 1 : 0;
    }
    return own;
}

json_t *
broker_report_why(struct broker *broker, const char *user, const char *pool_name)
{
    const struct broker_pool *pool = broker_pools_find(broker->pools, pool_name);
    struct broker_pool_count count;
    struct broker_access access;
    enum broker_outlook outlook;
    char text[TEXT_SIZE];
    json_t *json;
    json_t *part;
    unsigned own;
    bool ok;

    if (pool == NULL) {
        return NULL;
    }
    count = broker_pool_count(broker->model, pool, vd_wall_ms());
    access = broker_may_use(broker, pool, user);
    if (access.allowed && pool->accounts && broker_groups_account(broker->groups, user) == NULL) {
        access.allowed = false;
        g_snprintf(
            access.text, sizeof(access.text),
            "Account=user, and the broker's system (NSS) knows nobody of that name with a uid "
            "of %d or more",
            BROKER_NSS_MIN_ID);
    }
    outlook = broker_session_outlook(broker, pool, user, text, sizeof(text));
    own = count_own(broker->model, user, pool->name);
    ok = access.allowed &&
         (own > 0 || outlook == BROKER_OUTLOOK_READY || outlook == BROKER_OUTLOOK_STARTING);
    if (outlook == BROKER_OUTLOOK_READY) {
        g_strlcpy(text, "A desktop is ready.", sizeof(text));
    }
    json = broker_answer_new();
    set_text(json, "user", user);
    set_text(json, "pool", pool->name);
    json_object_set_new(json, "ok", json_boolean(ok));
    set_text(json, "text",
             !access.allowed ? access.text
             : own > 0       ? "The user has a session in this pool."
                             : text);
    part = json_object();
    json_object_set_new(part, "allowed", json_boolean(access.allowed));
    set_text(part, "text", access.text);
    json_object_set_new(json, "access", part);
    part = json_object();
    set_unsigned(part, "max", pool->max);
    set_unsigned(part, "max_per_user", pool->max_per_user);
    set_unsigned(part, "assigned", count.assigned);
    set_unsigned(part, "waiting", count.waiting);
    set_unsigned(part, "own", own);
    set_text(part, "text", text);
    json_object_set_new(json, "limits", part);
    json_object_set_new(json, "aside", aside_json(broker->model, pool));
    json_object_set_new(json, "hosts", placement_json(broker, pool, user));
    return json;
}

json_t *
broker_report_audit(struct broker *broker, int64_t since_ms)
{
    GError *error = NULL;
    GArray *entries = store_audit_load(broker->store, since_ms, AUDIT_MAX, &error);
    json_t *list = json_array();
    json_t *json;
    guint i;

    if (entries == NULL) {
        broker_store_failed(broker, error);
        json_decref(list);
        return NULL;
    }
    for (i = 0; i < entries->len; i++) {
        const struct store_entry *entry = &g_array_index(entries, struct store_entry, i);

        json = json_object();
        json_object_set_new(json, "at_ms", json_integer(entry->at_ms));
        set_text(json, "kind", entry->kind);
        set_text(json, "user", entry->user);
        set_text(json, "source", entry->source);
        set_text(json, "subject", entry->subject);
        set_text(json, "text", entry->text);
        json_array_append_new(list, json);
    }
    g_array_unref(entries);
    json = broker_answer_new();
    json_object_set_new(json, "events", list);
    return json;
}
