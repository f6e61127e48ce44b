/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/admin-desktops.h"

#include <string.h>

#include "broker/answer.h"
#include "broker/change.h"
#include "broker/hosts.h"
#include "broker/jsonget.h"
#include "broker/report.h"

json_t *
broker_admin_desktop_list(struct broker *broker, const json_t *message)
{
    json_t *reply = broker_answer_new();

    (void)message;
    json_object_set_new(reply, "desktops", broker_report_desktops(broker));
    return reply;
}

json_t *
broker_admin_desktop_delete(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "desktop"));
    struct broker_desktop *desktop = id != NULL ? broker_model_desktop(broker->model, id) : NULL;
    const struct broker_session *session =
        desktop != NULL ? broker_model_session_on(broker->model, desktop->row.id) : NULL;
    g_autofree char *text = NULL;

    if (desktop == NULL) {
        return broker_answer_error("unknown-desktop", "there is no desktop of that id");
    }
    if (session != NULL) {
        text = g_strdup_printf("'%s' is on it; end session %s first", session->row.user,
                               session->row.id);
        return broker_answer_error("in-use", text);
    }
    if (!broker_change_delete(broker, desktop, "an administrator deleted it")) {
        return broker_answer_store_error();
    }
    broker_audit(broker, "delete", desktop->row.owner, NULL, desktop->row.id, desktop->row.pool);
    broker_settle_soon(broker);
    return broker_answer_new();
}

static json_t *
entry_json(const struct broker_host *host, const struct broker_trash *entry)
{
    json_t *json = json_object();

    json_object_set_new(json, "id", broker_json_string(entry->id));
    json_object_set_new(json, "host", broker_json_string(host->row.name));
    json_object_set_new(json, "pool", broker_json_string(entry->pool));
    json_object_set_new(json, "user", broker_json_string(entry->user));
    json_object_set_new(json, "image", broker_json_string(entry->image));
    json_object_set_new(json, "revision", json_integer(entry->revision));
    json_object_set_new(json, "deleted_ms", json_integer(entry->deleted_ms));
    json_object_set_new(json, "expires_ms", json_integer(entry->expires_ms));
    json_object_set_new(json, "bytes", json_integer(entry->bytes));
    return json;
}

json_t *
broker_admin_trash_list(struct broker *broker, const json_t *message)
{
    json_t *reply = broker_answer_new();
    json_t *list = json_array();
    guint i, j;

    (void)message;
    for (i = 0; i < broker->model->hosts->len; i++) {
        const struct broker_host *host = g_ptr_array_index(broker->model->hosts, i);

        for (j = 0; host->connected && j < host->trash->len; j++) {
            json_array_append_new(
                list, entry_json(host, &g_array_index(host->trash, struct broker_trash, j)));
        }
    }
    json_object_set_new(reply, "trash", list);
    return reply;
}

/* The entry of that id on a connected host, and the host. */
static const struct broker_trash *
find_entry(const struct broker_model *model, const char *id, const struct broker_host **ret_host)
{
    guint i, j;

    for (i = 0; id != NULL && i < model->hosts->len; i++) {
        const struct broker_host *host = g_ptr_array_index(model->hosts, i);

        for (j = 0; host->connected && j < host->trash->len; j++) {
            const struct broker_trash *entry = &g_array_index(host->trash, struct broker_trash, j);

            if (strcmp(entry->id, id) == 0) {
                *ret_host = host;
                return entry;
            }
        }
    }
    return NULL;
}

/* The desktop that an entry became when it was asked for before, or NULL. */
static const struct broker_desktop *
find_restored(const struct broker_model *model, const char *id)
{
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        if (strcmp(desktop->row.origin, id) == 0) {
            return desktop;
        }
    }
    return NULL;
}

json_t *
broker_admin_trash_restore(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "id"));
    const struct broker_desktop *before = id != NULL ? find_restored(broker->model, id) : NULL;
    const struct broker_host *host = NULL;
    const struct broker_trash *entry = find_entry(broker->model, id, &host);
    char desktop[STORE_ID_MAX + 1];
    json_t *reply;

    if (before != NULL) { /* asked twice, or its answer was lost */
        g_strlcpy(desktop, before->row.id, sizeof(desktop));
    } else if (entry == NULL) {
        return broker_answer_error("unknown-entry",
                                   "nothing of that id is in the trash of a connected host; "
                                   "'vedettectl trash list' shows what is");
    } else if (broker_model_own(broker->model, entry->user, entry->pool) != NULL) {
        return broker_answer_error("has-one", "its user has a desktop of her own in that pool; "
                                              "'vedettectl desktop delete' makes room");
    } else if (!broker_change_restore(broker, host, entry, desktop)) {
        return broker_answer_store_error();
    }
    broker_settle_soon(broker);
    reply = broker_answer_new();
    json_object_set_new(reply, "desktop", json_string(desktop));
    json_object_set_new(
        reply, "user", broker_json_string(broker_model_desktop(broker->model, desktop)->row.owner));
    json_object_set_new(reply, "pool",
                        broker_json_string(broker_model_desktop(broker->model, desktop)->row.pool));
    return reply;
}

json_t *
broker_admin_trash_empty(struct broker *broker, const json_t *message)
{
    json_t *order = json_object();
    json_t *ids = json_object_get(message, "ids");
    json_t *reply = broker_answer_new();

    json_object_set_new(order, "type", json_string("empty"));
    if (json_is_array(ids)) {
        json_object_set(order, "ids", ids);
    }
    json_object_set_new(reply, "hosts", json_integer(broker_hosts_send_all(broker->hosts, order)));
    json_decref(order);
    broker_audit(broker, "trash-empty", NULL, NULL, NULL, json_is_array(ids) ? "some" : "all");
    return reply;
}
