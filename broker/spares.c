/* SPDX-License-Identifier: Apache-2.0 */
/* Who waits gets a desktop, and each pool as many spares as it wants, running ones and parked. */
#include <string.h>

#include "broker/line.h"
#include "broker/placement.h"
#include "broker/reconcile-private.h"

static const struct broker_place *
place_at(const struct broker_pass *pass, guint i)
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
wants_spare(const struct broker_pass *pass, const struct broker_session *session,
            const struct broker_pool *pool)
{
    return is_waiting(session, pool) &&
           broker_model_own(pass->model, session->row.user, pool->name) == NULL;
}

/* The same, and it is its user's turn to have one started. */
static bool
wants_start(const struct broker_pass *pass, const struct broker_place *place,
            const struct broker_pool *pool)
{
    return place->at_ms <= pass->now_ms && wants_spare(pass, place->session, pool);
}

/* The only host that will do for it, or NULL. */
static const char *
home_of(const struct broker_pass *pass, const struct broker_session *session,
        const struct broker_pool *pool)
{
    return pool->userdisk_mb == 0 ? NULL
                                  : broker_model_home(pass->model, session->row.user, pool->name);
}

static void
give(struct broker_pass *pass, struct broker_session *session, struct broker_desktop *desktop)
{
    struct broker_action *action = broker_pass_add(pass, BROKER_ASSIGN, "");

    action->session = session;
    action->desktop = desktop;
}

/* Its host can bring it back. */
static bool
has_room(const struct broker_pass *pass, const struct broker_desktop *desktop)
{
    char text[BROKER_PLACEMENT_TEXT];

    return broker_placement_has_room(pass->model, desktop, text);
}

/* Who has a desktop of her own gets that one, as soon as it runs. */
static bool
give_own(struct broker_pass *pass, const struct broker_pool *pool)
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
        if (own->row.stopped || (own->row.parked && has_room(pass, own))) {
            broker_pass_add(pass, BROKER_WAKE, "its user wants it")->desktop = own;
            return true;
        }
        if (own->state == BROKER_READY) {
            give(pass, session, own);
            return true;
        }
    }
    return false;
}

enum spare {
    SPARE_CURRENT_READY,
    SPARE_CURRENT_ANY, /* but those that are to be parked */
    SPARE_PARKED,      /* current ones */
    SPARE_OUTDATED,
    SPARE_OUTDATED_READY,
};

/* On home, or anywhere when it is NULL: the newest of a kind for stopping, the oldest for giving
 * away. */
static struct broker_desktop *
find_spare(struct broker_pass *pass, const struct broker_pool *pool, enum spare kind,
           const char *home)
{
    unsigned revision = broker_pool_revision(pass->model, pool);
    struct broker_desktop *found = NULL;
    guint i;

    for (i = 0; i < pass->model->desktops->len; i++) {
        struct broker_desktop *desktop = g_ptr_array_index(pass->model->desktops, i);
        const struct broker_host *host = broker_model_host(pass->model, desktop->row.host);
        bool outdated = broker_desktop_is_outdated(pass->model, desktop, pool, revision);
        bool ready = desktop->state == BROKER_READY && host != NULL && host->connected;

        if (strcmp(desktop->row.pool, pool->name) != 0 || desktop->row.gone ||
            (home != NULL && strcmp(desktop->row.host, home) != 0) ||
            desktop->state == BROKER_UNKNOWN || host == NULL || host->row.drained ||
            host->row.revoked || desktop->row.owner[0] != '\0' ||
            broker_model_session_on(pass->model, desktop->row.id) != NULL) {
            continue;
        }
        if (kind == SPARE_CURRENT_READY ? !outdated && ready
            : kind == SPARE_CURRENT_ANY ? !outdated && host->connected && !desktop->row.parked
            : kind == SPARE_PARKED      ? !outdated && host->connected && desktop->row.parked
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
assign(struct broker_pass *pass, const struct broker_pool *pool)
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
wanted_home(struct broker_pass *pass, const struct broker_pool *pool)
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
create(struct broker_pass *pass, const struct broker_pool *pool, const char *home, bool parked)
{
    struct broker_placement placement;
    struct broker_action *action;

    if (pass->created || broker_model_is_aside(pass->model, pool->name, pass->now_ms)) {
        return;
    }
    placement = broker_placement_find(pass->model, pool, home);
    if (placement.host != NULL && !(parked && placement.host->tight)) {
        action = broker_pass_add(pass, BROKER_CREATE, "");
        action->pool = pool;
        action->host = placement.host;
        action->revision = placement.revision;
        action->parked = parked;
        pass->created = true;
    }
    broker_placement_clear(&placement);
}

/* Brings a parked spare back, which is sooner than starting one. */
static bool
unpark(struct broker_pass *pass, const struct broker_pool *pool, const char *home)
{
    struct broker_desktop *desktop = find_spare(pass, pool, SPARE_PARKED, home);

    if (desktop == NULL || !has_room(pass, desktop)) {
        return false;
    }
    broker_pass_add(pass, BROKER_WAKE, "a running spare is wanted")->desktop = desktop;
    return true;
}

/* One parked spare more or less. */
static void
mind_parked(struct broker_pass *pass, const struct broker_pool *pool,
            const struct broker_pool_count *count, unsigned wanted)
{
    struct broker_desktop *extra =
        count->parked > wanted ? find_spare(pass, pool, SPARE_PARKED, NULL) : NULL;

    if (extra != NULL) {
        broker_pass_add(pass, BROKER_STOP, "more parked spares than wanted")->desktop = extra;
    } else if (count->parked < wanted && count->total < pool->max && count->waiting == 0) {
        create(pass, pool, NULL, true);
    }
}

static unsigned
count_starts(const struct broker_pass *pass, const struct broker_pool *pool)
{
    unsigned starts = 0;
    guint i;

    for (i = 0; i < pass->line->len; i++) {
        starts += wants_start(pass, place_at(pass, i), pool) ? 1 : 0;
    }
    return starts;
}

static void
judge_pool(struct broker_pass *pass, const struct broker_pool *pool)
{
    struct broker_pool_count count = broker_pool_count(pass->model, pool, pass->now_ms);
    unsigned taken = count.assigned + count.kept;
    unsigned room = pool->max > taken ? pool->max - taken : 0;
    unsigned usual = broker_pool_spares(pool, pass->now_ms);
    unsigned target = MIN(count.waiting + usual, room);
    unsigned wanted = MIN(count_starts(pass, pool) + usual, room);
    unsigned spares = count.ready + count.starting;
    unsigned parked = MIN(broker_pool_parked(pool, pass->now_ms), room - target);
    struct broker_desktop *extra = NULL;
    enum broker_action_kind kind = BROKER_STOP;
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
        kind = count.parked < parked ? BROKER_PARK : BROKER_STOP;
        text = "more spares than wanted";
    }
    /* With no room to start a new one beside it, one old spare goes at a time. */
    if (extra != NULL && (count.ready > 0 || count.stopping == 0 || target == 0)) {
        broker_pass_add(pass, kind, text)->desktop = extra;
    }
    if (spares < wanted || home != NULL) {
        if (!unpark(pass, pool, home) && count.total < pool->max) {
            create(pass, pool, home, false);
        }
    } else if (extra == NULL) {
        mind_parked(pass, pool, &count, parked);
    }
}

/* The pools, those first whose people have waited longest: room on a host is theirs before it is
 * a spare's. The rest in the order of their names. */
void
broker_reconcile_pools(struct broker_pass *pass)
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
