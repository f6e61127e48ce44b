/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/admin.h"

#include <string.h>
#include <unistd.h>

#include "broker/admin-desktops.h"
#include "broker/admin-disks.h"
#include "broker/admin-rollout.h"
#include "broker/answer.h"
#include "broker/canary.h"
#include "broker/change.h"
#include "broker/groups.h"
#include "broker/hosts.h"
#include "broker/jsonget.h"
#include "broker/name.h"
#include "broker/plan.h"
#include "broker/poolfolder.h"
#include "broker/report.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/link/channel.h"

#define MODULE              "admin"
#define SOCKET_MODE         0600 /* root passes anyway */
#define SHUTDOWN_DEFAULT_MS 60000u
#define SHUTDOWN_MAX_MS     3600000u

struct admin {
    struct broker_admin *owner; /* borrowed */
    struct vdp_channel_conn *conn;
    guint64 serial;    /* names it for answers that come later */
    guint shutdown_id; /* the time-out of a shutdown that waits, or 0 */
};

struct broker_admin {
    struct broker *broker; /* borrowed */
    GSource *accept;
    GPtrArray *items; /* struct admin * */
    guint64 next_serial;
};

/* A why whose user's groups are being looked up. */
struct question {
    struct broker_admin *owner; /* borrowed; outlives it */
    guint64 serial;
    char user[STORE_NAME_MAX + 1];
    char pool[STORE_NAME_MAX + 1];
};

typedef json_t *(*verb_fn)(struct broker *broker, const json_t *message);

static void
free_admin(gpointer data)
{
    struct admin *admin = data;

    g_clear_handle_id(&admin->shutdown_id, g_source_remove);
    vdp_channel_free(admin->conn);
    g_free(admin);
}

/* What is wrong with the pool files, as one text and as a list. */
static json_t *
errors_new(const GPtrArray *errors)
{
    GString *text = g_string_new(NULL);
    json_t *list = json_array();
    json_t *json;
    guint i;

    for (i = 0; i < errors->len; i++) {
        g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "",
                               (const char *)g_ptr_array_index(errors, i));
        json_array_append_new(list, broker_json_string(g_ptr_array_index(errors, i)));
    }
    json = broker_answer_error("invalid", text->str);
    json_object_set_new(json, "errors", list);
    g_string_free(text, TRUE);
    return json;
}

static json_t *
pools_reply(const struct broker_pools *pools)
{
    json_t *json = broker_answer_new();

    json_object_set_new(json, "ok", json_true());
    json_object_set_new(json, "pools", json_integer(pools->items->len));
    json_object_set_new(json, "errors", json_array());
    return json;
}

static json_t *
verb_status(struct broker *broker, const json_t *message)
{
    (void)message;
    return broker_report_status(broker);
}

static json_t *
verb_host_list(struct broker *broker, const json_t *message)
{
    (void)message;
    return broker_report_hosts(broker);
}

static json_t *
verb_session_list(struct broker *broker, const json_t *message)
{
    (void)message;
    return broker_report_sessions(broker);
}

/* The pool files as they are now, or NULL and *ret_reply. */
static struct broker_pools *
load_files(struct broker *broker, json_t **ret_reply)
{
    char *dir = g_build_filename(broker->config.config, "pools.d", NULL);
    GPtrArray *errors = NULL;
    struct broker_pools *pools = broker_pools_load(dir, &errors);

    g_free(dir);
    if (pools == NULL) {
        *ret_reply = errors_new(errors);
        g_ptr_array_unref(errors);
    }
    return pools;
}

static json_t *
verb_verify(struct broker *broker, const json_t *message)
{
    json_t *reply = NULL;
    struct broker_pools *pools = load_files(broker, &reply);

    (void)message;
    if (pools != NULL) {
        reply = pools_reply(pools);
        broker_pools_free(pools);
    }
    return reply;
}

static json_t *
verb_plan(struct broker *broker, const json_t *message)
{
    json_t *reply = NULL;
    struct broker_pools *pools = load_files(broker, &reply);

    (void)message;
    if (pools != NULL) {
        reply = broker_answer_new();
        json_object_set_new(reply, "changes",
                            broker_plan(broker->model, broker->pools, pools, vd_wall_ms()));
        broker_pools_free(pools);
    }
    return reply;
}

static json_t *
verb_reload(struct broker *broker, const json_t *message)
{
    (void)message;
    if (!broker_reload(broker)) {
        return errors_new(broker->errors);
    }
    broker_audit(broker, "reload", NULL, NULL, NULL, NULL);
    broker_settle_soon(broker);
    return pools_reply(broker->pools);
}

static void
on_groups_known(void *user_data)
{
    struct question *question = user_data;
    struct broker_admin *owner = question->owner;
    guint i;

    for (i = 0; i < owner->items->len; i++) {
        struct admin *admin = g_ptr_array_index(owner->items, i);
        json_t *reply;

        if (admin->serial == question->serial) {
            reply = broker_report_why(owner->broker, question->user, question->pool);
            vdp_channel_send(
                admin->conn,
                reply != NULL ? reply : broker_answer_error("not-found", "there is no such pool"),
                -1);
            break;
        }
    }
    g_free(question);
}

static void
begin_why(struct admin *admin, const json_t *message)
{
    struct question *question = g_new0(struct question, 1);

    if (!broker_json_text(message, "user", question->user, sizeof(question->user)) ||
        !broker_user_is_valid(question->user) ||
        !broker_json_text(message, "pool", question->pool, sizeof(question->pool))) {
        vdp_channel_send(admin->conn,
                         broker_answer_error("bad-request", "a user and a pool are wanted"), -1);
        g_free(question);
        return;
    }
    question->owner = admin->owner;
    question->serial = admin->serial;
    broker_groups_ask(admin->owner->broker->groups, question->user, on_groups_known, question,
                      g_free);
}

static json_t *
verb_pool_resume(struct broker *broker, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "pool"));
    const struct broker_pool *pool = name != NULL ? broker_pools_find(broker->pools, name) : NULL;
    bool aside = pool != NULL && broker_model_is_aside(broker->model, pool->name, vd_wall_ms());
    json_t *reply;

    if (pool == NULL) {
        return broker_answer_error("not-found",
                                   "there is no such pool; 'vedettectl pool list' shows them");
    }
    broker_model_resume(broker->model, pool->name);
    if (aside) {
        vd_notice(MODULE, "pool '%s' is taken up again", pool->name);
        broker_audit(broker, "resume", NULL, NULL, pool->name, NULL);
    }
    broker_settle_soon(broker);
    reply = broker_answer_new();
    json_object_set_new(reply, "aside", json_boolean(aside));
    return reply;
}

static json_t *
verb_audit(struct broker *broker, const json_t *message)
{
    int64_t since_ms = 0;
    json_t *reply;

    (void)broker_json_int64(message, "since_ms", &since_ms); /* without it: from the start */
    reply = broker_report_audit(broker, since_ms);
    return reply != NULL ? reply : broker_answer_store_error();
}

static json_t *
verb_host_token(struct broker *broker, const json_t *message)
{
    char token[VD_TOKEN_CHARS + 1];
    char name[STORE_NAME_MAX + 1];
    int64_t expires_ms = vd_wall_ms() + BROKER_JOIN_MS;
    GError *error = NULL;
    json_t *reply;

    if (!broker_json_text(message, "name", name, sizeof(name)) || !broker_name_is_valid(name)) {
        return broker_answer_error("bad-request",
                                   "a host name of letters, digits, '.', '_' and '-' is wanted");
    }
    vd_token_new(token);
    if (!store_join_token_put(broker->store, token, name, expires_ms, &error)) {
        broker_store_failed(broker, error);
        return broker_answer_store_error();
    }
    broker_audit(broker, "host-token", NULL, NULL, name, NULL);
    reply = broker_answer_new();
    json_object_set_new(reply, "name", json_string(name));
    json_object_set_new(reply, "token", json_string(token));
    json_object_set_new(reply, "expires_ms", json_integer(expires_ms));
    explicit_bzero(token, sizeof(token));
    return reply;
}

/* Writes a changed row of the host that the message names; drained or revoked, or NULL for keep. */
static json_t *
change_host(struct broker *broker, const json_t *message, const bool *drained, const bool *revoked)
{
    const char *name = json_string_value(json_object_get(message, "host"));
    struct broker_host *host = name != NULL ? broker_model_host(broker->model, name) : NULL;
    struct store_host row;
    GError *error = NULL;

    if (host == NULL) {
        return broker_answer_error("not-found",
                                   "there is no such host; 'vedettectl host list' shows them");
    }
    row = host->row;
    row.drained = drained != NULL ? *drained : row.drained;
    row.revoked = revoked != NULL ? *revoked : row.revoked;
    if (!store_host_put(broker->store, &row, &error)) {
        broker_store_failed(broker, error);
        return broker_answer_store_error();
    }
    host->row = row;
    if (row.revoked) {
        broker_hosts_disconnect(broker->hosts, row.name, "it was revoked");
    }
    broker_audit(broker, revoked != NULL ? "host-revoke" : "host-drain", NULL, NULL, row.name,
                 row.drained ? "on" : "off");
    broker_settle_soon(broker);
    return broker_answer_new();
}

static json_t *
verb_host_drain(struct broker *broker, const json_t *message)
{
    const json_t *on = json_object_get(message, "on");
    bool drained = on == NULL || json_is_true(on);

    return change_host(broker, message, &drained, NULL);
}

static json_t *
verb_host_revoke(struct broker *broker, const json_t *message)
{
    const bool revoked = true;

    return change_host(broker, message, NULL, &revoked);
}

static json_t *
no_session(void)
{
    return broker_answer_error("not-found",
                               "there is no such session; 'vedettectl session list' shows them");
}

static json_t *
verb_session_show(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "session"));
    struct broker_session *session = id != NULL ? broker_model_session(broker->model, id) : NULL;

    return session != NULL ? broker_report_session(broker, session) : no_session();
}

static json_t *
verb_session_end(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "session"));
    struct broker_session *session = id != NULL ? broker_model_session(broker->model, id) : NULL;

    if (session == NULL) {
        return no_session();
    }
    if (!broker_change_end(broker, session, "admin", "an administrator ended the session")) {
        return broker_answer_store_error();
    }
    broker_settle_soon(broker);
    return broker_answer_new();
}

static json_t *
verb_session_park(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "session"));
    struct broker_session *session = id != NULL ? broker_model_session(broker->model, id) : NULL;
    struct broker_desktop *desktop =
        session != NULL ? broker_model_desktop(broker->model, session->row.desktop) : NULL;

    if (desktop == NULL) {
        return no_session();
    }
    if (!desktop->row.parked &&
        !broker_change_park(broker, desktop, "an administrator parked it")) {
        return broker_answer_store_error();
    }
    broker_hosts_update(broker->hosts);
    return broker_answer_new();
}

/* Words without control characters that fit a NOTICE. */
static bool
is_message(const char *text)
{
    const char *at;

    if (text == NULL || text[0] == '\0' || strlen(text) > BROKER_TEXT_MAX) {
        return false;
    }
    for (at = text; *at != '\0'; at = g_utf8_next_char(at)) {
        if (g_unichar_iscntrl(g_utf8_get_char(at))) {
            return false;
        }
    }
    return true; /* jansson takes UTF-8 only */
}

static json_t *
verb_session_tell(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "session"));
    const char *text = json_string_value(json_object_get(message, "text"));
    struct broker_session *session = id != NULL ? broker_model_session(broker->model, id) : NULL;

    if (session == NULL) {
        return no_session();
    }
    if (!is_message(text)) {
        return broker_answer_error("malformed", "1 to 256 bytes of text on one line are wanted");
    }
    g_strlcpy(session->notice, text, sizeof(session->notice));
    session->notice_ms = vd_wall_ms();
    broker_audit(broker, "tell", session->row.user, NULL, session->row.id, text);
    broker_settle_soon(broker);
    return broker_answer_new();
}

static const struct {
    const char *name;
    verb_fn run;
} verbs[] = {
    {"status", verb_status},
    {"verify", verb_verify},
    {"plan", verb_plan},
    {"audit", verb_audit},
    {"host-list", verb_host_list},
    {"host-token", verb_host_token},
    {"host-drain", verb_host_drain},
    {"host-revoke", verb_host_revoke},
    {"session-list", verb_session_list},
    {"session-show", verb_session_show},
    {"session-tell", verb_session_tell},
    {"session-end", verb_session_end},
    {"session-park", verb_session_park},
    {"canary-begin", broker_canary_begin},
    {"canary-end", broker_canary_end},
    {"rollout", broker_admin_rollout},
    {"rollout-begin", broker_admin_rollout_begin},
    {"desktop-list", broker_admin_desktop_list},
    {"desktop-delete", broker_admin_desktop_delete},
    {"trash-list", broker_admin_trash_list},
    {"trash-restore", broker_admin_trash_restore},
    {"trash-empty", broker_admin_trash_empty},
    {"disk-list", broker_admin_disk_list},
    {"disk-delete", broker_admin_disk_delete},
    {"pool-resume", verb_pool_resume},
    {"reload", verb_reload},
};

static void
answer_shutdown(struct admin *admin)
{
    unsigned left = broker_model_running(admin->owner->broker->model);
    json_t *reply = broker_answer_new();

    g_clear_handle_id(&admin->shutdown_id, g_source_remove);
    json_object_set_new(reply, "desktops", json_integer(left));
    vdp_channel_send(admin->conn, reply, -1);
}

static gboolean
on_shutdown_timeout(gpointer user_data)
{
    struct admin *admin = user_data;

    admin->shutdown_id = 0;
    answer_shutdown(admin);
    return G_SOURCE_REMOVE;
}

static void
begin_shutdown(struct admin *admin, const json_t *message)
{
    struct broker *broker = admin->owner->broker;
    unsigned timeout_ms = SHUTDOWN_DEFAULT_MS;

    broker_json_unsigned(message, "timeout_ms", SHUTDOWN_MAX_MS, &timeout_ms);
    g_clear_handle_id(&admin->shutdown_id, g_source_remove);
    if (!json_is_true(json_object_get(message, "stop_desktops"))) {
        answer_shutdown(admin);
        return;
    }
    vd_notice(MODULE, "every desktop is to go");
    admin->shutdown_id = g_timeout_add(timeout_ms, on_shutdown_timeout, admin);
    broker_close_desktops(broker);
}

void
broker_admin_settled(struct broker_admin *owner)
{
    guint i;

    for (i = 0;
         owner != NULL && broker_model_running(owner->broker->model) == 0 && i < owner->items->len;
         i++) {
        struct admin *admin = g_ptr_array_index(owner->items, i);

        if (admin->shutdown_id != 0) {
            answer_shutdown(admin);
        }
    }
}

static void
on_message(struct vdp_channel_conn *conn, json_t *message, int fd, void *user_data)
{
    struct admin *admin = user_data;
    struct broker *broker = admin->owner->broker;
    const char *type = json_string_value(json_object_get(message, "type"));
    size_t i;

    if (fd >= 0) {
        close(fd);
    }
    if (strcmp(type, "shutdown") == 0) {
        begin_shutdown(admin, message);
        return;
    }
    if (strcmp(type, "why") == 0) {
        begin_why(admin, message);
        return;
    }
    for (i = 0; i < G_N_ELEMENTS(verbs); i++) {
        if (strcmp(verbs[i].name, type) == 0) {
            vdp_channel_send(conn, verbs[i].run(broker, message), -1);
            return;
        }
    }
    vdp_channel_send(
        conn, broker_answer_error("unknown-verb", "this broker does not know that verb"), -1);
}

static void
on_closed(struct vdp_channel_conn *conn, const char *text, void *user_data)
{
    struct admin *admin = user_data;

    (void)conn;
    (void)text;
    g_ptr_array_remove(admin->owner->items, admin);
}

static const struct vdp_channel_events events = {on_message, on_closed};

static void
on_accepted(int fd, void *user_data)
{
    struct broker_admin *owner = user_data;
    struct admin *admin = g_new0(struct admin, 1);
    uid_t uid;

    admin->owner = owner;
    admin->serial = ++owner->next_serial;
    admin->conn = vdp_channel_new(fd, NULL, &events, admin);
    uid = vdp_channel_peer_uid(admin->conn);
    if ((uid != 0 && uid != geteuid()) || owner->items->len >= BROKER_MAX_ADMINS) {
        vd_warning(MODULE, "uid %ld may not administrate, or too many do", (long)uid);
        free_admin(admin);
        return;
    }
    g_ptr_array_add(owner->items, admin);
}

struct broker_admin *
broker_admin_new(struct broker *broker, GError **error)
{
    char *path = g_build_filename(broker->config.run, "broker.sock", NULL);
    int fd = vdp_channel_listen(path, SOCKET_MODE);
    struct broker_admin *admin = NULL;

    if (fd < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-fd), "listening at '%s': %s",
                    path, g_strerror(-fd));
    } else {
        admin = g_new0(struct broker_admin, 1);
        admin->broker = broker;
        admin->items = g_ptr_array_new_with_free_func(free_admin);
        admin->accept = vdp_channel_accept_source(fd, NULL, on_accepted, admin);
    }
    g_free(path);
    return admin;
}

void
broker_admin_free(struct broker_admin *admin)
{
    if (admin == NULL) {
        return;
    }
    g_source_destroy(admin->accept);
    g_source_unref(admin->accept);
    g_ptr_array_unref(admin->items);
    g_free(admin);
}
