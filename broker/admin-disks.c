/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/admin-disks.h"

#include <string.h>

#include "broker/answer.h"
#include "broker/change.h"
#include "broker/jsonget.h"

/* The session that has the disk in its desktop, or waits for one; NULL: none. */
static const struct broker_session *
session_of(const struct broker_model *model, const char *user, const char *pool)
{
    guint i;

    for (i = 0; i < model->sessions->len; i++) {
        const struct broker_session *session = g_ptr_array_index(model->sessions, i);

        if (strcmp(session->row.user, user) == 0 && strcmp(session->row.pool, pool) == 0) {
            return session;
        }
    }
    return NULL;
}

json_t *
broker_admin_disk_list(struct broker *broker, const json_t *message)
{
    const struct broker_model *model = broker->model;
    json_t *reply = broker_answer_new();
    json_t *list = json_array();
    guint i;

    (void)message;
    for (i = 0; i < model->userdisks->len; i++) {
        const struct store_userdisk *disk =
            &g_array_index(model->userdisks, struct store_userdisk, i);
        const struct broker_session *session = session_of(model, disk->user, disk->pool);

        json_array_append_new(
            list, json_pack("{s:s, s:o, s:s, s:s, s:s, s:I}", "pool", disk->pool, "user",
                            broker_json_string(disk->user), "host", disk->host, "state",
                            disk->gone        ? "being deleted"
                            : session != NULL ? "in use"
                                              : "free",
                            "desktop", session != NULL ? session->row.desktop : "", "created_ms",
                            (json_int_t)disk->created_ms));
    }
    json_object_set_new(reply, "disks", list);
    return reply;
}

json_t *
broker_admin_disk_delete(struct broker *broker, const json_t *message)
{
    const char *user = json_string_value(json_object_get(message, "user"));
    const char *pool = json_string_value(json_object_get(message, "pool"));
    struct store_userdisk *disk =
        user != NULL && pool != NULL ? broker_model_userdisk(broker->model, user, pool) : NULL;

    if (disk == NULL) {
        return broker_answer_error("unknown-disk", "that user has no disk in that pool; "
                                                   "'vedettectl disk list' shows what there is");
    }
    if (session_of(broker->model, user, pool) != NULL) {
        return broker_answer_error("in-use", "its user has a session in that pool; "
                                             "'vedettectl session end' ends it");
    }
    if (!disk->gone && !broker_change_delete_disk(broker, disk)) {
        return broker_answer_store_error();
    }
    broker_settle_soon(broker);
    return broker_answer_new();
}
