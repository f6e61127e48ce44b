/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/reconcile.h"

#include <string.h>

#include "broker/canary.h"
#include "broker/deadlines.h"
#include "broker/line.h"
#include "broker/placement.h"

struct pass {
    const struct broker_model *model;
    const struct broker_pools *pools;
    int64_t now_ms;
    GArray *actions;
    GArray *line; /* struct broker_place: who waits */
    bool created; /* one CREATE a pass, so that each is placed on what the last one left */
};

static struct broker_action *
add(struct pass *pass, enum broker_action_kind kind, const char *text)
{
    struct broker_action action = {.kind = kind};

    g_strlcpy(action.text, text, sizeof(action.text));
    g_array_append_val(pass->actions, action);
    return &g_array_index(pass->actions, struct broker_action, pass->actions->len - 1);
}

static void
stop_desktop(struct pass *pass, struct broker_desktop *desktop, enum broker_action_kind kind,
             const char *text)
{
    add(pass, kind, text)->desktop = desktop;
}

static void
end_session(struct pass *pass, struct broker_session *session, bool failed, const char *text)
{
    struct broker_action *action = add(pass, BROKER_END, text);

    action->session = session;
    action->failed = failed;
}

/* Of the pool's image, but not of the revision that the next desktop would be of. */
static bool
is_old(const struct broker_model *model, const struct broker_desktop *desktop,
       const struct broker_pool *pool, unsigned revision)
{
    bool published;

    if (strcmp(desktop->row.image, pool->image) != 0) {
        return true;
    }
    if (pool->revision != 0) {
        return desktop->row.revision != pool->revision;
    }
    /* A published revision may be older than what runs: it was rolled back. */
    (void)broker_model_latest(model, pool->image, &published);
    return published ? desktop->row.revision != revision : desktop->row.revision < revision;
}

static bool
is_outdated(const struct broker_model *model, const struct broker_desktop *desktop,
            const struct broker_pool *pool, unsigned revision)
{
    const struct store_desktop *row = &desktop->row;

    return row->cpu != pool->cpu || row->memory_mb != pool->memory_mb ||
           row->accel_any != pool->accel_any || row->display != pool->display ||
           is_old(model, desktop, pool, revision);
}

/* Its host is there, or was a moment ago. */
static bool
is_reachable(const struct broker_model *model, const struct broker_desktop *desktop, int64_t now_ms)
{
    const struct broker_host *host = broker_model_host(model, desktop->row.host);

    return host != NULL && (host->connected || now_ms - host->away_ms < BROKER_AWAY_GRACE_MS);
}

static bool
host_is_drained(const struct broker_model *model, const char *name)
{
    const struct broker_host *host = broker_model_host(model, name);

    return host != NULL && (host->row.drained || host->row.revoked);
}

struct broker_pool_count
broker_pool_count(const struct broker_model *model, const struct broker_pool *pool, int64_t now_ms)
{
    struct broker_pool_count count = {0};
    unsigned revision = broker_pool_revision(model, pool);
    guint i;

    for (i = 0; i < model->desktops->len; i++) {
        const struct broker_desktop *desktop = g_ptr_array_index(model->desktops, i);
        const struct broker_host *host;

        if (strcmp(desktop->row.pool, pool->name) != 0) {
            continue;
        }
        host = broker_model_host(model, desktop->row.host);
        count.total++;
        if (desktop->row.gone) {
            count.stopping++;
        } else if (broker_model_session_on(model, desktop->row.id) != NULL) {
            count.assigned++;
        } else if (desktop->row.owner[0] != '\0') {
            count.kept++;
        } else if (is_outdated(model, desktop, pool, revision)) {
            count.outdated++;
        } else if (desktop->state == BROKER_READY && host != NULL && host->connected) {
            count.ready++;
        } else if (desktop->state == BROKER_UNKNOWN || !is_reachable(model, desktop, now_ms)) {
            count.lost++;
        } else {
            count.starting++;
        }
    }
    for (i = 0; i < model->sessions->len; i++) {
        const struct broker_session *session = g_ptr_array_index(model->sessions, i);

        if (session->row.desktop[0] == '\0' && strcmp(session->row.pool, pool->name) == 0 &&
            broker_model_own(model, session->row.user, pool->name) == NULL) {
            count.waiting++;
        }
    }
    return count;
}

/* What one host's report means for one desktop, whoever uses it. True when it is settled. */
static bool
judge_report(struct pass *pass, struct broker_desktop *desktop, struct broker_session *session)
{
    const struct broker_host *host = broker_model_host(pass->model, desktop->row.host);
    bool seen = host != NULL && host->connected;
    char text[BROKER_TEXT_MAX + 1];

    if (desktop->row.gone) {
        if (seen &&
            (desktop->state == BROKER_GONE ||
             (desktop->absent_ms != 0 && pass->now_ms - desktop->absent_ms >= BROKER_ABSENT_MS))) {
            stop_desktop(pass, desktop, BROKER_DROP, "gone");
        }
        return true;
    }
    /* One that is switched off and has no session yet is on its way up. */
    if (!seen || desktop->row.stopped ||
        (desktop->state != BROKER_FAILED && desktop->state != BROKER_GONE &&
         (desktop->state != BROKER_STOPPED || session == NULL))) {
        return false;
    }
    g_snprintf(text, sizeof(text), "%s%s%s",
               desktop->state == BROKER_FAILED ? "the desktop failed" : "the desktop was shut down",
               desktop->text[0] != '\0' ? ": " : "", desktop->text);
    if (session != NULL) {
        end_session(pass, session, desktop->state == BROKER_FAILED, text);
    } else if (broker_canary_is(desktop->row.owner)) {
        return true; /* whoever started it wants to read why */
    } else if (desktop->row.owner[0] != '\0') {
        stop_desktop(pass, desktop, BROKER_REST, text);
    } else {
        stop_desktop(pass, desktop, BROKER_FAIL, text);
    }
    return true;
}

/* Nothing but an administrator's word deletes what is somebody's; a canary is nobody's. */
static void
judge_owned(struct pass *pass, struct broker_desktop *desktop)
{
    if (broker_canary_is(desktop->row.owner)) {
        if (pass->now_ms - desktop->row.created_ms >= BROKER_CANARY_MS) {
            stop_desktop(pass, desktop, BROKER_STOP, "its test was not ended");
        }
        return;
    }
    if (!desktop->row.stopped && (broker_pools_find(pass->pools, desktop->row.pool) == NULL ||
                                  host_is_drained(pass->model, desktop->row.host))) {
        stop_desktop(pass, desktop, BROKER_REST, "nobody can use it now");
    }
}

/* Since when somebody's desktop is of an old revision is written down: deadlines count from then.
 */
static void
judge_age(struct pass *pass, struct broker_desktop *desktop)
{
    const struct broker_pool *pool = broker_pools_find(pass->pools, desktop->row.pool);
    const struct broker_host *host = broker_model_host(pass->model, desktop->row.host);
    unsigned revision = pool != NULL ? broker_pool_revision(pass->model, pool) : 0;
    struct broker_action *action;
    bool old;

    /* Without its host nobody knows which revisions there are. */
    if (pool == NULL || !broker_deadlines_run(pass->model, pool) || revision == 0 || host == NULL ||
        !host->connected || desktop->row.gone || desktop->row.owner[0] != '\0') {
        return;
    }
    old = is_old(pass->model, desktop, pool, revision);
    if (old != (desktop->row.old_ms != 0)) {
        action = add(pass, BROKER_AGE, "");
        action->desktop = desktop;
        action->at_ms = old ? pass->now_ms : 0;
    }
}

static void
judge_desktops(struct pass *pass)
{
    guint i;

    for (i = 0; i < pass->model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(pass->model->desktops, i);
        struct broker_session *session = broker_model_session_on(pass->model, desktop->row.id);

        if (session != NULL) {
            judge_age(pass, desktop);
        }
        if ((judge_report(pass, desktop, session) || session != NULL) &&
            !broker_canary_is(desktop->row.owner)) {
            continue;
        }
        if (desktop->row.owner[0] != '\0') {
            judge_owned(pass, desktop);
            continue;
        }
        if (broker_pools_find(pass->pools, desktop->row.pool) == NULL) {
            stop_desktop(pass, desktop, BROKER_STOP, "its pool was removed");
        } else if (host_is_drained(pass->model, desktop->row.host)) {
            stop_desktop(pass, desktop, BROKER_STOP, "its host is drained");
        }
    }
}

static bool
is_overdue(const struct pass *pass, const struct broker_session *session,
           const struct broker_pool *pool)
{
    int64_t end_ms = broker_deadlines_of(pass->model, session, pool).end_ms;

    return end_ms != 0 && pass->now_ms >= end_ms;
}

static bool
is_idle(const struct pass *pass, const struct broker_session *session, int64_t limit_ms)
{
    int64_t since_ms = broker_model_idle_since(pass->model, session);

    return since_ms != 0 && pass->now_ms - since_ms >= limit_ms;
}

/* A clock of the pool strikes. */
static void
expire(struct pass *pass, struct broker_session *session, bool polite, const char *text)
{
    struct broker_action *action = add(pass, BROKER_END, text);

    action->session = session;
    action->polite = polite;
}

static void
judge_sessions(struct pass *pass)
{
    guint i;

    for (i = 0; i < pass->model->sessions->len; i++) {
        struct broker_session *session = g_ptr_array_index(pass->model->sessions, i);
        const struct broker_pool *pool = broker_pools_find(pass->pools, session->row.pool);
        int64_t limit_ms = pool != NULL ? pool->disconnected_ms : BROKER_LOST_POOL_MS;

        if (session->row.desktop[0] == '\0') {
            if (pool == NULL || pass->now_ms - session->polled_ms >= BROKER_WAIT_FORGET_MS) {
                add(pass, BROKER_FORGET, "nobody waits any more")->session = session;
            }
        } else if (session->row.disconnected_ms != 0 &&
                   pass->now_ms - session->row.disconnected_ms >= limit_ms) {
            expire(pass, session, pool != NULL && pool->disconnected_off,
                   "nobody was connected for too long");
        } else if (pool != NULL && pool->input_idle_ms > 0 &&
                   is_idle(pass, session, pool->input_idle_ms)) {
            expire(pass, session, pool->input_idle_off, "nobody touched anything for too long");
        } else if (pool != NULL && pool->absolute_ms > 0 &&
                   pass->now_ms - session->row.created_ms >= pool->absolute_ms) {
            expire(pass, session, pool->absolute_off, "the time of the session is over");
        } else if (pool != NULL && is_overdue(pass, session, pool)) {
            expire(pass, session, false, "a newer version of the desktop is in force");
        }
    }
}

static const struct broker_place *
place_at(const struct pass *pass, guint i)
{
    return &g_array_index(pass->line, struct broker_place, i);
}

/* It waits for a desktop of the pool. */
static bool
is_waiting(const struct broker_session *session, const struct broker_pool *pool)
{
    return strcmp(session->row.pool, pool->name) == 0;
}

/* It has to get a spare. */
static bool
wants_spare(const struct pass *pass, const struct broker_session *session,
            const struct broker_pool *pool)
{
    return is_waiting(session, pool) &&
           broker_model_own(pass->model, session->row.user, pool->name) == NULL;
}

/* The same, and it is its user's turn to have one started. */
static bool
wants_start(const struct pass *pass, const struct broker_place *place,
            const struct broker_pool *pool)
{
    return place->at_ms <= pass->now_ms && wants_spare(pass, place->session, pool);
}

/* The only host that will do for it, or NULL. */
static const char *
home_of(const struct pass *pass, const struct broker_session *session,
        const struct broker_pool *pool)
{
    return pool->userdisk_mb == 0 ? NULL
                                  : broker_model_home(pass->model, session->row.user, pool->name);
}

static void
give(struct pass *pass, struct broker_session *session, struct broker_desktop *desktop)
{
    struct broker_action *action = add(pass, BROKER_ASSIGN, "");

    action->session = session;
    action->desktop = desktop;
}

/* Who has a desktop of her own gets that one, as soon as it runs. */
static bool
give_own(struct pass *pass, const struct broker_pool *pool)
{
    guint i;

    for (i = 0; i < pass->line->len; i++) {
        struct broker_session *session = place_at(pass, i)->session;
        struct broker_desktop *own =
            is_waiting(session, pool) ? broker_model_own(pass->model, session->row.user, pool->name)
                                      : NULL;
        const struct broker_host *host =
            own != NULL ? broker_model_host(pass->model, own->row.host) : NULL;

        if (host == NULL || !host->connected) {
            continue;
        }
        if (own->row.stopped) {
            add(pass, BROKER_WAKE, "its user wants it")->desktop = own;
            return true;
        }
        if (own->state == BROKER_READY) {
            give(pass, session, own);
            return true;
        }
    }
    return false;
}

enum spare { SPARE_CURRENT_READY, SPARE_CURRENT_ANY, SPARE_OUTDATED, SPARE_OUTDATED_READY };

/* On home, or anywhere when it is NULL: the newest of a kind for stopping, the oldest for giving
 * away. */
static struct broker_desktop *
find_spare(struct pass *pass, const struct broker_pool *pool, enum spare kind, const char *home)
{
    unsigned revision = broker_pool_revision(pass->model, pool);
    struct broker_desktop *found = NULL;
    guint i;

    for (i = 0; i < pass->model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(pass->model->desktops, i);
        const struct broker_host *host = broker_model_host(pass->model, desktop->row.host);
        bool outdated = is_outdated(pass->model, desktop, pool, revision);
        bool ready = desktop->state == BROKER_READY && host != NULL && host->connected;

        if (strcmp(desktop->row.pool, pool->name) != 0 || desktop->row.gone ||
            (home != NULL && strcmp(desktop->row.host, home) != 0) ||
            desktop->state == BROKER_UNKNOWN || host == NULL || host->row.drained ||
            host->row.revoked || desktop->row.owner[0] != '\0' ||
            broker_model_session_on(pass->model, desktop->row.id) != NULL) {
            continue;
        }
        if (kind == SPARE_CURRENT_READY ? !outdated && ready
            : kind == SPARE_CURRENT_ANY ? !outdated && host->connected
            : kind == SPARE_OUTDATED    ? outdated && host->connected
                                        : outdated && ready) {
            found = desktop;
            if (kind == SPARE_CURRENT_READY || kind == SPARE_OUTDATED_READY ||
                (kind == SPARE_CURRENT_ANY && !ready)) {
                break;
            }
        }
    }
    return found;
}

/*
 * Gives a spare to the first in line that can take one; an older revision is better than waiting.
 * One whose disk is on a host without a spare does not hold up those behind.
 */
static bool
assign(struct pass *pass, const struct broker_pool *pool)
{
    guint i;

    if (give_own(pass, pool)) {
        return true;
    }
    for (i = 0; i < pass->line->len; i++) {
        struct broker_session *session = place_at(pass, i)->session;
        struct broker_desktop *desktop = NULL;

        if (wants_spare(pass, session, pool)) {
            const char *home = home_of(pass, session, pool);

            desktop = find_spare(pass, pool, SPARE_CURRENT_READY, home);
            if (desktop == NULL) {
                desktop = find_spare(pass, pool, SPARE_OUTDATED_READY, home);
            }
        }
        if (desktop != NULL) {
            give(pass, session, desktop);
            return true;
        }
    }
    return false;
}

/* The host that somebody waits for a desktop on while no spare is there or on its way; NULL: none.
 */
static const char *
wanted_home(struct pass *pass, const struct broker_pool *pool)
{
    guint i;

    for (i = 0; i < pass->line->len; i++) {
        const struct broker_session *session = place_at(pass, i)->session;
        const char *home =
            wants_start(pass, place_at(pass, i), pool) ? home_of(pass, session, pool) : NULL;

        if (home != NULL && find_spare(pass, pool, SPARE_CURRENT_ANY, home) == NULL) {
            return home;
        }
    }
    return NULL;
}

static void
create(struct pass *pass, const struct broker_pool *pool, const char *home)
{
    struct broker_placement placement;
    struct broker_action *action;

    if (pass->created || broker_model_is_aside(pass->model, pool->name, pass->now_ms)) {
        return;
    }
    placement = broker_placement_find(pass->model, pool, home);
    if (placement.host != NULL) {
        action = add(pass, BROKER_CREATE, "");
        action->pool = pool;
        action->host = placement.host;
        action->revision = placement.revision;
        pass->created = true;
    }
    broker_placement_clear(&placement);
}

static unsigned
count_starts(const struct pass *pass, const struct broker_pool *pool)
{
    unsigned starts = 0;
    guint i;

    for (i = 0; i < pass->line->len; i++) {
        starts += wants_start(pass, place_at(pass, i), pool) ? 1 : 0;
    }
    return starts;
}

static void
judge_pool(struct pass *pass, const struct broker_pool *pool)
{
    struct broker_pool_count count = broker_pool_count(pass->model, pool, pass->now_ms);
    unsigned taken = count.assigned + count.kept;
    unsigned room = pool->max > taken ? pool->max - taken : 0;
    unsigned usual = broker_pool_spares(pool, pass->now_ms);
    unsigned target = MIN(count.waiting + usual, room);
    unsigned wanted = MIN(count_starts(pass, pool) + usual, room);
    unsigned spares = count.ready + count.starting;
    struct broker_desktop *extra = NULL;
    const char *home;
    const char *text = "";

    if (assign(pass, pool)) {
        return; /* the counts are different now; the next pass sees them */
    }
    home = wanted_home(pass, pool);
    if (home != NULL && count.total >= pool->max && count.stopping == 0) {
        extra = find_spare(pass, pool, SPARE_CURRENT_ANY, NULL);
        text = "somebody whose disk is on another host waits";
    } else if (count.outdated > 0 && (count.ready > 0 || target == 0 || count.total > pool->max ||
                                      (spares < target && count.total >= pool->max))) {
        extra = find_spare(pass, pool, SPARE_OUTDATED, NULL);
        text = "a newer revision or another machine is wanted";
    } else if (spares > target) {
        extra = find_spare(pass, pool, SPARE_CURRENT_ANY, NULL);
        text = "more spares than wanted";
    }
    /* With no room to start a new one beside it, one old spare goes at a time. */
    if (extra != NULL && (count.ready > 0 || count.stopping == 0 || target == 0)) {
        stop_desktop(pass, extra, BROKER_STOP, text);
    }
    if ((spares < wanted || home != NULL) && count.total < pool->max) {
        create(pass, pool, home);
    }
}

/* The pools, those first whose people have waited longest: room on a host is theirs before it is
 * a spare's. The rest in the order of their names. */
static void
judge_pools(struct pass *pass)
{
    GPtrArray *done = g_ptr_array_new();
    guint i;
    guint j;

    for (i = 0; i < pass->line->len; i++) {
        for (j = 0; j < pass->pools->items->len; j++) {
            const struct broker_pool *pool = g_ptr_array_index(pass->pools->items, j);

            if (wants_start(pass, place_at(pass, i), pool) && !g_ptr_array_find(done, pool, NULL)) {
                judge_pool(pass, pool);
                g_ptr_array_add(done, (gpointer)(uintptr_t)pool);
            }
        }
    }
    for (j = 0; j < pass->pools->items->len; j++) {
        const struct broker_pool *pool = g_ptr_array_index(pass->pools->items, j);

        if (!g_ptr_array_find(done, pool, NULL)) {
            judge_pool(pass, pool);
        }
    }
    g_ptr_array_unref(done);
}

GArray *
broker_reconcile(const struct broker_model *model, const struct broker_pools *pools, int64_t now_ms)
{
    struct pass pass = {.model = model,
                        .pools = pools,
                        .now_ms = now_ms,
                        .actions = g_array_new(FALSE, TRUE, sizeof(struct broker_action))};

    judge_desktops(&pass);
    judge_sessions(&pass);
    if (pass.actions->len > 0) {
        return pass.actions; /* each object is touched once a pass */
    }
    pass.line = broker_line_new(model, now_ms);
    judge_pools(&pass);
    g_array_unref(pass.line);
    return pass.actions;
}
