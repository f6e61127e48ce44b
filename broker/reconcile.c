/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/reconcile.h"

#include <string.h>

#include "broker/canary.h"
#include "broker/deadlines.h"
#include "broker/line.h"
#include "broker/placement.h"
#include "broker/reconcile-private.h"

struct broker_action *
broker_pass_add(struct broker_pass *pass, enum broker_action_kind kind, const char *text)
{
    struct broker_action action = {.kind = kind};

    g_strlcpy(action.text, text, sizeof(action.text));
    g_array_append_val(pass->actions, action);
    return &g_array_index(pass->actions, struct broker_action, pass->actions->len - 1);
}

static void
stop_desktop(struct broker_pass *pass, struct broker_desktop *desktop, enum broker_action_kind kind,
             const char *text)
{
    broker_pass_add(pass, kind, text)->desktop = desktop;
}

static void
end_session(struct broker_pass *pass, struct broker_session *session, bool failed, const char *text)
{
    struct broker_action *action = broker_pass_add(pass, BROKER_END, text);

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

bool
broker_desktop_is_outdated(const struct broker_model *model, const struct broker_desktop *desktop,
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

/* Its disk is for what people write, before it is for spares. */
static bool
host_is_tight(const struct broker_model *model, const char *name)
{
    const struct broker_host *host = broker_model_host(model, name);

    return host != NULL && host->connected && host->tight;
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
        } else if (broker_desktop_is_outdated(model, desktop, pool, revision)) {
            count.outdated++;
        } else if (desktop->row.parked && is_reachable(model, desktop, now_ms)) {
            count.parked++;
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
judge_report(struct broker_pass *pass, struct broker_desktop *desktop,
             struct broker_session *session)
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

/*
 * Nothing but an administrator's word deletes what is somebody's; a canary is nobody's. What is
 * parked is in nobody's way, and would lose its memory.
 */
static void
judge_owned(struct broker_pass *pass, struct broker_desktop *desktop)
{
    if (broker_canary_is(desktop->row.owner)) {
        if (pass->now_ms - desktop->row.created_ms >= BROKER_CANARY_MS) {
            stop_desktop(pass, desktop, BROKER_STOP, "its test was not ended");
        }
        return;
    }
    if (!desktop->row.stopped && !desktop->row.parked &&
        (broker_pools_find(pass->pools, desktop->row.pool) == NULL ||
         host_is_drained(pass->model, desktop->row.host))) {
        stop_desktop(pass, desktop, BROKER_REST, "nobody can use it now");
    }
}

/* Since when somebody's desktop is of an old revision is written down: deadlines count from then.
 */
static void
judge_age(struct broker_pass *pass, struct broker_desktop *desktop)
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
        action = broker_pass_add(pass, BROKER_AGE, "");
        action->desktop = desktop;
        action->at_ms = old ? pass->now_ms : 0;
    }
}

static void
judge_desktops(struct broker_pass *pass)
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
        } else if (desktop->row.parked && host_is_tight(pass->model, desktop->row.host)) {
            stop_desktop(pass, desktop, BROKER_STOP, "its host's disk is nearly full");
        }
    }
}

static bool
is_overdue(const struct broker_pass *pass, const struct broker_session *session,
           const struct broker_pool *pool)
{
    int64_t end_ms = broker_deadlines_of(pass->model, session, pool).end_ms;

    return end_ms != 0 && pass->now_ms >= end_ms;
}

static bool
is_idle(const struct broker_pass *pass, const struct broker_session *session, int64_t limit_ms)
{
    int64_t since_ms = broker_model_idle_since(pass->model, session);

    return since_ms != 0 && pass->now_ms - since_ms >= limit_ms;
}

/* A clock of the pool strikes; false when it has done so already: its desktop is parked. */
static bool
strike(struct broker_pass *pass, struct broker_session *session, unsigned expire, const char *text)
{
    struct broker_desktop *desktop = broker_model_desktop(pass->model, session->row.desktop);
    struct broker_action *action;

    if (expire == BROKER_EXPIRE_PARK) {
        if (desktop == NULL || desktop->row.parked) {
            return false;
        }
        broker_pass_add(pass, BROKER_PARK, text)->desktop = desktop;
        return true;
    }
    action = broker_pass_add(pass, BROKER_END, text);
    action->session = session;
    action->polite = expire == BROKER_EXPIRE_SHUTDOWN;
    return true;
}

/* Nobody shows it, and nobody waits to. */
static bool
is_away(const struct broker_pass *pass, const struct broker_session *session, int64_t limit_ms)
{
    int64_t since_ms = MAX(session->row.disconnected_ms, session->polled_ms);

    return session->row.disconnected_ms != 0 && pass->now_ms - since_ms >= limit_ms;
}

static void
judge_session(struct broker_pass *pass, struct broker_session *session)
{
    const struct broker_pool *pool = broker_pools_find(pass->pools, session->row.pool);

    if (session->row.desktop[0] == '\0') {
        if (pool == NULL || pass->now_ms - session->polled_ms >= BROKER_WAIT_FORGET_MS) {
            broker_pass_add(pass, BROKER_FORGET, "nobody waits any more")->session = session;
        }
        return;
    }
    if (is_away(pass, session, pool != NULL ? pool->disconnected_ms : BROKER_LOST_POOL_MS) &&
        strike(pass, session, pool != NULL ? pool->disconnected_expire : BROKER_EXPIRE_LOGOFF,
               "nobody was connected for too long")) {
        return;
    }
    if (pool == NULL) {
        return;
    }
    if (pool->input_idle_ms > 0 && is_idle(pass, session, pool->input_idle_ms) &&
        strike(pass, session, pool->input_idle_expire, "nobody touched anything for too long")) {
        return;
    }
    if (pool->absolute_ms > 0 && pass->now_ms - session->row.created_ms >= pool->absolute_ms) {
        strike(pass, session, pool->absolute_expire, "the time of the session is over");
    } else if (is_overdue(pass, session, pool)) {
        strike(pass, session, BROKER_EXPIRE_LOGOFF, "a newer version of the desktop is in force");
    }
}

static void
judge_sessions(struct broker_pass *pass)
{
    guint i;

    for (i = 0; i < pass->model->sessions->len; i++) {
        judge_session(pass, g_ptr_array_index(pass->model->sessions, i));
    }
}

GArray *
broker_reconcile(const struct broker_model *model, const struct broker_pools *pools, int64_t now_ms)
{
    struct broker_pass pass = {.model = model,
                               .pools = pools,
                               .now_ms = now_ms,
                               .actions = g_array_new(FALSE, TRUE, sizeof(struct broker_action))};

    judge_desktops(&pass);
    judge_sessions(&pass);
    if (pass.actions->len > 0) {
        return pass.actions; /* each object is touched once a pass */
    }
    pass.line = broker_line_new(model, now_ms);
    broker_reconcile_pools(&pass);
    g_array_unref(pass.line);
    return pass.actions;
}
