/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/broker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/admin.h"
#include "broker/canary.h"
#include "broker/change.h"
#include "broker/gateways.h"
#include "broker/groups.h"
#include "broker/hosts.h"
#include "broker/lastscreen.h"
#include "broker/login.h"
#include "broker/poolfolder.h"
#include "broker/pressure.h"
#include "protocol/base/clock.h"
#include "protocol/base/fd.h"
#include "protocol/base/log.h"

#define MODULE      "broker"
#define TICK_MS     1000
#define MAX_PASSES  10000
#define PRUNE_MS    INT64_C(600000)
#define MAX_PEM     65536u
#define FOLDER_MODE 0700

static void
run_tick(struct broker *broker)
{
    int64_t now_ms = vd_wall_ms();
    GError *error = NULL;

    broker_change_expire_streams(broker);
    broker_hosts_tick(broker->hosts);
    broker_settle(broker);
    if (now_ms - broker->pruned_ms >= PRUNE_MS || now_ms < broker->pruned_ms) {
        broker->pruned_ms = now_ms;
        if (!store_prune(broker->store, now_ms, BROKER_IDLE_MS, &error)) {
            broker_store_failed(broker, error);
        }
    }
}

static gboolean
on_tick(gpointer user_data)
{
    run_tick(user_data);
    return G_SOURCE_CONTINUE;
}

static gboolean
on_settle(gpointer user_data)
{
    struct broker *broker = user_data;

    broker->settle_id = 0;
    broker_settle(broker);
    return G_SOURCE_REMOVE;
}

void
broker_settle_soon(struct broker *broker)
{
    if (broker->settle_id == 0) {
        broker->settle_id = g_idle_add(on_settle, broker);
    }
}

/* One round of decisions; false when nothing was left to do or could be done. */
static bool
settle_once(struct broker *broker, const struct broker_pools *pools)
{
    GArray *actions = broker_reconcile(broker->model, pools, vd_wall_ms());
    bool again = actions->len > 0;
    guint i;

    for (i = 0; again && i < actions->len; i++) {
        again = broker_change_apply(broker, &g_array_index(actions, struct broker_action, i));
    }
    g_array_unref(actions);
    return again;
}

static void
on_pressure(const struct broker_host *host, bool passed, const char *text, void *user_data)
{
    (void)user_data;
    if (passed) {
        vd_warning(MODULE, "host '%s' gets no further desktops: %s", host->row.name, text);
    } else {
        vd_notice(MODULE, "host '%s' gets desktops again: %s", host->row.name, text);
    }
}

void
broker_settle(struct broker *broker)
{
    struct broker_pools *none = broker->closing ? broker_pools_new() : NULL;
    unsigned passes = 0;

    broker_pressure_judge(broker->model, broker->pools, on_pressure, NULL);
    while ((broker->pools_are_valid || broker->closing) && passes < MAX_PASSES &&
           settle_once(broker, none != NULL ? none : broker->pools)) {
        passes++;
    }
    broker_pools_free(none);
    broker_hosts_update(broker->hosts);
    broker_admin_settled(broker->admin);
}

bool
broker_reload(struct broker *broker)
{
    char *dir = g_build_filename(broker->config.config, "pools.d", NULL);
    GPtrArray *errors = NULL;
    struct broker_pools *pools = broker_pools_load(dir, &errors);
    guint i;

    g_free(dir);
    g_clear_pointer(&broker->errors, g_ptr_array_unref);
    if (pools == NULL) {
        broker->errors = errors;
        for (i = 0; i < errors->len; i++) {
            vd_error(MODULE, "%s", (const char *)g_ptr_array_index(errors, i));
        }
        vd_error(MODULE, "the pool files have %u mistakes: %s", errors->len,
                 broker->pools_are_valid ? "the ones from before stay in force"
                                         : "no desktop is started or given out");
        return false;
    }
    broker_pools_free(broker->pools);
    broker->pools = pools;
    broker->pools_are_valid = true;
    broker_model_forget_failures(broker->model);
    broker_lastscreen_prune(broker->model, pools);
    vd_notice(MODULE, "%u pools are in force", pools->items->len);
    return true;
}

void
broker_close_desktops(struct broker *broker)
{
    broker->closing = true;
    while (broker->model->sessions->len > 0) {
        if (!broker_change_end(broker, g_ptr_array_index(broker->model->sessions, 0), "shutdown",
                               "the system is being shut down")) {
            return;
        }
    }
    broker_settle_soon(broker);
}

struct broker_access
broker_may_use(struct broker *broker, const struct broker_pool *pool, const char *user)
{
    struct broker_access access = {.allowed = false};

    if (broker_canary_is(user)) {
        access.allowed = broker_canary_may_use(broker, pool);
        return access;
    }
    /* A Deny=@group must not be passed because a directory did not answer. */
    if (broker_access_wants_groups(pool) && !broker_groups_are_known(broker->groups, user)) {
        g_snprintf(access.text, sizeof(access.text), "the groups of '%s' cannot be read now", user);
        return access;
    }
    return broker_access_check(pool, user, broker_groups_member, broker->groups);
}

bool
broker_store_failed(struct broker *broker, GError *error)
{
    if (!broker->store_failed) {
        vd_error(MODULE, "%s: new requests are refused until it works again",
                 error != NULL ? error->message : "the database failed");
    }
    broker->store_failed = true;
    g_clear_error(&error);
    return false;
}

void
broker_audit(struct broker *broker, const char *kind, const char *user, const char *source,
             const char *subject, const char *text)
{
    struct store_event event = {kind, user, source, subject, text};
    GError *error = NULL;

    if (!store_audit(broker->store, &event, vd_wall_ms(), &error)) {
        broker_store_failed(broker, error);
    }
}

static char *
read_pem(struct broker *broker, const char *name, GError **error)
{
    char *path = g_build_filename(broker->config.state, "pki", name, NULL);
    char *text = NULL;
    char *copy;
    size_t size = 0;
    int result = vd_file_read(path, MAX_PEM, &text, &size);

    if (result < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-result),
                    "reading '%s': %s; 'vedettectl up' makes it", path, g_strerror(-result));
    }
    g_free(path);
    copy = g_strdup(text);
    vd_secret_free(text);
    return copy;
}

static bool
open_store(struct broker *broker, GError **error)
{
    char *folder = g_build_filename(broker->config.state, "broker", NULL);
    char *path = g_build_filename(folder, "vedette.db", NULL);
    int result = vd_mkdir_all(folder, FOLDER_MODE);

    if (result < 0) {
        g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(-result), "making '%s': %s",
                    folder, g_strerror(-result));
    } else {
        broker->store = store_open(path, error);
    }
    g_free(path);
    g_free(folder);
    return broker->store != NULL;
}

static bool
start(struct broker *broker, GError **error)
{
    char *cert = NULL;
    char *key = NULL;

    if (!open_store(broker, error)) {
        return false;
    }
    broker->model = broker_model_load(broker->store, vd_wall_ms(), error);
    broker->ca.cert_pem = broker->model != NULL ? read_pem(broker, "ca.pem", error) : NULL;
    broker->ca.key_pem = broker->ca.cert_pem != NULL ? read_pem(broker, "ca.key", error) : NULL;
    cert = broker->ca.key_pem != NULL ? read_pem(broker, "broker.pem", error) : NULL;
    key = cert != NULL ? read_pem(broker, "broker.key", error) : NULL;
    if (key != NULL) {
        broker_change_refresh_streams(broker);
        broker_reload(broker);
        broker->logins = broker_logins_new(broker);
        broker->hosts = broker_hosts_new(broker, cert, key, error);
        broker->gateways = broker->hosts != NULL ? broker_gateways_new(broker, error) : NULL;
        broker->admin = broker->gateways != NULL ? broker_admin_new(broker, error) : NULL;
    }
    g_free(cert);
    vd_secret_free(key);
    return broker->admin != NULL;
}

struct broker *
broker_new(const struct broker_config *config, GError **error)
{
    struct broker *broker = g_new0(struct broker, 1);

    broker->config = *config;
    broker->pools = broker_pools_new();
    broker->groups = broker_groups_new();
    if (config->launch_fd >= 0) {
        broker->launch = vd_launch_new((int)config->launch_fd);
    } else {
        vd_warning(MODULE, "no --launch-fd: nobody can log in");
    }
    if (!start(broker, error)) {
        broker_free(broker);
        return NULL;
    }
    broker->tick_id = g_timeout_add(TICK_MS, on_tick, broker);
    broker_settle_soon(broker);
    return broker;
}

void
broker_free(struct broker *broker)
{
    if (broker == NULL) {
        return;
    }
    g_clear_handle_id(&broker->tick_id, g_source_remove);
    g_clear_handle_id(&broker->settle_id, g_source_remove);
    broker_admin_free(broker->admin);
    broker_logins_free(broker->logins);
    broker_gateways_free(broker->gateways);
    broker_hosts_free(broker->hosts);
    vd_launch_free(broker->launch);
    broker_groups_free(broker->groups);
    broker_pools_free(broker->pools);
    g_clear_pointer(&broker->errors, g_ptr_array_unref);
    broker_model_free(broker->model);
    store_free(broker->store);
    vdp_pair_clear(&broker->ca);
    g_free(broker);
}
