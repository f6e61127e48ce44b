/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/change.h"

#include <string.h>

#include "broker/change-private.h"
#include "broker/line.h"
#include "broker/name.h"
#include "protocol/base/clock.h"
#include "protocol/base/log.h"
#include "protocol/wire/messages.h"

#define MODULE        "change"
#define DESKTOP_BYTES 4
#define SESSION_BYTES 8

static void
new_desktop_id(const struct broker *broker, char ret_id[STORE_ID_MAX + 1])
{
    do {
        broker_id_new(ret_id, STORE_ID_MAX + 1, 'd', DESKTOP_BYTES);
    } while (broker_model_desktop(broker->model, ret_id) != NULL);
}

static bool
create_desktop(struct broker *broker, const struct broker_pool *pool,
               const struct broker_host *host, unsigned revision, const char *owner, bool parked,
               char ret_id[STORE_ID_MAX + 1])
{
    struct store_desktop row = {.slot = broker_model_free_slot(broker->model, host->row.name),
                                .revision = revision,
                                .epoch = 1,
                                .cpu = pool->cpu,
                                .memory_mb = pool->memory_mb,
                                .accel_any = pool->accel_any,
                                .display = pool->display,
                                .parked = parked,
                                .created_ms = vd_wall_ms()};
    GError *error = NULL;

    new_desktop_id(broker, row.id);
    g_strlcpy(row.host, host->row.name, sizeof(row.host));
    g_strlcpy(row.pool, pool->name, sizeof(row.pool));
    g_strlcpy(row.image, pool->image, sizeof(row.image));
    g_strlcpy(row.owner, owner, sizeof(row.owner));
    g_strlcpy(ret_id, row.id, STORE_ID_MAX + 1);
    if (!store_desktop_put(broker->store, &row, &error)) {
        return broker_store_failed(broker, error);
    }
    broker_model_add_desktop(broker->model, &row);
    vd_notice(MODULE, "desktop %s of pool '%s' goes to host '%s' with %s:%u", row.id, row.pool,
              row.host, row.image, row.revision);
    return true;
}

bool
broker_change_create_for(struct broker *broker, const struct broker_pool *pool,
                         const struct broker_host *host, const char *owner,
                         char ret_id[STORE_ID_MAX + 1])
{
    return create_desktop(broker, pool, host, pool->revision, owner, false, ret_id);
}

/* Puts the new row of a desktop into the store, and only then into the model. */
static bool
put_desktop(struct broker *broker, struct broker_desktop *desktop, const struct store_desktop *row)
{
    GError *error = NULL;

    if (!store_desktop_put(broker->store, row, &error)) {
        return broker_store_failed(broker, error);
    }
    desktop->row = *row;
    return true;
}

bool
broker_change_delete(struct broker *broker, struct broker_desktop *desktop, const char *text)
{
    struct store_desktop row = desktop->row;

    row.gone = true;
    if (!put_desktop(broker, desktop, &row)) {
        return false;
    }
    vd_notice(MODULE, "desktop %s of pool '%s' is to go: %s", row.id, row.pool, text);
    return true;
}

/* What a desktop that is there is to be: switched off, parked, or neither. */
static bool
set_wanted(struct broker *broker, struct broker_desktop *desktop, bool stopped, bool parked,
           const char *text)
{
    struct store_desktop row = desktop->row;

    row.stopped = stopped;
    row.parked = parked;
    if (!put_desktop(broker, desktop, &row)) {
        return false;
    }
    vd_notice(MODULE, "desktop %s of pool '%s' is to be %s: %s", row.id, row.pool,
              stopped  ? "switched off"
              : parked ? "parked"
                       : "running",
              text);
    return true;
}

/* Since when a newer revision is in force. */
static bool
note_age(struct broker *broker, struct broker_desktop *desktop, int64_t old_ms)
{
    struct store_desktop row = desktop->row;

    row.old_ms = old_ms;
    if (!put_desktop(broker, desktop, &row)) {
        return false;
    }
    vd_info(MODULE, "desktop %s of pool '%s' is %s", row.id, row.pool,
            old_ms != 0 ? "of an old revision now" : "of the revision in force again");
    return true;
}

bool
broker_change_restore(struct broker *broker, const struct broker_host *host,
                      const struct broker_trash *entry, char ret_id[STORE_ID_MAX + 1])
{
    const struct broker_pool *pool = broker_pools_find(broker->pools, entry->pool);
    struct store_desktop row = {.slot = broker_model_free_slot(broker->model, host->row.name),
                                .revision = entry->revision,
                                .epoch = 1,
                                .cpu = entry->cpu,
                                .memory_mb = entry->memory_mb,
                                .accel_any = pool == NULL || pool->accel_any,
                                .display = pool != NULL ? pool->display : BROKER_DISPLAY_AUTO,
                                .created_ms = vd_wall_ms()};
    GError *error = NULL;

    new_desktop_id(broker, row.id);
    g_strlcpy(row.host, host->row.name, sizeof(row.host));
    g_strlcpy(row.pool, entry->pool, sizeof(row.pool));
    g_strlcpy(row.image, entry->image, sizeof(row.image));
    g_strlcpy(row.owner, entry->user, sizeof(row.owner));
    g_strlcpy(row.origin, entry->id, sizeof(row.origin));
    if (!store_desktop_put(broker->store, &row, &error)) {
        return broker_store_failed(broker, error);
    }
    broker_model_add_desktop(broker->model, &row);
    g_strlcpy(ret_id, row.id, STORE_ID_MAX + 1);
    vd_notice(MODULE, "%s of '%s' comes back from the trash as desktop %s", entry->id, entry->user,
              row.id);
    broker_audit(broker, "restore", entry->user, NULL, row.id, entry->id);
    return true;
}

static void
note_failure(struct broker *broker, const char *pool_name, const char *text)
{
    const struct broker_pool *pool = broker_pools_find(broker->pools, pool_name);

    if (pool != NULL && broker_model_note_failure(broker->model, pool->name, pool->restrain_count,
                                                  pool->restrain_ms, text, vd_wall_ms())) {
        vd_error(MODULE,
                 "pool '%s' is set aside for %" G_GINT64_FORMAT
                 " s: %u desktops failed, the last because %s; 'vedettectl pool resume %s' tries "
                 "at once",
                 pool->name, pool->restrain_ms / 1000, pool->restrain_count, text, pool->name);
        broker_audit(broker, "restrain", NULL, NULL, pool->name, text);
    }
}

static bool
drop_desktop(struct broker *broker, struct broker_desktop *desktop)
{
    GError *error = NULL;

    if (!store_desktop_remove(broker->store, desktop->row.id, &error)) {
        return broker_store_failed(broker, error);
    }
    vd_info(MODULE, "desktop %s is gone", desktop->row.id);
    broker_model_remove_desktop(broker->model, desktop);
    return true;
}

/*
 * A user's first desktop of a pool with user disks decides which host has hers: written in the same
 * transaction, so that there are never two.
 */
static bool
put_userdisk(struct broker *broker, const struct broker_pool *pool,
             const struct store_session *session, const char *host, struct store_userdisk *ret_disk,
             GError **error)
{
    memset(ret_disk, 0, sizeof(*ret_disk));
    if (pool == NULL || pool->userdisk_mb == 0 || session->account[0] == '\0' ||
        broker_model_home(broker->model, session->user, pool->name) != NULL) {
        return true;
    }
    g_strlcpy(ret_disk->pool, pool->name, sizeof(ret_disk->pool));
    g_strlcpy(ret_disk->user, session->user, sizeof(ret_disk->user));
    g_strlcpy(ret_disk->host, host, sizeof(ret_disk->host));
    ret_disk->created_ms = vd_wall_ms();
    return store_userdisk_put(broker->store, ret_disk, error);
}

static bool
assign(struct broker *broker, struct broker_session *session, struct broker_desktop *desktop)
{
    const struct broker_pool *pool = broker_pools_find(broker->pools, desktop->row.pool);
    struct store_session row = session->row;
    struct store_desktop owned = desktop->row;
    struct store_userdisk disk;
    GError *error = NULL;
    bool ok;

    g_strlcpy(row.desktop, desktop->row.id, sizeof(row.desktop));
    row.disconnected_ms = vd_wall_ms();
    owned.parked = false;
    if (pool != NULL && pool->dedicated) {
        g_strlcpy(owned.owner, row.user, sizeof(owned.owner));
    }
    if (!store_begin(broker->store, &error)) {
        return broker_store_failed(broker, error);
    }
    ok = store_session_put(broker->store, &row, &error) &&
         store_desktop_put(broker->store, &owned, &error) &&
         put_userdisk(broker, pool, &row, owned.host, &disk, &error);
    if (!broker_change_commit(broker, ok, &error)) {
        return false;
    }
    session->row = row;
    desktop->row = owned;
    if (disk.host[0] != '\0') {
        broker_model_add_userdisk(broker->model, &disk);
        vd_notice(MODULE, "the disk of '%s' in pool '%s' is on host '%s'", disk.user, disk.pool,
                  disk.host);
    }
    vd_notice(MODULE, "desktop %s of pool '%s' is '%s's, session %s", row.desktop, row.pool,
              row.user, row.id);
    broker_line_served(broker->model, row.user, row.disconnected_ms);
    broker_audit(broker, "session-start", row.user, NULL, row.id, row.desktop);
    return true;
}

static bool end_session(struct broker *broker, struct broker_session *session, const char *kind,
                        bool polite, const char *text);

bool
broker_change_park(struct broker *broker, struct broker_desktop *desktop, const char *text)
{
    struct broker_session *session = broker_model_session_on(broker->model, desktop->row.id);

    if (!set_wanted(broker, desktop, false, true, text)) {
        return false;
    }
    if (session != NULL) {
        broker_audit(broker, "park", session->row.user, NULL, session->row.id, text);
        broker_change_close_streams(
            broker, session->row.id, VDP_GOAWAY_ENDED,
            "your desktop is parked; connect again to go on where you were");
    }
    return true;
}

bool
broker_change_wake(struct broker *broker, struct broker_session *session)
{
    struct broker_desktop *desktop = broker_model_desktop(broker->model, session->row.desktop);
    struct store_session row = session->row;
    GError *error = NULL;

    if (desktop == NULL || !desktop->row.parked) {
        return true;
    }
    /* The clock that had it parked begins anew, or it would strike before she is in. */
    row.disconnected_ms = vd_wall_ms();
    if (!store_session_put(broker->store, &row, &error)) {
        return broker_store_failed(broker, error);
    }
    session->row = row;
    broker_audit(broker, "wake", row.user, NULL, row.id, row.desktop);
    return set_wanted(broker, desktop, false, false, "its user is back");
}

static bool
forget(struct broker *broker, struct broker_session *session)
{
    GError *error = NULL;

    if (!store_session_remove(broker->store, session->row.id, &error)) {
        return broker_store_failed(broker, error);
    }
    broker_model_remove_session(broker->model, session);
    return true;
}

bool
broker_change_apply(struct broker *broker, const struct broker_action *action)
{
    const char *kind = action->failed ? "failed" : "expired";
    char pool[STORE_NAME_MAX + 1];
    char id[STORE_ID_MAX + 1];

    if ((action->desktop != NULL &&
         !g_ptr_array_find(broker->model->desktops, action->desktop, NULL)) ||
        (action->session != NULL &&
         !g_ptr_array_find(broker->model->sessions, action->session, NULL))) {
        return true;
    }
    switch (action->kind) {
    case BROKER_CREATE:
        return create_desktop(broker, action->pool, action->host, action->revision, "",
                              action->parked, id);
    case BROKER_STOP:
        return broker_change_delete(broker, action->desktop, action->text);
    case BROKER_FAIL:
        note_failure(broker, action->desktop->row.pool, action->text);
        return broker_change_delete(broker, action->desktop, action->text);
    case BROKER_WAKE:
    case BROKER_REST:
        return set_wanted(broker, action->desktop, action->kind == BROKER_REST, false,
                          action->text);
    case BROKER_PARK:
        return broker_change_park(broker, action->desktop, action->text);
    case BROKER_AGE:
        return note_age(broker, action->desktop, action->at_ms);
    case BROKER_DROP:
        return drop_desktop(broker, action->desktop);
    case BROKER_ASSIGN:
        return assign(broker, action->session, action->desktop);
    case BROKER_END:
        g_strlcpy(pool, action->session->row.pool, sizeof(pool));
        if (!end_session(broker, action->session, kind, action->polite, action->text)) {
            return false;
        }
        if (action->failed) {
            note_failure(broker, pool, action->text);
        }
        return true;
    case BROKER_FORGET:
        return forget(broker, action->session);
    }
    return true;
}

struct broker_session *
broker_change_wait(struct broker *broker, const char *user, const char *pool, const json_t *account)
{
    struct store_session row = {.created_ms = vd_wall_ms()};
    struct broker_session *session;
    char *text = account != NULL ? json_dumps(account, JSON_COMPACT) : NULL;
    GError *error = NULL;

    broker_id_new(row.id, sizeof(row.id), 's', SESSION_BYTES);
    g_strlcpy(row.user, user, sizeof(row.user));
    g_strlcpy(row.pool, pool, sizeof(row.pool));
    if (text != NULL && strlen(text) < sizeof(row.account)) {
        g_strlcpy(row.account, text, sizeof(row.account));
    }
    free(text);
    if (!store_session_put(broker->store, &row, &error)) {
        broker_store_failed(broker, error);
        return NULL;
    }
    session = broker_model_add_session(broker->model, &row);
    session->polled_ms = row.created_ms;
    return session;
}

/* With polite the guest of a desktop that is to go is shut down in order first. */
static bool
end_session(struct broker *broker, struct broker_session *session, const char *kind, bool polite,
            const char *text)
{
    struct broker_desktop *desktop = broker_model_desktop(broker->model, session->row.desktop);
    struct store_desktop row = {.gone = true};
    GError *error = NULL;
    bool ok;

    if (!store_begin(broker->store, &error)) {
        return broker_store_failed(broker, error);
    }
    ok = store_session_remove(broker->store, session->row.id, &error);
    if (ok && desktop != NULL) {
        row = desktop->row;
        row.gone = row.owner[0] == '\0';
        row.stopped = !row.gone && !row.parked; /* else its memory would be lost */
        row.polite = polite && row.gone;
        ok = store_desktop_put(broker->store, &row, &error);
    }
    if (!broker_change_commit(broker, ok, &error)) {
        return false;
    }
    vd_notice(MODULE, "session %s of '%s' on %s ended (%s): %s", session->row.id, session->row.user,
              session->row.desktop[0] != '\0' ? session->row.desktop : "no desktop", kind, text);
    broker_audit(broker, "session-end", session->row.user, kind, session->row.id, text);
    broker_change_close_streams(broker, session->row.id, VDP_GOAWAY_ENDED, text);
    broker_model_remove_session(broker->model, session);
    if (desktop != NULL) {
        desktop->row = row;
    }
    return true;
}

bool
broker_change_end(struct broker *broker, struct broker_session *session, const char *kind,
                  const char *text)
{
    return end_session(broker, session, kind, false, text);
}
