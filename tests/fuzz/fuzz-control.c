/* SPDX-License-Identifier: Apache-2.0 */
/* What a host says on its link: parsed, and put into a model that knows two of its desktops. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "broker/desired.h"
#include "broker/hostmsg.h"
#include "broker/lastscreen.h"
#include "broker/pressure.h"
#include "broker/reconcile.h"
#include "tests/fuzz/fuzz.h"

static void
observe(const struct broker_hostmsg *message)
{
    struct broker_model *model = broker_model_new();
    struct broker_pools *pools = broker_pools_new();
    const struct store_host host_row = {.name = "a"};
    struct store_desktop row = {.id = "d-00000001", .host = "a", .pool = "lab", .epoch = 1};
    struct broker_host *host = broker_model_add_host(model, &host_row);
    struct broker_pool *pool = broker_pool_new("lab", "lab.pool");
    GArray *actions;

    pool->max = 2;
    pool->overhead_max = 150;
    pool->image = g_strdup("tiny");
    g_ptr_array_add(pools->items, pool);
    broker_model_add_desktop(model, &row);
    row.id[9] = '2';
    row.slot = 1;
    row.gone = true;
    broker_model_add_desktop(model, &row);
    if (broker_observe(model, host, message, 1) > message->observed.desktops->len) {
        abort();
    }
    broker_pressure_judge(model, pools, NULL, NULL);
    actions = broker_reconcile(model, pools, 2);
    g_array_unref(actions);
    json_decref(broker_desired(model, pools, "a", "CA", 0));
    broker_pools_free(pools);
    broker_model_free(model);
}

/* What a session has kept of it is what the message said. */
static void
keep(const struct broker_hostmsg *message)
{
    struct broker_model *model = broker_model_new();
    struct broker_pools *pools = broker_pools_new();
    struct store_desktop row = {.id = "d-00000001", .host = "a", .pool = "lab", .epoch = 1};
    const struct store_session session = {.id = "s-00000001",
                                          .user = "kim",
                                          .pool = "lab",
                                          .desktop = "d-00000001",
                                          .disconnected_ms = 1};
    struct broker_pool *pool = broker_pool_new("lab", "lab.pool");
    const struct broker_picture *picture;

    pool->last_screen = true;
    g_ptr_array_add(pools->items, pool);
    broker_model_add_desktop(model, &row);
    broker_model_add_session(model, &session);
    if (broker_lastscreen_take(model, pools, "a", message, 1)) {
        picture = broker_lastscreen_find(model, pools, "kim", "s-00000001");
        if (picture == NULL || picture->size != message->picture.size) {
            abort();
        }
    }
    broker_pools_free(pools);
    broker_model_free(model);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct broker_hostmsg message;
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    const char *why = NULL;

    if (broker_hostmsg_parse(json, &message, &why)) {
        if (message.type == BROKER_HOSTMSG_OBSERVED) {
            observe(&message);
        } else if (message.type == BROKER_HOSTMSG_PICTURE) {
            keep(&message);
        }
        broker_hostmsg_clear(&message);
    } else if (why == NULL) {
        abort();
    }
    json_decref(json);
    return 0;
}
