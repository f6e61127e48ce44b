/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/admin-rollout.h"

#include <string.h>

#include "broker/answer.h"
#include "broker/broker.h"
#include "broker/canary.h"
#include "broker/deadlines.h"
#include "broker/jsonget.h"
#include "broker/name.h"
#include "protocol/base/clock.h"

/* A deadline of a request: missing or null is the pools' own, 0 is never. */
static bool
take_deadline(const json_t *message, const char *key, int64_t min_ms, int64_t *ret_ms)
{
    const json_t *item = json_object_get(message, key);

    *ret_ms = STORE_ROLLOUT_POOL;
    if (item == NULL || json_is_null(item)) {
        return true;
    }
    return broker_json_int64(message, key, ret_ms) &&
           (*ret_ms == 0 || (*ret_ms >= min_ms && *ret_ms <= BROKER_DEADLINE_MAX_MS));
}

json_t *
broker_admin_rollout_begin(struct broker *broker, const json_t *message)
{
    struct store_rollout row = {.began_ms = vd_wall_ms()};
    GError *error = NULL;
    char *subject;

    if (!broker_json_text(message, "image", row.image, sizeof(row.image)) ||
        !broker_name_is_valid(row.image) ||
        !broker_json_unsigned(message, "revision", UINT32_MAX, &row.revision) ||
        row.revision == 0 || !take_deadline(message, "ask_ms", BROKER_ASK_MIN_MS, &row.ask_ms) ||
        !take_deadline(message, "end_ms", BROKER_END_MIN_MS, &row.end_ms)) {
        return broker_answer_error("bad-request",
                                   "an image, a revision and deadlines within 30 days are wanted");
    }
    if (!store_rollout_put(broker->store, &row, &error)) {
        broker_store_failed(broker, error);
        return broker_answer_store_error();
    }
    broker_model_put_rollout(broker->model, &row);
    subject = g_strdup_printf("%s:%u", row.image, row.revision);
    broker_audit(broker, "publish", NULL, NULL, subject, NULL);
    g_free(subject);
    broker_settle_soon(broker);
    return broker_answer_new();
}

/* Desktops of one revision in a pool. */
struct tally {
    unsigned revision, sessions, others;
    int64_t ask_ms, end_ms; /* the first and the last of their deadlines; 0: none */
};

static struct tally *
tally_of(GArray *tallies, unsigned revision)
{
    struct tally fresh = {.revision = revision};
    guint i;

    for (i = 0; i < tallies->len; i++) {
        struct tally *tally = &g_array_index(tallies, struct tally, i);

        if (tally->revision == revision) {
            return tally;
        }
    }
    g_array_append_val(tallies, fresh);
    return &g_array_index(tallies, struct tally, tallies->len - 1);
}

static int
compare_tallies(gconstpointer a, gconstpointer b)
{
    const struct tally *x = a;
    const struct tally *y = b;

    return x->revision < y->revision ? 1 : x->revision > y->revision ? -1 : 0;
}

static void
count_session(struct tally *tally, const struct broker_deadlines *deadlines)
{
    tally->sessions++;
    if (deadlines->ask_ms != 0 && (tally->ask_ms == 0 || deadlines->ask_ms < tally->ask_ms)) {
        tally->ask_ms = deadlines->ask_ms;
    }
    tally->end_ms = MAX(tally->end_ms, deadlines->end_ms);
}

static GArray *
count_pool(const struct broker_model *model, const struct broker_pool *pool)
{
    GArray *tallies = g_array_new(FALSE, TRUE, sizeof(struct tally));
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);
        const struct broker_session *session = broker_model_session_on(model, desktop->row.id);
        struct broker_deadlines deadlines;

        if (desktop->row.gone || broker_canary_is(desktop->row.owner) ||
            strcmp(desktop->row.pool, pool->name) != 0 ||
            strcmp(desktop->row.image, pool->image) != 0) {
            continue;
        }
        if (session == NULL) {
            tally_of(tallies, desktop->row.revision)->others++;
            continue;
        }
        deadlines = broker_deadlines_of(model, session, pool);
        count_session(tally_of(tallies, desktop->row.revision), &deadlines);
    }
    g_array_sort(tallies, compare_tallies);
    return tallies;
}

static json_t *
moment(int64_t at_ms)
{
    return at_ms != 0 ? json_integer(at_ms) : json_null();
}

static json_t *
pool_json(const struct broker_model *model, const struct broker_pool *pool)
{
    GArray *tallies = count_pool(model, pool);
    json_t *list = json_array();
    json_t *json = json_object();
    guint i;

    for (i = 0; i < tallies->len; i++) {
        const struct tally *tally = &g_array_index(tallies, struct tally, i);
        json_t *item = json_object();

        json_object_set_new(item, "revision", json_integer(tally->revision));
        json_object_set_new(item, "sessions", json_integer(tally->sessions));
        json_object_set_new(item, "others", json_integer(tally->others));
        json_object_set_new(item, "asks_ms", moment(tally->ask_ms));
        json_object_set_new(item, "ends_ms", moment(tally->end_ms));
        json_array_append_new(list, item);
    }
    g_array_unref(tallies);
    json_object_set_new(json, "pool", json_string(pool->name));
    json_object_set_new(json, "revisions", list);
    return json;
}

json_t *
broker_admin_rollout(struct broker *broker, const json_t *message)
{
    const char *image = json_string_value(json_object_get(message, "image"));
    const struct store_rollout *rollout =
        image != NULL ? broker_model_rollout(broker->model, image) : NULL;
    json_t *pools = json_array();
    json_t *reply;
    unsigned latest;
    bool published;
    guint i;

    for (i = 0; image != NULL && i < broker->pools->items->len; i++) {
        const struct broker_pool *pool = g_ptr_array_index(broker->pools->items, i);

        if (pool->revision == 0 && strcmp(pool->image, image) == 0) {
            json_array_append_new(pools, pool_json(broker->model, pool));
        }
    }
    if (json_array_size(pools) == 0) {
        json_decref(pools);
        return broker_answer_error("not-found", "no pool has Revision=latest of that image");
    }
    latest = broker_model_latest(broker->model, image, &published);
    reply = broker_answer_new();
    json_object_set_new(reply, "image", json_string(image));
    json_object_set_new(reply, "revision", json_integer(latest));
    json_object_set_new(reply, "published", json_boolean(published));
    json_object_set_new(reply, "began_ms",
                        moment(published && rollout != NULL && rollout->revision == latest
                                   ? rollout->began_ms
                                   : 0));
    json_object_set_new(reply, "pools", pools);
    return reply;
}
