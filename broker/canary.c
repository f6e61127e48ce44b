/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/canary.h"

#include <string.h>

#include "broker/answer.h"
#include "broker/change.h"
#include "broker/jsonget.h"
#include "broker/placement.h"
#include "protocol/base/clock.h"

static struct broker_desktop *
find(const struct broker_model *model, const char *pool)
{
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);

        if (!desktop->row.gone && broker_canary_is(desktop->row.owner) &&
            strcmp(desktop->row.pool, pool) == 0) {
            return desktop;
        }
    }
    return NULL;
}

bool
broker_canary_may_use(const struct broker *broker, const struct broker_pool *pool)
{
    return find(broker->model, pool->name) != NULL;
}

/* Ends its session and has it deleted. */
static bool
end(struct broker *broker, struct broker_desktop *desktop)
{
    struct broker_session *session = broker_model_session_on(broker->model, desktop->row.id);

    if (session != NULL &&
        !broker_change_end(broker, session, "canary", "the test of the image is over")) {
        return false;
    }
    return broker_change_delete(broker, desktop, "the test of the image is over");
}

static json_t *
begun(struct broker *broker, const struct broker_pool *pool, const char *desktop)
{
    char token[VD_TOKEN_CHARS + 1];
    GError *error = NULL;
    json_t *reply;

    vd_token_new(token);
    if (!store_login_put(broker->store, token, BROKER_CANARY, vd_wall_ms(), &error)) {
        broker_store_failed(broker, error);
        return broker_answer_store_error();
    }
    reply = broker_answer_new();
    json_object_set_new(reply, "desktop", json_string(desktop));
    json_object_set_new(reply, "token", json_string(token));
    json_object_set_new(reply, "start_ms", json_integer(pool->canary_start_ms));
    json_object_set_new(reply, "first_frame_ms", json_integer(pool->canary_frame_ms));
    json_object_set_new(reply, "echo_ms", json_integer(pool->canary_echo_ms));
    json_object_set_new(reply, "tap", broker_json_string(pool->canary_tap));
    explicit_bzero(token, sizeof(token));
    return reply;
}

static json_t *
refused(const struct broker_placement *placement)
{
    const struct broker_refusal *first =
        placement->refusals->len > 0 ? &g_array_index(placement->refusals, struct broker_refusal, 0)
                                     : NULL;
    g_autofree char *text = first == NULL ? g_strdup("no host has joined yet")
                                          : g_strdup_printf("no host can run it: %s: %s",
                                                            first->host->row.name, first->text);

    return broker_answer_error("unavailable", text);
}

json_t *
broker_canary_begin(struct broker *broker, const json_t *message)
{
    const char *name = json_string_value(json_object_get(message, "pool"));
    const struct broker_pool *pool = name != NULL ? broker_pools_find(broker->pools, name) : NULL;
    struct broker_desktop *before = name != NULL ? find(broker->model, name) : NULL;
    struct broker_placement placement;
    struct broker_pool wanted;
    char id[STORE_ID_MAX + 1];
    unsigned revision = 0;
    json_t *reply;

    if (pool == NULL || !broker_json_unsigned(message, "revision", UINT32_MAX, &revision) ||
        revision == 0) {
        return broker_answer_error("unknown-pool", "there is no such pool, or no such revision");
    }
    if (before != NULL && !end(broker, before)) { /* of a test that was killed */
        return broker_answer_store_error();
    }
    wanted = *pool;
    wanted.revision = revision;
    placement = broker_placement_find(broker->model, &wanted, NULL);
    reply = placement.host == NULL ? refused(&placement)
            : broker_change_create_for(broker, &wanted, placement.host, BROKER_CANARY, id)
                ? begun(broker, pool, id)
                : broker_answer_store_error();
    broker_placement_clear(&placement);
    broker_settle_soon(broker);
    return reply;
}

json_t *
broker_canary_end(struct broker *broker, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "desktop"));
    const char *token = json_string_value(json_object_get(message, "token"));
    struct broker_desktop *desktop = id != NULL ? broker_model_desktop(broker->model, id) : NULL;
    GError *error = NULL;

    if (desktop == NULL || !broker_canary_is(desktop->row.owner)) {
        return broker_answer_error("unknown-desktop", "there is no canary of that id");
    }
    if (token != NULL && !store_login_remove(broker->store, token, &error)) {
        broker_store_failed(broker, error);
        return broker_answer_store_error();
    }
    if (!end(broker, desktop)) {
        return broker_answer_store_error();
    }
    broker_settle_soon(broker);
    return broker_answer_new();
}
